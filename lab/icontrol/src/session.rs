//! A conversation with one device: logged in, and patient.

use std::io;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::credentials::Credentials;
use crate::retry::{Meaning, Memory, meaning, pause};
use crate::target::{Target, Trust};
use crate::transport::{Answer, Lost, Request, Transport};

/// How long a device may be busy or restarting.
const LONGEST_BUSY: Duration = Duration::from_secs(120);
/// How much of an answer that is not JSON an error shows.
const LONGEST_QUOTE: usize = 300;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The device refused, in its own words.
    #[error("{method} {path} was answered with {status}: {words}")]
    Refused {
        /// The request's method.
        method: String,
        /// Its path.
        path: String,
        /// The status of the answer.
        status: u16,
        /// What the device said.
        words: String,
    },
    /// Nothing came back, for as long as is waited.
    #[error("{0}")]
    Lost(String),
    /// It stayed busy or kept restarting.
    #[error("{path} was answered with {status} for {} s: {words}", LONGEST_BUSY.as_secs())]
    Busy {
        /// The path of the request.
        path: String,
        /// The last status.
        status: u16,
        /// What the device said last.
        words: String,
    },
    /// The answer is not what the interface promises.
    #[error("{path} was answered with something else than its contract: {reason}")]
    Odd {
        /// The path of the request.
        path: String,
        /// What is missing.
        reason: String,
    },
    /// The user wants out.
    #[error("interrupted")]
    Interrupted,
    /// This machine has no loop or no TLS to ask with.
    #[error("cannot ask: {0}")]
    Machine(#[from] io::Error),
}

impl DeviceError {
    /// The status with which the device refused.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// A device that one has logged in to. Dropping it gives the token back.
pub struct Session {
    transport: Transport,
    credentials: Credentials,
    token: Option<String>,
    restart_seen: Option<Instant>,
    stop: Box<dyn Fn() -> bool + Send>,
}

impl Session {
    /// Logs in. `stop` is asked while waiting; when it says yes every call ends with [`DeviceError::Interrupted`].
    ///
    /// # Errors
    /// An unreachable device, a certificate that is not believed, credentials that are refused.
    pub fn open(
        target: Target,
        trust: &Trust,
        credentials: Credentials,
        stop: impl Fn() -> bool + Send + 'static,
    ) -> Result<Self, DeviceError> {
        let mut session = Self {
            transport: Transport::new(target, trust)?,
            credentials,
            token: None,
            restart_seen: None,
            stop: Box::new(stop),
        };
        session.log_in()?;
        Ok(session)
    }

    /// `GET`.
    ///
    /// # Errors
    /// See [`DeviceError`].
    pub fn get(&mut self, path: &str) -> Result<Json, DeviceError> {
        self.ask("GET", path, &Json::Null)
    }

    /// Asks until there is an answer that is final. An answer without a body is `null`.
    ///
    /// # Errors
    /// See [`DeviceError`].
    pub fn ask(&mut self, method: &str, path: &str, body: &Json) -> Result<Json, DeviceError> {
        let answer = self.repeat(method, path, body)?;
        if !(200..300).contains(&answer.status) {
            return Err(DeviceError::Refused {
                method: method.to_owned(),
                path: path.to_owned(),
                status: answer.status,
                words: words(&answer),
            });
        }
        if answer.text.trim().is_empty() {
            return Ok(Json::Null);
        }
        serde_json::from_str(&answer.text).map_err(|error| DeviceError::Odd {
            path: path.to_owned(),
            reason: error.to_string(),
        })
    }

