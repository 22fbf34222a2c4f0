//! From run records to measured points: a sweep is a scenario, played for every point.
//!
//! The lab notes after every step what each process has used so far (events of kind `usage`); a point is the difference between two of them.

use lab_record::run::{Cell, Event};
use serde_json::Value;

use crate::results::{Plateau, Work};

/// What had been used up to one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Usage {
    at_ms: i64,
    cpu_seconds: f64,
    user_bytes: u64,
    slab_bytes: u64,
}

/// Memory with everybody connected and subscribed, and the work of connecting; none where the record does not have it.
#[must_use]
pub fn idle(cell: &Cell, repeat: u32) -> Option<(Plateau, Work)> {
    let start = usage(cell, "stage-up")?;
    let connected = usage(cell, "connect")?;
    let idle = usage(cell, "subscribe")?;
    let connections: u64 = cell.workgroups.iter().map(|w| w.connections).sum();
    let plateau = Plateau {
        repeat,
        connections,
        user_bytes: idle.user_bytes,
        slab_bytes: idle.slab_bytes.saturating_sub(start.slab_bytes),
    };
    let mut work = difference(cell, &start, &connected);
    (work.repeat, work.count) = (repeat, connections);
    Some((plateau, work))
}

/// The work of the records that the last step produced; none where the record does not have it.
#[must_use]
pub fn produced(cell: &Cell, repeat: u32) -> Option<Work> {
    let before = usage(cell, "subscribe")?;
    let after = usage(cell, "produce")?;
    let records = cell.ledger.as_ref()?.get("records")?.as_u64()?;
    let times = cell.histograms.iter().find(|h| h.name == "delivered");
    let mut work = difference(cell, &before, &after);
    (work.repeat, work.count) = (repeat, records);
    work.times_us = times.map(|times| (times.p50, times.p99));
    Some(work)
}

fn difference(cell: &Cell, from: &Usage, to: &Usage) -> Work {
    let workgroups = cell.workgroups.len();
    Work {
        repeat: 0,
        workgroups: u32::try_from(workgroups).unwrap_or(u32::MAX),
        count: 0,
        seconds: (to.at_ms - from.at_ms) as f64 / 1_000.0,
        cpu_seconds: to.cpu_seconds - from.cpu_seconds,
        grown_bytes: to.user_bytes.saturating_sub(from.user_bytes),
        times_us: None,
    }
}

/// What gateway 0 had used after the last step of this kind.
fn usage(cell: &Cell, after: &str) -> Option<Usage> {
    let mut events = cell.events.iter().rev();
    let event = events.find(|event| {
        event.kind == "usage" && event.detail.get("after").and_then(Value::as_str) == Some(after)
    })?;
    read(event)
}

fn read(event: &Event) -> Option<Usage> {
    let gateway = event.detail.get("processes")?.get("gateway-0")?;
    Some(Usage {
        at_ms: event.at_ms,
        cpu_seconds: gateway.get("cpu_ms")?.as_f64()? / 1_000.0,
        user_bytes: gateway.get("rss_bytes")?.as_u64()?,
        slab_bytes: event.detail.get("slab_bytes")?.as_u64()?,
    })
}
