//! What the reader of an answer asks next: how sure is the number, and since when did it not hold?

use hdrhistogram::Histogram;
use lab_record::ledger::{Account, Flaw};
use lab_record::recovery::Fault;
use lab_record::run::Expectation;
use lab_record::statistics::{Interval, limits};

use crate::evidence::{Evidence, Sighting};
use crate::scenario::expect::Expect;
use crate::units::Span;

/// Adds to every answer how sure it is, and to broken ones when they broke, as far as it was seen.
pub(super) fn add(answers: &mut [Expectation], expect: &Expect, seen: &Evidence) {
    for answer in answers {
        answer.interval = answer.interval.take().or_else(|| interval(answer, seen));
        if answer.held == Some(false) && answer.first_broke_ms.is_none() {
            answer.first_broke_ms = first_broke(&answer.name, expect, seen);
        }
        if answer.held == Some(false) && answer.cause.is_none() {
            answer.cause = slowest_leg(&answer.name, seen);
        }
    }
}

fn interval(answer: &Expectation, seen: &Evidence) -> Option<String> {
    match answer.name.as_str() {
        "delivered-within" => p99(&seen.latencies.as_ref()?.deliveries),
        "published-within" => p99(&seen.latencies.as_ref()?.acknowledgements),
        "lost-max" => share(Flaw::Lost, seen.account.as_ref()?),
        "doubled-max" => share(Flaw::Doubled, seen.account.as_ref()?),
        "swapped-max" => share(Flaw::Swapped, seen.account.as_ref()?),
        "spread" => chance(&seen.sightings),
        _ => None,
    }
}

/// Where the 99th percentile truly lies.
fn p99(times: &Histogram<u64>) -> Option<String> {
    if times.is_empty() {
        return None;
    }
    let Interval { low, high, .. } = Interval::of_quantile(times, 0.99);
    let (low, high) = (low / 1_000.0, high / 1_000.0);
    Some(format!(
        "p99 between {low:.1} and {high:.1} ms with 95 % confidence"
    ))
}

