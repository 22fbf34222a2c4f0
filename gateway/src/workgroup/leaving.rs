//! Closing connections at a pace, each with a hint when to come back. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use gateway_engine::ConnId;

/// How a workgroup takes leave of its devices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    /// Connections per second; `None` closes all at once.
    pub(crate) per_second: Option<f64>,
    /// Devices are told to come back within this time.
    pub(crate) jitter: Duration,
    /// Makes the hints differ between workgroups and runs.
    pub(crate) seed: u64,
}

/// The connections that are still to be closed.
#[derive(Debug)]
pub(super) struct Leaving {
    pace: Pace,
    since: Instant,
    closed: u64,
    left: VecDeque<ConnId>,
    random: u64,
}

impl Leaving {
    pub(super) fn new(pace: Pace, now: Instant, connections: Vec<ConnId>) -> Self {
        Self {
            pace,
            since: now,
            closed: 0,
            left: connections.into(),
            random: pace.seed | 1,
        }
    }

    /// A connection that opened late.
    pub(super) fn add(&mut self, conn: ConnId) {
        self.left.push_back(conn);
    }

    /// The next connection to close and its hint, if it is time.
    pub(super) fn due(&mut self, now: Instant) -> Option<(ConnId, Duration)> {
        if self.closed >= self.allowed(now) {
            return None;
        }
        let conn = self.left.pop_front()?;
        self.closed += 1;
        Some((conn, self.hint()))
    }

    /// When [`due`](Self::due) has something again.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.left.front()?;
        let per_second = self.pace.per_second?;
        Some(self.since + Duration::from_secs_f64(self.closed as f64 / per_second))
    }

    fn allowed(&self, now: Instant) -> u64 {
        let Some(per_second) = self.pace.per_second else {
            return u64::MAX;
        };
        let seconds = now.saturating_duration_since(self.since).as_secs_f64();
        // The first goes at once.
        (seconds * per_second) as u64 + 1
    }

    /// A share of the jitter, evenly spread (splitmix64).
    fn hint(&mut self) -> Duration {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        let share = (z >> 11) as f64 / (1u64 << 53) as f64;
        self.pace.jitter.mul_f64(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_closed_at_their_pace() {
        let start = Instant::now();
        let mut leaving = Leaving::new(pace(Some(10.0)), start, conns(3));

        assert_eq!(closed(&mut leaving, start), 1);
        assert_eq!(leaving.next_at(), Some(start + Duration::from_millis(100)));
        assert_eq!(closed(&mut leaving, start + Duration::from_millis(99)), 0);
        assert_eq!(closed(&mut leaving, start + Duration::from_millis(200)), 2);
        assert_eq!(leaving.next_at(), None);
    }

    #[test]
    fn a_connection_that_opens_late_is_closed_too() {
        let start = Instant::now();
        let mut leaving = Leaving::new(pace(None), start, Vec::new());

        leaving.add(ConnId::from_bits(7));

        assert_eq!(closed(&mut leaving, start), 1);
    }

    #[test]
    fn hints_lie_within_the_jitter_and_are_spread_over_it() {
        let start = Instant::now();
        let mut leaving = Leaving::new(pace(None), start, conns(1_000));

        let hints: Vec<Duration> = std::iter::from_fn(|| leaving.due(start))
            .map(|(_, hint)| hint)
            .collect();

        assert_eq!(hints.len(), 1_000);
        assert!(hints.iter().all(|hint| *hint < Duration::from_secs(2)));
        let early = hints
            .iter()
            .filter(|hint| **hint < Duration::from_secs(1))
            .count();
        assert!((400..600).contains(&early), "{early}");
    }

    fn pace(per_second: Option<f64>) -> Pace {
        Pace {
            per_second,
            jitter: Duration::from_secs(2),
            seed: 1,
        }
    }

    fn conns(count: u64) -> Vec<ConnId> {
        (0..count).map(ConnId::from_bits).collect()
    }

    fn closed(leaving: &mut Leaving, now: Instant) -> usize {
        std::iter::from_fn(|| leaving.due(now)).count()
    }
}
