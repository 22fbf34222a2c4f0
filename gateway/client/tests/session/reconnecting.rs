//! When a session connects again, and where.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gateway_client::{
    Action, Attempt, Cause, Event, Lost, ServerId, ServerList, Settings, SubscribeOptions,
};

use crate::bench::Bench;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn settings() -> Settings {
    Settings {
        keepalive: None,
        backoff_base: 100 * MS,
        backoff_cap: 5 * SECOND,
        spread: 2 * SECOND,
        ..Settings::default()
    }
}

fn fail(bench: &mut Bench) -> ServerId {
    let (server, attempt) = bench.connecting();
    bench.lose(attempt, Lost::new(Cause::Unreachable));
    server
}

/// A connection on which a request was answered.
fn working(bench: &mut Bench) -> (ServerId, Attempt) {
    let (server, attempt) = bench.connecting();
    bench.session.handle_connected(attempt, bench.now);
    bench.pass(Settings::default().settle);
    bench.events();
    (server, attempt)
}

fn retry_in(bench: &mut Bench) -> Duration {
    let waits: Vec<Duration> = bench
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Lost { retry_in, .. } => Some(retry_in),
            _ => None,
        })
        .collect();
    assert_eq!(waits.len(), 1, "{waits:?}");
    waits[0]
}

/// The next attempt, after the wait before it.
fn connecting_in_time(bench: &mut Bench) -> (ServerId, Attempt) {
    loop {
        match bench.session.poll_action() {
            Some(Action::Connect { server, attempt }) => return (server, attempt),
            Some(other) => panic!("{other:?} instead of an attempt"),
            None => drop(bench.pass_to_deadline()),
        }
    }
}

#[test]
fn another_server_is_tried_at_once() {
    let mut bench = Bench::new(&["ws://a", "ws://b"], settings());
    let (first, attempt) = working(&mut bench);

    bench.lose(attempt, Lost::new(Cause::Broken));

    assert_eq!(retry_in(&mut bench), Duration::ZERO);
    let (second, _) = bench.connecting();
    assert_ne!(first, second);
}

#[test]
fn no_server_is_tried_twice_while_another_is_untried() {
    for seed in 0..50 {
        let servers =
            Arc::new(ServerList::parse(["9 ws://a", "1 ws://b", "90 ws://c", "0 ws://d"]).unwrap());
        let mut bench = Bench::new(&["ws://z"], settings());
        bench.session = gateway_client::Session::new(servers, Arc::new(settings()), seed);
        bench.session.open(bench.now);

        let mut round = [fail(&mut bench), fail(&mut bench), fail(&mut bench)];

        round.sort_unstable();
        assert_eq!(round, [ServerId(0), ServerId(1), ServerId(2)]);
        bench.idle();
    }
}

#[test]
fn rounds_of_failures_wait_longer_and_longer_up_to_the_cap() {
    let mut longest = BTreeMap::<usize, Duration>::new();
    for seed in 0..300 {
        let servers = Arc::new(ServerList::parse(["ws://a", "ws://b"]).unwrap());
        let mut bench = Bench::new(&["ws://z"], settings());
        bench.session = gateway_client::Session::new(servers, Arc::new(settings()), seed);
        bench.session.open(bench.now);
        for round in 0..9 {
            fail(&mut bench);
            fail(&mut bench);
            let waited = bench.pass_to_deadline();
            let entry = longest.entry(round).or_default();
            *entry = waited.max(*entry);
        }
    }

    for (round, longest) in longest {
        let bound = (100 * MS * (1 << round)).min(5 * SECOND);
        assert!(
            longest <= bound && longest > bound * 9 / 10,
            "round {round}: {longest:?} of {bound:?}"
        );
    }
}

#[test]
fn connection_that_only_opens_does_not_reset_the_back_off() {
    let mut bench = Bench::new(&["ws://a"], settings());
    let mut total = Duration::ZERO;

    for _ in 0..12 {
        let attempt = bench.connect();
        bench.lose(attempt, Lost::new(Cause::Closed { code: 1011 }));
        total += bench.pass_to_deadline();
    }

    assert!(total > 5 * SECOND, "{total:?}");
}

#[test]
fn gateway_that_never_answers_does_not_reset_the_back_off() {
    // Whoever takes such a connection for one that worked comes back at once.
    let mut bench = Bench::new(
        &["ws://a"],
        Settings {
            spread: Duration::ZERO,
            ..settings()
        },
    );
    let options = SubscribeOptions::default();
    bench.session.subscribe("/t/a", options, bench.now).unwrap();
    let mut waited = Duration::ZERO;

    for _ in 0..12 {
        let (_, attempt) = connecting_in_time(&mut bench);
        bench.session.handle_connected(attempt, bench.now);
        // Longer than a connection without requests takes to count as working.
        bench.pass(2 * Settings::default().settle);
        bench.events();
        bench.lose(attempt, Lost::new(Cause::NoAnswer));
        waited += retry_in(&mut bench);
    }

    assert!(waited > 5 * SECOND, "{waited:?}");
}

