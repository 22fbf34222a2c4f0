//! What a device tells its application, free of any buffer.

use gateway_protocol::message::{Data, ErrorCode, Kind};
use gateway_protocol::position::{Epoch, Position};

use super::Closed;
use crate::event::{Event, Gap, Received};
use crate::session::PublishError;

/// A message or an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A message, new and in order.
    Message(Message),
    /// Something happened.
    Event(Event),
}

/// A message of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The subscription.
    pub subject: String,
    /// The record's key as spelled in a subject, under a wildcard; `None` there for a record without a key.
    pub key: Option<String>,
    /// Where it stands.
    pub position: Position,
    /// Why it was sent.
    pub kind: Kind,
    /// The record's value.
    pub data: Data<'static>,
    /// What is missing right before it, if anything.
    pub gap: Option<Gap>,
}

impl Message {
    /// The value, if it is text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text),
            Data::Bytes(_) | Data::Tombstone => None,
        }
    }
}

impl From<Received<'_>> for Message {
    fn from(Received { message, gap }: Received<'_>) -> Self {
        Self {
            key: message
                .record
                .and_then(|record| record.key)
                .map(|key| key.into_owned()),
            subject: message.subject.into_owned(),
            position: Position::new(Epoch::from_wire(&message.epoch), message.seq),
            kind: message.kind,
            data: message.data.into_owned(),
            gap,
        }
    }
}

/// Where a published record is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// The partition.
    pub partition: i32,
    /// The offset in it.
    pub seq: i64,
}

/// Why a publish failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishFailed {
    /// It was never sent.
    #[error(transparent)]
    NotTaken(#[from] PublishError),
    /// The gateway refused it for good.
    #[error("{code}: {reason}")]
    Refused {
        /// Why, as a word of a closed list.
        code: ErrorCode,
        /// Why, for people.
        reason: String,
    },
    /// The device was closed first. The record may be in the log.
    #[error(transparent)]
    Closed(#[from] Closed),
}
