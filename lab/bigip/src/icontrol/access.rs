//! Who may ask: basic credentials, or a token from the login.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use serde_json::{Value as Json, json};

use super::error::ApiError;

/// How long a token lasts unless it is extended.
const TOKEN_LIFE: Duration = Duration::from_secs(1200);
/// What a token may be extended to.
const LONGEST_LIFE: u64 = 36_000;
/// The appliance's own limit per user.
const TOKEN_LIMIT: usize = 100;

/// The one account and its tokens.
#[derive(Debug)]
pub(crate) struct Access {
    user: String,
    password: String,
    tokens: Vec<Token>,
    issued: u64,
}

#[derive(Debug)]
struct Token {
    name: String,
    timeout: u64,
    expires: Instant,
    /// Microseconds since 1970; clients derive their own expiry from it.
    issued_micros: u64,
}

impl Access {
    pub(crate) fn new(user: String, password: String) -> Self {
        Self {
            user,
            password,
            tokens: Vec::new(),
            issued: 0,
        }
    }

    /// Checks the header of a request.
    pub(crate) fn admit(
        &mut self,
        basic: Option<&str>,
        token: Option<&str>,
        path: &str,
        now: Instant,
    ) -> Result<(), ApiError> {
        self.tokens.retain(|token| token.expires > now);
        if let Some(name) = token {
            return match self.tokens.iter().any(|token| token.name == name) {
                true => Ok(()),
                false => Err(ApiError::new(401, "X-F5-Auth-Token does not exist.")),
            };
        }
        let Some(encoded) = basic.and_then(|header| header.strip_prefix("Basic ")) else {
            return Err(ApiError::unauthorized(path));
        };
        let decoded = base64::engine::general_purpose::STANDARD
            .decode(encoded.trim())
            .unwrap_or_default();
        match decoded == format!("{}:{}", self.user, self.password).into_bytes() {
            true => Ok(()),
            false => Err(ApiError::new(401, "Authentication failed.")),
        }
    }

    /// `POST /mgmt/shared/authn/login`.
    pub(crate) fn login(
        &mut self,
        body: &Json,
        random: u64,
        now: Instant,
    ) -> Result<Json, ApiError> {
        let text = |key: &str| body.get(key).and_then(Json::as_str).unwrap_or_default();
        if text("username") != self.user || text("password") != self.password {
            return Err(ApiError::new(401, "Authentication failed."));
        }
        self.tokens.retain(|token| token.expires > now);
        if self.tokens.len() >= TOKEN_LIMIT {
            let reason = format!("user {} has reached maximum active login tokens", self.user);
            return Err(ApiError::new(400, reason));
        }
        self.issued += 1;
        let name = format!(
            "{:026X}",
            (u128::from(random) << 32) | u128::from(self.issued)
        );
        self.tokens.push(Token {
            name: name.clone(),
            timeout: TOKEN_LIFE.as_secs(),
            expires: now + TOKEN_LIFE,
            issued_micros: micros(),
        });
        Ok(json!({
            "username": self.user,
            "loginProviderName": "tmos",
            "token": self.shown(&name)?,
            "generation": 0,
            "lastUpdateMicros": 0,
        }))
    }

    /// A token as a resource.
    pub(crate) fn shown(&self, name: &str) -> Result<Json, ApiError> {
        let token = self.tokens.iter().find(|token| token.name == name);
        let token =
            token.ok_or_else(|| ApiError::new(404, format!("Auth token {name} not found")))?;
        Ok(json!({
            "token": token.name,
            "name": token.name,
            "userName": self.user,
            "authProviderName": "tmos",
            "user": { "link": format!("https://localhost/mgmt/shared/authz/users/{}", self.user) },
            "timeout": token.timeout,
            "lastUse": token.issued_micros,
            "lastUpdateMicros": token.issued_micros,
            "expirationMicros": token.issued_micros + token.timeout * 1_000_000,
            "kind": "shared:authz:tokens:authtokenitemstate",
            "selfLink": format!("https://localhost/mgmt/shared/authz/tokens/{}", token.name),
        }))
    }

    /// `PATCH /mgmt/shared/authz/tokens/NAME`.
    pub(crate) fn extend(
        &mut self,
        name: &str,
        body: &Json,
        now: Instant,
    ) -> Result<Json, ApiError> {
        let wanted = body
            .get("timeout")
            .and_then(|timeout| timeout.as_u64().or_else(|| timeout.as_str()?.parse().ok()));
        let Some(timeout) = wanted.filter(|timeout| (1..=LONGEST_LIFE).contains(timeout)) else {
            return Err(ApiError::new(
                400,
                format!("token timeout must be from 1 to {LONGEST_LIFE}"),
            ));
        };
        if let Some(token) = self.tokens.iter_mut().find(|token| token.name == name) {
            token.timeout = timeout;
            token.expires = now + Duration::from_secs(timeout);
        }
        self.shown(name)
    }

    /// `DELETE /mgmt/shared/authz/tokens/NAME`.
    pub(crate) fn revoke(&mut self, name: &str) -> Result<Json, ApiError> {
        let gone = self.shown(name)?;
        self.tokens.retain(|token| token.name != name);
        Ok(gone)
    }
}

fn micros() -> u64 {
    let since_1970 = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since_1970.as_micros()).unwrap_or(u64::MAX)
}
