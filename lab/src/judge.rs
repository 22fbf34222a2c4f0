//! From what was expected and what was seen to what held. Pure.

mod balancing;
mod context;
pub(crate) mod linear;
mod messages;
pub(crate) mod offload;
mod pacing;
mod publishes;
mod recovery;

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;

use lab_record::run::Expectation;
use lab_record::statistics::{self, Judgement, Severity};

use crate::evidence::{Evidence, Sighting};
use crate::scenario::expect::{Connected, Expect, KnockAnswer, Spread, Whose};

/// Every expectation of a scenario, and those that always hold, answered.
pub(crate) fn judge(expect: &Expect, seen: &Evidence) -> Vec<Expectation> {
    let mut answers = vec![alive(seen)];
    if seen.counts.connects_ordered > 0 {
        answers.extend(connected(expect.connected, seen));
        answers.push(kernel_agrees(&seen.sightings));
    }
    answers.extend(
        expect
            .spread
            .map(|spread| spread_answer(spread, expect.spread_headroom.unwrap_or(1.0), seen)),
    );
    answers.extend(
        expect
            .client_addresses
            .map(|whose| client_addresses(whose, seen)),
    );
    let on_gateways = expect.on_gateways.as_ref();
    answers.extend(on_gateways.map(|wanted| on_each(wanted, &seen.sightings)));
    answers.extend(messages::judge(expect, seen));
    answers.extend(pacing::judge(expect, seen));
    answers.extend(recovery::judge(expect, seen));
    answers.extend(balancing::judge(expect, seen));
    answers.extend(expect.refused.as_ref().map(|wanted| refused(wanted, seen)));
    answers.extend(expect.probes.as_ref().map(|wanted| probes(wanted, seen)));
    answers.extend(expect.knocks.map(|wanted| knocks(wanted, seen)));
    answers.extend(expect.adc_log.as_ref().map(|wanted| adc_log(wanted, seen)));
    answers.extend(expect.members_up.map(|wanted| members_up(wanted, seen)));
    context::add(&mut answers, expect, seen);
    answers
}

/// An answer without cause and remarks.
pub(crate) fn answer(
    name: &str,
    wanted: impl Into<String>,
    measured: impl Into<String>,
    held: Option<bool>,
) -> Expectation {
    Expectation {
        name: name.to_owned(),
        wanted: wanted.into(),
        measured: measured.into(),
        interval: None,
        held,
        first_broke_ms: None,
        cause: None,
        remarks: vec![],
    }
}

/// No gateway ends on its own.
fn alive(seen: &Evidence) -> Expectation {
    let measured = match seen.exits.as_slice() {
        [] => "none did".to_owned(),
        exits => exits
            .iter()
            .map(|exit| format!("gateway {} ended: {}", exit.gateway, exit.status))
            .collect::<Vec<_>>()
            .join(", "),
    };
    let mut answer = answer(
        "gateways-alive",
        "no gateway ends on its own",
        measured,
        Some(seen.exits.is_empty()),
    );
    answer.cause = seen.exits.first().map(|exit| {
        let words = exit
            .last_words
            .iter()
            .rev()
            .take(3)
            .rev()
            .cloned()
            .collect::<Vec<_>>()
            .join(" / ");
        match words.as_str() {
            "" => "it said nothing before it ended".to_owned(),
            _ => format!("its last words: {words}"),
        }
    });
    answer
}

/// Nothing where `on-gateways` judges it.
fn connected(wanted: Connected, seen: &Evidence) -> Option<Expectation> {
    if seen.comes_back && wanted == Connected::All {
        return Some(recovery::connected(seen));
    }
    let counts = &seen.counts;
    let ordered = counts.connects_ordered;
    let succeeded = ordered.saturating_sub(counts.failed);
    let measured = format!(
        "{succeeded} of {ordered} connected, {} lost later",
        counts.lost
    );
    let mut answer = match wanted {
        Connected::All => answer(
            "connected",
            "every device, to the end",
            measured,
            Some(counts.failed == 0 && counts.lost == 0),
        ),
        Connected::None => answer("connected", "no device", measured, Some(succeeded == 0)),
        Connected::AsOnGateways => return None,
    };
    if answer.held == Some(false) {
        answer.cause = counts
            .first_failure
            .as_ref()
            .map(|reason| format!("the first failure: {reason}"));
    }
    Some(answer)
}

