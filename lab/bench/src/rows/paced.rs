//! Messages at a steady pace, and how long they take.

use std::time::{Duration, Instant};

use super::BYTES;
use crate::bench::Bench;
use crate::error::BenchError;
use crate::parts::words::now;
use crate::stand::{Server, Stand};

/// How many messages, and how far apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) messages: u32,
    pub(super) every: Duration,
}

/// Milliseconds from when a message was due to a device's having it, of 99 % of all deliveries.
pub(super) fn p99(
    bench: &Bench<'_>,
    stand: &mut Stand<'_, impl Server>,
    pace: Pace,
) -> Result<f64, BenchError> {
    stand.latencies()?;
    let (mut expected, _) = stand.counts()?;
    let start = Instant::now();
    for number in 0..pace.messages {
        let due = start + pace.every * number;
        bench.let_pass(due.saturating_duration_since(Instant::now()))?;
        // Late orders count from when they were due.
        let late = Instant::now().saturating_duration_since(due);
        let stamp = now().saturating_sub(u64::try_from(late.as_nanos()).unwrap_or(0));
        expected += stand.devices() as u64;
        stand.server.broadcast(1, BYTES, stamp)?;
    }
    stand.await_messages(expected)?;
    let (each, _) = stand.latencies()?;
    Ok(each.p99 / 1_000.0)
}
