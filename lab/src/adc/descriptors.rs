//! Whether this machine lets one process carry a fleet.

use rustix::process::{Resource, getrlimit};

use crate::provider::{Refusal, RefusalKind};
use crate::stage::{Stage, Via};

/// Descriptors of a load balancer besides its connections: listeners, probes, statistics, epoll.
const OTHERS: u64 = 100;

/// A refusal when a load balancer in one process cannot hold two descriptors per device.
pub(crate) fn refusal(stage: &Stage) -> Option<Refusal> {
    let allowed = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    refusal_within(stage, allowed)
}

fn refusal_within(stage: &Stage, allowed: u64) -> Option<Refusal> {
    let devices = match stage.fleet.via {
        Via::Adc => u64::from(stage.fleet.devices),
        Via::Direct => 0,
    };
    let needed = 2 * devices + OTHERS;
    (needed > allowed).then(|| Refusal {
        kind: RefusalKind::Machine,
        reason: format!("a load balancer needs {needed} descriptors for {devices} devices, a process here may open {allowed}"),
        remedy: format!("raise the hard limit (ulimit -Hn), or let no more than {} devices connect", allowed.saturating_sub(OTHERS) / 2),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fleet_too_large_for_one_process_is_refused_with_the_size_that_fits() {
        let mut stage = Stage::default();
        stage.fleet.devices = 10_000;

        let refusal = refusal_within(&stage, 20_000).unwrap();

        assert_eq!(
            refusal.reason,
            "a load balancer needs 20100 descriptors for 10000 devices, a process here may open 20000"
        );
        assert_eq!(
            refusal.remedy,
            "raise the hard limit (ulimit -Hn), or let no more than 9950 devices connect"
        );
        stage.fleet.devices = 9_950;
        assert_eq!(refusal_within(&stage, 20_000), None);
    }

    #[test]
    fn devices_that_go_straight_to_the_gateways_cost_it_nothing() {
        let mut stage = Stage::default();
        stage.fleet.devices = 1_000_000;
        stage.fleet.via = Via::Direct;

        assert_eq!(refusal_within(&stage, 20_000), None);
    }
}
