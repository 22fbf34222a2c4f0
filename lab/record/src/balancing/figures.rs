//! From notes to figures.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Balancing, Change, Log, Look, Note, Shares, What};
use crate::recovery::Station;
use crate::statistics::shares::{imbalance, unlikely};

/// The window in which handshakes are counted.
const SECOND_MS: f64 = 1_000.0;

impl Balancing {
    /// What follows from what was noted.
    #[must_use]
    pub fn of(log: &Log) -> Self {
        let first = log.changes_ms.first().copied();
        let changed_at = first.unwrap_or(f64::INFINITY);
        let before = log.looks.iter().rev();
        let at_rest = before
            .clone()
            .find(|look| look.at_ms < changed_at)
            .or(log.looks.first());
        Self {
            way: log.way.clone(),
            at_rest: at_rest.map(|look| shares(log, look)).unwrap_or_default(),
            after: log
                .looks
                .last()
                .map(|look| shares(log, look))
                .unwrap_or_default(),
            change: first.map(|at| change(log, at)),
        }
    }
}

fn shares(log: &Log, look: &Look) -> Shares {
    let weights = log.present(look);
    Shares {
        connections: look.connections.clone(),
        imbalance: imbalance(&look.connections, &weights),
        weights,
    }
}

fn change(log: &Log, at_ms: f64) -> Change {
    let notes: Vec<Note> = log
        .notes
        .iter()
        .copied()
        .filter(|note| note.at_ms >= at_ms)
        .collect();
    let paths = paths(&notes);
    let station = |name, times: Vec<f64>| Station::of(name, times);
    let cut = || paths.values().filter_map(|path| Some((path.lost?, path)));
    let wasted = wasted(log, &notes);
    Change {
        at_ms,
        cut: cut().count() as u64,
        retried: station(
            "retried",
            cut()
                .filter_map(|(lost, path)| Some(path.retried? - lost))
                .collect(),
        ),
        reconnected: station(
            "reconnected",
            cut()
                .filter_map(|(lost, path)| Some(path.back? - latest(&log.changes_ms, lost)))
                .collect(),
        ),
        away: station(
            "away",
            cut()
                .filter_map(|(lost, path)| Some(path.back? - lost))
                .collect(),
        ),
        handshakes_per_second_peak: peak(&notes),
        attempts: notes.iter().filter(|note| is_attempt(note)).count() as u64,
        turned_away: notes
            .iter()
            .filter(|note| note.what == What::TurnedAway)
            .count() as u64,
        wasted: wasted.values().sum(),
        wasted_by_one_device: wasted.values().copied().max().unwrap_or(0),
        known_dead: known_dead(log, at_ms),
        newcomers: newcomers(log, latest(&log.changes_ms, f64::INFINITY)),
        balanced_after_ms: balanced_after(log, at_ms),
    }
}

/// What each gateway gained since the last change; nothing where one lost connections, as nobody can tell then who came.
fn newcomers(log: &Log, last_change_ms: f64) -> Shares {
    let mut before = log.looks.iter().rev();
    let before = before.find(|look| look.at_ms < last_change_ms);
    let (Some(before), Some(end)) = (before, log.looks.last()) else {
        return Shares::default();
    };
    let pairs = end.connections.iter().zip(&before.connections);
    let gained: Option<Vec<u64>> = pairs.map(|(now, then)| now.checked_sub(*then)).collect();
    let Some(connections) = gained else {
        return Shares::default();
    };
    shares(
        log,
        &Look {
            connections,
            ..end.clone()
        },
    )
}

/// The latest change before this time.
fn latest(changes_ms: &[f64], at_ms: f64) -> f64 {
    let mut before = changes_ms.iter().copied().rev();
    before.find(|change| *change <= at_ms).unwrap_or(at_ms)
}

/// A device's way from its first loss back to a connection.
#[derive(Debug, Default)]
struct Path {
    lost: Option<f64>,
    retried: Option<f64>,
    back: Option<f64>,
}

