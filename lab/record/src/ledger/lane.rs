//! The judge of one device on one subject and partition.
//!
//! The records of a subject on a partition, in the log's order, are its *course*; a lane sees their places in it: 0, 1, 2, …

use std::collections::BTreeSet;

/// Where a device stands on a course.
#[derive(Debug, Clone, Default)]
pub(super) struct Lane {
    /// The place after the furthest that arrived.
    next: u32,
    /// From this place on everything has to arrive; none as long as nobody knows what the device missed before it listened.
    owed_from: Option<u32>,
    /// Places that were passed over.
    missing: BTreeSet<u32>,
    /// The next arrival may leave a gap.
    pardon: Option<Pardon>,
}

/// Why a gap is no fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pardon {
    /// The gateway said that messages do not follow.
    Signalled,
    /// The device began anew without asking for what it had missed.
    Unasked,
}

/// What an arrival means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is in its place; so many places were passed over with pardon.
    Fine {
        /// Places passed over because the gateway signalled a gap.
        signalled: u32,
    },
    /// It was passed over before and comes after a later one.
    Swapped,
    /// It came before.
    Doubled,
    /// A last value that the device had already.
    Known,
}

impl Lane {
    /// Everything from `place` on has to arrive, unless an earlier place says so already.
    pub(super) fn owe_from(&mut self, place: u32) {
        let from = place.max(self.next);
        if self.pardon.take().is_some() {
            // The pardon was for what came before.
            self.next = from;
            self.owed_from = Some(from);
        }
        self.owed_from = Some(self.owed_from.map_or(from, |owed| owed.min(from)));
    }

    pub(super) fn pardon(&mut self, pardon: Pardon) {
        self.pardon = Some(pardon);
    }

    /// Nothing after what arrived is owed any more.
    pub(super) fn close(&mut self) {
        self.owed_from = None;
        self.pardon = None;
    }

    /// A message with the record at `place` arrived.
    pub(super) fn arrive(&mut self, place: u32, snapshot: bool) -> Verdict {
        if place < self.next {
            return self.arrive_again(place, snapshot);
        }
        let pardon = self.pardon.take();
        let owed_from = self.owed_from.unwrap_or(place).min(place);
        let gap = self.next.max(owed_from)..place;
        let mut signalled = 0;
        match pardon {
            None => self.missing.extend(gap),
            Some(Pardon::Signalled) => signalled = gap.len() as u32,
            Some(Pardon::Unasked) => {}
        }
        self.owed_from = Some(owed_from);
        self.next = place + 1;
        Verdict::Fine { signalled }
    }

    fn arrive_again(&mut self, place: u32, snapshot: bool) -> Verdict {
        if self.missing.remove(&place) {
            return Verdict::Swapped;
        }
        if !snapshot {
            return Verdict::Doubled;
        }
        // The last value answers a subscription that began anew: from here on everything counts again.
        self.pardon = None;
        self.owed_from.get_or_insert(self.next);
        Verdict::Known
    }

    /// Places of a course of this length that should have arrived and did not.
    pub(super) fn absent(&self, course: u32) -> impl Iterator<Item = u32> + '_ {
        let first = self.owed_from.map_or(course, |owed| owed.max(self.next));
        // After a pardon only the last value is owed.
        let first = if self.pardon.is_some() {
            first.max(course.saturating_sub(1))
        } else {
            first
        };
        self.missing.iter().copied().chain(first..course)
    }

    /// How many they are.
    pub(super) fn absent_count(&self, course: u32) -> u64 {
        self.absent(course).size_hint().0 as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Verdict = Verdict::Fine { signalled: 0 };

    #[test]
    fn in_order_is_fine_wherever_it_begins() {
        let mut lane = Lane::default();

        assert_eq!([lane.arrive(7, false), lane.arrive(8, false)], [FINE; 2]);
        assert_eq!(absent(&lane, 9), [0; 0]);
        assert_eq!(absent(&lane, 11), [9, 10]);
    }

    #[test]
    fn what_is_passed_over_is_absent_until_it_comes_and_then_swapped() {
        let mut lane = Lane::default();
        lane.arrive(0, false);

        assert_eq!(lane.arrive(2, false), FINE);
        assert_eq!(absent(&lane, 3), [1]);
        assert_eq!(lane.arrive(1, false), Verdict::Swapped);
        assert_eq!(absent(&lane, 3), [0; 0]);
        assert_eq!(lane.arrive(1, false), Verdict::Doubled);
    }

    #[test]
    fn a_fence_makes_everything_after_it_owed_though_nothing_came() {
        let mut lane = Lane::default();
        lane.owe_from(3);

        assert_eq!(absent(&lane, 5), [3, 4]);
        assert_eq!(lane.arrive(4, false), FINE);
        assert_eq!(absent(&lane, 5), [3]);
    }

    #[test]
    fn a_last_value_from_before_the_fence_is_fine() {
        let mut lane = Lane::default();
        lane.owe_from(3);

        assert_eq!(lane.arrive(2, true), FINE);
        assert_eq!(lane.arrive(3, false), FINE);
        assert_eq!(absent(&lane, 4), [0; 0]);
    }

    #[test]
    fn a_signalled_gap_is_counted_and_no_loss() {
        let mut lane = Lane::default();
        lane.arrive(0, false);
        lane.pardon(Pardon::Signalled);

        assert_eq!(absent(&lane, 6), [5], "the last value is owed all the same");
        assert_eq!(lane.arrive(5, true), Verdict::Fine { signalled: 4 });
        assert_eq!(lane.arrive(7, false), FINE);
        assert_eq!(absent(&lane, 8), [6]);
    }

    #[test]
    fn a_fence_ends_a_pardon() {
        let mut lane = Lane::default();
        lane.arrive(0, false);
        lane.pardon(Pardon::Signalled);
        lane.owe_from(3);

        assert_eq!(absent(&lane, 5), [3, 4]);
        assert_eq!(lane.arrive(2, true), Verdict::Known);
        assert_eq!(lane.arrive(4, false), FINE);
        assert_eq!(absent(&lane, 5), [3]);
    }

    #[test]
    fn beginning_anew_owes_nothing_of_what_was_missed() {
        let mut lane = Lane::default();
        lane.arrive(0, false);
        lane.pardon(Pardon::Unasked);

        assert_eq!(lane.arrive(5, true), FINE);
        assert_eq!(absent(&lane, 6), [0; 0]);
    }

    #[test]
    fn a_last_value_that_was_known_ends_the_pardon() {
        let mut lane = Lane::default();
        lane.arrive(0, false);
        lane.pardon(Pardon::Signalled);

        assert_eq!(lane.arrive(0, true), Verdict::Known);
        assert_eq!(lane.arrive(2, false), FINE);
        assert_eq!(absent(&lane, 3), [1]);
    }

    #[test]
    fn a_device_that_left_owes_only_what_it_had_passed_over() {
        let mut lane = Lane::default();
        lane.arrive(0, false);
        lane.arrive(2, false);
        lane.close();

        assert_eq!(absent(&lane, 9), [1]);
    }

    fn absent(lane: &Lane, course: u32) -> Vec<u32> {
        let absent: Vec<u32> = lane.absent(course).collect();
        assert_eq!(lane.absent_count(course), absent.len() as u64);
        absent
    }
}
