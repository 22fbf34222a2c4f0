//! What the figures of faults say about a scenario's bounds on recovery.

use std::collections::BTreeMap;
use std::time::Duration;

use lab_record::ledger::Flaw;
use lab_record::recovery::{Fault, Recovery, Station};
use lab_record::run::Expectation;

use super::messages::blame;
use super::{answer, shown};
use crate::evidence::Evidence;
use crate::run::Dropped;
use crate::scenario::expect::{Expect, Resumed};
use crate::units::Span;

/// Fewer messages before or during a fault say nothing about 99 of 100.
const FEWEST_MESSAGES: u64 = 200;

/// Up to here a delay is the scheduler's of the machine, and a ratio of two such delays is chance.
const UNREMARKABLE: Duration = Duration::from_millis(20);

/// The answers of a gateway to a subscription that goes on which are no resync.
pub(super) const NO_RESYNC: [&str; 2] = ["synced", "none"];

/// Where devices come back by themselves: everybody is connected at the end.
pub(super) fn connected(seen: &Evidence) -> Expectation {
    let counts = &seen.counts;
    let wanted = counts.connects_ordered.saturating_sub(seen.left);
    let measured = format!(
        "{} of {wanted} connected at the end; on the way {} connections lost, {} attempts failed",
        seen.connected_at_end, counts.lost, counts.failed
    );
    let held = seen.connected_at_end == wanted;
    let mut answer = answer(
        "connected",
        "every device, at the end",
        measured,
        Some(held),
    );
    if !held {
        answer.cause = counts
            .first_failure
            .as_ref()
            .map(|reason| format!("the first failure: {reason}"));
    }
    answer
}

/// The expectations on recovery.
pub(super) fn judge(expect: &Expect, seen: &Evidence) -> Vec<Expectation> {
    let nothing = Recovery::default();
    let recovery = seen.recovery.as_ref().unwrap_or(&nothing);
    let faults = &recovery.faults;
    let drains: Vec<&Fault> = faults
        .iter()
        .filter(|fault| fault.kind == "drain")
        .collect();
    let mut answers = vec![];
    let mut add = |answer: Option<Expectation>| answers.extend(answer);
    add((seen.mischief_ordered > 0).then(|| tampered(seen)));
    add(expect
        .unsignalled_gaps_max
        .map(|most| gaps(most, recovery.unsignalled_gaps, seen)));
    add(expect
        .reconnected_within
        .map(|bound| reached("reconnected-within", "connected", bound, faults)));
    add(expect
        .caught_up_within
        .map(|bound| reached("caught-up-within", "caught-up", bound, faults)));
    add(expect
        .survivors_slower_max
        .map(|most| survivors(most, faults)));
    add(expect.resets_max.map(|most| resets(most, &drains)));
    add(expect.drained_within.map(|bound| drained(bound, &drains)));
    add(expect
        .recovery
        .map(|Resumed::Synced| synced(&recovery.resumes)));
    add(expect
        .resynced
        .as_ref()
        .map(|wanted| resynced(wanted, &recovery.resumes)));
    add(expect
        .listen_overflows_max
        .map(|most| overflows(most, seen.dropped.as_ref())));
    add(expect.memory_grows_max.map(|most| memory(most, faults)));
    add(expect.fetches_max.map(|most| {
        at_most(
            "fetches-max",
            "begun since the first fault",
            most,
            recovery.fetches,
        )
    }));
    answers
}

/// A tampering that did not take place proves nothing about who withstood it.
fn tampered(seen: &Evidence) -> Expectation {
    let (ordered, done) = (seen.mischief_ordered, seen.mischief_done);
    let measured = format!("{done} of {ordered}");
    let held = (done == ordered).then_some(true);
    answer(
        "tampered",
        "every tampering that was ordered took place",
        measured,
        held,
    )
}