/// The gateway's own count of connections is checked against the kernel's.
fn kernel_agrees(sightings: &[Sighting]) -> Expectation {
    let wrong = sightings.iter().find(|sighting| !sighting.is_coherent());
    let total: usize = sightings
        .iter()
        .map(|sighting| sighting.kernel_peers.len())
        .sum();
    let measured = match wrong {
        None => format!("{total} connections, the same ones"),
        Some(sighting) => format!(
            "gateway {} lists {} connections and counts {} in its workgroups, the kernel has {}",
            sighting.gateway,
            sighting.connections.len(),
            sighting.placed(),
            sighting.kernel_peers.len()
        ),
    };
    answer(
        "kernel-agrees",
        "the gateways' connections are the kernel's",
        measured,
        Some(wrong.is_none()),
    )
}

fn spread_answer(wanted: Spread, headroom: f64, seen: &Evidence) -> Expectation {
    match wanted {
        Spread::Even => worst(
            seen.sightings
                .iter()
                .map(|sighting| even(sighting, headroom)),
        ),
        Spread::OneWorkgroup => worst(seen.sightings.iter().map(one_workgroup)),
    }
    .unwrap_or_else(|| {
        answer(
            "spread",
            "a spread over workgroups",
            "no gateway was seen with devices",
            None,
        )
    })
}

/// One gateway's connections against fair dice.
fn even(sighting: &Sighting, headroom: f64) -> Expectation {
    let counts: Vec<u64> = sighting
        .workgroups
        .iter()
        .map(|group| group.connections)
        .collect();
    let judgement = statistics::judge(&counts, headroom);
    let held = match judgement.severity() {
        Some(Severity::Fail) => Some(false),
        Some(Severity::Inconclusive) => None,
        Some(Severity::Warning | Severity::Remark) | None => Some(true),
    };
    let mut answer = answer(
        "spread",
        format!("even over {} workgroups", counts.len()),
        measured(sighting, &judgement),
        held,
    );
    if held == Some(true) {
        answer.remarks = judgement.findings.iter().map(ToString::to_string).collect();
    } else {
        let sources: Vec<SocketAddr> = sighting
            .connections
            .iter()
            .map(|connection| connection.client)
            .collect();
        let busy = counts.iter().filter(|count| **count > 0).count() as u64;
        answer.cause = statistics::cause(&sources, counts.len() as u64, busy);
    }
    answer
}

/// The numbers of a spread; what is wrong with it comes first.
fn measured(sighting: &Sighting, judgement: &Judgement) -> String {
    let mut parts: Vec<String> = vec![];
    if judgement.severity() >= Some(Severity::Inconclusive) {
        parts.extend(
            judgement
                .findings
                .iter()
                .filter(|finding| finding.severity() >= Severity::Inconclusive)
                .map(ToString::to_string),
        );
    }
    if let Some(spread) = &judgement.spread {
        parts.push(format!(
            "gateway {}: {} connections, max/mean {:.3}, w {:.3}, p {:.2e}",
            sighting.gateway, spread.total, spread.max_over_mean, spread.w, spread.p
        ));
    }
    parts.join("; ")
}

/// All connections of one gateway in one workgroup, of several.
fn one_workgroup(sighting: &Sighting) -> Expectation {
    let total = sighting.placed();
    let busy = sighting
        .workgroups
        .iter()
        .filter(|group| group.connections > 0)
        .count();
    let groups = sighting.workgroups.len();
    let held = if total < 20 || groups < 2 {
        None
    } else {
        Some(busy == 1)
    };
    let measured = format!(
        "gateway {}: {total} connections in {busy} of {groups} workgroups",
        sighting.gateway
    );
    answer(
        "spread",
        format!("everybody in one of {groups} workgroups"),
        measured,
        held,
    )
}

/// So many connections on each gateway.
fn on_each(wanted: &[u64], sightings: &[Sighting]) -> Expectation {
    let on = |gateway: usize| {
        let sighting = sightings.iter().find(|s| s.gateway as usize == gateway);
        sighting.map_or(0, Sighting::placed)
    };
    // A gateway that is gone has none.
    let placed: Vec<u64> = (0..wanted.len()).map(on).collect();
    answer(
        "on-gateways",
        format!("{wanted:?} connections on the gateways"),
        format!("{placed:?}"),
        Some(placed == wanted),
    )
}

/// The answer that weighs most: broken, then undecided, then the first.
fn worst(answers: impl Iterator<Item = Expectation>) -> Option<Expectation> {
    answers.min_by_key(|answer| match answer.held {
        Some(false) => 0,
        None => 1,
        Some(true) => 2,
    })
}

