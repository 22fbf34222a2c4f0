//! What a loop lets the rest of the lab see.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::provider::{FleetCounts, Observation};

/// Written by one loop once per turn, read by the orchestrator.
#[derive(Debug)]
pub(super) struct Outlook(Mutex<Seen>);

/// What was seen so far.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) counts: FleetCounts,
    /// Since somebody last took them.
    pub(super) observations: Vec<Observation>,
    /// Intended time of a live message to its arrival, in microseconds.
    pub(super) deliveries: Histogram<u64>,
    /// Intended time of a publish to its acknowledgement, in microseconds.
    pub(super) acknowledgements: Histogram<u64>,
    /// How late the loop did what was due, in microseconds.
    pub(super) lags: Histogram<u64>,
}

impl Outlook {
    pub(super) fn new() -> anyhow::Result<Self> {
        // Three digits, from a microsecond to an hour.
        let histogram = Histogram::new_with_bounds(1, 3_600_000_000, 3)?;
        Ok(Self(Mutex::new(Seen {
            counts: FleetCounts::default(),
            observations: Vec::new(),
            deliveries: histogram.clone(),
            acknowledgements: histogram.clone(),
            lags: histogram,
        })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Seen> {
        // A loop that panicked leaves counts behind that are still true.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a loop saw in one turn, before it shows it.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) counts: FleetCounts,
    pub(super) observations: Vec<Observation>,
    deliveries: Vec<u64>,
    acknowledgements: Vec<u64>,
    lags: Vec<u64>,
    changed: bool,
}

impl News {
    /// The counts, to change them.
    pub(super) fn count(&mut self) -> &mut FleetCounts {
        self.changed = true;
        &mut self.counts
    }

    pub(super) fn observe(&mut self, observation: Observation) {
        self.changed = true;
        self.observations.push(observation);
    }

    pub(super) fn delivery_took(&mut self, micros: u64) {
        self.deliveries.push(micros);
    }

    pub(super) fn acknowledgement_took(&mut self, took: Duration) {
        self.acknowledgements
            .push(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// What was due was done so late.
    pub(super) fn was_late(&mut self, lag: Duration) {
        self.changed = true;
        self.counts.worst_lag = self.counts.worst_lag.max(lag);
        self.lags
            .push(u64::try_from(lag.as_micros()).unwrap_or(u64::MAX));
    }

    /// Something failed that should not have; the first is kept in words.
    pub(super) fn fail(&mut self, words: impl FnOnce() -> String) {
        self.count().first_failure.get_or_insert_with(words);
    }

    /// Moves everything to where others see it.
    pub(super) fn show(&mut self, outlook: &Outlook) {
        if !self.changed {
            return;
        }
        self.changed = false;
        let mut seen = outlook.lock();
        seen.counts.clone_from(&self.counts);
        seen.observations.append(&mut self.observations);
        for micros in self.deliveries.drain(..) {
            seen.deliveries.saturating_record(micros);
        }
        for micros in self.acknowledgements.drain(..) {
            seen.acknowledgements.saturating_record(micros);
        }
        for micros in self.lags.drain(..) {
            seen.lags.saturating_record(micros);
        }
    }
}

/// Adds one loop's counts to a sum.
pub(super) fn add(sum: &mut FleetCounts, loop_counts: &FleetCounts) {
    sum.connected += loop_counts.connected;
    sum.failed += loop_counts.failed;
    sum.lost += loop_counts.lost;
    sum.stalled += loop_counts.stalled;
    sum.subscribed += loop_counts.subscribed;
    sum.delivered += loop_counts.delivered;
    sum.published += loop_counts.published;
    sum.publish_errors += loop_counts.publish_errors;
    sum.worst_lag = sum.worst_lag.max(loop_counts.worst_lag);
    if sum.first_failure.is_none() {
        sum.first_failure.clone_from(&loop_counts.first_failure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_shown_as_they_were() {
        let outlook = Outlook::new().unwrap();
        let mut news = News::default();
        news.count().delivered += 2;
        news.delivery_took(250);
        news.delivery_took(90_000_000);

        news.show(&outlook);

        let deliveries = outlook.lock().deliveries.clone();
        assert_eq!(deliveries.len(), 2);
        assert!(deliveries.equivalent(deliveries.min(), 250));
        assert!(deliveries.equivalent(deliveries.max(), 90_000_000));
    }
}
