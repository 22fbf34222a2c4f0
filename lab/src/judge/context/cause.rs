//! The likely cause of what did not hold, as far as what was seen can tell.

mod fleet;
mod log;

use std::collections::BTreeMap;

use lab_record::balancing::{Balancing, Shares};
use lab_record::recovery::Fault;
use lab_record::statistics::shares::unlikely;

use super::{most_grown, most_slowing, slowest, worst_drain};
use crate::evidence::Evidence;
use crate::scenario::expect::Expect;

/// Why this rule did not hold, in words; none where nothing points anywhere.
pub(super) fn of(name: &str, expect: &Expect, seen: &Evidence) -> Option<String> {
    let recovery = seen.recovery.as_ref();
    match name {
        "connected" => Some(fleet::connected(expect, seen)),
        "kernel-agrees" => fleet::miscounted(&seen.sightings),
        "client-addresses" => fleet::missing(seen),
        "spread" => fleet::told_apart(&seen.sightings),
        "on-gateways" => fleet::displaced(expect.on_gateways.as_ref()?, &seen.sightings),
        "members-up" => fleet::down(seen),
        "repeated-publishes-min" => {
            let (gateway, count) = seen.passed_over.iter().min_by_key(|(_, count)| *count)?;
            Some(format!(
                "gateway {gateway} passed over {count} repetitions only: it may have delivered the others twice, or not have read them"
            ))
        }
        "adc-log" => Some("the load balancer logged nothing".to_owned()),
        "subscribed" => Some(log::unanswered(
            "subscriptions",
            seen.counts.subscribes_ordered.saturating_sub(seen.counts.subscribed),
            seen,
        )),
        "published" => {
            let answered = seen.counts.published + seen.counts.publish_errors;
            let without = seen.counts.publishes_ordered.saturating_sub(answered);
            Some(log::unanswered("publishes", without, seen))
        }
        "publishes-refused" => {
            let counted = words(&seen.publishes_refused);
            difference(expect.publishes_refused.as_ref()?, &counted)
        }
        "refused" => difference(
            expect.refused.as_ref()?,
            &super::super::summed(seen, "tidegate_refused_total", "reason"),
        ),
        "probes" => shortage(
            expect.probes.as_ref()?,
            &super::super::summed(seen, "tidegate_probes_total", "kind"),
        ),
        "delivered-within" => {
            let bound = expect.delivered_within?.get();
            log::late(&seen.latencies.as_ref()?.deliveries, bound, seen)
        }
        "published-within" => {
            let bound = expect.published_within?.get();
            log::late(&seen.latencies.as_ref()?.acknowledgements, bound, seen)
        }
        "unsignalled-gaps-max" => Some(
            "a gateway let messages fall, or sent them out of order, and told nobody".to_owned(),
        ),
        "reconnected-within" | "caught-up-within" => way_back(name, slowest(name, seen)?),
        "survivors-slower-max" => crowded(most_slowing(seen)?),
        "resets-max" => {
            let drain = worst_drain(seen, |drain| drain.resets)?;
            Some(format!(
                "{} of {} reset {} of the {} connections it ended: the process left, or was killed, before they were closed in order",
                drain.kind, drain.target, drain.resets, drain.touched
            ))
        }
        "drained-within" => {
            let drain = worst_drain(seen, |drain| drain.took_ms.unwrap_or(0))?;
            Some(format!(
                "{} had {} connections to end, and takes its time for them so that devices do not come back all at once",
                drain.target, drain.touched
            ))
        }
        "recovery" => resyncs(&recovery?.resumes, |word| word != "synced"),
        "resynced" => {
            let wanted = expect.resynced.as_ref()?;
            let counted: BTreeMap<String, u64> = recovery?
                .resumes
                .iter()
                .filter(|(word, _)| !super::super::recovery::NO_RESYNC.contains(&word.as_str()))
                .map(|(word, count)| (word.clone(), *count))
                .collect();
            shortage(wanted, &counted)
        }
        "listen-overflows-max" => Some(
            "devices came faster than a listener accepted them, and its queue was full; net.core.somaxconn bounds it".to_owned(),
        ),
        "memory-grows-max" => most_grown(seen).map(|fault| {
            format!(
                "after {} of {} the gateways that live on took over {} devices and what is queued for them",
                fault.kind, fault.target, fault.touched
            )
        }),
        "fetches-max" => Some(
            "devices that came back asked for what the gateways did not remember, so it was read from Kafka again".to_owned(),
        ),
        _ => balancing(name, seen.balancing.as_ref()?, seen),
    }
}

