//! The records of one subject in one partition, newest last.

use std::collections::VecDeque;
use std::rc::Rc;

use super::record::{Moment, Record};

/// A record with the offset of the one before it on the same track.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) record: Rc<Record>,
    /// `None` if this is the first that was read.
    pub(crate) prev: Option<i64>,
}

/// What is remembered of one subject in one partition. The last position outlives all bodies.
#[derive(Debug, Default)]
pub(crate) struct Track {
    last: Option<LastPosition>,
    /// Bodies up to this offset are no longer here.
    gone_through: Option<i64>,
    history: VecDeque<Kept>,
    last_value: Option<Kept>,
}

/// The newest record of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LastPosition {
    pub(crate) offset: i64,
    pub(crate) leader_epoch: i32,
    /// When it was read, to tell which of several partitions had the latest record.
    pub(crate) at: Moment,
}

impl Track {
    /// Adds the newest record and answers the offset before it.
    pub(crate) fn push(&mut self, record: Rc<Record>, at: Moment) -> Option<i64> {
        let prev = self.last.map(|last| last.offset);
        self.last = Some(LastPosition {
            offset: record.offset,
            leader_epoch: record.leader_epoch,
            at,
        });
        record.holders.set(record.holders.get() + 1);
        self.history.push_back(Kept { record, prev });
        prev
    }

    /// Keeps the newest record as last value too; true if there was none yet.
    pub(crate) fn keep_last_value(&mut self) {
        self.last_value = self.history.back().cloned();
    }

    pub(crate) fn last(&self) -> Option<LastPosition> {
        self.last
    }

    pub(crate) fn last_value(&self) -> Option<&Kept> {
        self.last_value.as_ref()
    }

    pub(crate) fn forget_last_value(&mut self) -> Option<Kept> {
        self.last_value.take()
    }

    /// How many bodies are here.
    pub(crate) fn len(&self) -> usize {
        self.history.len()
    }

    /// The records after `offset`, oldest first; `None` if one of them is gone.
    pub(crate) fn after(&self, offset: i64) -> Option<impl Iterator<Item = &Kept>> {
        if self.gone_through.is_some_and(|gone| offset < gone) {
            return None;
        }
        let from = self
            .history
            .partition_point(|kept| kept.record.offset <= offset);
        Some(self.history.range(from..))
    }

    /// The newest `count` records, oldest first, as far as they are here.
    pub(crate) fn newest(&self, count: usize) -> impl Iterator<Item = &Kept> {
        self.history
            .range(self.history.len().saturating_sub(count)..)
    }

    /// Gives up the oldest body. Answers the record if no other track holds it.
    pub(crate) fn pop_oldest(&mut self) -> Option<Rc<Record>> {
        let kept = self.history.pop_front()?;
        self.gone_through = Some(kept.record.offset);
        released(kept)
    }

    /// Gives up the oldest body if it is not beyond `offset`.
    pub(crate) fn pop_through(&mut self, offset: i64) -> Option<Rc<Record>> {
        let oldest = self.history.front()?;
        (oldest.record.offset <= offset)
            .then(|| self.pop_oldest())
            .flatten()
    }

    /// Whether the body of `offset` may still be here.
    pub(crate) fn holds(&self, offset: i64) -> bool {
        self.gone_through.is_none_or(|gone| offset > gone)
    }

    /// Forgets what came at `offset` or later, because the log was cut there. Answers the records that nobody holds now.
    pub(crate) fn truncate(&mut self, offset: i64) -> Vec<Rc<Record>> {
        let mut freed = Vec::new();
        while self
            .history
            .back()
            .is_some_and(|kept| kept.record.offset >= offset)
        {
            freed.extend(self.history.pop_back().and_then(released));
        }
        if self.last.is_some_and(|last| last.offset >= offset) {
            let newest = self.history.back();
            self.last = newest.map(|kept| LastPosition {
                offset: kept.record.offset,
                leader_epoch: kept.record.leader_epoch,
                at: Moment(0),
            });
            self.gone_through = self
                .gone_through
                .map(|gone| gone.min(offset.saturating_sub(1)));
        }
        if self
            .last_value
            .as_ref()
            .is_some_and(|kept| kept.record.offset >= offset)
        {
            self.last_value = None;
        }
        freed
    }
}

fn released(kept: Kept) -> Option<Rc<Record>> {
    let left = kept.record.holders.get().saturating_sub(1);
    kept.record.holders.set(left);
    (left == 0).then_some(kept.record)
}