#[test]
fn connection_that_works_resets_the_back_off() {
    let mut bench = Bench::new(
        &["ws://a"],
        Settings {
            spread: Duration::ZERO,
            ..settings()
        },
    );
    for _ in 0..12 {
        fail(&mut bench);
        bench.pass_to_deadline();
    }

    let (_, attempt) = working(&mut bench);
    bench.lose(attempt, Lost::new(Cause::Broken));
    fail(&mut bench);
    bench.events();

    assert!(bench.pass_to_deadline() <= 100 * MS);
}

#[test]
fn devices_of_one_address_spread_their_return() {
    let mut waits = Vec::new();
    for seed in 0..1000 {
        let mut bench = Bench::new(&["ws://z"], settings());
        let servers = Arc::new(ServerList::parse(["ws://adc"]).unwrap());
        bench.session = gateway_client::Session::new(servers, Arc::new(settings()), seed);
        bench.session.open(bench.now);
        let (_, attempt) = working(&mut bench);
        bench.lose(attempt, Lost::new(Cause::Broken));
        waits.push(retry_in(&mut bench));
    }

    assert!(waits.iter().all(|wait| *wait <= 2 * SECOND));
    for quarter in 0..4 {
        let bounds = (SECOND * quarter / 2)..(SECOND * (quarter + 1) / 2);
        let share = waits.iter().filter(|wait| bounds.contains(wait)).count();
        assert!((170..330).contains(&share), "{share} of 1000 in {bounds:?}");
    }
}

#[test]
fn next_address_of_the_same_server_is_tried_at_once() {
    let mut bench = Bench::new(&["ws://name"], settings());
    let (_, attempt) = working(&mut bench);

    bench.lose(
        attempt,
        Lost {
            another_address: true,
            ..Lost::new(Cause::Broken)
        },
    );

    assert_eq!(retry_in(&mut bench), Duration::ZERO);
    bench.connecting();
}

