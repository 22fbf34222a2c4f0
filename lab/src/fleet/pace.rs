//! When each thing a fleet was told to do is due.

use std::ops::Range;
use std::time::{Duration, Instant};

/// So many things for each of some devices, spread evenly over a time, devices taking turns. The open model: the time of each is fixed
/// beforehand, whatever became of the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) devices: Range<u32>,
    pub(super) each: u32,
    pub(super) start: Instant,
    pub(super) over: Duration,
}

/// One thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) device: u32,
    /// The how-manieth of this device, from 0.
    pub(super) round: u32,
    pub(super) at: Instant,
}

impl Pace {
    /// How many things in all.
    pub(super) fn total(&self) -> u64 {
        self.devices.len() as u64 * u64::from(self.each)
    }

    /// The thing with this number; none after the last.
    ///
    /// Its time is computed from the number and not from the thing before, so rounding does not add up.
    pub(super) fn due(&self, number: u64) -> Option<Due> {
        let total = self.total();
        if number >= total {
            return None;
        }
        let devices = self.devices.len() as u64;
        let after = u128::from(number) * self.over.as_nanos() / u128::from(total);
        Some(Due {
            device: self.devices.start + u32::try_from(number % devices).ok()?,
            round: u32::try_from(number / devices).ok()?,
            at: self.start + Duration::from_nanos(u64::try_from(after).ok()?),
        })
    }
}

/// The devices that one of several loops owns: every `loops`-th, beginning with its own number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) number: u32,
    pub(super) loops: u32,
}

impl Share {
    pub(super) fn owns(self, device: u32) -> bool {
        device % self.loops == self.number
    }

    /// Where an owned device stands among those of its loop.
    pub(super) fn index(self, device: u32) -> usize {
        (device / self.loops) as usize
    }

    /// The device at that place.
    pub(super) fn device(self, index: usize) -> u32 {
        u32::try_from(index).unwrap_or(u32::MAX) * self.loops + self.number
    }

    /// How many of so many devices it owns.
    pub(super) fn count(self, devices: u32) -> usize {
        (devices.saturating_sub(self.number)).div_ceil(self.loops) as usize
    }
}

/// A walk through a pace that stops at what is owned.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    pace: Pace,
    share: Share,
    next: u64,
}

impl Walk {
    pub(super) fn new(pace: Pace, share: Share) -> Self {
        let mut walk = Self {
            pace,
            share,
            next: 0,
        };
        walk.skip_foreign();
        walk
    }

    /// What comes next, whenever that is.
    pub(super) fn peek(&self) -> Option<Due> {
        self.pace.due(self.next)
    }

    /// What comes next, if its time has come.
    pub(super) fn take(&mut self, now: Instant) -> Option<Due> {
        let due = self.peek().filter(|due| due.at <= now)?;
        self.next += 1;
        self.skip_foreign();
        Some(due)
    }

    fn skip_foreign(&mut self) {
        while self.peek().is_some_and(|due| !self.share.owns(due.device)) {
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn things_are_spread_evenly_and_devices_take_turns() {
        let start = Instant::now();
        let pace = pace(start, 10..13, 2, 600);

        let due: Vec<_> = (0..)
            .map_while(|number| pace.due(number))
            .map(|due| (due.device, due.round, (due.at - start).as_millis()))
            .collect();

        assert_eq!(
            due,
            [
                (10, 0, 0),
                (11, 0, 100),
                (12, 0, 200),
                (10, 1, 300),
                (11, 1, 400),
                (12, 1, 500)
            ]
        );
    }

    #[test]
    fn nothing_is_taken_before_its_time() {
        let start = Instant::now();
        let mut walk = Walk::new(pace(start, 0..2, 1, 1_000), WHOLE);

        assert_eq!(walk.take(start).map(|due| due.device), Some(0));
        assert_eq!(walk.take(start + Duration::from_millis(499)), None);
        assert_eq!(
            walk.take(start + Duration::from_millis(500))
                .map(|due| due.device),
            Some(1)
        );
        assert_eq!(walk.take(start + Duration::from_secs(9)), None);
    }

    proptest! {
        #[test]
        fn every_device_belongs_to_one_loop_and_is_found_there(loops in 1_u32..8, devices in 0_u32..200) {
            let shares: Vec<Share> = (0..loops).map(|number| Share { number, loops }).collect();

            prop_assert_eq!(shares.iter().map(|share| share.count(devices)).sum::<usize>(), devices as usize);
            for device in 0..devices {
                let owners: Vec<&Share> = shares.iter().filter(|share| share.owns(device)).collect();
                prop_assert_eq!(owners.len(), 1);
                prop_assert!(owners[0].index(device) < owners[0].count(devices));
                prop_assert_eq!(owners[0].device(owners[0].index(device)), device);
            }
        }

        #[test]
        fn loops_together_do_everything_once(loops in 1_u32..5, first in 0_u32..9, devices in 0_u32..40, each in 0_u32..4) {
            let start = Instant::now();
            let pace = pace(start, first..first + devices, each, 10);

            let mut done: Vec<(u32, u32)> = Vec::new();
            for number in 0..loops {
                let mut walk = Walk::new(pace.clone(), Share { number, loops });
                done.extend(std::iter::from_fn(|| walk.take(start + Duration::from_secs(1))).map(|due| (due.round, due.device)));
            }
            done.sort_unstable();

            let all: Vec<_> = (0..each).flat_map(|round| (first..first + devices).map(move |device| (round, device))).collect();
            prop_assert_eq!(done, all);
        }
    }

    const WHOLE: Share = Share {
        number: 0,
        loops: 1,
    };

    fn pace(start: Instant, devices: Range<u32>, each: u32, over_ms: u64) -> Pace {
        Pace {
            devices,
            each,
            start,
            over: Duration::from_millis(over_ms),
        }
    }
}
