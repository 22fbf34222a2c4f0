//! Whole distributions of times, one side beside the other: a percentile that moved may be a tail that grew, or everything.

use hdrhistogram::Histogram;
use lab_record::run::Run;

use super::metric::{is_timed, place};
use super::{Change, Difference};
use crate::distribution::decoded;

/// One distribution on both sides, each over all runs of its side.
#[derive(Debug, Clone, PartialEq)]
pub struct Distributions {
    /// Scenario, cell and providers.
    pub place: String,
    /// What was timed.
    pub name: String,
    /// The first side, in microseconds.
    pub before: Histogram<u64>,
    /// The second side.
    pub after: Histogram<u64>,
}

/// What both sides timed; what changed most comes first, then the order of the second side.
pub(super) fn beside(
    before: &[Run],
    after: &[Run],
    differences: &[Difference],
) -> Vec<Distributions> {
    let left = of_runs(before);
    let mut both: Vec<Distributions> = of_runs(after)
        .into_iter()
        .filter_map(|(place, name, after)| {
            let (_, _, before) = left.iter().find(|one| one.0 == place && one.1 == name)?;
            let before = before.clone();
            Some(Distributions {
                place,
                name,
                before,
                after,
            })
        })
        .collect();
    both.sort_by_key(|one| {
        let of_it = differences
            .iter()
            .filter(|d| d.place == one.place && d.metric.starts_with(&one.name));
        of_it.map(|d| d.change).min().unwrap_or(Change::Noise)
    });
    both
}

/// Place, name and times; runs of one side are joined.
fn of_runs(runs: &[Run]) -> Vec<(String, String, Histogram<u64>)> {
    let mut all: Vec<(String, String, Histogram<u64>)> = vec![];
    for run in runs {
        for cell in &run.cells {
            let place = place(run, cell);
            for histogram in cell.histograms.iter().filter(|h| is_timed(h)) {
                let Some(times) = decoded(&histogram.hdr).filter(|times| !times.is_empty()) else {
                    continue;
                };
                let same = |one: &&mut (String, String, Histogram<u64>)| {
                    one.0 == place && one.1 == histogram.name
                };
                match all.iter_mut().find(same) {
                    // What does not fit into the first run's range is left out of the picture; the table has its percentiles.
                    Some((_, _, joined)) => _ = joined.add(&times),
                    None => all.push((place.clone(), histogram.name.clone(), times)),
                }
            }
        }
    }
    all
}
