//! A request after HTTP and before meaning.

use serde_json::Value as Json;

/// What was asked.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `GET`, `POST`, `PUT`, `PATCH`, `DELETE`.
    pub method: String,
    /// Path without query, still percent-encoded.
    pub path: String,
    /// After the question mark, still percent-encoded.
    pub query: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The `X-F5-Auth-Token` header.
    pub token: Option<String>,
    /// The `X-F5-REST-Coordination-Id` header.
    pub transaction: Option<String>,
    /// The body; null when there is none.
    pub body: Json,
}

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// JSON; null for an empty body.
    pub body: Json,
}

/// Options of the query.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        let pair = |part: &str| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decoded(name), decoded(&value.replace('+', " ")))
        };
        Self(
            text.split('&')
                .filter(|part| !part.is_empty())
                .map(pair)
                .collect(),
        )
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

impl Request {
    /// The parts of the path, decoded; empty ones are left out, as clients end paths with a slash.
    pub(crate) fn segments(&self) -> Vec<String> {
        self.path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(decoded)
            .collect()
    }
}

/// Undoes percent-encoding.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let hex = |digit: u8| (digit as char).to_digit(16);
        if let (b'%', [high, low, after @ ..]) = (byte, after)
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            bytes.push((high * 16 + low) as u8);
            rest = after;
            continue;
        }
        bytes.push(*byte);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
