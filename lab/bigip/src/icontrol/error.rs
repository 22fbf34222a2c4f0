//! Errors as iControl REST words them.

use serde_json::{Value, json};

/// A refusal and its HTTP status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// HTTP status; also `code` in the body.
    pub status: u16,
    /// With the appliance's number where it has one.
    pub message: String,
}

impl ApiError {
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    /// No object of that name.
    pub(crate) fn not_found(what: &str, path: &str) -> Self {
        Self::new(
            404,
            format!("01020036:3: The requested {what} ({path}) was not found."),
        )
    }

    /// The name is taken.
    pub(crate) fn exists(what: &str, path: &str) -> Self {
        let partition = path.split('/').nth(1).unwrap_or("Common");
        Self::new(
            409,
            format!(
                "01020066:3: The requested {what} ({path}) already exists in partition {partition}."
            ),
        )
    }

    /// Somebody refers to it.
    pub(crate) fn in_use(what: &str, path: &str, by: &str) -> Self {
        Self::new(
            400,
            format!(
                "01070265:3: The {what} ({path}) cannot be deleted because it is in use by {by}."
            ),
        )
    }

    /// A value that does not go.
    pub(crate) fn bad_value(property: &str, value: &str) -> Self {
        Self::new(
            400,
            format!("invalid property value \"{property}\":\"{value}\""),
        )
    }

    /// The words for a URI that nobody serves.
    pub(crate) fn not_registered(path: &str) -> Self {
        Self::new(404, format!("Public URI path not registered: {path}"))
    }

    /// Without credentials.
    pub(crate) fn unauthorized(path: &str) -> Self {
        Self::new(
            401,
            format!(
                "Authorization failed: no user authentication header or token detected. Uri:http://localhost:8100{path} Referrer:Unknown Sender:Unknown"
            ),
        )
    }

    /// The body of the answer.
    pub(crate) fn body(&self) -> Value {
        match self.status {
            401 => json!({
                "code": 401,
                "message": self.message,
                "referer": "Unknown",
                "restOperationId": 1,
                "kind": ":resterrorresponse",
            }),
            // What mcpd refuses carries apiError, what the REST framework refuses does not.
            code if self.message.starts_with("01") => {
                json!({ "code": code, "message": self.message, "errorStack": [], "apiError": 3 })
            }
            code => {
                json!({ "code": code, "message": self.message, "errorStack": [], "apiError": 1 })
            }
        }
    }
}
