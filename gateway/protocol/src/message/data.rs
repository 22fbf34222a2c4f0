//! The value of a record.

use std::borrow::Cow;

/// The value of a record as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Data<'a> {
    /// UTF-8: `"data":"text"`.
    Text(Cow<'a, str>),
    /// Any bytes: `"data_base64":"AAE="`.
    Bytes(Cow<'a, [u8]>),
    /// No value, which deletes the key in a compacted topic: `"data":null`.
    Tombstone,
}

impl<'a> Data<'a> {
    /// The data of a Kafka record's value: text if it is UTF-8.
    #[must_use]
    pub fn from_record(value: Option<&'a [u8]>) -> Self {
        match value.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
            None => Self::Tombstone,
            Some((_, Ok(text))) => Self::Text(Cow::Borrowed(text)),
            Some((bytes, Err(_))) => Self::Bytes(Cow::Borrowed(bytes)),
        }
    }

    /// Text, as most devices send it.
    #[must_use]
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    /// The value that a Kafka record gets.
    #[must_use]
    pub fn as_record(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text.as_bytes()),
            Self::Bytes(bytes) => Some(bytes),
            Self::Tombstone => None,
        }
    }

    /// The same data, free of the buffer it was read from.
    #[must_use]
    pub fn into_owned(self) -> Data<'static> {
        match self {
            Self::Text(text) => Data::Text(Cow::Owned(text.into_owned())),
            Self::Bytes(bytes) => Data::Bytes(Cow::Owned(bytes.into_owned())),
            Self::Tombstone => Data::Tombstone,
        }
    }
}
