//! 10,000 devices that get a message every second.

use std::time::Duration;

use super::BYTES;
use super::paced::{Pace, p99};
use crate::bench::Bench;
use crate::error::BenchError;
use crate::gateway::Setup;
use crate::outcome::Found;
use crate::parts::Part;
use crate::statistics::Sample;
use crate::target::Judged;

pub(crate) fn measure(bench: &mut Bench<'_>) -> Result<Found, BenchError> {
    let devices = bench.pick(10_000, 1_000);
    let pace = Pace {
        messages: bench.pick(6, 2),
        every: Duration::from_secs(1),
    };
    let mut gateway = bench.gateway(&Setup::default())?;
    gateway.connect(devices)?;
    gateway.calibrate()?;
    let mut tuned = bench.control(Part::Tuned)?;
    tuned.connect(devices)?;
    tuned.broadcast(1, 1, BYTES)?;
    let (mut value, mut control) = (Vec::new(), Vec::new());
    for _ in 0..bench.pick(4, 1) {
        value.push(p99(bench, &mut gateway, pace)?);
        control.push(p99(bench, &mut tuned, pace)?);
    }
    let (value, control) = (Sample::new(value), Sample::new(control));
    Ok(Found::paired(Judged::Ratio, &value, &control))
}
