//! How long live messages took, and to whom.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lab_kafka::payload::Stamp;
use lab_record::recovery::Delay;

/// Messages remembered at most, 12 bytes each.
const MOST: usize = 4_000_000;

/// The messages of a cell.
#[derive(Debug)]
pub(super) struct Samples {
    zero: Instant,
    /// The same moment on the clock of stamps, in microseconds.
    zero_us: u64,
    kept: Vec<Sample>,
    /// From when on there was no room.
    full_at: Option<Instant>,
}

/// One live message at one device.
#[derive(Debug, Clone, Copy)]
struct Sample {
    device: u32,
    /// Its arrival, in milliseconds since the zero of the cell.
    at_ms: u32,
    took_us: u32,
}

impl Samples {
    pub(super) fn new(zero: Instant) -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO)
            .saturating_sub(zero.elapsed());
        Self {
            zero,
            zero_us: u64::try_from(since.as_micros()).unwrap_or(u64::MAX),
            kept: vec![],
            full_at: None,
        }
    }

    pub(super) fn keep(&mut self, device: u32, at: Instant, stamp: Stamp) {
        if self.kept.len() == MOST {
            self.full_at.get_or_insert(at);
            return;
        }
        let after = at.saturating_duration_since(self.zero);
        let at_us = self.zero_us + u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        self.kept.push(Sample {
            device,
            at_ms: u32::try_from(after.as_millis()).unwrap_or(u32::MAX),
            took_us: u32::try_from(at_us.saturating_sub(stamp.intended_us)).unwrap_or(u32::MAX),
        });
    }

    /// Messages that reached the devices of a kind within a time; none where not all were remembered.
    pub(super) fn delay(
        &self,
        from: Instant,
        until: Instant,
        is_meant: impl Fn(u32) -> bool,
    ) -> Option<Delay> {
        if self.full_at.is_some_and(|full| full < until) {
            return None;
        }
        let [from, until] = [from, until].map(|at| {
            let after = at.saturating_duration_since(self.zero);
            u32::try_from(after.as_millis()).unwrap_or(u32::MAX)
        });
        let meant = self
            .kept
            .iter()
            .filter(|sample| (from..until).contains(&sample.at_ms) && is_meant(sample.device));
        Some(Delay::of(meant.map(|sample| sample.took_us).collect()))
    }
}
