//! What one connection, handshake, record and delivery takes: slopes of what was measured.

use std::collections::BTreeMap;

use lab_record::statistics::Interval;

use crate::line::{Line, through};
use crate::results::{Results, Work};
use crate::usl::{self, Unfit, Usl};

/// Plateaus, and repetitions of each, below which a slope is called uncertain.
pub const PLACES: usize = 5;
/// Repetitions of each.
pub const REPEATS: usize = 3;

/// Unit costs on one machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Costs {
    /// Resident bytes of the gateway against connections.
    pub user: Line,
    /// Bytes of the kernel's slab against connections, the gateway's end only.
    pub kernel: Line,
    /// Processor seconds of the gateway against handshakes.
    pub handshake: Line,
    /// Processor seconds against records that are delivered to one device each, the reading included.
    pub deliver: Line,
    /// Processor seconds against records that nobody wants.
    pub read: Line,
    /// Resident bytes against records remembered.
    pub remember: Line,
    /// How workgroups add up.
    pub scaling: Result<Usl, Unfit>,
    /// The greatest load that was measured, in deliveries per second.
    pub top_rate: f64,
    /// Median and 99th percentile at that load, in microseconds.
    pub top_times_us: Option<(u64, u64)>,
    /// What makes these numbers less sure.
    pub cautions: Vec<String>,
}

/// A sweep is missing or has one place only.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the results hold no usable sweep of {0}; measure again with `lab capacity`")]
pub struct Missing(pub &'static str);

impl Costs {
    /// The costs that the results show.
    ///
    /// # Errors
    ///
    /// [`Missing`] names a sweep without at least two places.
    pub fn of(results: &Results) -> Result<Self, Missing> {
        let plateaus = |value: fn(&crate::results::Plateau) -> u64, scale: f64| {
            let points = results.memory.iter();
            points
                .map(|p| (p.connections as f64, value(p) as f64 * scale))
                .collect::<Vec<_>>()
        };
        let cpu = |work: &[Work]| {
            work.iter()
                .map(|w| (w.count as f64, w.cpu_seconds))
                .collect()
        };
        let line = |what, points: Vec<(f64, f64)>| through(&points).ok_or(Missing(what));
        let grown = results.reads.iter();
        let grown = grown
            .map(|w| (w.count as f64, w.grown_bytes as f64))
            .collect();
        let top = results
            .deliveries
            .iter()
            .max_by(|a, b| a.rate().total_cmp(&b.rate()));
        let mut costs = Self {
            user: line("memory", plateaus(|p| p.user_bytes, 1.0))?,
            // Both ends of a connection are on the machine that measured.
            kernel: line("memory", plateaus(|p| p.slab_bytes, 0.5))?,
            handshake: line("handshakes", cpu(&results.handshakes))?,
            deliver: line("deliveries", cpu(&results.deliveries))?,
            read: line("reads", cpu(&results.reads))?,
            remember: line("reads", grown)?,
            scaling: usl::fit(&scaling(&results.scaling)),
            top_rate: top.map_or(0.0, Work::rate),
            top_times_us: top.and_then(|work| work.times_us),
            cautions: vec![],
        };
        costs.look_for_doubt();
        Ok(costs)
    }

    /// Processor seconds of one delivery beyond reading its record.
    #[must_use]
    pub fn push(&self) -> f64 {
        (self.deliver.slope.value - self.read.slope.value).max(0.0)
    }

    fn look_for_doubt(&mut self) {
        let lines = [
            ("memory per connection", &self.user),
            ("kernel memory per connection", &self.kernel),
            ("processor time per handshake", &self.handshake),
            ("processor time per delivery", &self.deliver),
            ("processor time per record read", &self.read),
            ("memory per record", &self.remember),
        ];
        for (what, line) in lines {
            if line.places < PLACES || line.points < PLACES * REPEATS {
                self.cautions.push(format!(
                    "{what} rests on {} measurements at {} places, not on {REPEATS} at each of {PLACES}",
                    line.points, line.places
                ));
            }
            if line.slope.low <= 0.0 {
                self.cautions.push(format!(
                    "{what} cannot be told from nothing (95 % interval from {:.2e})",
                    line.slope.low
                ));
            }
        }
    }
}

impl Work {
    /// How often per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.count as f64 / self.seconds.max(0.001)
    }
}

/// (workgroups, deliveries per second if that many processors did nothing else).
#[must_use]
pub fn scaling(works: &[Work]) -> Vec<(f64, f64)> {
    let mut by_count: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for work in works.iter().filter(|w| w.cpu_seconds > 0.0) {
        let n = f64::from(work.workgroups);
        let entry = by_count.entry(work.workgroups).or_default();
        entry.push(n * work.count as f64 / work.cpu_seconds);
    }
    by_count
        .into_iter()
        .map(|(n, rates)| (f64::from(n), rates.iter().sum::<f64>() / rates.len() as f64))
        .collect()
}

/// `1.23 [1.1, 1.4]`, each by `show`.
#[must_use]
pub fn shown(interval: &Interval, show: impl Fn(f64) -> String) -> String {
    format!(
        "{} [{}, {}]",
        show(interval.value),
        show(interval.low),
        show(interval.high)
    )
}
