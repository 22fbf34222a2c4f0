//! What idle connections cost: a ping now and then, and its answer.

use std::time::Duration;

use super::message::bare_send;
use crate::bench::Bench;
use crate::error::BenchError;
use crate::gateway::Setup;
use crate::outcome::Found;

/// The gateway's ping.
const PING_EVERY: Duration = Duration::from_secs(25);

pub(crate) fn measure(bench: &mut Bench<'_>) -> Result<Found, BenchError> {
    let devices = bench.pick(10_000, 1_000);
    let setup = Setup {
        fetch_wait: Duration::from_millis(500),
        ping_every: PING_EVERY,
        ..Setup::default()
    };
    let mut gateway = bench.gateway_of_own_subjects(&setup)?;
    gateway.settle()?;
    let alone = cpu_per_second(bench, &gateway, bench.pick(10, 3))?;
    gateway.connect(devices)?;
    gateway.settle()?;
    // A whole number of pings each.
    let with_devices = cpu_per_second(bench, &gateway, bench.pick(2 * 25, 25))?;
    drop(gateway);
    let value = (with_devices - alone) / devices as f64;
    let control = bare_send(bench)?;
    let found = Found::single(value, control, value / control);
    Ok(found.note(format!(
        "{devices} devices; the gateway without any spends {:.2} ms a second, which is taken off",
        alone / 1_000.0
    )))
}

/// Microseconds of CPU time a second.
fn cpu_per_second(
    bench: &Bench<'_>,
    gateway: &crate::stand::Stand<'_, crate::gateway::Gateway>,
    seconds: u64,
) -> Result<f64, BenchError> {
    let before = gateway.cpu()?;
    bench.let_pass(Duration::from_secs(seconds))?;
    let spent = gateway.cpu()? - before;
    Ok(spent.as_secs_f64() * 1e6 / seconds as f64)
}
