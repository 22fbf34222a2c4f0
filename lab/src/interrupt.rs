//! Ctrl-C, and waiting that listens to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::provider::ProviderError;

/// How often a wait looks at its condition.
const POLL: Duration = Duration::from_millis(10);

/// Raised once, by Ctrl-C or SIGTERM; every wait in the lab ends early on it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Asks everything to stop.
    pub(crate) fn raise(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the user wants out.
    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// An error when the user wants out, so that `?` unwinds a run.
    pub(crate) fn check(&self) -> Result<(), ProviderError> {
        if self.is_raised() {
            Err(ProviderError::Interrupted)
        } else {
            Ok(())
        }
    }

    /// Waits until `condition` holds (`Ok(true)`) or `within` has passed (`Ok(false)`).
    pub(crate) fn wait_until(
        &self,
        within: Duration,
        mut condition: impl FnMut() -> Result<bool, ProviderError>,
    ) -> Result<bool, ProviderError> {
        let deadline = Instant::now() + within;
        loop {
            self.check()?;
            if condition()? {
                return Ok(true);
            }
            let now = Instant::now();
            if now >= deadline {
                return Ok(false);
            }
            std::thread::sleep(POLL.min(deadline - now));
        }
    }
}
