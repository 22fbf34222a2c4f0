//! When bytes arrive. Pure: the caller brings the clock.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::model::span;

/// One direction of a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Line {
    /// How long every byte travels.
    #[serde(with = "span")]
    pub delay: Duration,
    /// How much longer it may travel, drawn anew for each piece; order is kept, as TCP keeps it.
    #[serde(with = "span")]
    pub jitter: Duration,
    /// Bytes per second. Absent: as many as there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<u32>,
}

impl Line {
    /// Whether bytes may be passed on as they come.
    pub fn is_clear(&self) -> bool {
        *self == Self::default()
    }
}

/// The arrivals on one line of one connection.
#[derive(Debug)]
pub struct Timetable {
    free_at: Option<Instant>,
    last_arrival: Option<Instant>,
    random: u64,
}

impl Timetable {
    /// Nothing is on its way yet.
    pub fn new(seed: u64) -> Self {
        Self {
            free_at: None,
            last_arrival: None,
            random: seed,
        }
    }

    /// When bytes that are sent now will have arrived, under the conditions of now.
    pub fn arrival(&mut self, line: &Line, bytes: usize, now: Instant) -> Instant {
        let begin = self.free_at.map_or(now, |free_at| free_at.max(now));
        let sent = begin
            + line.bandwidth.map_or(Duration::ZERO, |rate| {
                Duration::from_secs_f64(bytes as f64 / f64::from(rate.max(1)))
            });
        self.free_at = Some(sent);
        let arrival = sent + line.delay + line.jitter.mul_f64(self.draw());
        let arrival = self.last_arrival.map_or(arrival, |last| last.max(arrival));
        self.last_arrival = Some(arrival);
        arrival
    }

    /// From 0 up to 1 (SplitMix64, Steele and others 2014).
    fn draw(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as f64 / u64::MAX as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_clear_line_delivers_at_once() {
        let now = Instant::now();

        assert_eq!(
            Timetable::new(0).arrival(&Line::default(), 1_000_000, now),
            now
        );
    }

    #[test]
    fn delay_is_added_and_does_not_add_up() {
        let now = Instant::now();
        let line = Line {
            delay: 50 * MS,
            ..Line::default()
        };
        let mut timetable = Timetable::new(0);

        let arrivals = [0, 10, 20].map(|at| timetable.arrival(&line, 100, now + at * MS) - now);

        assert_eq!(arrivals, [50 * MS, 60 * MS, 70 * MS]);
    }

    #[test]
    fn bandwidth_lets_bytes_wait_for_those_before_them() {
        let now = Instant::now();
        let line = Line {
            bandwidth: Some(1_000),
            delay: 5 * MS,
            ..Line::default()
        };
        let mut timetable = Timetable::new(0);

        let arrivals = [100, 100, 50].map(|bytes| timetable.arrival(&line, bytes, now) - now);

        assert_eq!(arrivals, [105 * MS, 205 * MS, 255 * MS]);
        assert_eq!(
            timetable.arrival(&line, 100, now + 1_000 * MS) - now,
            1_105 * MS,
            "an idle line saves nothing up"
        );
    }

    #[test]
    fn jitter_stays_within_its_bound_and_keeps_the_order() {
        let now = Instant::now();
        let line = Line {
            delay: 10 * MS,
            jitter: 40 * MS,
            ..Line::default()
        };
        let arrivals = |seed| -> Vec<_> {
            let mut timetable = Timetable::new(seed);
            (0..500)
                .map(|at| timetable.arrival(&line, 1, now + at * MS) - now)
                .collect()
        };

        let first = arrivals(1);

        assert!(first.is_sorted());
        assert!(
            first
                .iter()
                .zip(0..)
                .all(|(arrival, at)| (10 * MS + at * MS..=50 * MS + at * MS).contains(arrival))
        );
        assert_eq!(first, arrivals(1));
        assert_ne!(first, arrivals(2));
    }
}
