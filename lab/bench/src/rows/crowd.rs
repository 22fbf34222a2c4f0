//! 10,000 devices that get a message every second.

use std::time::{Duration, Instant};

use super::BYTES;
use crate::bench::Bench;
use crate::error::BenchError;
use crate::gateway::Setup;
use crate::outcome::Found;
use crate::parts::Part;
use crate::parts::words::now;
use crate::stand::{Server, Stand};
use crate::statistics::Sample;
use crate::target::Judged;

const EVERY: Duration = Duration::from_secs(1);

pub(crate) fn measure(bench: &mut Bench<'_>) -> Result<Found, BenchError> {
    let devices = bench.pick(10_000, 1_000);
    let mut gateway = bench.gateway(&Setup::default())?;
    gateway.connect(devices)?;
    gateway.calibrate()?;
    let mut tuned = bench.control(Part::Tuned)?;
    tuned.connect(devices)?;
    tuned.broadcast(1, 1, BYTES)?;
    let (mut value, mut control) = (Vec::new(), Vec::new());
    for _ in 0..bench.pick(4, 1) {
        value.push(p99(bench, &mut gateway, devices)?);
        control.push(p99(bench, &mut tuned, devices)?);
    }
    let (value, control) = (Sample::new(value), Sample::new(control));
    Ok(Found::paired(Judged::Ratio, &value, &control))
}

/// Milliseconds from when a message was due to a device's having it, of 99 % of all deliveries.
fn p99(
    bench: &Bench<'_>,
    stand: &mut Stand<'_, impl Server>,
    devices: usize,
) -> Result<f64, BenchError> {
    let messages = bench.pick(6, 2);
    stand.latencies()?;
    let (mut expected, _) = stand.counts()?;
    let start = Instant::now();
    for second in 0..messages {
        let due = start + EVERY * second;
        bench.let_pass(due.saturating_duration_since(Instant::now()))?;
        // Late orders count from when they were due.
        let late = Instant::now().saturating_duration_since(due);
        let stamp = now().saturating_sub(u64::try_from(late.as_nanos()).unwrap_or(0));
        expected += devices as u64;
        stand.server.broadcast(1, BYTES, stamp)?;
    }
    stand.await_messages(expected)?;
    let (each, _) = stand.latencies()?;
    Ok(each.p99 / 1_000.0)
}
