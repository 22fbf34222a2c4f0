//! Which subjects lose their last value when memory is short.

use std::collections::VecDeque;

use super::subjects::SubjectId;

/// Last values in the order they came, with their bytes. Replaced values stay listed until the list is swept.
#[derive(Debug, Default)]
pub(super) struct LastValues {
    order: VecDeque<LastValue>,
    bytes: usize,
    alive: usize,
}

/// One last value: whose, and which record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LastValue {
    pub(super) subject: SubjectId,
    pub(super) partition: i32,
    pub(super) offset: i64,
}

impl LastValues {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn added(&mut self, value: LastValue, bytes: usize) {
        self.order.push_back(value);
        self.bytes += bytes;
        self.alive += 1;
    }

    /// A value was replaced or forgotten; its place in the list is void.
    pub(super) fn removed(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.alive = self.alive.saturating_sub(1);
    }

    /// Takes the oldest place off the list; it may be void.
    pub(super) fn pop_oldest(&mut self) -> Option<LastValue> {
        self.order.pop_front()
    }

    /// Sweeps void places once they outnumber the others.
    pub(super) fn sweep(&mut self, is_alive: impl FnMut(&LastValue) -> bool) {
        if self.order.len() > 2 * self.alive + 1024 {
            self.order.retain(is_alive);
        }
    }
}