/// Of every million messages, how many go wrong in this way.
fn share(flaw: Flaw, account: &Account) -> Option<String> {
    let of = account.deliveries + account.lost;
    if of == 0 {
        return None;
    }
    let Interval { low, high, .. } = Interval::of_share(account.count(flaw), of);
    let (low, high) = (low * 1e6, high * 1e6);
    Some(format!(
        "between {low:.0} and {high:.0} of a million messages with 95 % confidence"
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

/// When a rule was first seen broken.
fn first_broke(name: &str, expect: &Expect, seen: &Evidence) -> Option<i64> {
    let moments = &seen.moments;
    match name {
        "gateways-alive" => moments.gateway_ended,
        "connected" | "subscribed" => moments.device_failed,
        "spread" | "kernel-agrees" | "client-addresses" | "on-gateways" => moments.sighted,
        "delivered-within" => {
            let bound = expect.delivered_within?.get().as_micros();
            let mut windows = moments.windows.iter();
            windows
                .find(|window| window.p99_us.is_some_and(|us| u128::from(us) > bound))
                .map(|window| window.at_ms)
        }
        "reconnected-within" => overdue(expect.reconnected_within?, name, seen),
        "caught-up-within" => overdue(expect.caught_up_within?, name, seen),
        _ => None,
    }
}

/// When the devices of the fault they took longest to recover from should have been back.
fn overdue(bound: Span, name: &str, seen: &Evidence) -> Option<i64> {
    let fault = worst_fault(name, seen)?;
    Some(fault.from_ms + i64::try_from(bound.get().as_millis()).ok()?)
}

/// Which part of the way back took longest: noticing, connecting, or catching up.
fn slowest_leg(name: &str, seen: &Evidence) -> Option<String> {
    let fault = worst_fault(name, seen)?;
    let p99 = |name| fault.station(name).map_or(0.0, |station| station.p99_ms);
    let (noticed, connected, back) = (p99("noticed"), p99("connected"), p99("caught-up"));
    let mut legs = [
        ("noticing that the connection had ended", noticed),
        ("getting a new connection", connected - noticed),
        ("catching up with what was missed", back - connected),
    ];
    legs.sort_by(|a, b| b.1.total_cmp(&a.1));
    let told: Vec<String> = legs
        .iter()
        .map(|(leg, ms)| format!("{leg} {:.0} ms", ms.max(0.0)))
        .collect();
    Some(format!(
        "after {} {}, {} took longest: {} (99 of 100 devices)",
        fault.kind,
        fault.target,
        legs[0].0,
        told.join(", ")
    ))
}

/// The fault whose touched devices needed longest to the station of this rule.
fn worst_fault<'a>(name: &str, seen: &'a Evidence) -> Option<&'a Fault> {
    let station = match name {
        "reconnected-within" => "connected",
        "caught-up-within" => "caught-up",
        _ => return None,
    };
    let p99 = |fault: &Fault| fault.station(station).map_or(0.0, |station| station.p99_ms);
    let faults = seen.recovery.as_ref()?.faults.iter();
    faults.max_by(|a, b| p99(a).total_cmp(&p99(b)))
}

#[cfg(test)]
mod tests {
    use lab_record::recovery::{Recovery, Station};

    use super::*;
    use crate::evidence::Window;
    use crate::judge::answer;

    #[test]
    fn a_late_delivery_is_dated_by_the_first_window_that_was_late() {
        let mut seen = Evidence::default();
        let window = |at_ms, p99_us| Window {
            at_ms,
            p99_us,
            ..Window::default()
        };
        seen.moments.windows = vec![
            window(500, None),
            window(1_000, Some(40_000)),
            window(1_500, Some(900_000)),
            window(2_000, Some(900_000)),
        ];
        let expect: Expect = toml::from_str("delivered-within = \"100ms\"").unwrap();
        let mut answers = [answer(
            "delivered-within",
            "99 of 100 within 100ms",
            "late",
            Some(false),
        )];

        add(&mut answers, &expect, &seen);

        assert_eq!(answers[0].first_broke_ms, Some(1_500));
    }

    #[test]
    fn a_bound_on_messages_says_how_sure_it_is() {
        let seen = Evidence {
            account: Some(Account {
                deliveries: 29_997,
                lost: 3,
                ..Account::default()
            }),
            ..Evidence::default()
        };
        let mut answers = [answer("lost-max", "at most 0", "3", Some(false))];

        add(&mut answers, &Expect::default(), &seen);

        assert_eq!(
            answers[0].interval.as_deref(),
            Some("between 34 and 294 of a million messages with 95 % confidence")
        );
    }

    #[test]
    fn a_slow_return_is_dated_and_its_longest_leg_named() {
        let mut seen = Evidence::default();
        let station = |name, ms| Station::of(name, vec![ms; 100]);
        let fault = Fault {
            kind: "kill".to_owned(),
            target: "gateway 1".to_owned(),
            from_ms: 3_000,
            stations: vec![
                station("noticed", 40.0),
                station("connected", 1_900.0),
                station("caught-up", 2_000.0),
            ],
            ..Fault::default()
        };
        seen.recovery = Some(Recovery {
            faults: vec![fault],
            ..Recovery::default()
        });
        let expect: Expect = toml::from_str("caught-up-within = \"1s\"").unwrap();
        let mut answers = [answer("caught-up-within", "", "", Some(false))];

        add(&mut answers, &expect, &seen);

        assert_eq!(answers[0].first_broke_ms, Some(4_000));
        assert_eq!(
            answers[0].cause.as_deref(),
            Some(
                "after kill gateway 1, getting a new connection took longest: getting a new connection 1860 ms, catching up with what was missed 100 ms, noticing that the connection had ended 40 ms (99 of 100 devices)"
            )
        );
    }

    #[test]
    fn what_held_never_broke() {
        let mut seen = Evidence::default();
        seen.moments.gateway_ended = Some(7);
        let mut answers = [answer("gateways-alive", "", "", Some(true))];

        add(&mut answers, &Expect::default(), &seen);

        assert_eq!(answers[0].first_broke_ms, None);
    }
}
