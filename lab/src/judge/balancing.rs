//! What balancing may cost, against what it did cost.

use std::time::Duration;

use lab_record::balancing::{Balancing, Change, Shares};
use lab_record::recovery::Station;
use lab_record::run::Expectation;
use lab_record::statistics::shares::unlikely;

use super::answer;
use crate::evidence::Evidence;
use crate::scenario::expect::Expect;
use crate::scenario::expect::balancing::Bounds;

pub(super) fn judge(expect: &Expect, seen: &Evidence) -> Vec<Expectation> {
    let (Some(bounds), Some(way), Some(figures)) =
        (&expect.balancing, seen.balancing_way, &seen.balancing)
    else {
        return vec![];
    };
    let bounds = [bounds.every.as_ref(), bounds.of(way)];
    let answers = bounds.into_iter().flatten();
    answers
        .flat_map(|bounds| {
            let mut answers = of_shares(bounds, figures);
            answers.extend(of_change(bounds, figures.change.as_ref()));
            answers.extend(of_members(bounds, seen));
            answers
        })
        .collect()
}

fn of_shares(bounds: &Bounds, figures: &Balancing) -> Vec<Expectation> {
    let end = figures.after.imbalance;
    let over = |wanted: String, held: Option<bool>| {
        answer("imbalance", wanted, in_words(&figures.after), held)
    };
    [
        bounds
            .fair_at_rest
            .map(|wanted| fair("fair-at-rest", &figures.at_rest, wanted)),
        bounds.imbalance_max.map(|limit| {
            over(
                format!("the fullest gateway has at most {limit} of its share"),
                end.map(|end| end <= limit),
            )
        }),
        bounds.imbalance_min.map(|limit| {
            over(
                format!("the fullest gateway has at least {limit} of its share"),
                end.map(|end| end >= limit),
            )
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Each gateway's share against its weight.
fn fair(name: &str, shares: &Shares, wanted: bool) -> Expectation {
    let strays = unlikely(&shares.connections, &shares.weights);
    let held = shares.imbalance.map(|_| strays.is_empty() == wanted);
    let wanted = if wanted {
        "each gateway has the share of its weight"
    } else {
        "gateways have other shares than their weights"
    };
    let mut answer = answer(name, wanted, in_words(shares), held);
    answer.cause = strays.first().map(|stray| {
        format!(
            "gateway {} has {} connections, dice would give it about {:.0}",
            stray.group, stray.count, stray.expected
        )
    });
    answer
}

fn of_change(bounds: &Bounds, change: Option<&Change>) -> Vec<Expectation> {
    let nothing = Change::default();
    let happened = change.is_some();
    let change = change.unwrap_or(&nothing);
    let at_most = |name: &str, what: &str, limit: Option<u64>, count: Option<u64>| {
        limit.map(|limit| {
            let held = count.filter(|_| happened).map(|count| count <= limit);
            answer(
                name,
                format!("at most {limit} {what}"),
                counted(count),
                held,
            )
        })
    };
    [
        bounds
            .fair_newcomers
            .map(|wanted| fair("fair-newcomers", &change.newcomers, wanted)),
        bounds
            .balanced_within
            .map(|limit| balanced(change, happened, limit.get())),
        bounds
            .retried_within
            .map(|limit| retried(&change.retried, limit.get())),
        bounds
            .stragglers_within
            .map(|limit| stragglers(&change.away, change.cut, limit.get())),
        at_most(
            "wasted",
            "attempts at gateways that are not there",
            bounds.wasted_max,
            Some(change.wasted),
        ),
        bounds.wasted_min.map(|limit| {
            let wanted = format!("at least {limit} attempts at gateways that are not there");
            let held = happened.then_some(change.wasted >= limit);
            answer("wasted", wanted, counted(Some(change.wasted)), held)
        }),
        at_most(
            "wasted-by-one-device",
            "attempts of one device at gateways that are not there",
            bounds.wasted_by_one_device_max,
            Some(change.wasted_by_one_device),
        ),
        at_most(
            "known-dead",
            "attempts at a gateway that had failed the same device while another had not",
            bounds.known_dead_max,
            change.known_dead,
        ),
        at_most(
            "handshakes-per-second",
            "handshakes within a second",
            bounds.handshakes_per_second_max,
            Some(change.handshakes_per_second_peak),
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn of_members(bounds: &Bounds, seen: &Evidence) -> Option<Expectation> {
    let limit = bounds.new_at_failed_members_max?;
    let failed = &seen.failed_members;
    let new = failed.iter().map(|member| member.new).sum::<u64>();
    let measured = match failed.as_slice() {
        [] => "the monitor failed no member".to_owned(),
        _ => format!(
            "{new}, after the monitor had failed {} of the members",
            failed.len()
        ),
    };
    let wanted = format!("at most {limit} new connections to a member after its monitor failed it");
    let held = (!failed.is_empty()).then_some(new <= limit);
    Some(answer("new-at-failed-members", wanted, measured, held))
}

fn balanced(change: &Change, happened: bool, limit: Duration) -> Expectation {
    let measured = match change.balanced_after_ms {
        Some(after) => format!("balanced after {after:.0} ms"),
        None => "not balanced at the end".to_owned(),
    };
    let held = happened.then(|| {
        change
            .balanced_after_ms
            .is_some_and(|after| after <= millis(limit))
    });
    let wanted = format!("balanced again within {limit:?}");
    answer("balanced-within", wanted, measured, held)
}

fn retried(station: &Station, limit: Duration) -> Expectation {
    let measured = format!(
        "{} devices: p50 {:.1} ms, p99 {:.1} ms, last {:.1} ms",
        station.devices, station.p50_ms, station.p99_ms, station.max_ms
    );
    let held = (station.devices > 0).then_some(station.max_ms <= millis(limit));
    let wanted = format!("every device tries again within {limit:?} of its cut");
    answer("retried-within", wanted, measured, held)
}

fn stragglers(station: &Station, cut: u64, window: Duration) -> Expectation {
    let limit = 2.0 * station.p50_ms + millis(window);
    let measured = format!(
        "{} of {cut} devices back: p50 {:.1} ms, last {:.1} ms",
        station.devices, station.p50_ms, station.max_ms
    );
    let all_back = station.devices == cut;
    let held = (cut > 0).then_some(all_back && station.max_ms <= limit);
    let wanted =
        format!("the last device is back within twice the median and {window:?}, {limit:.0} ms");
    answer("stragglers-within", wanted, measured, held)
}

/// `100/98/102 connections for weights 1/1/1, the fullest at 1.02 of its share`.
pub(crate) fn in_words(shares: &Shares) -> String {
    let Some(imbalance) = shares.imbalance else {
        return "no connections were seen".to_owned();
    };
    format!(
        "{} connections for weights {}, the fullest at {imbalance:.2} of its share",
        joined(&shares.connections),
        joined(&shares.weights)
    )
}

fn joined<T: ToString>(numbers: &[T]) -> String {
    numbers
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("/")
}

fn counted(count: Option<u64>) -> String {
    count.map_or_else(
        || "devices see one address only".to_owned(),
        |count| count.to_string(),
    )
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests;
