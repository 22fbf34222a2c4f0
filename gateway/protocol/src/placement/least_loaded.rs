//! Placement by load: no address decides, the emptiest workgroup does.

use std::num::NonZeroUsize;

/// Gives each connection to a workgroup that has the fewest. Workgroups that have equally few take turns.
///
/// Unlike a hash it needs no diversity of addresses and ports, and keeps workgroups even when connections end unevenly.
/// The price: a client's workgroup cannot be told from its address, neither by another gateway nor in another run.
#[derive(Debug, Clone)]
pub struct LeastLoaded {
    /// Who is looked at first, so that equals take turns.
    next: usize,
    workgroups: NonZeroUsize,
}

impl LeastLoaded {
    /// A rule over `workgroups` groups.
    #[must_use]
    pub fn new(workgroups: NonZeroUsize) -> Self {
        Self {
            next: 0,
            workgroups,
        }
    }

    /// The workgroup of the next connection, `0 .. workgroups`; `load` tells how many connections one has.
    pub fn workgroup(&mut self, load: impl Fn(usize) -> u64) -> usize {
        let count = self.workgroups.get();
        let in_turn = (0..count).map(|step| (self.next + step) % count);
        // The first of equals.
        let chosen = in_turn.min_by_key(|&group| load(group)).unwrap_or(0);
        self.next = (chosen + 1) % count;
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_emptiest_workgroup_gets_the_next_connection() {
        let mut rule = LeastLoaded::new(NonZeroUsize::new(3).unwrap());
        let loads = [4, 2, 3];

        assert_eq!(rule.workgroup(|group| loads[group]), 1);
    }

    #[test]
    fn equals_take_turns() {
        let mut rule = LeastLoaded::new(NonZeroUsize::new(3).unwrap());

        let placed: Vec<usize> = (0..6).map(|_| rule.workgroup(|_| 7)).collect();

        assert_eq!(placed, [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn no_order_of_comings_and_goings_leaves_workgroups_more_than_one_apart() {
        let mut rule = LeastLoaded::new(NonZeroUsize::new(4).unwrap());
        let mut loads = [90u64, 0, 13, 5];

        for _ in 0..1_000 {
            let group = rule.workgroup(|group| loads[group]);
            loads[group] += 1;
        }

        let (least, most) = (loads.iter().min().unwrap(), loads.iter().max().unwrap());
        assert!(most - least <= 1, "{loads:?}");
    }
}