/// Which part of the way back took longest: noticing, connecting, or catching up; or how many never came.
fn way_back(name: &str, fault: &Fault) -> Option<String> {
    let wanted = if name == "reconnected-within" {
        "connected"
    } else {
        "caught-up"
    };
    let reached = fault.station(wanted).map_or(0, |station| station.devices);
    let done = if wanted == "connected" {
        "were connected again"
    } else {
        "had everything they had missed"
    };
    if reached * 100 < fault.touched * 99 {
        return Some(format!(
            "after {} of {}, {} of {} touched devices never {done}",
            fault.kind,
            fault.target,
            fault.touched - reached,
            fault.touched
        ));
    }
    let p99 = |name| fault.station(name).map_or(0.0, |station| station.p99_ms);
    let (noticed, connected, back) = (p99("noticed"), p99("connected"), p99("caught-up"));
    let mut legs = vec![
        ("noticing that the connection had ended", noticed),
        ("getting a new connection", connected - noticed),
    ];
    if wanted == "caught-up" {
        legs.push(("catching up with what was missed", back - connected));
    }
    legs.sort_by(|a, b| b.1.total_cmp(&a.1));
    let told: Vec<String> = legs
        .iter()
        .map(|(leg, ms)| format!("{leg} {:.0} ms", ms.max(0.0)))
        .collect();
    Some(format!(
        "after {} of {}, {} took longest: {} (99 of 100 devices)",
        fault.kind,
        fault.target,
        legs.first()?.0,
        told.join(", ")
    ))
}

/// Why messages to survivors were slower.
fn crowded(fault: &Fault) -> Option<String> {
    let back = fault.station("connected").map_or(0, |at| at.devices);
    if back == 0 {
        return Some(format!(
            "{} of {} touched no device that came back, so it is the fault itself that slows the others",
            fault.kind, fault.target
        ));
    }
    Some(format!(
        "{back} devices came back from {} of {} meanwhile, and their handshakes and catching up share the processors with live messages",
        fault.kind, fault.target
    ))
}

/// What resyncs of these reasons mean, the most frequent first.
fn resyncs(resumes: &BTreeMap<String, u64>, such: impl Fn(&str) -> bool) -> Option<String> {
    let (word, count) = resumes
        .iter()
        .filter(|(word, _)| such(word))
        .max_by_key(|(_, count)| **count)?;
    Some(format!("{count} were answered {word}: {}", meaning(word)))
}

/// What a reason of the gateway says about the device's position.
fn meaning(word: &str) -> &'static str {
    match word {
        "history-evicted" => {
            "the gateway remembered the position once and has dropped messages after it; cache.max-bytes and cache.max-age bound what it keeps"
        }
        "history-not-loaded" => "the position is older than what the gateway has read",
        "diverged" => {
            "the position is in a history that did not last: an unclean election, or a topic made anew"
        }
        "none" => "the device had no position to go on from",
        "synced" => "everything that was missed follows",
        _ => "a reason that this lab does not know",
    }
}

fn words(counts: &BTreeMap<&'static str, u64>) -> BTreeMap<String, u64> {
    let counts = counts.iter();
    counts
        .map(|(word, count)| ((*word).to_owned(), *count))
        .collect()
}

