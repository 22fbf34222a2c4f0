//! Ends connections that have been silent for too long.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use crate::{
    engine::{core::Core, flow::Order, stats::Cause},
    faults::Ending,
    model::IdleAction,
};

/// Between two sweeps at most; idle timeouts are met to within it.
const SLOWEST: Duration = Duration::from_secs(1);
const FASTEST: Duration = Duration::from_millis(20);

/// Sweeps for as long as the engine runs; returns at once when nothing ever times out.
pub(crate) async fn run(core: Rc<Core>) {
    let shortest = core
        .virtuals
        .iter()
        .filter_map(|server| server.model.idle_timeout)
        .map(|idle| idle.after)
        .min();
    let Some(shortest) = shortest else { return };
    let mut sweeps = tokio::time::interval((shortest / 10).clamp(FASTEST, SLOWEST));
    loop {
        sweeps.tick().await;
        sweep(&core, Instant::now());
    }
}

fn sweep(core: &Core, now: Instant) {
    for flow in core.flows.borrow().values() {
        let Some(idle) = core.virtuals[flow.server].model.idle_timeout else {
            continue;
        };
        if flow.moved.replace(false) {
            flow.quiet_since.set(now);
        } else if now.saturating_duration_since(flow.quiet_since.get()) >= idle.after {
            let how = match idle.then {
                IdleAction::Reset => Ending::Reset,
                IdleAction::Close => Ending::Close,
                IdleAction::Drop => Ending::Forget,
            };
            flow.give(Order::End(how, Cause::IdleTimeout));
        }
    }
}
