//! What the ledger's account and the latencies say about a scenario's bounds on messages.

use std::collections::BTreeSet;
use std::time::Duration;

use hdrhistogram::Histogram;
use lab_record::ledger::{Account, Finding, Flaw};
use lab_record::run::Expectation;

use super::{answer, publishes};
use crate::evidence::Evidence;
use crate::scenario::expect::Expect;
use crate::units::Span;

/// The expectations on messages, and those that hold wherever messages were moved.
pub(super) fn judge(expect: &Expect, seen: &Evidence) -> Vec<Expectation> {
    let Some(account) = &seen.account else {
        return vec![];
    };
    let mut answers = vec![subscribed(seen), truthful(account)];
    let bounds = [
        ("lost-max", expect.lost_max, vec![Flaw::Lost]),
        ("doubled-max", expect.doubled_max, vec![Flaw::Doubled]),
        ("swapped-max", expect.swapped_max, vec![Flaw::Swapped]),
    ];
    for (name, bound, flaws) in bounds {
        answers.extend(bound.map(|most| counted(name, most, &flaws, account)));
    }
    if seen.counts.publishes_ordered > 0 {
        answers.extend(publishes::judge(expect, seen, account));
    }
    let flaws = [Flaw::Vanished, Flaw::Misplaced, Flaw::Disordered];
    answers.extend(
        expect
            .misplaced_publishes_max
            .map(|most| publishes(most, &flaws, account)),
    );
    if let Some(latencies) = &seen.latencies {
        answers.extend(
            expect
                .delivered_within
                .map(|bound| within("delivered-within", bound, &latencies.deliveries, seen)),
        );
        answers.extend(
            expect
                .published_within
                .map(|bound| within("published-within", bound, &latencies.acknowledgements, seen)),
        );
    }
    answers
}

/// Every subscription that was asked for was confirmed.
fn subscribed(seen: &Evidence) -> Expectation {
    let counts = &seen.counts;
    let measured = format!("{} of {}", counts.subscribed, counts.subscribes_ordered);
    let held = counts.subscribed == counts.subscribes_ordered;
    let mut answer = answer(
        "subscribed",
        "every subscription is confirmed",
        measured,
        Some(held),
    );
    if !held {
        answer.cause.clone_from(&counts.first_failure);
    }
    answer
}

/// What was delivered is what the log has, under the same position everywhere.
fn truthful(account: &Account) -> Expectation {
    let flaws = [Flaw::Corrupted, Flaw::Foreign, Flaw::Disagreeing];
    let wrong: u64 = flaws.iter().map(|flaw| account.count(*flaw)).sum();
    let measured = format!("{wrong} of {} messages are not", account.deliveries);
    let mut answer = answer(
        "messages-true",
        "every message is the log's, with one position",
        measured,
        Some(wrong == 0),
    );
    blame(&mut answer, account, &flaws);
    answer
}

/// A bound on messages that went wrong. Without a single message it is undecided.
fn counted(name: &str, most: u64, flaws: &[Flaw], account: &Account) -> Expectation {
    let wrong: u64 = flaws.iter().map(|flaw| account.count(*flaw)).sum();
    let measured = format!(
        "{wrong}, of {} deliveries of {} records",
        account.deliveries, account.records
    );
    let held = if wrong > most {
        Some(false)
    } else {
        (account.deliveries > 0).then_some(true)
    };
    let mut answer = answer(name, format!("at most {most}"), measured, held);
    blame(&mut answer, account, flaws);
    answer
}

/// A bound on publishes that are not where their acknowledgement says, in the device's order.
fn publishes(most: u64, flaws: &[Flaw], account: &Account) -> Expectation {
    let wrong: u64 = flaws.iter().map(|flaw| account.count(*flaw)).sum();
    let measured = format!(
        "{wrong} of {}, {} repeated in the log",
        account.acknowledged, account.repeated
    );
    let held = if wrong > most {
        Some(false)
    } else {
        (account.acknowledged > 0).then_some(true)
    };
    let mut answer = answer(
        "misplaced-publishes-max",
        format!("at most {most}"),
        measured,
        held,
    );
    blame(&mut answer, account, flaws);
    answer
}

/// 99 of 100 within a bound. A generator that was late by half the bound measured itself.
fn within(name: &str, bound: Span, times: &Histogram<u64>, seen: &Evidence) -> Expectation {
    let at = |quantile| Span(Duration::from_micros(times.value_at_quantile(quantile)));
    let wanted = format!("99 of 100 within {bound}");
    if times.is_empty() {
        return answer(name, wanted, "nothing was timed", None);
    }
    let measured = format!(
        "p50 {}, p99 {}, max {}, of {}",
        shown(at(0.5)),
        shown(at(0.99)),
        shown(Span(Duration::from_micros(times.max()))),
        times.len()
    );
    let lag = seen.worst_lag.max(seen.counts.worst_lag);
    let mut answer = answer(name, wanted, measured, Some(at(0.99) <= bound));
    if lag * 2 > bound.get() {
        answer.held = None;
        answer.cause = Some(format!(
            "the lab itself was {} behind its schedule",
            shown(Span(lag))
        ));
    }
    answer
}

/// In milliseconds, with a digit.
fn shown(span: Span) -> String {
    format!("{:.1} ms", span.get().as_secs_f64() * 1000.0)
}

/// Says of which finding an answer comes, and of a broken one since when there are such.
pub(super) fn blame(answer: &mut Expectation, account: &Account, flaws: &[Flaw]) {
    answer.cause = example(account, flaws);
    if answer.held == Some(false) {
        answer.first_broke_ms = account.first_ms(flaws);
    }
}

/// The first finding of one of these kinds, in words, and what the others have in common with it.
fn example(account: &Account, flaws: &[Flaw]) -> Option<String> {
    let found: Vec<&Finding> = account
        .examples
        .iter()
        .filter(|finding| flaws.contains(&finding.flaw))
        .collect();
    let first = found.first()?;
    Some(format!("for instance {first}{}", in_common(&found)))
}

/// Whether all findings are of one device, or of one partition: that tells a connection from a log.
fn in_common(found: &[&Finding]) -> String {
    let count = found.len();
    if count < 2 {
        return String::new();
    }
    let devices: BTreeSet<u32> = found.iter().map(|finding| finding.device).collect();
    let partitions: BTreeSet<i32> = found.iter().map(|finding| finding.partition).collect();
    match (devices.len(), partitions.len()) {
        (1, 1) => format!("; the first {count} are all of this device and partition"),
        (1, _) => format!("; the first {count} are all of this device"),
        (devices, 1) => {
            format!("; the first {count} are all in this partition, of {devices} devices")
        }
        (devices, partitions) => {
            format!("; the first {count} are of {devices} devices and {partitions} partitions")
        }
    }
}
