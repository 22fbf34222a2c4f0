//! How devices were spread over gateways, and what a change cost them: the part `balancing` of a cell in `run.json`.
//!
//! - [`Balancing`]: the figures, so that cells that balance in different ways can stand beside each other.
//! - [`Log`]: what was noted on the way. [`Balancing::of`] makes the one from the other.
//!
//! *Balanced* means: no gateway has more or fewer connections than dice with its weight would give it, but once in a million runs.

mod figures;
mod log;

use serde::{Deserialize, Serialize};

use crate::recovery::Station;

pub use log::{Away, Log, Look, Note, What};

/// The figures of one cell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Balancing {
    /// How devices found their gateway: `api`, `dns`, `adc`, …
    pub way: String,
    /// Before anything changed.
    pub at_rest: Shares,
    /// At the end.
    pub after: Shares,
    /// What the first change brought on; absent when nothing was changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
}

/// Connections on each gateway.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shares {
    /// Connections of each gateway, in its order.
    pub connections: Vec<u64>,
    /// What share each was to have; 0 for those that were gone.
    pub weights: Vec<u32>,
    /// The fullest gateway over its share, 1.0 being perfect; with equal weights this is max/mean. Absent without connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imbalance: Option<f64>,
}

/// What happened from the first change on: a gateway killed, drained or added, weights changed. Where a cell has several changes, times to reconnect
/// count from the one that cut the device.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Change {
    /// When, in milliseconds since the cell's first step.
    pub at_ms: f64,
    /// Devices whose connection ended.
    pub cut: u64,
    /// From a device's first loss to its next attempt, wherever that went.
    pub retried: Station,
    /// From the latest change before a device's first loss until it had a connection again: `p50_ms`, `p99_ms` and `max_ms` are the times to 50, 99 and 100 %, if all came back.
    pub reconnected: Station,
    /// From a device's first loss until it had a connection again: without the time that a gateway takes to leave.
    pub away: Station,
    /// The most handshakes completed within any one second.
    pub handshakes_per_second_peak: u64,
    /// Attempts that devices made.
    pub attempts: u64,
    /// Attempts that were turned away by somebody who was there: too many at once.
    pub turned_away: u64,
    /// Attempts that went to a gateway that was not there; through a load balancer: attempts that failed.
    pub wasted: u64,
    /// The most of those that a single device made.
    pub wasted_by_one_device: u64,
    /// Attempts at a gateway that had failed this very device, although there was one that had not. Absent where devices see one address only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_dead: Option<u64>,
    /// Connections that came since the last change, against the weights from then on; empty where a gateway has fewer than before.
    pub newcomers: Shares,
    /// From the first change until gateways were balanced and stayed so to the end, whatever was changed meanwhile; absent if they were not then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balanced_after_ms: Option<f64>,
}