#[test]
fn reconnect_hint_is_obeyed_when_the_gateway_closes() {
    let mut bench = Bench::new(&["ws://a", "ws://b"], settings());
    let (first, attempt) = working(&mut bench);

    bench.hear(attempt, r#"{"op":"reconnect","after_ms":1500}"#);
    bench.pass(100 * MS);
    bench.lose(attempt, Lost::new(Cause::Closed { code: 1012 }));

    bench.idle();
    assert_eq!(bench.pass_to_deadline(), 1400 * MS);
    assert_ne!(bench.connecting().0, first);
}

#[test]
fn reconnect_hint_is_obeyed_when_the_gateway_does_not_close() {
    let mut bench = Bench::new(&["ws://a", "ws://b"], settings());
    let (first, attempt) = working(&mut bench);

    bench.hear(attempt, r#"{"op":"reconnect","after_ms":1500}"#);
    bench.pass(1500 * MS);

    assert_eq!(
        bench.session.poll_action(),
        Some(Action::Disconnect { code: 1000 })
    );
    assert_ne!(bench.connecting().0, first);
}

#[test]
fn endless_hint_is_cut_to_the_longest_allowed() {
    let mut bench = Bench::new(&["ws://a"], settings());
    let (_, attempt) = working(&mut bench);

    bench.hear(
        attempt,
        r#"{"op":"reconnect","after_ms":18446744073709551615}"#,
    );
    bench.lose(attempt, Lost::new(Cause::Closed { code: 1012 }));

    assert_eq!(bench.pass_to_deadline(), Settings::default().longest_hint);
}

#[test]
fn retry_after_keeps_a_server_alone_but_not_the_others() {
    let mut bench = Bench::new(&["ws://a", "ws://b"], settings());
    let (busy, attempt) = bench.connecting();
    let refused = Lost::new(Cause::Refused { status: 503 });

    bench.lose(attempt, refused.with_retry_after(Some(20 * SECOND)));
    let start = bench.now;
    while bench.now < start + 19 * SECOND {
        assert_ne!(fail(&mut bench), busy);
        bench.pass_to_deadline();
    }
}

#[test]
fn lone_server_is_left_alone_as_long_as_it_asked_and_a_part_of_the_spread() {
    let waits: Vec<Duration> = (0..200)
        .map(|seed| {
            let mut bench = Bench::seeded(&["ws://a"], settings(), seed);
            let (_, attempt) = bench.connecting();
            bench.lose(attempt, busy(20 * SECOND));
            let waited = bench.pass_to_deadline();
            bench.connecting();
            waited
        })
        .collect();

    let bounds = 20 * SECOND..=22 * SECOND;
    assert!(waits.iter().all(|wait| bounds.contains(wait)));
    let early = waits.iter().filter(|wait| **wait < 21 * SECOND).count();
    assert!((60..140).contains(&early), "{early} of 200");
}

#[test]
fn dead_server_is_not_tried_again_while_another_only_asked_for_time() {
    let mut bench = Bench::new(&["ws://a", "ws://b"], settings());
    let dead = fail(&mut bench);
    for _ in 0..5 {
        let (_, attempt) = connecting_in_time(&mut bench);
        bench.lose(attempt, busy(3 * SECOND));
    }

    let (next, _) = connecting_in_time(&mut bench);

    assert_ne!(next, dead);
}

#[test]
fn wish_that_outlasts_the_time_of_a_dead_server_does_not_keep_devices_from_it() {
    let mut bench = Bench::new(&["ws://a", "ws://b"], settings());
    let dead = fail(&mut bench);
    let (_, attempt) = bench.connecting();
    bench.lose(attempt, busy(500 * SECOND));

    assert_eq!(bench.pass_to_deadline(), settings().set_aside);
    assert_eq!(bench.connecting().0, dead);
}

#[test]
fn to_come_back_in_no_time_says_nothing() {
    let mut bench = Bench::new(&["ws://a"], settings());
    for _ in 0..12 {
        let (_, attempt) = connecting_in_time(&mut bench);
        bench.events();
        bench.lose(attempt, busy(Duration::ZERO));
    }

    assert!(retry_in(&mut bench) > 2 * SECOND, "no back-off");
}

fn busy(asked: Duration) -> Lost {
    Lost::new(Cause::Refused { status: 503 }).with_retry_after(Some(asked))
}

#[test]
fn frequent_losses_are_told_once() {
    let mut bench = Bench::new(
        &["ws://a", "ws://b", "ws://c"],
        Settings {
            spread: Duration::ZERO,
            ..settings()
        },
    );
    let mut told = Vec::new();

    for _ in 0..15 {
        let (_, attempt) = connecting_in_time(&mut bench);
        bench.session.handle_connected(attempt, bench.now);
        bench.lose(attempt, Lost::new(Cause::Broken));
        told.extend(
            bench
                .events()
                .into_iter()
                .filter(|event| matches!(event, Event::LostOften { .. })),
        );
    }

    assert_eq!(
        told,
        [Event::LostOften {
            count: 10,
            within: Duration::from_secs(60)
        }]
    );
}

#[test]
fn closed_session_wants_nothing_and_opens_again() {
    let mut bench = Bench::new(&["ws://a"], settings());
    working(&mut bench);

    bench.session.close();
    assert_eq!(bench.action(), Action::Disconnect { code: 1000 });
    assert_eq!(bench.session.poll_timeout(), None);
    bench.session.open(bench.now);

    bench.connecting();
}

#[test]
fn new_list_counts_from_the_next_attempt() {
    let mut bench = Bench::new(&["ws://a", "ws://b"], settings());
    let (_, attempt) = working(&mut bench);

    bench.session.replace_servers(Arc::new(
        ServerList::parse(["0 ws://a", "0 ws://b", "5 ws://c"]).unwrap(),
    ));
    assert!(bench.session.is_connected());
    bench.lose(attempt, Lost::new(Cause::Broken));

    assert_eq!(bench.connecting().0, ServerId(2));
}

#[test]
fn new_list_does_not_revive_a_dead_server() {
    for seed in 0..50 {
        let mut bench = Bench::new(&["ws://a", "ws://b"], settings());
        bench.session = gateway_client::Session::new(
            Arc::new(ServerList::parse(["ws://a", "ws://b"]).unwrap()),
            Arc::new(settings()),
            seed,
        );
        bench.session.open(bench.now);
        let (_, attempt) = working(&mut bench);
        let dead = ["ws://a", "ws://b"][usize::from(bench.lost_server(attempt).0)];
        let (_, attempt) = bench.connecting();
        bench.session.handle_connected(attempt, bench.now);

        // The dead one has another place and weight now.
        let others = ["1 ws://c".to_owned(), format!("100 {dead}")];
        bench
            .session
            .replace_servers(Arc::new(ServerList::parse(others).unwrap()));
        let left = bench.lost_server(attempt);
        let (next, _) = bench.connecting();

        assert_eq!((left, next), (ServerId::GONE, ServerId(0)), "seed {seed}");
    }
}

#[test]
fn attempt_that_runs_out_of_time_is_followed_by_the_next_address_at_once() {
    let mut bench = Bench::new(&["ws://many"], settings());
    let (_, attempt) = bench.connecting();
    bench.session.handle_addresses(attempt, true);

    bench.pass(settings().connect_timeout);

    assert_eq!(bench.action_after_disconnect().0, ServerId(0));
    assert_eq!(retry_in(&mut bench), Duration::ZERO);
}
