//! Devices that do not read, and what they do to the others.

use std::time::Duration;

use anyhow::anyhow;

use super::paced::{Pace, p99};
use super::{BYTES, DEVICES};
use crate::bench::Bench;
use crate::error::BenchError;
use crate::gateway::{Gateway, Setup, Slow};
use crate::outcome::Found;
use crate::stand::Stand;
use crate::statistics::Sample;
use crate::target::Judged;

/// One device of so many does not read.
const ONE_OF: usize = 100;

/// What may wait, in bytes.
const SLOW: Slow = Slow {
    queue: 256 << 10,
    total: 16 << 20,
};

/// Enough for the sockets on the way and the queues behind them to be full: messages, and the bytes of each.
const FLOOD: (usize, usize) = (8, 64 << 10);

pub(crate) fn measure(bench: &mut Bench<'_>) -> Result<Found, BenchError> {
    let pace = Pace {
        messages: bench.pick(50, 20),
        every: Duration::from_millis(25),
    };
    let setup = Setup {
        slow: Some(SLOW),
        // Whoever does not read does not answer pings either, and is to stay.
        ping_every: Duration::from_secs(3600),
        ..Setup::default()
    };
    let mut held_up = stand(bench, &setup)?;
    let mut free = stand(bench, &setup)?;
    let slow = DEVICES / ONE_OF;
    held_up.stop_reading(slow)?;
    let grown = flood(&mut held_up)?.saturating_sub(flood(&mut free)?);
    if grown > SLOW.total {
        let what = format!(
            "{slow} devices that do not read made the gateway grow by {grown} bytes; limits.total-queue-bytes is {}",
            SLOW.total
        );
        return Err(BenchError::Gateway(what));
    }
    let (mut value, mut control) = (Vec::new(), Vec::new());
    // Short rounds and many: a busy machine hits some of either side.
    for _ in 0..2 * bench.rounds() {
        value.push(p99(bench, &mut held_up, pace)?);
        control.push(p99(bench, &mut free, pace)?);
    }
    let (value, control) = (Sample::new(value), Sample::new(control));
    let found = Found::paired(Judged::Ratio, &value, &control);
    Ok(found.note(format!(
        "{slow} of {DEVICES} devices do not read; for them the gateway holds {:.1} MiB more, and may hold {} MiB",
        grown as f64 / f64::from(1 << 20),
        SLOW.total >> 20
    )))
}

fn stand<'a>(bench: &mut Bench<'a>, setup: &Setup) -> Result<Stand<'a, Gateway>, BenchError> {
    let mut gateway = bench.gateway(setup)?;
    gateway.connect(DEVICES)?;
    gateway.calibrate()?;
    gateway.broadcast(10, 1, BYTES)?;
    Ok(gateway)
}

/// Sends until whoever does not read has queues; answers by how many bytes the gateway grew.
fn flood(gateway: &mut Stand<'_, Gateway>) -> Result<u64, BenchError> {
    const AT_MOST: usize = 40;
    let before = gateway.memory()?;
    let (messages, bytes) = FLOOD;
    for _ in 0..AT_MOST {
        gateway.broadcast(1, messages, bytes)?;
        let full = gateway.server.dropped()?;
        if full > 0 || gateway.devices() == DEVICES {
            gateway.settle()?;
            return Ok(gateway.memory()?.saturating_sub(before));
        }
    }
    Err(anyhow!(
        "the devices that do not read took {} messages of {bytes} bytes all the same",
        AT_MOST * messages
    )
    .into())
}
