//! What a device says to a gateway.

use std::borrow::Cow;

use super::Data;
use super::json::{push_data, push_number, push_position, push_string};
use crate::position::Position;
use crate::subject::Subject;

/// A request. The gateway answers each with the same `id`; see [`ClientMessage::parse`] for how it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientMessage<'a> {
    /// Begin a subscription, or begin it anew.
    Subscribe {
        /// Repeated in the answer.
        id: u64,
        /// What to subscribe to.
        subject: Subject,
        /// The last positions the device has, one per partition; empty if it has none.
        from: Vec<Position>,
        /// How many cached messages to send first, if `from` does not say it better.
        history: Option<u32>,
    },
    /// End a subscription.
    Unsubscribe {
        /// Repeated in the answer.
        id: u64,
        /// The subscription's subject.
        subject: Subject,
    },
    /// Write a record.
    Publish {
        /// Repeated in the answer.
        id: u64,
        /// Topic and key of the record; a wildcard is refused by [`ClientMessage::parse`].
        subject: Subject,
        /// The record's value.
        data: Data<'a>,
        /// Equal for every attempt to write this record, so that it is delivered once.
        publish_id: Option<Cow<'a, str>>,
    },
}

impl ClientMessage<'_> {
    /// The id that the answer repeats.
    #[must_use]
    pub fn id(&self) -> u64 {
        match self {
            Self::Subscribe { id, .. }
            | Self::Unsubscribe { id, .. }
            | Self::Publish { id, .. } => *id,
        }
    }

    /// The text frame of this message.
    #[must_use]
    pub fn encode(&self) -> String {
        match self {
            Self::Subscribe {
                id,
                subject,
                from,
                history,
            } => encode_subscribe(*id, &subject.to_string(), from, *history),
            Self::Unsubscribe { id, subject } => encode_unsubscribe(*id, &subject.to_string()),
            Self::Publish {
                id,
                subject,
                data,
                publish_id,
            } => encode_publish(*id, &subject.to_string(), data, publish_id.as_deref()),
        }
    }
}

/// The text frame of a subscribe. The subject is taken as it is spelled.
#[must_use]
pub fn encode_subscribe(id: u64, subject: &str, from: &[Position], history: Option<u32>) -> String {
    let mut out = begin("subscribe", id, subject);
    if !from.is_empty() {
        out.push_str(",\"from\":[");
        for (index, position) in from.iter().enumerate() {
            out.push_str(if index == 0 { "{" } else { ",{" });
            push_position(&mut out, position);
            out.push('}');
        }
        out.push(']');
    }
    if let Some(history) = history {
        out.push_str(",\"history\":");
        push_number(&mut out, history);
    }
    out.push('}');
    out
}

/// The text frame of an unsubscribe. The subject is taken as it is spelled.
#[must_use]
pub fn encode_unsubscribe(id: u64, subject: &str) -> String {
    let mut out = begin("unsubscribe", id, subject);
    out.push('}');
    out
}

/// The text frame of a publish. The subject is taken as it is spelled.
#[must_use]
pub fn encode_publish(id: u64, subject: &str, data: &Data<'_>, publish_id: Option<&str>) -> String {
    let mut out = begin("publish", id, subject);
    out.push(',');
    push_data(&mut out, data);
    if let Some(publish_id) = publish_id {
        out.push_str(",\"publish_id\":");
        push_string(&mut out, publish_id);
    }
    out.push('}');
    out
}

fn begin(op: &str, id: u64, subject: &str) -> String {
    let mut out = String::with_capacity(96 + subject.len());
    out.push_str("{\"op\":\"");
    out.push_str(op);
    out.push_str("\",\"id\":");
    push_number(&mut out, id);
    out.push_str(",\"subject\":");
    push_string(&mut out, subject);
    out
}
