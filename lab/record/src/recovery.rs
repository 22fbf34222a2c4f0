//! What faults did to devices and how they came back: the part `recovery` of a cell in `run.json`.
//!
//! A device is *touched* by a fault when its connection ended after the fault began and before the next one did. It is on its way until it has
//! *caught up*: until its subscriptions are confirmed again and the last message that it had missed is there. All others are *survivors*.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::statistics::Interval;

/// Points of a curve at most.
const POINTS: usize = 50;

/// What became of the devices of a cell in which something was broken.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recovery {
    /// Every fault, in the order they began.
    pub faults: Vec<Fault>,
    /// How gateways answered to subscriptions that went on after a loss: `synced`, `none` (the device had no position), or the reason of a *resynced*.
    pub resumes: BTreeMap<String, u64>,
    /// Gaps that devices noticed and no gateway had told of.
    pub unsignalled_gaps: u64,
    /// Connection requests that the kernel dropped because a listener's queue was full; absent where the kernel does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen_overflows: Option<u64>,
    /// The same listener by listener. Where the kernel does not tell them apart, nothing is here, and the number above is of the whole machine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<Listener>,
    /// Reads from Kafka begun at a chosen offset after the first fault, by gateways that lived through all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetches: Option<u64>,
}

/// A listening socket of the stage.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Whose: `gateway 0`, `load balancer`, …
    pub name: String,
    /// Connection requests that it had no room for.
    pub dropped: u64,
}

/// One fault: from when to when, and what it did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// What was done, in the scenario's word: `kill`, `drain`, `freeze`, …
    pub kind: String,
    /// To what, in words: `gateway 0`.
    pub target: String,
    /// When it began, in milliseconds since the cell's first step.
    pub from_ms: i64,
    /// When it was undone or over, likewise; absent when it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
    /// How long what was ordered took: of a drain, from SIGTERM to the exit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
    /// Devices whose connection ended of it.
    pub touched: u64,
    /// Those whose connection was reset instead of ended in order.
    pub resets: u64,
    /// The stations of the touched devices, from the fault on, in their order: `noticed`, `connected`, `first-message`, `caught-up`.
    #[serde(default)]
    pub stations: Vec<Station>,
    /// How messages reached the others; absent when there were none, or too many to remember.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub survivors: Option<Survivors>,
    /// Memory of the gateways that lived through it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub memory: Vec<Memory>,
}

/// One station on the way of touched devices: how long after the fault's begin they reached it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Station {
    /// `noticed`: the connection ended. `connected`: a new one was up. `first-message`: something arrived on it. `caught-up`: nothing was missing any more.
    pub name: String,
    /// How many devices reached it.
    pub devices: u64,
    /// Half of them within so many milliseconds.
    pub p50_ms: f64,
    /// 90 of 100.
    pub p90_ms: f64,
    /// 99 of 100.
    pub p99_ms: f64,
    /// All of them.
    pub max_ms: f64,
    /// Milliseconds since the fault, and how many devices had reached the station by then; rising, at most 50 points.
    pub curve: Vec<(f64, u64)>,
}

/// How live messages reached devices that the fault did not touch, from when each record was meant to be written to its arrival.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survivors {
    /// How many devices.
    pub devices: u64,
    /// Before the fault, since the one before it was over.
    pub before: Delay,
    /// From its begin until it was over and the last touched device had caught up.
    pub during: Delay,
}

/// A distribution of delays in two numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delay {
    /// How many messages.
    pub messages: u64,
    /// 99 of 100 within so many microseconds.
    pub p99_us: u64,
    /// Where that truly lies with 95 % confidence, from this; 0 in both where it was not kept.
    #[serde(default)]
    pub p99_low_us: u64,
    /// To this.
    #[serde(default)]
    pub p99_high_us: u64,
}

/// Resident memory of one gateway across a fault.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The gateway, from 0.
    pub gateway: u32,
    /// When the fault began, in bytes.
    pub before_bytes: u64,
    /// The most until the next fault, or the end.
    pub peak_bytes: u64,
}

impl Fault {
    /// A station by its name.
    #[must_use]
    pub fn station(&self, name: &str) -> Option<&Station> {
        self.stations.iter().find(|station| station.name == name)
    }
}

impl Station {
    /// The station of devices that took these times to reach it, in milliseconds.
    #[must_use]
    pub fn of(name: &str, mut took_ms: Vec<f64>) -> Self {
        took_ms.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| nearest_rank(&took_ms, share).unwrap_or_default();
        Self {
            name: name.to_owned(),
            devices: took_ms.len() as u64,
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            max_ms: at(1.0),
            curve: curve(&took_ms),
        }
    }

