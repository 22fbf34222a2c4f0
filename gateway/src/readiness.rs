//! Whether a load balancer should send devices here, and if not, why.

use std::sync::{Mutex, PoisonError};

/// Asked by `/ready`, told by the hub and by the drain.
#[derive(Debug)]
pub(crate) struct Readiness(Mutex<State>);

#[derive(Debug)]
struct State {
    draining: bool,
    /// What keeps Kafka's side from being ready.
    missing: Option<String>,
}

impl Default for Readiness {
    fn default() -> Self {
        Self(Mutex::new(State {
            draining: false,
            missing: Some("Kafka has not answered yet".to_owned()),
        }))
    }
}

impl Readiness {
    /// # Errors
    /// The reason, for people.
    pub(crate) fn check(&self) -> Result<(), String> {
        let state = self.lock();
        if state.draining {
            return Err("the gateway is draining".to_owned());
        }
        state.missing.clone().map_or(Ok(()), Err)
    }

    /// Notes what is missing on Kafka's side; answers whether that changed.
    pub(crate) fn set_missing(&self, missing: Option<String>) -> bool {
        let mut state = self.lock();
        let changed = state.missing != missing;
        state.missing = missing;
        changed
    }

    /// There is no way back.
    pub(crate) fn drain(&self) {
        self.lock().draining = true;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // The state is whole at every moment, so a panicking holder leaves nothing broken.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