    /// `None` when there is no such thing.
    ///
    /// # Errors
    /// See [`DeviceError`]; a 404 that is believed is none.
    pub fn find(&mut self, path: &str) -> Result<Option<Json>, DeviceError> {
        match self.get(path) {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn repeat(&mut self, method: &str, path: &str, body: &Json) -> Result<Answer, DeviceError> {
        let began = Instant::now();
        let mut memory = Memory::default();
        let mut attempt = 0;
        loop {
            let request = Request {
                method,
                path,
                token: self.token.as_deref(),
                body,
            };
            let (status, words) = match self.transport.exchange(&request) {
                Ok(answer) => {
                    memory.restart_ago = self.restart_seen.map(|seen| seen.elapsed());
                    match meaning(answer.status, &answer.text, memory) {
                        Meaning::Final => return Ok(answer),
                        Meaning::LogIn => {
                            memory.logged_in = true;
                            self.log_in()?;
                            continue;
                        }
                        Meaning::Again => self.restart_seen = Some(Instant::now()),
                        Meaning::Doubtful => memory.not_found += 1,
                    }
                    (answer.status, words(&answer))
                }
                // What the device may have carried out is not ordered twice.
                Err(lost @ Lost::Unanswered(..)) if method == "POST" => {
                    return Err(DeviceError::Lost(lost.to_string()));
                }
                Err(lost) => {
                    // A device that never answered is not one that restarts.
                    if self.token.is_none() || began.elapsed() >= LONGEST_BUSY {
                        return Err(DeviceError::Lost(lost.to_string()));
                    }
                    self.restart_seen = Some(Instant::now());
                    (0, lost.to_string())
                }
            };
            if began.elapsed() >= LONGEST_BUSY {
                return Err(DeviceError::Busy {
                    path: path.to_owned(),
                    status,
                    words,
                });
            }
            self.wait(pause(attempt))?;
            attempt += 1;
        }
    }

    /// Waits, and listens to who wants out.
    pub(crate) fn wait(&self, time: Duration) -> Result<(), DeviceError> {
        const STEP: Duration = Duration::from_millis(50);
        let deadline = Instant::now() + time;
        loop {
            if (self.stop)() {
                return Err(DeviceError::Interrupted);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(STEP.min(left));
        }
    }

    /// A new token. Devices out of the box give each twenty minutes; a replay may take longer, so it asks for an hour.
    fn log_in(&mut self) -> Result<(), DeviceError> {
        const PATH: &str = "/mgmt/shared/authn/login";
        const AN_HOUR: u64 = 3_600;
        let body = json!({
            "username": self.credentials.user,
            "password": self.credentials.password(),
            "loginProviderName": "tmos",
        });
        self.token = None;
        let request = Request {
            method: "POST",
            path: PATH,
            token: None,
            body: &body,
        };
        let answer = self.log_in_patiently(&request)?;
        if answer.status != 200 {
            return Err(DeviceError::Refused {
                method: "POST".to_owned(),
                path: PATH.to_owned(),
                status: answer.status,
                words: words(&answer),
            });
        }
        let answer: Json = serde_json::from_str(&answer.text).unwrap_or_default();
        let token = answer
            .pointer("/token/token")
            .and_then(Json::as_str)
            .map(str::to_owned);
        let Some(token) = token else {
            return Err(DeviceError::Odd {
                path: PATH.to_owned(),
                reason: "there is no token in it".to_owned(),
            });
        };
        let extend = Request {
            method: "PATCH",
            path: &format!("/mgmt/shared/authz/tokens/{token}"),
            token: Some(&token),
            body: &json!({ "timeout": AN_HOUR }),
        };
        // A device that does not extend it gives a new one later.
        let _kept_short = self.transport.exchange(&extend);
        self.token = Some(token);
        Ok(())
    }

    fn log_in_patiently(&self, request: &Request<'_>) -> Result<Answer, DeviceError> {
        let began = Instant::now();
        let known = self.restart_seen.is_some();
        let mut attempt = 0;
        loop {
            match self.transport.exchange(request) {
                // A login that is refused is refused; only who is not there yet is asked again.
                Ok(answer) => {
                    let memory = Memory {
                        logged_in: true,
                        ..Memory::default()
                    };
                    if meaning(answer.status, &answer.text, memory) == Meaning::Final
                        || began.elapsed() >= LONGEST_BUSY
                    {
                        return Ok(answer);
                    }
                }
                Err(lost) if !known || began.elapsed() >= LONGEST_BUSY => {
                    return Err(DeviceError::Lost(lost.to_string()));
                }
                Err(_) => {}
            }
            self.wait(pause(attempt))?;
            attempt += 1;
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(token) = self.token.take() {
            let request = Request {
                method: "DELETE",
                path: &format!("/mgmt/shared/authz/tokens/{token}"),
                token: Some(&token),
                body: &Json::Null,
            };
            // It expires by itself.
            let _left_to_expire = self.transport.exchange(&request);
        }
    }
}

/// What the device said: its message, else the beginning of what it sent.
fn words(answer: &Answer) -> String {
    let body: Json = serde_json::from_str(&answer.text).unwrap_or_default();
    match body.get("message").and_then(Json::as_str) {
        Some(message) => match body.get("errors").and_then(Json::as_array) {
            Some(errors) => {
                let errors: Vec<&str> = errors.iter().filter_map(Json::as_str).collect();
                format!("{message}: {}", errors.join("; "))
            }
            None => message.to_owned(),
        },
        None => answer.text.chars().take(LONGEST_QUOTE).collect(),
    }
}
