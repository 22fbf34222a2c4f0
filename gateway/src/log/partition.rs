//! What was read of a partition, and what was forgotten.

use super::epochs::{EpochRuns, Standing};

/// The leader epoch of a place where no record was read, and of records whose broker does not know it.
pub(crate) const NO_EPOCH: i32 = -1;

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

    /// The place up to which everything was read, as leader epoch and offset.
    pub(crate) fn end(&self) -> (i32, i64) {
        let newest = self.epochs.newest();
        (
            newest.map_or(NO_EPOCH, |(leader_epoch, _)| leader_epoch),
            self.next - 1,
        )
    }

    /// Whether everything after the position was read, or why nobody can tell.
    pub(crate) fn reaches(&self, leader_epoch: i32, offset: i64) -> Reach {
        if leader_epoch == NO_EPOCH {
            // The device got no record of this partition, so there is nothing that could have been given up.
            return if offset + 1 >= self.loaded_from {
                Reach::Complete
            } else {
                Reach::NotLoaded
            };
        }
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
