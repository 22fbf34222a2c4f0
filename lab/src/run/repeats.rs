//! Publishes that are in the log twice: waited for, and counted at every gateway.

use super::theatre::Theatre;
use crate::gateway::metrics::Metrics;
use crate::provider::ProviderError;
use crate::scenario::step::repeats::AwaitRepeats;

/// Records that a gateway read and gave to nobody, because their publish was in the log before.
pub(super) fn passed_over(metrics: &Metrics) -> u64 {
    metrics.sum("tidegate_duplicates_suppressed_total")
}

impl Theatre<'_> {
    /// The log has so many repetitions and every gateway has passed over all of them, or time is up; the expectation on them says which.
    pub(super) fn await_repeats(&mut self, order: &AwaitRepeats) -> Result<(), ProviderError> {
        self.progress.phase("waiting for repeated publishes");
        self.watch(order.within.get(), |theatre| {
            let repeated = theatre.books()?.repeated();
            theatre
                .progress
                .count(repeated, order.count.into(), "publishes in the log twice");
            Ok(repeated >= order.count.into() && theatre.all_passed_over(repeated)?)
        })?;
        Ok(())
    }

    fn all_passed_over(&self, repeated: u64) -> Result<bool, ProviderError> {
        for gateway in self.gateways.iter().filter(|gateway| gateway.serves()) {
            if passed_over(&gateway.admin.metrics()?) < repeated {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
