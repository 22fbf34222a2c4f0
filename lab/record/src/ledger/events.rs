//! What a ledger is told.

use super::content::Content;

/// A record of the log, as an independent reader saw it.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// How often the topic had been deleted and created again.
    pub incarnation: u32,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// The leader epoch under which it was written, if known.
    pub leader_epoch: Option<i32>,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value.
    pub content: Content,
    /// The publish id of the device that published it.
    pub publish_id: Option<&'a [u8]>,
    /// Whether it is a mark of the lab's own: devices may get it but are not owed it.
    pub barrier: bool,
}

/// A message that reached a device, after the device's own filtering.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// The device.
    pub device: u32,
    /// The subscription that the message names.
    pub subject: &'a str,
    /// The record's key, which messages under a wildcard have.
    pub key: Option<&'a str>,
    /// The epoch, as the gateway wrote it.
    pub epoch: &'a str,
    /// The sequence.
    pub seq: i64,
    /// Why it was sent.
    pub kind: Kind,
    /// The data.
    pub content: Content,
}

/// Why a message was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A last value, which the device may know already.
    Snapshot,
    /// A message, live or recovered.
    Message,
}

/// What a gateway answered to a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The device did not ask for what it missed.
    Fresh,
    /// Everything missed follows.
    Synced,
    /// It does not, says the gateway.
    Resynced,
}

/// A position in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}
