//! The numbers of runs, one entry per place and name, with every run's sample.

use std::borrow::Borrow;

use lab_record::run::{Cell, Histogram, Run};
use lab_record::verdict::Verdict;

use super::{Interval, REPEATS};
use crate::distribution::decoded;

/// The share by which processor time and memory of one and the same program were seen to move between runs on one machine.
const MOODS: f64 = 0.15;

/// How late the lab itself was, and what it used, is nobody's regression.
const GENERATOR: &str = "generator-lag";
/// See [`GENERATOR`].
const LAB: &str = "lab";

/// One metric of one cell, over the runs of a side.
pub(super) struct Metric {
    pub(super) place: String,
    pub(super) name: String,
    pub(super) unit: &'static str,
    samples: Vec<Interval>,
}

impl Metric {
    pub(super) fn same_as(&self, other: &Self) -> bool {
        self.place == other.place && self.name == other.name && self.unit == other.unit
    }

    /// Enough runs speak for themselves; of fewer, the middle one with its own bounds.
    pub(super) fn interval(&self) -> Interval {
        if self.samples.len() >= REPEATS {
            let values: Vec<f64> = self.samples.iter().map(|s| s.value).collect();
            return Interval::of_repeats(&values);
        }
        let mut sorted = self.samples.clone();
        sorted.sort_by(|a, b| a.value.total_cmp(&b.value));
        sorted
            .get(sorted.len() / 2)
            .copied()
            .unwrap_or(Interval::exact(f64::NAN))
    }
}

/// All metrics of a side. For each of them less is better.
pub(super) fn of_runs(runs: &[impl Borrow<Run>]) -> Vec<Metric> {
    let mut all: Vec<Metric> = vec![];
    for run in runs {
        let run = run.borrow();
        for cell in &run.cells {
            let place = place(run, cell);
            for (name, unit, sample) in samples(cell) {
                match all.iter_mut().find(|m| m.place == place && m.name == name) {
                    Some(metric) => metric.samples.push(sample),
                    None => all.push(Metric {
                        place: place.clone(),
                        name,
                        unit,
                        samples: vec![sample],
                    }),
                }
            }
        }
    }
    all
}

pub(super) fn place(run: &Run, cell: &Cell) -> String {
    let mut place = run.scenario.file.clone();
    if !cell.name.is_empty() {
        place = format!("{place} [{}]", cell.name);
    }
    format!(
        "{place} on {} + {}",
        cell.providers.kafka, cell.providers.adc
    )
}

/// Whether these are times that say something of what was tried.
pub(super) fn is_timed(histogram: &Histogram) -> bool {
    histogram.unit == "us" && histogram.name != GENERATOR
}

/// Whether the cell failed or could not be played, and of one that was judged, how many expectations were broken.
fn verdict(cell: &Cell) -> Vec<(String, &'static str, Interval)> {
    // An undecided cell is neither better nor worse.
    let failed = u8::from(!matches!(
        cell.verdict,
        Verdict::Pass | Verdict::Inconclusive
    ));
    let mut all = vec![(
        "cells that failed or came to nothing".to_owned(),
        "",
        Interval::exact(f64::from(failed)),
    )];
    if matches!(cell.verdict, Verdict::Pass | Verdict::Fail) {
        let expectations = cell.expectations.iter();
        let broken = expectations.filter(|e| e.held == Some(false)).count();
        all.push((
            "expectations broken".to_owned(),
            "",
            Interval::exact(broken as f64),
        ));
    }
    all
}

fn samples(cell: &Cell) -> Vec<(String, &'static str, Interval)> {
    let mut all = verdict(cell);
    for histogram in cell.histograms.iter().filter(|h| is_timed(h)) {
        let Some(times) = decoded(&histogram.hdr) else {
            continue;
        };
        for (quantile, name) in [(0.5, "p50"), (0.99, "p99")] {
            all.push((
                format!("{} {name}", histogram.name),
                "µs",
                Interval::of_quantile(&times, quantile),
            ));
        }
    }
    for process in cell.resources.iter().filter(|r| r.process != LAB) {
        all.push((
            format!("{} processor time", process.process),
            "ms",
            Interval::within(process.cpu_ms as f64, MOODS),
        ));
        all.push((
            format!("{} peak memory", process.process),
            "bytes",
            Interval::within(process.peak_rss_bytes as f64, MOODS),
        ));
    }
    for fault in cell.recovery.iter().flat_map(|recovery| &recovery.faults) {
        for station in fault.stations.iter().filter(|s| s.devices > 0) {
            all.push((
                format!("{} {}: {} p99", fault.kind, fault.target, station.name),
                "ms",
                station.p99_interval(),
            ));
        }
    }
    all
}
