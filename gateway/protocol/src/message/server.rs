//! What a gateway says to a device.

use std::borrow::Cow;
use std::time::Duration;

use super::json::{Output, push_data, push_number, push_position, push_string};
use super::{Data, DropReason, ErrorCode, Kind, ResyncReason};
use crate::position::PartitionPosition;

/// A message to a device; see [`ServerMessage::parse`] for how a device reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerMessage<'a> {
    /// A subscription begins, or begins anew.
    Subscribed {
        /// The request's id; `None` if the gateway itself begins a running subscription anew.
        id: Option<u64>,
        /// The subscription.
        subject: Cow<'a, str>,
        /// What becomes of the messages since the position that the device gave.
        recovery: Recovery,
    },
    /// A subscription has ended.
    Unsubscribed {
        /// The request's id.
        id: u64,
        /// The subscription.
        subject: Cow<'a, str>,
    },
    /// A record.
    Message(Delivery<'a>),
    /// A record that the device published is in the log.
    Published {
        /// The request's id.
        id: u64,
        /// The partition that holds it.
        partition: i32,
        /// Its offset there.
        seq: i64,
    },
    /// Everything up to these places has been sent: they replace the positions of the device.
    Position {
        /// The subscription.
        subject: Cow<'a, str>,
        /// One place for each partition in which the subject may have messages.
        at: Vec<PartitionPosition>,
    },
    /// The device was too slow for some messages.
    Dropped {
        /// The subscription.
        subject: Cow<'a, str>,
        /// How many messages, since the last `dropped` for this subscription.
        count: u64,
        /// Why.
        reason: DropReason,
    },
    /// The gateway is leaving: connect again, to any gateway, after this time.
    Reconnect {
        /// How long to wait; whole milliseconds on the wire.
        after: Duration,
    },
    /// A request is refused.
    Error {
        /// The request's id, if it could be read.
        id: Option<u64>,
        /// Why, as a word of a closed list.
        code: ErrorCode,
        /// Why, for people.
        reason: Cow<'a, str>,
    },
    /// A message with an op of a newer gateway, to be ignored. It is never sent and encodes to nothing.
    Unknown,
}

/// What becomes of the messages between the device's positions and now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Recovery {
    /// The device gave no position.
    None,
    /// All of them follow, in order, before any newer one.
    Synced,
    /// They do not follow; the last value does.
    Resynced(ResyncReason),
}

/// A record on its way to the devices that subscribed to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery<'a> {
    /// The subscription it answers, which is the record's own subject or a wildcard.
    pub subject: Cow<'a, str>,
    /// Which record of the topic it is, if `subject` is a wildcard.
    pub record: Option<WildcardRecord<'a>>,
    /// The history that `seq` belongs to.
    pub epoch: Cow<'a, str>,
    /// The record's offset in its partition.
    pub seq: i64,
    /// The `seq` of the message before it on this subject and partition.
    pub prev: Option<i64>,
    /// Why it is sent.
    pub kind: Kind,
    /// The record's value.
    pub data: Data<'a>,
}

/// What a message under a wildcard says in addition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WildcardRecord<'a> {
    /// The record's key as spelled in a subject; `None` for a record without a key.
    pub key: Option<Cow<'a, str>>,
    /// The record's partition, which `prev` counts in.
    pub partition: i32,
}

impl ServerMessage<'_> {
    /// Appends the text of the frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Subscribed {
                id,
                subject,
                recovery,
            } => encode_subscribed(out, *id, subject, *recovery),
            Self::Unsubscribed { id, subject } => {
                begin(out, "unsubscribed", Some(*id));
                push_string_field(out, "subject", subject);
                out.push(b'}');
            }
            Self::Message(delivery) => delivery.encode(out),
            Self::Published { id, partition, seq } => {
                begin(out, "published", Some(*id));
                push_number_field(out, "partition", *partition);
                push_number_field(out, "seq", *seq);
                out.push(b'}');
            }
            Self::Position { subject, at } => {
                begin(out, "position", None);
                push_string_field(out, "subject", subject);
                push_name(out, "at");
                push_places(out, at);
                out.push(b'}');
            }
            Self::Dropped {
                subject,
                count,
                reason,
            } => {
                begin(out, "dropped", None);
                push_string_field(out, "subject", subject);
                push_number_field(out, "count", *count);
                push_string_field(out, "reason", reason.word());
                out.push(b'}');
            }
            Self::Reconnect { after } => {
                begin(out, "reconnect", None);
                push_number_field(out, "after_ms", after.as_millis());
                out.push(b'}');
            }
            Self::Error { id, code, reason } => {
                begin(out, "error", *id);
                push_string_field(out, "code", code.word());
                push_string_field(out, "reason", reason);
                out.push(b'}');
            }
            Self::Unknown => {}
        }
    }

    /// The text of the frame in a buffer of its own.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        self.encode(&mut out);
        out
    }
}

impl Delivery<'_> {
    /// Appends the text of the frame. Nothing is allocated but room in `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push_text("{\"op\":\"message\",\"subject\":");
        push_string(out, &self.subject);
        if let Some(record) = &self.record {
            match &record.key {
                Some(key) => push_string_field(out, "key", key),
                None => out.push_text(",\"key\":null"),
            }
            push_number_field(out, "partition", record.partition);
        }
        push_string_field(out, "epoch", &self.epoch);
        push_number_field(out, "seq", self.seq);
        match self.prev {
            Some(prev) => push_number_field(out, "prev", prev),
            None => out.push_text(",\"prev\":null"),
        }
        push_string_field(out, "kind", self.kind.word());
        out.push(b',');
        push_data(out, &self.data);
        out.push(b'}');
    }
}

fn encode_subscribed(out: &mut Vec<u8>, id: Option<u64>, subject: &str, recovery: Recovery) {
    begin(out, "subscribed", id);
    push_string_field(out, "subject", subject);
    match recovery {
        Recovery::None => push_string_field(out, "recovery", "none"),
        Recovery::Synced => push_string_field(out, "recovery", "synced"),
        Recovery::Resynced(reason) => {
            push_string_field(out, "recovery", "resynced");
            push_string_field(out, "reason", reason.word());
        }
    }
    out.push(b'}');
}

fn push_places(out: &mut Vec<u8>, at: &[PartitionPosition]) {
    out.push(b'[');
    for (index, place) in at.iter().enumerate() {
        out.push_text(if index == 0 {
            "{\"partition\":"
        } else {
            ",{\"partition\":"
        });
        push_number(out, place.partition);
        out.push(b',');
        push_position(out, &place.position);
        out.push(b'}');
    }
    out.push(b']');
}

fn begin(out: &mut Vec<u8>, op: &str, id: Option<u64>) {
    out.push_text("{\"op\":\"");
    out.push_text(op);
    out.push_text("\"");
    if let Some(id) = id {
        push_number_field(out, "id", id);
    }
}

fn push_name(out: &mut Vec<u8>, name: &str) {
    out.push_text(",\"");
    out.push_text(name);
    out.push_text("\":");
}

fn push_string_field(out: &mut Vec<u8>, name: &str, value: &str) {
    push_name(out, name);
    push_string(out, value);
}

fn push_number_field(out: &mut Vec<u8>, name: &str, value: impl itoa::Integer) {
    push_name(out, name);
    push_number(out, value);
}