/// The first word that was not counted exactly as often as it was wanted.
fn difference(wanted: &BTreeMap<String, u64>, counted: &BTreeMap<String, u64>) -> Option<String> {
    first_word(wanted, counted, |wanted, counted| wanted != counted)
}

/// The first word that was counted too seldom, or was not wanted at all.
fn shortage(wanted: &BTreeMap<String, u64>, counted: &BTreeMap<String, u64>) -> Option<String> {
    first_word(wanted, counted, |wanted, counted| {
        counted < wanted || wanted == 0
    })
}

fn first_word(
    wanted: &BTreeMap<String, u64>,
    counted: &BTreeMap<String, u64>,
    wrong: impl Fn(u64, u64) -> bool,
) -> Option<String> {
    let of = |counts: &BTreeMap<String, u64>, word: &String| counts.get(word).copied().unwrap_or(0);
    wanted
        .keys()
        .chain(counted.keys())
        .map(|word| (word, of(wanted, word), of(counted, word)))
        .find(|(_, wanted, counted)| wrong(*wanted, *counted))
        .map(|(word, wanted, counted)| match (wanted, counted) {
            (0, counted) => format!("{counted} {word}, which nobody wanted"),
            (wanted, 0) => format!("{wanted} {word} were wanted, and there was none"),
            (wanted, counted) => format!("{wanted} {word} were wanted, {counted} were counted"),
        })
}

/// What a change cost, or where connections lie.
fn balancing(name: &str, figures: &Balancing, seen: &Evidence) -> Option<String> {
    let change = figures.change.as_ref();
    match name {
        "fair-at-rest" => Some(strays(&figures.at_rest)),
        "fair-newcomers" => Some(strays(&change?.newcomers)),
        "imbalance" | "balanced-within" => Some(strays(&figures.after)),
        "retried-within" => Some(format!(
            "half of {} devices tried again within {:.0} ms: what the others wait for is their back-off, or an attempt that nobody answers",
            change?.retried.devices, change?.retried.p50_ms
        )),
        "stragglers-within" => {
            let change = change?;
            let missing = change.cut.saturating_sub(change.away.devices);
            Some(match missing {
                0 => format!(
                    "90 of 100 devices were back within {:.0} ms: a few met servers that did not answer, and backed off",
                    change.away.p90_ms
                ),
                _ => format!("{missing} of {} devices never came back", change.cut),
            })
        }
        "wasted" | "wasted-by-one-device" | "known-dead" => {
            let change = change?;
            Some(format!(
                "{} of {} attempts went to a gateway that was not there, up to {} by one device: whoever names servers ({}) did not know yet, or devices do not remember who failed them",
                change.wasted, change.attempts, change.wasted_by_one_device, figures.way
            ))
        }
        "handshakes-per-second" => {
            let change = change?;
            Some(format!(
                "{} devices were cut and half of them came back within {:.0} ms: their first wait spreads them too little",
                change.cut, change.away.p50_ms
            ))
        }
        "new-at-failed-members" => {
            let member = seen.failed_members.iter().max_by_key(|member| member.new)?;
            Some(format!(
                "the load balancer opened {} connections to gateway {} while its own monitor held it for down",
                member.new, member.gateway
            ))
        }
        _ => None,
    }
}

/// The gateway that strays furthest from its share; or that none does.
fn strays(shares: &Shares) -> String {
    let strays = unlikely(&shares.connections, &shares.weights);
    let furthest = strays.iter().max_by(|a, b| {
        let far = |stray: &lab_record::statistics::shares::Deviation| {
            (stray.count as f64 - stray.expected).abs()
        };
        far(a).total_cmp(&far(b))
    });
    match furthest {
        Some(stray) => format!(
            "gateway {} has {} connections, dice would give it about {:.0}",
            stray.group, stray.count, stray.expected
        ),
        None => {
            "no gateway strays further than dice do, so chance alone may be the cause".to_owned()
        }
    }
}
