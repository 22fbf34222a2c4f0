//! CPU time per handshake.

use std::time::Duration;

use crate::bench::Bench;
use crate::error::BenchError;
use crate::gateway::Setup;
use crate::outcome::Found;
use crate::parts::Part;
use crate::stand::{Server, Stand};
use crate::statistics::Sample;
use crate::target::Judged;

pub(crate) fn measure(bench: &mut Bench<'_>) -> Result<Found, BenchError> {
    let devices = bench.pick(3_000, 500);
    let setup = Setup {
        proxy: true,
        // Nothing is published, so Kafka need not be asked often.
        fetch_wait: Duration::from_millis(500),
        ..Setup::default()
    };
    let mut gateway = bench.gateway_without_subjects(&setup)?;
    let mut tuned = bench.control(Part::Tuned)?;
    // What is made once for all comes before.
    cost(&mut gateway, devices)?;
    cost(&mut tuned, devices)?;
    let (mut value, mut control) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds() {
        value.push(cost(&mut gateway, devices)?);
        control.push(cost(&mut tuned, devices)?);
    }
    let (value, control) = (Sample::new(value), Sample::new(control));
    Ok(Found::paired(Judged::Ratio, &value, &control))
}

/// Microseconds until a device is open, its end not included.
pub(super) fn cost(stand: &mut Stand<'_, impl Server>, devices: usize) -> Result<f64, BenchError> {
    let before = stand.cpu()?;
    stand.connect(devices)?;
    let spent = stand.cpu()? - before;
    stand.close()?;
    Ok(spent.as_secs_f64() * 1e6 / devices as f64)
}
