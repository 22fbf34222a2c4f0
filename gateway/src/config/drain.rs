//! How the gateway takes its leave.

use std::time::Duration;

use super::section::Section;
use super::value::Rate;

/// What happens between SIGTERM and the exit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drain {
    /// From `/ready` turning 503 until no connection is accepted any more: time for the load balancer to notice.
    pub(crate) monitor_wait: Duration,
    /// Connections closed per second.
    pub(crate) rate: u32,
    /// Devices are told to come back within this time, each after its own share of it.
    pub(crate) jitter: Duration,
}

impl Drain {
    pub(super) fn read(mut section: Section<'_, '_>) -> Self {
        let drain = Self {
            monitor_wait: section.or("monitor-wait", Duration::from_secs(5)),
            rate: section.or("rate", Rate(1_000)).0,
            jitter: section.or("jitter", Duration::from_secs(2)),
        };
        section.finish();
        drain
    }
}
