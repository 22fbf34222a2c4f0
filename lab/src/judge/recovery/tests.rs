//! What is concluded from the figures of faults.

use lab_record::recovery::{Delay, Listener, Memory, Survivors};

use super::*;

#[test]
fn the_slowest_fault_decides_and_is_named() {
    let expect = Expect {
        caught_up_within: Some(Span(Duration::from_secs(1))),
        ..Expect::default()
    };
    let faults = vec![fault(200, &[500.0; 200]), fault(200, &[1_500.0; 200])];

    let answer = one(&expect, faults);

    assert_eq!(answer.held, Some(false));
    assert_eq!(
        answer.measured,
        "p50 1500 ms, p99 1500 ms, max 1500 ms, 200 of 200 devices, after kill of gateway 1"
    );
}

#[test]
fn two_of_a_hundred_who_never_come_break_any_bound() {
    let expect = Expect {
        caught_up_within: Some(Span(Duration::from_secs(3600))),
        ..Expect::default()
    };

    assert_eq!(one(&expect, vec![fault(100, &[5.0; 99])]).held, Some(true));
    assert_eq!(one(&expect, vec![fault(100, &[5.0; 98])]).held, Some(false));
    assert_eq!(
        one(&expect, vec![fault(0, &[])]).held,
        None,
        "nobody was touched"
    );
}

#[test]
fn survivors_are_compared_only_with_enough_messages_and_beyond_the_scheduler() {
    let expect = Expect {
        survivors_slower_max: Some(2.0),
        ..Expect::default()
    };
    let during = |messages, p99_us| {
        let survivors = Survivors {
            devices: 10,
            before: Delay {
                messages: 1_000,
                p99_us: 15_000,
                ..Delay::default()
            },
            during: Delay {
                messages,
                p99_us,
                ..Delay::default()
            },
        };
        let fault = Fault {
            survivors: Some(survivors),
            ..fault(1, &[1.0])
        };
        one(&expect, vec![fault]).held
    };

    assert_eq!(during(1_000, 29_000), Some(true));
    assert_eq!(during(1_000, 31_000), Some(false));
    assert_eq!(during(100, 31_000), None, "too few messages");
    assert_eq!(
        one(
            &expect,
            vec![Fault {
                survivors: Some(Survivors {
                    devices: 1,
                    before: Delay {
                        messages: 500,
                        p99_us: 900,
                        ..Delay::default()
                    },
                    during: Delay {
                        messages: 500,
                        p99_us: 19_000,
                        ..Delay::default()
                    },
                }),
                ..Fault::default()
            }]
        )
        .held,
        Some(true),
        "below what a scheduler does"
    );
}

#[test]
fn a_reset_in_a_drain_is_counted_and_one_after_a_kill_is_not() {
    let expect = Expect {
        resets_max: Some(0),
        ..Expect::default()
    };
    let killed = Fault {
        resets: 7,
        ..fault(7, &[1.0; 7])
    };
    let drained = |resets| Fault {
        kind: "drain".to_owned(),
        resets,
        ..fault(3, &[1.0; 3])
    };

    assert_eq!(
        one(&expect, vec![killed.clone(), drained(0)]).held,
        Some(true)
    );
    assert_eq!(one(&expect, vec![killed, drained(1)]).held, Some(false));
}

#[test]
fn one_resync_breaks_synced_and_a_foreign_reason_breaks_resynced() {
    let all_synced = Expect {
        recovery: Some(Resumed::Synced),
        ..Expect::default()
    };
    let evicted = Expect {
        resynced: Some(BTreeMap::from([("history-evicted".to_owned(), 2)])),
        ..Expect::default()
    };

    assert_eq!(resumed(&all_synced, &[("synced", 9)]), Some(true));
    assert_eq!(
        resumed(&all_synced, &[("synced", 9), ("diverged", 1)]),
        Some(false)
    );
    assert_eq!(
        resumed(&all_synced, &[("synced", 9), ("none", 1)]),
        Some(false)
    );
    assert_eq!(resumed(&all_synced, &[]), None);
    assert_eq!(
        resumed(&evicted, &[("synced", 9), ("history-evicted", 3)]),
        Some(true)
    );
    assert_eq!(resumed(&evicted, &[("history-evicted", 1)]), Some(false));
    assert_eq!(
        resumed(&evicted, &[("history-evicted", 3), ("diverged", 1)]),
        Some(false)
    );
}

#[test]
fn drops_are_told_by_listener_or_said_to_be_the_machines() {
    let measured = |listeners: &[(&str, u64)]| {
        let listeners = listeners.iter().map(|(name, dropped)| Listener {
            name: (*name).to_owned(),
            dropped: *dropped,
        });
        let dropped = Dropped {
            count: 3,
            listeners: listeners.collect(),
        };
        let answer = overflows(0, Some(&dropped));
        assert_eq!(answer.held, Some(false));
        answer.measured
    };

    assert_eq!(
        measured(&[("gateway 0", 3), ("gateway 1", 0)]),
        "3 dropped, by listener: gateway 0 3, gateway 1 0"
    );
    assert!(measured(&[]).contains("on the whole machine"));
    assert_eq!(overflows(0, None).held, None);
}

#[test]
fn tampering_that_did_not_take_place_decides_nothing() {
    let seen = |mischief_done| Evidence {
        mischief_ordered: 3,
        mischief_done,
        ..Evidence::default()
    };
    let held = |done| judge(&Expect::default(), &seen(done)).remove(0).held;

    assert_eq!((held(3), held(2)), (Some(true), None));
}

#[test]
fn the_gateway_that_grew_most_is_named() {
    let expect = Expect {
        memory_grows_max: Some(1.5),
        ..Expect::default()
    };
    let grown = |gateway, peak_bytes| Memory {
        gateway,
        before_bytes: 10_000_000,
        peak_bytes,
    };
    let fault = Fault {
        memory: vec![grown(0, 12_000_000), grown(2, 16_000_000)],
        ..Fault::default()
    };

    let answer = one(&expect, vec![fault]);

    assert_eq!(
        (answer.held, answer.measured.as_str()),
        (
            Some(false),
            "1.60 times: 16.0 MB instead of 10.0 MB in gateway 2"
        )
    );
}

/// A kill that touched so many devices, of which these caught up after so many milliseconds; later faults hit later gateways.
fn fault(touched: u64, caught_up: &[f64]) -> Fault {
    Fault {
        kind: "kill".to_owned(),
        target: format!("gateway {}", u8::from(caught_up.first() > Some(&1_000.0))),
        touched,
        stations: vec![Station::of("caught-up", caught_up.to_vec())],
        ..Fault::default()
    }
}

fn resumed(expect: &Expect, resumes: &[(&str, u64)]) -> Option<bool> {
    let resumes = resumes
        .iter()
        .map(|(word, count)| ((*word).to_owned(), *count));
    let recovery = Recovery {
        resumes: resumes.collect(),
        ..Recovery::default()
    };
    judged(expect, recovery).held
}

fn one(expect: &Expect, faults: Vec<Fault>) -> Expectation {
    judged(
        expect,
        Recovery {
            faults,
            ..Recovery::default()
        },
    )
}

fn judged(expect: &Expect, recovery: Recovery) -> Expectation {
    let seen = Evidence {
        recovery: Some(recovery),
        ..Evidence::default()
    };
    judge(expect, &seen).remove(0)
}
