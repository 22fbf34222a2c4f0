//! A Tcl value: bytes. TMM's strings are byte strings, so one byte is one character here.

use std::fmt;
use std::sync::Arc;

/// What every Tcl word, variable and result is: an immutable byte string, cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(Arc<[u8]>);

impl Value {
    /// The empty string, which is also the result of a command that has none.
    pub fn empty() -> Self {
        Self(Arc::from(&[][..]))
    }

    /// The bytes themselves.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// For messages and names: bytes outside ASCII become replacement characters.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    pub(crate) fn boolean(truth: bool) -> Self {
        Self::from(if truth { "1" } else { "0" })
    }
}

impl Default for Value {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", self.text())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self(Arc::from(text.as_bytes()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self(Arc::from(text.into_bytes()))
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self(Arc::from(bytes))
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::from(bytes))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::from(number.to_string())
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::from(number.to_string())
    }
}
