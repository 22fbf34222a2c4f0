//! Under which leader epoch each offset was written, as far as it was read.
//!
//! Kafka raises a partition's leader epoch with each new leader. After an unclean election the new leader may lack
//! records that devices have seen, and give their offsets to others. A position names the leader epoch of its record,
//! so such a position is recognised: its offset belongs to another epoch here.

/// Runs of offsets with one leader epoch, both rising.
#[derive(Debug, Clone, Default)]
pub(crate) struct EpochRuns {
    runs: Vec<Run>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    leader_epoch: i32,
    first: i64,
    last: i64,
}

/// How a position relates to the history that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The position is part of this history.
    Known,
    /// It lies after everything that was read: another gateway is faster.
    Ahead,
    /// It lies before everything that was read.
    Before,
    /// Its offset was written under another epoch: that history was given up.
    Diverged,
}

/// A partition has a new leader a few times a day; a thousand epochs last for months.
const MOST_RUNS: usize = 1024;

impl EpochRuns {
    /// Notes a record. Offsets come in rising order.
    pub(crate) fn note(&mut self, offset: i64, leader_epoch: i32) {
        match self.runs.last_mut() {
            Some(run) if run.leader_epoch == leader_epoch => run.last = offset,
            Some(_) | None => {
                if self.runs.len() == MOST_RUNS {
                    self.runs.remove(0);
                }
                self.runs.push(Run {
                    leader_epoch,
                    first: offset,
                    last: offset,
                });
            }
        }
    }

    /// The epoch under which `offset` was written; `None` if it was not read or is a hole between epochs.
    pub(crate) fn at(&self, offset: i64) -> Option<i32> {
        let run = self.runs.get(self.run_at_or_before(offset)?)?;
        (offset <= run.last).then_some(run.leader_epoch)
    }

    /// The newest epoch and the last offset that was read.
    pub(crate) fn newest(&self) -> Option<(i32, i64)> {
        self.runs.last().map(|run| (run.leader_epoch, run.last))
    }

    /// Whether `offset` lies before everything that was read.
    pub(crate) fn is_before(&self, offset: i64) -> bool {
        self.run_at_or_before(offset).is_none()
    }

    /// How the position `(leader_epoch, offset)` relates to what was read, `next` being the offset to be read next.
    ///
    /// Offsets have legal holes (compaction, transaction markers), so an offset between two runs may have been
    /// written under either epoch or one between.
    pub(crate) fn standing(&self, leader_epoch: i32, offset: i64, next: i64) -> Standing {
        let Some(index) = self.run_at_or_before(offset) else {
            return if offset >= next {
                Standing::Ahead
            } else {
                Standing::Before
            };
        };
        let run = self.runs[index];
        let latest_epoch = if offset <= run.last {
            run.leader_epoch
        } else {
            self.runs
                .get(index + 1)
                .map_or(i32::MAX, |later| later.leader_epoch)
        };
        if !(run.leader_epoch..=latest_epoch).contains(&leader_epoch) {
            return Standing::Diverged;
        }
        if offset >= next {
            Standing::Ahead
        } else {
            Standing::Known
        }
    }

    /// Forgets what was read from `offset` on, because the log was cut there.
    pub(crate) fn truncate(&mut self, offset: i64) {
        self.runs.retain(|run| run.first < offset);
        if let Some(run) = self.runs.last_mut() {
            run.last = run.last.min(offset.saturating_sub(1));
        }
    }

    fn run_at_or_before(&self, offset: i64) -> Option<usize> {
        self.runs
            .partition_point(|run| run.first <= offset)
            .checked_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_position_of_a_record_that_was_read_is_known() {
        let runs = runs(&[(10, 3), (11, 3), (15, 5)]);

        assert_eq!(runs.standing(3, 10, 16), Standing::Known);
        assert_eq!(runs.standing(5, 15, 16), Standing::Known);
        assert_eq!(runs.newest(), Some((5, 15)));
    }

    #[test]
    fn an_offset_rewritten_under_a_later_epoch_has_diverged() {
        let runs = runs(&[(10, 3), (11, 5), (12, 5)]);

        assert_eq!(runs.standing(3, 11, 13), Standing::Diverged);
        assert_eq!(runs.standing(4, 12, 13), Standing::Diverged);
    }

    #[test]
    fn an_old_epoch_past_the_end_has_diverged_and_a_newer_one_is_ahead() {
        let runs = runs(&[(10, 3), (11, 5)]);

        assert_eq!(runs.standing(3, 20, 12), Standing::Diverged);
        assert_eq!(runs.standing(5, 20, 12), Standing::Ahead);
        assert_eq!(runs.standing(6, 12, 12), Standing::Ahead);
    }

    #[test]
    fn a_hole_between_epochs_may_belong_to_either_or_one_between() {
        let runs = runs(&[(10, 3), (15, 5)]);

        for epoch in 3..=5 {
            assert_eq!(
                runs.standing(epoch, 12, 16),
                Standing::Known,
                "epoch {epoch}"
            );
        }
        assert_eq!(runs.standing(2, 12, 16), Standing::Diverged);
        assert_eq!(runs.standing(6, 12, 16), Standing::Diverged);
    }

    #[test]
    fn what_lies_before_the_first_record_read_cannot_be_judged() {
        assert_eq!(runs(&[(10, 3)]).standing(3, 9, 11), Standing::Before);
        assert_eq!(EpochRuns::default().standing(0, 4, 5), Standing::Before);
        assert_eq!(EpochRuns::default().standing(0, 5, 5), Standing::Ahead);
    }

    #[test]
    fn a_cut_log_forgets_what_came_after_the_cut() {
        let mut runs = runs(&[(10, 3), (11, 3), (15, 5)]);

        runs.truncate(11);

        assert_eq!(runs.newest(), Some((3, 10)));
        assert_eq!(runs.at(11), None);
    }

    proptest! {
        #[test]
        fn every_noted_record_is_known_under_its_epoch_and_no_other(
            steps in prop::collection::vec((1i64..4, 0i32..2), 1..50),
        ) {
            let records = written(&steps);
            let runs = runs(&records);
            let next = records.last().map_or(0, |record| record.0 + 1);

            for (offset, epoch) in records {
                prop_assert_eq!(runs.standing(epoch, offset, next), Standing::Known);
                prop_assert_eq!(runs.standing(epoch + 1, offset, next), Standing::Diverged);
                prop_assert_eq!(runs.standing(epoch - 1, offset, next), Standing::Diverged);
                prop_assert_eq!(runs.at(offset), Some(epoch));
            }
        }
    }

    fn runs(records: &[(i64, i32)]) -> EpochRuns {
        let mut runs = EpochRuns::default();
        for (offset, epoch) in records {
            runs.note(*offset, *epoch);
        }
        runs
    }

    /// Steps of offset and epoch, summed up.
    fn written(steps: &[(i64, i32)]) -> Vec<(i64, i32)> {
        steps
            .iter()
            .scan((0, 0), |(offset, epoch), (by, raise)| {
                *offset += by;
                *epoch += raise;
                Some((*offset, *epoch))
            })
            .collect()
    }
}
