//! What can go wrong, in the appliance's own words.

use crate::value::Value;

/// A rule that the appliance refuses to load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("01070151:3: Rule [{rule}] error: {rule}:{line}: error: {complaint}")]
pub struct LoadError {
    /// Full path of the rule.
    pub rule: String,
    /// Line of the offending command.
    pub line: u32,
    /// `[what is wrong][the command]`.
    pub complaint: String,
}

/// A rule that failed while it ran. On the appliance the connection is then reset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeError {
    /// What /var/log/ltm would say.
    #[error(
        "01220001:3: TCL error: {rule} <{event}> - {message}     while executing \"{command}\""
    )]
    Tcl {
        /// Full path of the rule.
        rule: String,
        /// The event that ran.
        event: String,
        /// Tcl's message.
        message: String,
        /// The command that failed.
        command: String,
    },
    /// The appliance has the command, this interpreter does not: the run proves nothing.
    #[error(
        "{rule} <{event}>: the appliance knows \"{command}\", the stand-in does not model it; replay on a device to judge this rule"
    )]
    Unmodelled {
        /// Full path of the rule.
        rule: String,
        /// The event that ran.
        event: String,
        /// The command.
        command: String,
    },
    /// More work than a rule may do here.
    #[error("{rule} <{event}>: {message}")]
    Limit {
        /// Full path of the rule.
        rule: String,
        /// The event that ran.
        event: String,
        /// Which limit.
        message: String,
    },
}

/// How a command ends other than with a result.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Exception {
    Error {
        message: String,
        command: Option<String>,
    },
    Return {
        value: Value,
        code: Code,
    },
    Break,
    Continue,
    Unmodelled(String),
    Limit(String),
}

/// What `return -code` makes of a return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Ok,
    Error,
    Return,
    Break,
    Continue,
}

pub(crate) type Outcome = Result<Value, Exception>;

/// A Tcl error with this message.
pub(crate) fn fail<T>(message: impl Into<String>) -> Result<T, Exception> {
    Err(Exception::Error {
        message: message.into(),
        command: None,
    })
}

impl From<String> for Exception {
    fn from(message: String) -> Self {
        Self::Error {
            message,
            command: None,
        }
    }
}

impl From<crate::script::ParseError> for Exception {
    fn from(error: crate::script::ParseError) -> Self {
        Self::Error {
            message: error.message,
            command: None,
        }
    }
}

/// Tcl's complaint about a wrong number of words.
pub(crate) fn usage<T>(usage: &str) -> Result<T, Exception> {
    fail(format!("wrong # args: should be \"{usage}\""))
}