/// The gateways' clients are exactly the devices, or exactly the load balancer's sockets.
fn client_addresses(whose: Whose, seen: &Evidence) -> Expectation {
    let clients: Vec<SocketAddr> = seen
        .sightings
        .iter()
        .flat_map(|sighting| &sighting.connections)
        .map(|connection| connection.client)
        .collect();
    let (wanted, truth): (_, Vec<SocketAddr>) = match whose {
        Whose::Devices => (
            "the devices' own addresses and ports",
            seen.devices.iter().map(|device| device.client).collect(),
        ),
        Whose::Adc => (
            "the load balancer's addresses and ports",
            seen.sightings
                .iter()
                .flat_map(|sighting| sighting.kernel_peers.iter().copied())
                .collect(),
        ),
    };
    let (told, known): (HashSet<_>, HashSet<_>) =
        (clients.iter().collect(), truth.iter().collect());
    let right = told.intersection(&known).count();
    let measured = format!(
        "{right} of {} are, of {} connections",
        known.len(),
        clients.len()
    );
    let held = !truth.is_empty() && told == known && clients.len() == truth.len();
    let mut answer = answer("client-addresses", wanted, measured, Some(held));
    if !held {
        answer.cause = told
            .difference(&known)
            .next()
            .map(|foreign| format!("for instance {foreign}, which is none of them"));
    }
    answer
}

fn refused(wanted: &BTreeMap<String, u64>, seen: &Evidence) -> Expectation {
    let counted = summed(seen, "tidegate_refused_total", "reason");
    let held = counted == *wanted;
    answer("refused", shown(wanted), shown(&counted), Some(held))
}

fn probes(wanted: &BTreeMap<String, u64>, seen: &Evidence) -> Expectation {
    let counted = summed(seen, "tidegate_probes_total", "kind");
    let enough = wanted
        .iter()
        .all(|(kind, least)| counted.get(kind).copied().unwrap_or(0) >= *least);
    let foreign = counted.keys().any(|kind| !wanted.contains_key(kind));
    answer(
        "probes",
        format!("at least {}, and no others", shown(wanted)),
        shown(&counted),
        Some(enough && !foreign),
    )
}

/// A counter over all gateways, by one label.
fn summed(seen: &Evidence, name: &str, label: &str) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for (value, count) in seen
        .metrics
        .iter()
        .flat_map(|metrics| metrics.by(name, label))
    {
        *sums.entry(value).or_insert(0) += count;
    }
    sums
}

fn shown(counts: &BTreeMap<String, u64>) -> String {
    if counts.is_empty() {
        return "none".to_owned();
    }
    counts
        .iter()
        .map(|(what, count)| format!("{count} {what}"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn knocks(wanted: KnockAnswer, seen: &Evidence) -> Expectation {
    let (words, is_right): (_, fn(&crate::knock::Answer) -> bool) = match wanted {
        KnockAnswer::ClosedSilently => (
            "closed without a byte",
            crate::knock::Answer::is_silent_close,
        ),
        KnockAnswer::Upgraded => ("a WebSocket upgrade", crate::knock::Answer::is_upgrade),
    };
    let right = seen.knocks.iter().filter(|answer| is_right(answer)).count();
    let measured = format!("{right} of {} knocks were answered so", seen.knocks.len());
    let mut answer = answer(
        "knocks",
        words,
        measured,
        Some(right == seen.knocks.len() && right > 0),
    );
    answer.cause = seen
        .knocks
        .iter()
        .find(|answer| !is_right(answer))
        .map(|wrong| {
            let said = String::from_utf8_lossy(&wrong.bytes)
                .escape_debug()
                .to_string();
            let end = if wrong.closed {
                "then closed"
            } else {
                "and stayed open"
            };
            format!(
                "one got \"{said}\" {end} after {} ms",
                wrong.took.as_millis()
            )
        });
    answer
}

fn adc_log(wanted: &BTreeMap<String, u64>, seen: &Evidence) -> Expectation {
    let lines_with = |number: &String| {
        let begins = |line: &&String| line.starts_with(number.as_str());
        seen.adc_log.iter().filter(begins).count() as u64
    };
    let counted: BTreeMap<&String, u64> = wanted
        .keys()
        .map(|number| (number, lines_with(number)))
        .collect();
    let held = wanted
        .iter()
        .all(|(number, least)| counted[number] >= *least);
    let mut answer = answer(
        "adc-log",
        format!("at least {wanted:?} lines in the load balancer's log"),
        format!("{counted:?}"),
        Some(held),
    );
    if let Some(last) = seen.adc_log.last() {
        answer.cause = (!held).then(|| format!("its last line: {last}"));
    }
    answer
}

fn members_up(wanted: u32, seen: &Evidence) -> Expectation {
    let up = seen.members.iter().filter(|member| member.up).count();
    let measured = format!("{up} of {}", seen.members.len());
    answer(
        "members-up",
        format!("{wanted} healthy pool members"),
        measured,
        Some(up == wanted as usize),
    )
}

#[cfg(test)]
mod catastrophe;

#[cfg(test)]
mod tests;
