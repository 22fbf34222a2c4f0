//! What the tests stand on.

pub(crate) mod device;
pub(crate) mod gateway;
pub(crate) mod http;
pub(crate) mod kafka;
pub(crate) mod raw;

use std::time::{Duration, Instant};

pub(crate) use device::Device;
pub(crate) use gateway::Gateway;
pub(crate) use kafka::Kafka;

/// Longer than anything takes on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `condition` holds, and fails with `what` if it never does.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "never came true: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