    /// Where the 99th percentile truly lies, with 95 % confidence: at the points of the curve around the ranks that bracket it.
    #[must_use]
    pub fn p99_interval(&self) -> Interval {
        let ranks = Interval::of_rank(0.99, self.devices as f64);
        let mut before = self
            .curve
            .iter()
            .rev()
            .map(|(ms, rank)| (*ms, *rank as f64));
        let mut after = self.curve.iter().map(|(ms, rank)| (*ms, *rank as f64));
        Interval {
            value: self.p99_ms,
            low: before
                .find(|(_, rank)| *rank <= ranks.low)
                .map_or(0.0, |(ms, _)| ms)
                .min(self.p99_ms),
            high: after
                .find(|(_, rank)| *rank >= ranks.high)
                .map_or(self.max_ms, |(ms, _)| ms)
                .max(self.p99_ms),
        }
    }
}

impl Delay {
    /// The distribution of these delays, in microseconds.
    #[must_use]
    pub fn of(mut took_us: Vec<u32>) -> Self {
        took_us.sort_unstable();
        let ranks = Interval::of_rank(0.99, took_us.len() as f64);
        let share = |rank: f64| rank / took_us.len().max(1) as f64;
        let at = |share: f64| nearest_rank(&took_us, share).unwrap_or_default().into();
        Self {
            messages: took_us.len() as u64,
            p99_us: at(0.99),
            p99_low_us: at(share(ranks.low)),
            p99_high_us: at(share(ranks.high)),
        }
    }

    /// Where the 99th percentile truly lies, in microseconds; the value alone where nothing more was kept.
    #[must_use]
    pub fn p99_interval(&self) -> Interval {
        let [value, low, high] =
            [self.p99_us, self.p99_low_us, self.p99_high_us].map(|us| us as f64);
        if high == 0.0 {
            return Interval::exact(value);
        }
        Interval { value, low, high }
    }
}

/// The smallest value that this share of the sorted values does not exceed.
fn nearest_rank<T: Copy>(sorted: &[T], share: f64) -> Option<T> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a length is a length"
    )]
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

/// The cumulative curve of sorted values.
fn curve(sorted: &[f64]) -> Vec<(f64, u64)> {
    let points = sorted.len().min(POINTS);
    (1..=points)
        .filter_map(|point| {
            let count = sorted.len() * point / points;
            Some((*sorted.get(count - 1)?, count as u64))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_station_is_percentiles_and_a_rising_curve_to_the_last_device() {
        let station = Station::of("caught-up", (1..=1_000).rev().map(f64::from).collect());

        assert_eq!(
            (
                station.devices,
                station.p50_ms,
                station.p90_ms,
                station.p99_ms,
                station.max_ms
            ),
            (1_000, 500.0, 900.0, 990.0, 1_000.0)
        );
        assert_eq!(station.curve.len(), POINTS);
        assert!(station.curve.is_sorted());
        assert_eq!(station.curve.last(), Some(&(1_000.0, 1_000)));
    }

    #[test]
    fn few_devices_are_a_point_each_and_none_is_nothing() {
        assert_eq!(
            Station::of("noticed", vec![7.0, 3.0]).curve,
            [(3.0, 1), (7.0, 2)]
        );
        assert_eq!(
            Station::of("noticed", vec![]),
            Station {
                name: "noticed".to_owned(),
                ..Station::default()
            }
        );
    }

    #[test]
    fn a_delay_is_its_99th_of_a_hundred() {
        let delay = Delay::of((1..=200).collect());

        assert_eq!((delay.messages, delay.p99_us), (200, 198));
        // 198 and 1.96 · √(200 · 0.99 · 0.01), about 2.8, to either side.
        assert_eq!((delay.p99_low_us, delay.p99_high_us), (196, 200));
    }

    #[test]
    fn a_percentile_lies_between_points_of_the_curve() {
        let station = Station::of("caught-up", (1..=1_000).map(f64::from).collect());

        // Ranks 983.8 to 996.2; the curve has a point at every 20th device.
        let interval = station.p99_interval();

        assert_eq!(
            (interval.low, interval.value, interval.high),
            (980.0, 990.0, 1_000.0)
        );
        assert_eq!(Station::default().p99_interval(), Interval::exact(0.0));
    }
}
