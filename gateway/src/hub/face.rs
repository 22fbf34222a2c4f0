//! The wire face `tidegate.v1.json`: records as frames, encoded once for all who receive them.
//!
//! Another face (MQTT, SSE) would be a module beside this one; neither cache nor subscriptions know about frames.

use std::borrow::Cow;

use bytes::Bytes;
use gateway_engine::frame::{self, Opcode};
use gateway_protocol::message::{
    Data, Delivery, DropReason, Kind, Recovery, ServerMessage, WildcardRecord,
};
use gateway_protocol::subject::EncodedKey;

use super::request::{ForSubject, LeftOut};
use crate::log::record::Record;
use crate::log::subjects::SubjectId;

/// Frames one after the other, with the number of messages in them.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    bytes: Vec<u8>,
    messages: u32,
    latest_at: usize,
    left_out: u64,
}

/// A record with what its subscribers need to know beside it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent<'a> {
    /// The subscription it answers, as devices spell it.
    pub(crate) subject: &'a str,
    /// Whether that is a whole topic.
    pub(crate) whole_topic: bool,
    pub(crate) partition: i32,
    pub(crate) epoch: &'a str,
    pub(crate) prev: Option<i64>,
    pub(crate) kind: Kind,
    pub(crate) record: &'a Record,
}

impl Frames {
    pub(crate) fn push_record(&mut self, sent: &Sent<'_>) {
        let key = || {
            sent.record
                .key
                .as_deref()
                .map(|key| Cow::Owned(EncodedKey(key).to_string()))
        };
        let delivery = Delivery {
            subject: Cow::Borrowed(sent.subject),
            record: sent.whole_topic.then(|| WildcardRecord {
                key: key(),
                partition: sent.partition,
            }),
            epoch: Cow::Borrowed(sent.epoch),
            seq: sent.record.offset,
            prev: sent.prev,
            kind: sent.kind,
            data: Data::from_record(sent.record.value.as_deref()),
        };
        self.append(|out| delivery.encode(out));
    }

    pub(crate) fn push_subscribed(&mut self, id: Option<u64>, subject: &str, recovery: Recovery) {
        self.push(&ServerMessage::Subscribed {
            id,
            subject: Cow::Borrowed(subject),
            recovery,
        });
    }

    /// The messages stand for so many others, too.
    pub(crate) fn leave_out(&mut self, count: u64) {
        self.left_out += count;
    }

    pub(crate) fn push(&mut self, message: &ServerMessage<'_>) {
        self.append(|out| message.encode(out));
    }

    fn append(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        self.latest_at = self.bytes.len();
        frame::append_with(&mut self.bytes, Opcode::Text, encode);
        self.messages += 1;
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The same, for everyone who subscribed to `subject`, which devices spell `name`.
    pub(crate) fn into_records(self, subject: SubjectId, name: &str) -> ForSubject {
        let (latest_at, count) = (self.latest_at, self.left_out);
        let left_out = (count > 0).then(|| LeftOut {
            count,
            notice: framed(&ServerMessage::Dropped {
                subject: Cow::Borrowed(name),
                count,
                reason: DropReason::Conflated,
            }),
        });
        let (frames, messages) = self.finish();
        ForSubject {
            subject,
            frames,
            messages,
            latest_at,
            left_out,
        }
    }

    /// The frames, to be shared, and how many messages they hold.
    pub(crate) fn finish(self) -> (Bytes, u32) {
        (self.bytes.into(), self.messages)
    }
}

/// One message in a frame of its own.
pub(crate) fn framed(message: &ServerMessage<'_>) -> Bytes {
    let mut frames = Frames::default();
    frames.push(message);
    frames.finish().0
}