/// Gaps that devices noticed and nobody had told of. Without a single message it is undecided.
fn gaps(most: u64, noticed: u64, seen: &Evidence) -> Expectation {
    let held = if noticed > most {
        Some(false)
    } else {
        (seen.counts.delivered > 0).then_some(true)
    };
    let measured = format!("{noticed}, of {} deliveries", seen.counts.delivered);
    let mut answer = answer(
        "unsignalled-gaps-max",
        format!("at most {most}"),
        measured,
        held,
    );
    // A gap that nobody told of is a message that the ledger holds to be lost, or to have come too late.
    if let Some(account) = &seen.account {
        blame(&mut answer, account, &[Flaw::Lost, Flaw::Swapped]);
    }
    answer
}

/// 99 of 100 touched devices reached a station in time, after each fault. A device that never reached it took for ever.
fn reached(name: &str, station: &str, bound: Span, faults: &[Fault]) -> Expectation {
    let wanted = format!("99 of 100 touched devices within {bound}");
    let slowest = faults
        .iter()
        .filter(|fault| fault.touched > 0)
        .filter_map(|fault| Some((fault, fault.station(station)?)))
        .max_by(|(a, at), (b, bt)| weight(a, at).total_cmp(&weight(b, bt)));
    let Some((fault, station)) = slowest else {
        return answer(name, wanted, "no fault touched a device", None);
    };
    let measured = format!(
        "p50 {:.0} ms, p99 {:.0} ms, max {:.0} ms, {} of {} devices, after {} of {}",
        station.p50_ms,
        station.p99_ms,
        station.max_ms,
        station.devices,
        fault.touched,
        fault.kind,
        fault.target
    );
    let held = weight(fault, station) <= bound.get().as_secs_f64() * 1000.0;
    answer(name, wanted, measured, Some(held))
}

/// The time that counts: of 99 of 100, or for ever when that many never arrived.
fn weight(fault: &Fault, station: &Station) -> f64 {
    if station.devices * 100 >= fault.touched * 99 {
        station.p99_ms
    } else {
        f64::INFINITY
    }
}

/// Messages reached the untouched devices nearly as fast as before, during each fault.
fn survivors(most: f64, faults: &[Fault]) -> Expectation {
    const NAME: &str = "survivors-slower-max";
    let wanted =
        format!("at most {most} times as slow for 99 of 100 messages, or {UNREMARKABLE:?}");
    let compared = faults.iter().filter_map(|fault| {
        let survivors = fault.survivors?;
        let enough = survivors.before.messages.min(survivors.during.messages) >= FEWEST_MESSAGES;
        enough.then_some((fault, survivors))
    });
    let slower = |survivors: &lab_record::recovery::Survivors| {
        millis(survivors.during.p99_us) / millis(survivors.before.p99_us).max(0.001)
    };
    let worst = compared.max_by(|(_, a), (_, b)| slower(a).total_cmp(&slower(b)));
    let Some((fault, survivors)) = worst else {
        let measured =
            format!("fewer than {FEWEST_MESSAGES} messages before or during every fault");
        return answer(NAME, wanted, measured, None);
    };
    let measured = format!(
        "p99 {:.1} ms instead of {:.1} ms, {:.2} times as slow, for {} devices during {} of {}",
        millis(survivors.during.p99_us),
        millis(survivors.before.p99_us),
        slower(&survivors),
        survivors.devices,
        fault.kind,
        fault.target
    );
    let held = slower(&survivors) <= most
        || Duration::from_micros(survivors.during.p99_us) <= UNREMARKABLE;
    answer(NAME, wanted, measured, Some(held))
}

