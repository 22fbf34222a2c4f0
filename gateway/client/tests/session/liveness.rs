//! A gateway that is silent, or never answers, is left.

use std::time::Duration;

use gateway_client::message::Data;
use gateway_client::{Action, Attempt, Cause, Event, Keepalive, Settings};

use crate::bench::Bench;

const SECOND: Duration = Duration::from_secs(1);

fn settings() -> Settings {
    Settings {
        keepalive: Some(Keepalive {
            interval: 25 * SECOND,
            timeout: 10 * SECOND,
        }),
        answer_timeout: 15 * SECOND,
        connect_timeout: 10 * SECOND,
        ..Settings::default()
    }
}

fn connected() -> (Bench, Attempt) {
    let mut bench = Bench::new(&["ws://a", "ws://b"], settings());
    let attempt = bench.connect();
    bench.events();
    (bench, attempt)
}

/// The session has left for another server, for this reason.
fn assert_left(bench: &mut Bench, cause: Cause) {
    assert!(matches!(
        bench.session.poll_action(),
        Some(Action::Disconnect { .. })
    ));
    bench.connecting();
    let lost = bench.events().into_iter().find_map(|event| match event {
        Event::Lost { lost, .. } => Some(lost.cause),
        _ => None,
    });
    assert_eq!(lost, Some(cause));
}

#[test]
fn silent_gateway_is_pinged_then_left() {
    let (mut bench, _) = connected();

    bench.pass(24 * SECOND);
    bench.idle();
    bench.pass(SECOND);
    assert_eq!(bench.action(), Action::Ping);
    bench.pass(9 * SECOND);
    bench.idle();
    bench.pass(SECOND);

    assert_left(&mut bench, Cause::Silent);
}

#[test]
fn sign_of_life_puts_the_ping_off() {
    let (mut bench, attempt) = connected();

    bench.pass(20 * SECOND);
    bench.session.handle_alive(attempt, bench.now);
    bench.pass(24 * SECOND);

    bench.idle();
}

#[test]
fn pong_after_a_late_ping_is_enough() {
    let (mut bench, attempt) = connected();

    // The process was asleep.
    bench.pass(1000 * SECOND);
    assert_eq!(bench.action(), Action::Ping);
    bench.pass(9 * SECOND);
    bench.session.handle_alive(attempt, bench.now);
    bench.pass(9 * SECOND);

    bench.idle();
    assert!(bench.session.is_connected());
}

#[test]
fn request_without_an_answer_ends_the_connection() {
    let (mut bench, attempt) = connected();
    bench
        .session
        .publish("/t/k", Data::text("a"), bench.now)
        .unwrap();
    bench.sent();

    // Pongs alone do not answer.
    bench.pass(14 * SECOND);
    bench.session.handle_alive(attempt, bench.now);
    bench.idle();
    bench.pass(SECOND);

    assert_left(&mut bench, Cause::NoAnswer);
}

#[test]
fn server_that_accepts_and_never_answers_is_left() {
    let mut bench = Bench::new(&["ws://a", "ws://b"], settings());
    bench.connecting();

    bench.pass(10 * SECOND);

    assert_left(&mut bench, Cause::ConnectTimeout);
}

#[test]
fn server_that_speaks_something_else_is_left() {
    let (mut bench, attempt) = connected();

    bench.hear(attempt, "hello");

    bench.session.handle_timeout(bench.now);
    assert_left(&mut bench, Cause::BadMessage);
}

#[test]
fn without_requests_and_keepalive_there_is_nothing_to_wait_for() {
    let mut bench = Bench::new(
        &["ws://a"],
        Settings {
            keepalive: None,
            ..settings()
        },
    );
    bench.connect();
    bench.pass_to_deadline();

    assert_eq!(bench.session.poll_timeout(), None);
}
