//! Positions, resumption, duplicates and gaps.

use gateway_client::message::{DropReason, Recovery, ResyncReason};
use gateway_client::position::{Epoch, Position};
use gateway_client::{Cause, Event, Lost, SubscribeOptions};

use crate::bench::{Bench, Told, message, record, wildcard_record};

const SUBSCRIBED: &str = r#"{"op":"subscribed","id":1,"subject":"/t/k","recovery":"none"}"#;

fn at(epoch: &str, seq: i64) -> Position {
    Position::new(Epoch::from_wire(epoch), seq)
}

fn gap(after: i64, expected: Option<i64>) -> Told {
    Told::Gap {
        after: Some(after),
        expected,
    }
}

/// A session that has got record 41 of epoch `e`.
fn at_41() -> (Bench, gateway_client::Attempt) {
    let (mut bench, attempt) = Bench::subscribed("/t/k", SubscribeOptions::default());
    bench.sent();
    bench.hear(attempt, SUBSCRIBED);
    assert_eq!(bench.hear_record(attempt, "e", 41, Some(12)), [message(41)]);
    bench.events();
    (bench, attempt)
}

#[test]
fn first_subscribe_asks_for_no_position() {
    let (mut bench, _) = Bench::subscribed("/t/k", SubscribeOptions::default());

    assert_eq!(
        bench.sent(),
        [r#"{"op":"subscribe","id":1,"subject":"/t/k"}"#]
    );
}

#[test]
fn history_is_asked_for_where_there_is_no_position() {
    let options = SubscribeOptions {
        history: Some(10),
        ..SubscribeOptions::default()
    };
    let (mut bench, attempt) = Bench::subscribed("/t/k", options);

    assert_eq!(
        bench.sent(),
        [r#"{"op":"subscribe","id":1,"subject":"/t/k","history":10}"#]
    );
    bench.hear_record(attempt, "e", 41, None);
    bench.lose(attempt, Lost::new(Cause::Broken));
    bench.connect();

    assert_eq!(
        bench.sent(),
        [r#"{"op":"subscribe","id":2,"subject":"/t/k","from":[{"epoch":"e","seq":41}]}"#]
    );
}

#[test]
fn application_may_go_on_where_its_last_run_ended() {
    let options = SubscribeOptions {
        from: vec![at("e", 41)],
        history: None,
    };
    let (mut bench, attempt) = Bench::subscribed("/t/k", options);

    assert_eq!(
        bench.sent(),
        [r#"{"op":"subscribe","id":1,"subject":"/t/k","from":[{"epoch":"e","seq":41}]}"#]
    );
    assert_eq!(bench.hear_record(attempt, "e", 41, None), []);
    assert_eq!(bench.hear_record(attempt, "e", 50, Some(41)), [message(50)]);
    assert_eq!(bench.session.positions("/t/k"), [at("e", 50)]);
}

#[test]
fn next_gateway_is_told_the_last_position() {
    let (mut bench, attempt) = at_41();

    bench.lose(attempt, Lost::new(Cause::Broken));
    bench.connect();

    assert_eq!(
        bench.sent(),
        [r#"{"op":"subscribe","id":2,"subject":"/t/k","from":[{"epoch":"e","seq":41}]}"#]
    );
}

#[test]
fn application_is_told_what_became_of_missed_messages() {
    let (mut bench, attempt) = at_41();

    bench.hear(
        attempt,
        r#"{"op":"subscribed","id":1,"subject":"/t/k","recovery":"synced"}"#,
    );
    bench.hear(
        attempt,
        r#"{"op":"subscribed","subject":"/t/k","recovery":"resynced","reason":"diverged"}"#,
    );

    let told = |recovery| Event::Subscribed {
        subject: "/t/k".into(),
        recovery,
    };
    assert_eq!(
        bench.events(),
        [
            told(Recovery::Synced),
            told(Recovery::Resynced(ResyncReason::Diverged))
        ]
    );
}

#[test]
fn what_was_delivered_is_not_delivered_again() {
    let (mut bench, attempt) = at_41();

    for seq in [41, 12, 0] {
        assert_eq!(bench.hear_record(attempt, "e", seq, None), []);
    }
    assert_eq!(bench.hear_record(attempt, "e", 42, Some(41)), [message(42)]);
    assert_eq!(bench.session.counters().duplicates, 3);
}

#[test]
fn offsets_may_have_holes_as_long_as_nothing_is_skipped() {
    let (mut bench, attempt) = at_41();

    assert_eq!(bench.hear_record(attempt, "e", 57, Some(41)), [message(57)]);
    // The log was compacted: 41 and 57 are no longer in it, but they were delivered.
    assert_eq!(bench.hear_record(attempt, "e", 60, Some(12)), [message(60)]);
}

#[test]
fn skipped_message_is_a_gap_and_the_next_is_delivered() {
    let (mut bench, attempt) = at_41();

    assert_eq!(
        bench.hear_record(attempt, "e", 57, Some(50)),
        [gap(41, Some(50)), message(57)]
    );
    assert_eq!(bench.hear_record(attempt, "e", 58, Some(57)), [message(58)]);
    assert_eq!(bench.session.counters().gaps, 1);
}

#[test]
fn message_that_names_none_before_it_is_a_gap_once_there_was_one() {
    let (mut bench, attempt) = at_41();

    assert_eq!(
        bench.hear_record(attempt, "e", 57, None),
        [gap(41, None), message(57)]
    );
}

#[test]
fn new_epoch_that_goes_on_exactly_is_no_gap() {
    let (mut bench, attempt) = at_41();

    assert_eq!(
        bench.hear_record(attempt, "e2", 42, Some(41)),
        [message(42)]
    );
    assert_eq!(bench.session.positions("/t/k"), [at("e2", 42)]);
}

#[test]
fn new_epoch_that_begins_elsewhere_is_a_gap() {
    for (seq, prev) in [(57, 50), (38, 30)] {
        let (mut bench, attempt) = at_41();

        assert_eq!(
            bench.hear_record(attempt, "e2", seq, Some(prev)),
            [gap(41, Some(prev)), message(seq)]
        );
    }
}

// A key moves when partitions are added: its first message in the new one names none before it.
#[test]
fn key_that_moves_to_another_partition_is_no_gap() {
    let (mut bench, attempt) = at_41();

    assert_eq!(bench.hear_record(attempt, "f", 3, None), [message(3)]);
    assert_eq!(bench.hear_record(attempt, "f", 9, Some(3)), [message(9)]);
    assert_eq!(bench.session.positions("/t/k"), [at("e", 41), at("f", 9)]);
}

#[test]
fn resync_is_told_once_and_not_as_a_gap_again() {
    let (mut bench, attempt) = at_41();

    bench.hear(attempt, r#"{"op":"subscribed","id":1,"subject":"/t/k","recovery":"resynced","reason":"history-evicted"}"#);

    assert_eq!(
        bench.hear(attempt, &record("e", 90, Some(89), "snapshot")),
        [message(90)]
    );
    assert_eq!(
        bench.hear_record(attempt, "e", 92, Some(91)),
        [gap(90, Some(91)), message(92)]
    );
}

#[test]
fn last_value_that_was_delivered_before_is_not_delivered_by_a_resync() {
    let (mut bench, attempt) = at_41();

    bench.hear(attempt, r#"{"op":"subscribed","id":1,"subject":"/t/k","recovery":"resynced","reason":"history-not-loaded"}"#);

    assert_eq!(bench.hear(attempt, &record("e", 41, None, "snapshot")), []);
}

// Brokers without topic ids give a topic that was deleted and made again the same epochs.
#[test]
fn history_that_did_not_last_hides_nothing_of_its_successor() {
    let (mut bench, attempt) = at_41();

    bench.hear(
        attempt,
        r#"{"op":"subscribed","subject":"/t/k","recovery":"resynced","reason":"diverged"}"#,
    );

    assert_eq!(
        bench.hear(attempt, &record("e", 0, None, "snapshot")),
        [message(0)]
    );
    assert_eq!(bench.session.positions("/t/k"), [at("e", 0)]);
}

#[test]
fn quiet_subscription_resumes_from_where_the_gateway_said_it_stands() {
    let (mut bench, attempt) = Bench::subscribed("/t/k", SubscribeOptions::default());
    bench.sent();
    bench.hear(attempt, SUBSCRIBED);

    bench.hear(
        attempt,
        r#"{"op":"position","subject":"/t/k","at":[{"partition":0,"epoch":"e","seq":99}]}"#,
    );
    bench.lose(attempt, Lost::new(Cause::Broken));
    let attempt = bench.connect();

    assert_eq!(
        bench.sent(),
        [r#"{"op":"subscribe","id":2,"subject":"/t/k","from":[{"epoch":"e","seq":99}]}"#]
    );
    assert_eq!(bench.hear_record(attempt, "e", 120, None), [message(120)]);
    assert_eq!(
        bench.hear_record(attempt, "e", 130, Some(125)),
        [gap(120, Some(125)), message(130)]
    );
}

#[test]
fn gap_after_a_stated_position_is_seen() {
    let (mut bench, attempt) = at_41();

    bench.hear(
        attempt,
        r#"{"op":"position","subject":"/t/k","at":[{"partition":0,"epoch":"e","seq":99}]}"#,
    );

    assert_eq!(
        bench.hear_record(attempt, "e", 120, Some(110)),
        [gap(99, Some(110)), message(120)]
    );
}

#[test]
fn partitions_of_a_wildcard_count_for_themselves() {
    let (mut bench, attempt) = Bench::subscribed("/t/*", SubscribeOptions::default());
    bench.sent();

    assert_eq!(
        bench.hear(attempt, &wildcard_record(0, "a", 5, Some(4))),
        [message(5)]
    );
    assert_eq!(
        bench.hear(attempt, &wildcard_record(1, "b", 5, Some(4))),
        [message(5)]
    );
    assert_eq!(
        bench.hear(attempt, &wildcard_record(1, "b", 6, Some(5))),
        [message(6)]
    );
    assert_eq!(
        bench.hear(attempt, &wildcard_record(0, "a", 8, Some(7))),
        [gap(5, Some(7)), message(8)]
    );
    // Another leader, in each partition at its own place.
    assert_eq!(
        bench.hear(attempt, &wildcard_record(1, "b2", 7, Some(6))),
        [message(7)]
    );
    assert_eq!(
        bench.hear(attempt, &wildcard_record(0, "a2", 9, Some(8))),
        [message(9)]
    );
    assert_eq!(bench.session.positions("/t/*"), [at("a2", 9), at("b2", 7)]);
}

#[test]
fn stated_positions_take_the_place_of_all_others() {
    let (mut bench, attempt) = Bench::subscribed("/t/*", SubscribeOptions::default());
    bench.sent();
    bench.hear(attempt, &wildcard_record(0, "a", 5, Some(4)));

    bench.hear(
        attempt,
        r#"{"op":"position","subject":"/t/*","at":[{"partition":1,"epoch":"b","seq":9},{"partition":0,"epoch":"a","seq":5}]}"#,
    );

    assert_eq!(bench.session.positions("/t/*"), [at("b", 9), at("a", 5)]);
    assert_eq!(
        bench.hear(attempt, &wildcard_record(0, "a2", 6, Some(5))),
        [message(6)]
    );
    assert_eq!(bench.session.positions("/t/*"), [at("b", 9), at("a2", 6)]);
}

#[test]
fn a_conflated_update_is_no_gap_and_is_where_the_device_goes_on() {
    let (mut bench, attempt) = at_41();

    bench.hear(
        attempt,
        r#"{"op":"dropped","subject":"/t/k","count":3,"reason":"conflated"}"#,
    );
    // The gateway leaves 42 to 44 out, and says of 45 that it follows what was sent before.
    assert_eq!(bench.hear_record(attempt, "e", 45, Some(41)), [message(45)]);

    let told: Vec<Event> = bench.events();
    assert!(
        matches!(told.as_slice(), [Event::Dropped { count: 3, .. }]),
        "{told:?}"
    );
    bench.lose(attempt, Lost::new(Cause::Broken));
    bench.connect();
    assert_eq!(
        bench.sent(),
        [r#"{"op":"subscribe","id":2,"subject":"/t/k","from":[{"epoch":"e","seq":45}]}"#]
    );
}

#[test]
fn dropped_messages_are_told() {
    let (mut bench, attempt) = at_41();

    bench.hear(
        attempt,
        r#"{"op":"dropped","subject":"/t/k","count":7,"reason":"conflated"}"#,
    );

    let dropped = Event::Dropped {
        subject: "/t/k".into(),
        count: 7,
        reason: DropReason::Conflated,
    };
    assert_eq!(bench.events(), [dropped]);
}

#[test]
fn ended_subscription_delivers_nothing_more() {
    let (mut bench, attempt) = at_41();

    bench.session.unsubscribe("/t/k", bench.now);

    assert_eq!(
        bench.sent(),
        [r#"{"op":"unsubscribe","id":2,"subject":"/t/k"}"#]
    );
    assert_eq!(bench.hear_record(attempt, "e", 42, Some(41)), []);
    assert_eq!(bench.session.counters().strays, 1);
    assert_eq!(bench.session.subjects().count(), 0);
}

#[test]
fn refused_subscription_is_told_and_gone() {
    let (mut bench, attempt) = Bench::subscribed("/t/k", SubscribeOptions::default());
    bench.sent();
    bench.events();

    bench.hear(
        attempt,
        r#"{"op":"error","id":1,"code":"unknown-topic","reason":"no such topic"}"#,
    );

    let [
        Event::SubscriptionRefused {
            subject,
            retried: false,
            ..
        },
    ] = &bench.events()[..]
    else {
        panic!()
    };
    assert_eq!(&**subject, "/t/k");
    assert_eq!(bench.session.subjects().count(), 0);
}

#[test]
fn subscription_that_cannot_be_served_now_is_asked_for_again() {
    let (mut bench, attempt) = Bench::subscribed("/t/k", SubscribeOptions::default());
    bench.sent();

    bench.hear(
        attempt,
        r#"{"op":"error","id":1,"code":"overloaded","reason":"later"}"#,
    );
    bench.idle();
    bench.pass_to_deadline();

    assert_eq!(
        bench.sent(),
        [r#"{"op":"subscribe","id":2,"subject":"/t/k"}"#]
    );
}

#[test]
fn what_is_left_of_an_earlier_connection_is_ignored() {
    let (mut bench, old) = at_41();
    bench.lose(old, Lost::new(Cause::Broken));
    bench.connect();
    bench.sent();

    assert_eq!(bench.hear_record(old, "e", 42, Some(41)), []);
    bench.lose(old, Lost::new(Cause::Broken));

    assert!(bench.session.is_connected());
    assert_eq!(bench.session.positions("/t/k"), [at("e", 41)]);
}
