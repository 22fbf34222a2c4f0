//! What devices saw and did, as a fleet tells it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lab_record::ledger::Content;

use crate::recovery::Answered;

/// Something a device saw or did. Observations of a device come in their order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Observation {
    /// A device went to a server.
    Tried {
        /// The device.
        device: u32,
        /// Which of the setup's targets.
        target: u32,
        /// When.
        at: Instant,
    },
    /// An attempt came to nothing.
    Failed {
        /// The device.
        device: u32,
        /// Somebody was there and answered no.
        turned_away: bool,
        /// When.
        at: Instant,
    },
    /// A connection is open, the first or a further one.
    Connected {
        /// The device.
        device: u32,
        /// When.
        at: Instant,
    },
    /// A message arrived that the device did not have yet.
    Delivered(Delivery),
    /// The device noticed that messages are missing, and no gateway had said so.
    Gap {
        /// The device.
        device: u32,
        /// The subscription.
        subject: Arc<str>,
        /// The sequence before which they are missing.
        before: i64,
    },
    /// A subscription was confirmed, on a first or on a further connection.
    Subscribed {
        /// The device.
        device: u32,
        /// The subscription.
        subject: Arc<str>,
        /// What the gateway said of missed messages.
        answer: Answered,
        /// It had been confirmed before, on an earlier connection.
        again: bool,
        /// When.
        at: Instant,
    },
    /// A publish was handed to the device, which sends it until it is answered.
    Sent {
        /// The device.
        device: u32,
        /// Its n-th publish, from 0.
        number: u64,
        /// The id that makes a repetition recognisable.
        publish_id: String,
        /// Where it goes.
        subject: String,
        /// Its bytes.
        content: Content,
    },
    /// A publish was acknowledged.
    Published {
        /// The id it was sent with.
        publish_id: String,
        /// Where Kafka put it.
        partition: i32,
        /// Its offset there.
        offset: i64,
        /// Intended time of sending to acknowledgement.
        took: Duration,
    },
    /// A publish was acknowledged that did not wait for it: it had its answer, or was never sent on that connection.
    PublishedUnasked {
        /// The device.
        device: u32,
        /// Where Kafka put it, says the gateway.
        partition: i32,
        /// Its offset there, likewise.
        offset: i64,
    },
    /// A publish was refused for good.
    Refused {
        /// The id it was sent with.
        publish_id: String,
        /// The gateway's code.
        code: &'static str,
    },
    /// Messages were dropped by the gateway, which said so.
    Dropped {
        /// The device.
        device: u32,
        /// Of which subscription.
        subject: Arc<str>,
        /// How many.
        count: u64,
        /// The gateway's reason.
        reason: String,
    },
    /// The connection ended without the lab's wish.
    Lost {
        /// The device.
        device: u32,
        /// WebSocket close code, when there was one.
        code: Option<u16>,
        /// TCP was reset instead of ended.
        reset: bool,
        /// When.
        at: Instant,
    },
}

/// One message that reached one device.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Delivery {
    /// The device.
    pub(crate) device: u32,
    /// The subscription it answers.
    pub(crate) subject: Arc<str>,
    /// `key` of a message under a wildcard.
    pub(crate) key: Option<Arc<str>>,
    /// The position's epoch.
    pub(crate) epoch: Arc<str>,
    /// The position's sequence.
    pub(crate) seq: i64,
    /// The sequence before it on the same subject and partition.
    pub(crate) prev: Option<i64>,
    /// `snapshot`, `update` or `recovered`.
    pub(crate) kind: DeliveryKind,
    /// The data's bytes; none for a tombstone.
    pub(crate) data: Option<Arc<[u8]>>,
    /// When it arrived.
    pub(crate) at: Instant,
}

/// The `kind` of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeliveryKind {
    /// The last value at subscription.
    Snapshot,
    /// A live message.
    Update,
    /// A missed message after resuming.
    Recovered,
}
