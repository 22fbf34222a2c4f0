//! When records are due and whom they concern: an open model, decided before the first record leaves.

use std::num::NonZeroU64;
use std::time::Duration;

/// Evenly spaced records over a list of keys.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Records per second.
    pub rate: f64,
    /// How many records in all.
    pub count: u64,
    /// How many keys take turns; at least one.
    pub keys: NonZeroU64,
}

/// One record of a [`Schedule`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Its number, from 0.
    pub number: u64,
    /// How long after the start it is due.
    pub after: Duration,
    /// Which key it has, below [`Schedule::keys`].
    pub key: u64,
}

impl Schedule {
    /// `rate` records per second for `duration`.
    #[must_use]
    pub fn lasting(rate: f64, duration: Duration, keys: NonZeroU64) -> Self {
        let count = (rate * duration.as_secs_f64()).round().max(0.0);
        Self {
            rate,
            count: count as u64,
            keys,
        }
    }

    /// The record with this `number`, or `None` after the last.
    ///
    /// Its time is computed from the number, not from the record before it, so rounding does not add up.
    #[must_use]
    pub fn due(&self, number: u64) -> Option<Due> {
        if number >= self.count || self.rate.partial_cmp(&0.0) != Some(std::cmp::Ordering::Greater)
        {
            return None;
        }
        let after = Duration::try_from_secs_f64(number as f64 / self.rate).ok()?;
        Some(Due {
            number,
            after,
            key: number % self.keys,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_spread_evenly_and_keys_take_turns() {
        let schedule = Schedule::lasting(4.0, Duration::from_secs(1), keys(3));

        let due: Vec<_> = (0..)
            .map_while(|number| schedule.due(number))
            .map(|due| (due.after.as_millis(), due.key))
            .collect();

        assert_eq!(due, [(0, 0), (250, 1), (500, 2), (750, 0)]);
    }

    #[test]
    fn a_rate_of_nothing_sends_nothing() {
        for rate in [0.0, -1.0, f64::NAN] {
            let schedule = Schedule {
                rate,
                count: 10,
                keys: keys(1),
            };

            assert_eq!(schedule.due(0), None);
        }
    }

    #[test]
    fn a_million_records_end_exactly_on_time() {
        let schedule = Schedule::lasting(3000.0, Duration::from_secs(334), keys(1));

        let last = schedule.due(1_001_999).map(|due| due.after);

        assert_eq!(schedule.count, 1_002_000);
        assert_eq!(last, Some(Duration::from_secs_f64(1_001_999.0 / 3000.0)));
    }

    fn keys(count: u64) -> NonZeroU64 {
        NonZeroU64::new(count).unwrap()
    }
}