fn paths(notes: &[Note]) -> BTreeMap<u32, Path> {
    let mut paths: BTreeMap<u32, Path> = BTreeMap::new();
    for note in notes {
        let path = paths.entry(note.device).or_default();
        let station = match note.what {
            What::Lost => &mut path.lost,
            What::Tried(_) if path.lost.is_some() => &mut path.retried,
            What::Connected if path.lost.is_some() => &mut path.back,
            What::Tried(_) | What::Connected | What::Failed | What::TurnedAway => continue,
        };
        station.get_or_insert(note.at_ms);
    }
    paths
}

/// The most connections that came up within a second.
fn peak(notes: &[Note]) -> u64 {
    let mut window: VecDeque<f64> = VecDeque::new();
    let mut most = 0;
    for note in notes.iter().filter(|note| note.what == What::Connected) {
        while window
            .front()
            .is_some_and(|first| note.at_ms - first >= SECOND_MS)
        {
            window.pop_front();
        }
        window.push_back(note.at_ms);
        most = most.max(window.len());
    }
    most as u64
}

/// Attempts that could not succeed, by device.
fn wasted(log: &Log, notes: &[Note]) -> BTreeMap<u32, u64> {
    let mut wasted = BTreeMap::new();
    let mut through_balancer = BTreeSet::new();
    for note in notes {
        let is_wasted = match note.what {
            What::Tried(Some(gateway)) => log.is_away(gateway, note.at_ms),
            What::Tried(None) => {
                through_balancer.insert(note.device);
                false
            }
            What::Failed => through_balancer.contains(&note.device),
            What::Connected | What::Lost | What::TurnedAway => false,
        };
        if is_wasted {
            *wasted.entry(note.device).or_default() += 1;
        }
    }
    wasted
}

/// What a device has found out about gateways.
#[derive(Debug, Default)]
struct Experience {
    at: Option<u32>,
    failed: BTreeSet<u32>,
}

/// Attempts at gateways that had failed the same device, although others had not.
fn known_dead(log: &Log, at_ms: f64) -> Option<u64> {
    let mut devices: BTreeMap<u32, Experience> = BTreeMap::new();
    let mut found = 0;
    let mut targets_are_known = false;
    let mut looks = log.looks.iter().peekable();
    let mut choosable = BTreeSet::<u32>::new();
    for note in &log.notes {
        while let Some(look) = looks.next_if(|look| look.at_ms <= note.at_ms) {
            choosable = offered(look).collect();
        }
        let device = devices.entry(note.device).or_default();
        match note.what {
            What::Tried(target) => {
                device.at = target;
                let Some(target) = target else { continue };
                targets_are_known = true;
                let is_known = device.failed.contains(&target);
                if is_known && note.at_ms >= at_ms && !choosable.is_subset(&device.failed) {
                    found += 1;
                }
            }
            // Whoever turns a device away is not dead.
            What::Connected | What::TurnedAway => {
                if let Some(gateway) = device.at {
                    device.failed.remove(&gateway);
                }
            }
            What::Failed | What::Lost => {
                device.failed.extend(device.at);
                if choosable.is_subset(&device.failed) {
                    // All have failed: everybody may be tried again.
                    device.failed.clear();
                }
            }
        }
    }
    targets_are_known.then_some(found)
}

/// Gateways that devices were offered at the time of a look.
fn offered(look: &Look) -> impl Iterator<Item = u32> {
    let weights = (0..).zip(&look.weights);
    weights
        .filter(|(_, weight)| **weight > 0)
        .map(|(gateway, _)| gateway)
}

/// How long it took from this change until gateways were balanced, and stayed so to the end.
fn balanced_after(log: &Log, at_ms: f64) -> Option<f64> {
    let since = log.looks.iter().filter(|look| look.at_ms >= at_ms);
    let balanced = |look: &Look| {
        let weights = log.present(look);
        imbalance(&look.connections, &weights).is_some()
            && unlikely(&look.connections, &weights).is_empty()
    };
    let last_run = since.rev().take_while(|look| balanced(look)).last()?;
    Some((last_run.at_ms - at_ms).max(0.0))
}

fn is_attempt(note: &Note) -> bool {
    matches!(note.what, What::Tried(_))
}

#[cfg(test)]
mod tests;
