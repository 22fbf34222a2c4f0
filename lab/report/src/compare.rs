//! Two sides, each one or several runs: what differs by more than noise, and in which direction.
//!
//! Cells are matched by scenario, cell and providers. A time is compared by its distribution; with at least [`REPEATS`] runs on both sides the spread
//! between runs decides instead, because it holds the machine's moods as well.

mod distributions;
mod metric;
mod page;
mod text;

use lab_record::run::Run;

pub use lab_record::statistics::Interval;
pub use page::page;
pub use text::text;

pub use distributions::Distributions;
use metric::Metric;

/// Runs on each side from which the spread between runs is used.
pub const REPEATS: usize = 3;

/// What is known about one metric on both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Scenario, cell and providers.
    pub place: String,
    /// What was measured: `delivery p99`, `gateway-0 processor time`.
    pub metric: String,
    /// In what.
    pub unit: &'static str,
    /// The first side: the value, and where it may truly lie.
    pub before: Interval,
    /// The second side.
    pub after: Interval,
    /// What follows.
    pub change: Change,
}

impl Difference {
    /// How much more the second side has, and where that truly lies.
    #[must_use]
    pub fn difference(&self) -> Interval {
        Interval::difference(&self.before, &self.after)
    }
}

/// What follows from a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Beyond noise and in the bad direction; makes the command exit with 1.
    Worse,
    /// Beyond noise and in the good direction.
    Better,
    /// Intervals overlap, or the difference is under the threshold.
    Noise,
}

impl Change {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
            Self::Noise => "same within noise",
        }
    }
}

/// The whole comparison.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Comparison {
    /// Worst first, within that in the order of the second side.
    pub differences: Vec<Difference>,
    /// Distributions of times that both sides have, those that changed first.
    pub distributions: Vec<Distributions>,
    /// Cells that only one side has, and what only one side measured of a cell, in words.
    pub unmatched: Vec<String>,
    /// What makes the sides hard to compare: other machine, other kernel, other gateway.
    pub cautions: Vec<String>,
}

impl Comparison {
    /// Whether anything got worse.
    pub fn regressed(&self) -> bool {
        self.differences.iter().any(|d| d.change == Change::Worse)
    }
}

/// Compares; `threshold` is the relative difference that is noise whatever the intervals say (0.1 for ten percent).
pub fn compare(before: &[Run], after: &[Run], threshold: f64) -> Comparison {
    let left = metric::of_runs(before);
    let right = metric::of_runs(after);
    let mut differences: Vec<Difference> = right
        .iter()
        .filter_map(|after| {
            let before = left.iter().find(|m| m.same_as(after))?;
            Some(difference(before, after, threshold))
        })
        .collect();
    differences.sort_by_key(|d| d.change);
    Comparison {
        distributions: distributions::beside(before, after, &differences),
        differences,
        unmatched: unmatched(&left, &right),
        cautions: cautions(before, after),
    }
}

fn difference(before: &Metric, after: &Metric, threshold: f64) -> Difference {
    let (old, new) = (before.interval(), after.interval());
    let floor = threshold * old.value.abs();
    let apart = old.high < new.low || new.high < old.low;
    let change = if !apart || (new.value - old.value).abs() <= floor {
        Change::Noise
    } else if new.value > old.value {
        Change::Worse
    } else {
        Change::Better
    };
    Difference {
        place: after.place.clone(),
        metric: after.name.clone(),
        unit: after.unit,
        before: old,
        after: new,
        change,
    }
}

fn unmatched(left: &[Metric], right: &[Metric]) -> Vec<String> {
    let only = |these: &[Metric], those: &[Metric], side: &str| -> Vec<String> {
        let mut places: Vec<String> = these
            .iter()
            .filter(|m| !those.iter().any(|other| other.place == m.place))
            .map(|m| format!("only on the {side} side: {}", m.place))
            .collect();
        places.dedup();
        places
    };
    let mut all = only(left, right, "first");
    all.extend(only(right, left, "second"));
    all.extend(half_measured(left, right, "first"));
    all.extend(half_measured(right, left, "second"));
    all
}

/// What `these` measured of cells that `those` have as well, and they did not: a cell that failed early has few figures.
fn half_measured(these: &[Metric], those: &[Metric], side: &str) -> Vec<String> {
    let mut of_place: Vec<(&str, Vec<&str>)> = vec![];
    for metric in these {
        let known = those.iter().any(|other| other.place == metric.place);
        if !known || those.iter().any(|other| other.same_as(metric)) {
            continue;
        }
        match of_place.last_mut() {
            Some((place, names)) if *place == metric.place => names.push(&metric.name),
            _ => of_place.push((&metric.place, vec![&metric.name])),
        }
    }
    of_place
        .into_iter()
        .map(|(place, names)| {
            format!(
                "only measured on the {side} side: {place}: {}",
                names.join(", ")
            )
        })
        .collect()
}

fn cautions(before: &[Run], after: &[Run]) -> Vec<String> {
    let (Some(a), Some(b)) = (before.first(), after.first()) else {
        return vec!["one side has no run".to_owned()];
    };
    let (a, b) = (&a.environment, &b.environment);
    [
        ("processor", &a.cpu_model, &b.cpu_model),
        ("kernel", &a.kernel, &b.kernel),
        ("gateway", &a.gateway, &b.gateway),
        ("lab", &a.lab, &b.lab),
    ]
    .into_iter()
    .filter(|(_, one, other)| one != other)
    .map(|(what, one, other)| format!("another {what}: {one} and {other}"))
    .collect()
}
