//! How sure a measurement is, in words: where the true value lies, or what chance alone would do. What was counted to the last one is exact.

use hdrhistogram::Histogram;
use lab_record::balancing::Shares;
use lab_record::ledger::{Account, Flaw};
use lab_record::statistics::{Interval, limits};

use super::{most_grown, most_slowing, slowest, worst_drain};
use crate::evidence::{Evidence, Sighting};
use crate::scenario::expect::Expect;

/// The share by which the memory of one and the same program was seen to move between runs on one machine.
const MOODS: f64 = 0.15;

/// How sure the measurement of this rule is; none where it was counted.
pub(super) fn of(name: &str, expect: &Expect, seen: &Evidence) -> Option<String> {
    let balancing = seen.balancing.as_ref();
    let change = balancing.and_then(|figures| figures.change.as_ref());
    let account = seen.account.as_ref();
    match name {
        "delivered-within" => p99(&seen.latencies.as_ref()?.deliveries),
        "published-within" => p99(&seen.latencies.as_ref()?.acknowledgements),
        "lost-max" => flawed(&[Flaw::Lost], account?),
        "doubled-max" => flawed(&[Flaw::Doubled], account?),
        "swapped-max" => flawed(&[Flaw::Swapped], account?),
        "messages-true" => flawed(
            &[Flaw::Corrupted, Flaw::Foreign, Flaw::Disagreeing],
            account?,
        ),
        "misplaced-publishes-max" => {
            let flaws = [Flaw::Vanished, Flaw::Misplaced, Flaw::Disordered];
            share(
                counted(&flaws, account?),
                account?.acknowledged,
                "publishes",
            )
        }
        "unsignalled-gaps-max" => share(
            seen.recovery.as_ref()?.unsignalled_gaps,
            seen.counts.delivered,
            "deliveries",
        ),
        "resets-max" => {
            let drain = worst_drain(seen, |drain| drain.resets)?;
            let of = format!("connections that {} of {} ends", drain.kind, drain.target);
            share(drain.resets, drain.touched, &of)
        }
        "reconnected-within" => station(&slowest(name, seen)?.station("connected")?.p99_interval()),
        "caught-up-within" => station(&slowest(name, seen)?.station("caught-up")?.p99_interval()),
        "retried-within" => station(&change?.retried.p99_interval()),
        "survivors-slower-max" => slower(seen),
        "memory-grows-max" => grown(seen),
        "spread" if expect.spread.is_some() => chance(&seen.sightings),
        "fair-at-rest" => dice(&balancing?.at_rest),
        "fair-newcomers" => dice(&change?.newcomers),
        "imbalance" => dice(&balancing?.after),
        _ => None,
    }
}

/// Where the 99th percentile truly lies.
fn p99(times: &Histogram<u64>) -> Option<String> {
    if times.is_empty() {
        return None;
    }
    let Interval { low, high, .. } = Interval::of_quantile(times, 0.99);
    between(low / 1_000.0, high / 1_000.0)
}

/// The same of devices on their way back.
fn station(interval: &Interval) -> Option<String> {
    between(interval.low, interval.high)
}

fn between(low_ms: f64, high_ms: f64) -> Option<String> {
    Some(format!(
        "p99 between {low_ms:.1} and {high_ms:.1} ms with 95 % confidence"
    ))
}

fn counted(flaws: &[Flaw], account: &Account) -> u64 {
    flaws.iter().map(|flaw| account.count(*flaw)).sum()
}

/// Of every million messages, how many go wrong in this way.
fn flawed(flaws: &[Flaw], account: &Account) -> Option<String> {
    let of = account.deliveries + account.lost;
    share(counted(flaws, account), of, "messages")
}

/// Of every million, how many go wrong.
fn share(wrong: u64, of: u64, what: &str) -> Option<String> {
    if of == 0 {
        return None;
    }
    let Interval { low, high, .. } = Interval::of_share(wrong.min(of), of);
    let (low, high) = (low * 1e6, high * 1e6);
    Some(format!(
        "between {low:.0} and {high:.0} of a million {what} with 95 % confidence"
    ))
}

/// The ratio of two percentiles, at the ends of both.
fn slower(seen: &Evidence) -> Option<String> {
    let survivors = most_slowing(seen)?.survivors?;
    let [before, during] = [survivors.before, survivors.during].map(|delay| delay.p99_interval());
    let (low, high) = (
        during.low / before.high.max(1.0),
        during.high / before.low.max(1.0),
    );
    Some(format!(
        "between {low:.2} and {high:.2} times as slow with 95 % confidence"
    ))
}

/// Memory is seen once in a run, and not the same in the next one.
fn grown(seen: &Evidence) -> Option<String> {
    most_grown(seen).filter(|fault| !fault.memory.is_empty())?;
    Some(format!(
        "seen once; between runs on one machine it moves by {:.0} %",
        MOODS * 100.0
    ))
}

/// What dice would do with as many connections.
fn chance(sightings: &[Sighting]) -> Option<String> {
    let limits: Vec<String> = sightings
        .iter()
        .filter(|sighting| sighting.workgroups.len() > 1 && sighting.placed() > 0)
        .map(|sighting| {
            let groups = sighting.workgroups.len() as u64;
            format!("{:.3}", limits::max_over_mean(sighting.placed(), groups))
        })
        .collect();
    (!limits.is_empty()).then(|| {
        format!(
            "chance alone explains max/mean up to {} (once in a million runs more)",
            limits.join(", ")
        )
    })
}

/// What dice would do with as many connections over the gateways that are to have any.
fn dice(shares: &Shares) -> Option<String> {
    let total: u64 = shares.connections.iter().sum();
    let weighty: Vec<u32> = shares.weights.iter().copied().filter(|w| *w > 0).collect();
    let (first, groups) = (*weighty.first()?, weighty.len() as u64);
    if total == 0 || groups < 2 || weighty.iter().any(|weight| *weight != first) {
        return None;
    }
    Some(format!(
        "chance alone explains {:.3} of a share (once in a million runs more)",
        limits::max_over_mean(total, groups)
    ))
}
