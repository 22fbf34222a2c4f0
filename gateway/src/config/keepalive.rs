//! How dead devices are found.

use std::time::Duration;

use super::section::Section;

/// When a silent device is asked whether it still lives, and when it is given up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keepalive {
    /// Silence after which a device is pinged. Keep it below the idle timeout of every load balancer on the way.
    pub(crate) interval: Duration,
    /// Silence after the ping until the device is gone.
    pub(crate) timeout: Duration,
}

impl Keepalive {
    pub(super) fn read(mut section: Section<'_, '_>) -> Self {
        let keepalive = Self {
            interval: section.or("interval", Duration::from_secs(25)),
            timeout: section.or("timeout", Duration::from_secs(10)),
        };
        section.finish();
        keepalive
    }
}
