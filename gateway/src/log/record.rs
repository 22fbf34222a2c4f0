//! One record, shared by all who remember it.

use std::cell::Cell;
use std::rc::Rc;

/// A place in the log: topic by its number in the configuration, and partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PartitionId {
    pub(crate) topic: u16,
    pub(crate) partition: i32,
}

/// Milliseconds on the hub's own clock, which never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) i64);

/// What Kafka stored.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) offset: i64,
    pub(crate) leader_epoch: i32,
    /// `None` is a record without a key; it is part of the whole topic only.
    pub(crate) key: Option<Rc<[u8]>>,
    /// `None` is a tombstone.
    pub(crate) value: Option<Box<[u8]>>,
    /// Tracks that hold the record as history; its bytes are freed when none does.
    pub(super) holders: Cell<u8>,
}

impl Record {
    pub(crate) fn new(
        offset: i64,
        leader_epoch: i32,
        key: Option<Rc<[u8]>>,
        value: Option<Box<[u8]>>,
    ) -> Self {
        Self {
            offset,
            leader_epoch,
            key,
            value,
            holders: Cell::new(0),
        }
    }

    /// What the record costs in memory, in bytes, its share of every list included.
    pub(crate) fn cost(&self) -> usize {
        const OVERHEAD: usize = 160;
        OVERHEAD
            + self.key.as_deref().map_or(0, <[u8]>::len)
            + self.value.as_deref().map_or(0, <[u8]>::len)
    }
}