#[expect(clippy::cast_precision_loss, reason = "delays stay far below 2^52")]
fn millis(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

/// Drains end connections in order.
fn resets(most: u64, drains: &[&Fault]) -> Expectation {
    let [resets, touched] = [
        drains.iter().map(|drain| drain.resets).sum::<u64>(),
        drains.iter().map(|drain| drain.touched).sum(),
    ];
    let held = if resets > most {
        Some(false)
    } else {
        (touched > 0).then_some(true)
    };
    let measured = format!(
        "{resets} of {touched} connections that {} drains ended",
        drains.len()
    );
    answer("resets-max", format!("at most {most}"), measured, held)
}

fn drained(bound: Span, drains: &[&Fault]) -> Expectation {
    let longest = drains.iter().filter_map(|drain| drain.took_ms).max();
    let wanted = format!("from SIGTERM to the exit within {bound}");
    match longest {
        None => answer("drained-within", wanted, "no gateway was drained", None),
        Some(took) => {
            let held = Duration::from_millis(took) <= bound.get();
            let measured = format!("{took} ms at most, of {} drains", drains.len());
            answer("drained-within", wanted, measured, Some(held))
        }
    }
}

/// Every subscription that went on was told that everything follows.
fn synced(resumes: &BTreeMap<String, u64>) -> Expectation {
    let total: u64 = resumes.values().sum();
    let right = resumes.get("synced").copied().unwrap_or(0);
    let measured = format!("of {total} resumptions: {}", shown(resumes));
    let held = (total > 0).then_some(right == total);
    answer(
        "recovery",
        "every resumption is answered synced",
        measured,
        held,
    )
}

/// Resyncs by reason: at least so many, and no others.
fn resynced(wanted: &BTreeMap<String, u64>, resumes: &BTreeMap<String, u64>) -> Expectation {
    let counted: BTreeMap<String, u64> = resumes
        .iter()
        .filter(|(word, _)| !NO_RESYNC.contains(&word.as_str()))
        .map(|(word, count)| (word.clone(), *count))
        .collect();
    let enough = wanted
        .iter()
        .all(|(reason, least)| counted.get(reason).copied().unwrap_or(0) >= *least);
    let foreign = counted.keys().any(|reason| !wanted.contains_key(reason));
    answer(
        "resynced",
        format!("at least {}, and no others", shown(wanted)),
        shown(&counted),
        Some(enough && !foreign),
    )
}

/// Listener by listener, so that nobody else's overflow counts; of the whole machine where the kernel tells no more, and then it says so.
fn overflows(most: u64, dropped: Option<&Dropped>) -> Expectation {
    let name = "listen-overflows-max";
    let Some(dropped) = dropped else {
        return at_most(name, "dropped", most, None);
    };
    let listeners: Vec<String> = dropped
        .listeners
        .iter()
        .map(|listener| format!("{} {}", listener.name, listener.dropped))
        .collect();
    let what = match listeners.is_empty() {
        true => "dropped on the whole machine, by whatever listener: the kernel does not tell them apart here".to_owned(),
        false => format!("dropped, by listener: {}", listeners.join(", ")),
    };
    at_most(name, &what, most, Some(dropped.count))
}

/// A counter with a bound; undecided where it could not be read.
fn at_most(name: &str, what: &str, most: u64, counted: Option<u64>) -> Expectation {
    let measured = counted.map_or_else(
        || "it could not be counted".to_owned(),
        |counted| format!("{counted} {what}"),
    );
    answer(
        name,
        format!("at most {most}"),
        measured,
        counted.map(|counted| counted <= most),
    )
}

/// No gateway that lived through a fault took much more memory after it.
#[expect(
    clippy::cast_precision_loss,
    reason = "memory stays far below 2^52 bytes"
)]
fn memory(most: f64, faults: &[Fault]) -> Expectation {
    let grown = faults.iter().flat_map(|fault| &fault.memory);
    let ratio = |memory: &lab_record::recovery::Memory| {
        memory.peak_bytes as f64 / (memory.before_bytes.max(1)) as f64
    };
    let wanted = format!("at most {most} times what it took before");
    let worst = grown.max_by(|a, b| ratio(a).total_cmp(&ratio(b)));
    let Some(memory) = worst else {
        return answer("memory-grows-max", wanted, "it could not be measured", None);
    };
    let measured = format!(
        "{:.2} times: {:.1} MB instead of {:.1} MB in gateway {}",
        ratio(memory),
        memory.peak_bytes as f64 / 1e6,
        memory.before_bytes as f64 / 1e6,
        memory.gateway
    );
    answer(
        "memory-grows-max",
        wanted,
        measured,
        Some(ratio(memory) <= most),
    )
}

#[cfg(test)]
mod tests;
