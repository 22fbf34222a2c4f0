//! What the reader of an answer asks next: how sure is the number, since when did it not hold, and why?
//!
//! - [`sureness`]: intervals of what is estimated. What is counted is exact and has none.
//! - [`moment`]: when a rule was first seen broken.
//! - [`cause`]: the likely cause of what did not hold.

mod cause;
mod moment;
mod sureness;

use lab_record::recovery::Fault;
use lab_record::run::Expectation;

use crate::evidence::Evidence;
use crate::scenario::expect::Expect;

/// Adds to every answer how sure it is, and to broken ones since when and why, as far as it was seen.
pub(super) fn add(answers: &mut [Expectation], expect: &Expect, seen: &Evidence) {
    for answer in answers {
        answer.interval = answer
            .interval
            .take()
            .or_else(|| sureness::of(&answer.name, expect, seen));
        if answer.held == Some(false) {
            answer.first_broke_ms = answer
                .first_broke_ms
                .or_else(|| moment::of(&answer.name, expect, seen));
            answer.cause = answer
                .cause
                .take()
                .or_else(|| cause::of(&answer.name, expect, seen));
        }
    }
}

/// The faults of the cell, in the order they began.
fn faults(seen: &Evidence) -> &[Fault] {
    seen.recovery
        .as_ref()
        .map_or(&[], |recovery| recovery.faults.as_slice())
}

/// The fault that has most of something.
fn worst(seen: &Evidence, weight: impl Fn(&Fault) -> f64) -> Option<&Fault> {
    // Of equals the first: the later ones may follow from it.
    let faults = faults(seen).iter().rev();
    faults.max_by(|a, b| weight(a).total_cmp(&weight(b)))
}

/// The drain that has most of something.
fn worst_drain(seen: &Evidence, weight: impl Fn(&Fault) -> u64) -> Option<&Fault> {
    let drains = faults(seen).iter().filter(|fault| fault.kind == "drain");
    drains.max_by_key(|fault| weight(fault))
}

/// The fault whose touched devices needed longest to the station of this rule. Those that never got there needed for ever.
fn slowest<'a>(name: &str, seen: &'a Evidence) -> Option<&'a Fault> {
    let station = match name {
        "reconnected-within" => "connected",
        "caught-up-within" => "caught-up",
        _ => return None,
    };
    worst(seen, |fault| match fault.station(station) {
        _ if fault.touched == 0 => 0.0,
        Some(at) if at.devices * 100 >= fault.touched * 99 => at.p99_ms,
        _ => f64::INFINITY,
    })
}

/// The fault that slowed messages to its survivors most.
fn most_slowing(seen: &Evidence) -> Option<&Fault> {
    worst(seen, |fault| {
        fault.survivors.map_or(0.0, |survivors| {
            let [before, during] = [survivors.before, survivors.during].map(|at| at.p99_us.max(1));
            during as f64 / before as f64
        })
    })
}

/// The fault after which a gateway grew most.
fn most_grown(seen: &Evidence) -> Option<&Fault> {
    worst(seen, |fault| {
        let memory = fault.memory.iter();
        let ratios = memory.map(|one| one.peak_bytes as f64 / one.before_bytes.max(1) as f64);
        ratios.fold(0.0, f64::max)
    })
}

#[cfg(test)]
mod tests {
    use lab_record::ledger::Account;
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
                "after kill of gateway 1, getting a new connection took longest: getting a new connection 1860 ms, catching up with what was missed 100 ms, noticing that the connection had ended 40 ms (99 of 100 devices)"
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
