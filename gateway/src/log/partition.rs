//! What was read of a partition, and what was forgotten.

use super::epochs::{EpochRuns, Standing};

/// One partition, as far as this gateway has read it.
#[derive(Debug, Clone)]
pub(crate) struct PartitionMemory {
    /// Every record from this offset on was read.
    pub(crate) loaded_from: i64,
    /// The offset to be read next.
    pub(crate) next: i64,
    /// Subjects whose last record is not beyond this offset may have been forgotten altogether; -1 if none was.
    pub(crate) forgotten_through: i64,
    pub(crate) epochs: EpochRuns,
}

impl PartitionMemory {
    /// A partition whose reading starts at `offset`.
    pub(crate) fn starting_at(offset: i64) -> Self {
        Self {
            loaded_from: offset,
            next: offset,
            forgotten_through: -1,
            epochs: EpochRuns::default(),
        }
    }

    /// The end of what was read: every later record will come as a live one. `None` while nothing was read.
    pub(crate) fn end(&self) -> Option<(i32, i64)> {
        let (leader_epoch, _) = self.epochs.newest()?;
        Some((leader_epoch, self.next - 1))
    }

    /// Whether everything after the position was read, or why nobody can tell.
    pub(crate) fn reaches(&self, leader_epoch: i32, offset: i64) -> Reach {
        match self.epochs.standing(leader_epoch, offset, self.next) {
            Standing::Diverged => Reach::Diverged,
            Standing::Before => Reach::NotLoaded,
            Standing::Known | Standing::Ahead => Reach::Complete,
        }
    }
}

/// Whether the records after a position are all known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Complete,
    NotLoaded,
    Diverged,
}
