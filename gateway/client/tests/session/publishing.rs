//! Publishes survive connections, and keep their ids and their order.

use std::time::Duration;

use gateway_client::message::{Data, ErrorCode};
use gateway_client::{Attempt, Cause, Event, Lost, PublishError, Settings, Ticket};

use crate::bench::Bench;

fn connected(settings: Settings) -> (Bench, Attempt) {
    let mut bench = Bench::new(&["ws://a", "ws://b"], settings);
    let attempt = bench.connect();
    bench.events();
    (bench, attempt)
}

fn publish(bench: &mut Bench, data: &str) -> Ticket {
    bench
        .session
        .publish("/t/k", Data::text(data), bench.now)
        .unwrap()
}

/// The value of a string field of a frame.
fn field<'a>(frame: &'a str, name: &str) -> &'a str {
    let start = frame.find(&format!("\"{name}\":\"")).unwrap() + name.len() + 4;
    &frame[start..start + frame[start..].find('"').unwrap()]
}

/// The id of a request.
fn id(frame: &str) -> &str {
    let (_, rest) = frame.split_once("\"id\":").unwrap();
    &rest[..rest.find(',').unwrap()]
}

fn acknowledge(bench: &mut Bench, attempt: Attempt, frame: &str) {
    let id = id(frame);
    let answer = format!(r#"{{"op":"published","id":{id},"partition":0,"seq":1}}"#);
    bench.hear(attempt, &answer);
}

fn refuse(bench: &mut Bench, attempt: Attempt, frame: &str) {
    let id = id(frame);
    let answer =
        format!(r#"{{"op":"error","id":{id},"code":"kafka-unavailable","reason":"away"}}"#);
    bench.hear(attempt, &answer);
}

fn contents(frames: &[String]) -> Vec<&str> {
    frames.iter().map(|frame| field(frame, "data")).collect()
}

#[test]
fn publish_is_answered_by_its_ticket() {
    let (mut bench, attempt) = connected(Settings::default());

    let ticket = publish(&mut bench, "a");
    assert_eq!(bench.sent().len(), 1);
    bench.hear(
        attempt,
        r#"{"op":"published","id":1,"partition":3,"seq":43}"#,
    );

    assert_eq!(
        bench.events(),
        [Event::Published {
            ticket,
            partition: 3,
            seq: 43
        }]
    );
    assert_eq!(bench.session.unanswered_publishes(), 0);
}

#[test]
fn publishes_wait_for_a_connection() {
    let mut bench = Bench::new(&["ws://a"], Settings::default());
    publish(&mut bench, "a");

    bench.connect();

    assert_eq!(contents(&bench.sent()), ["a"]);
}

#[test]
fn unanswered_publishes_are_sent_again_in_order_and_with_their_ids() {
    let (mut bench, attempt) = connected(Settings::default());
    for data in ["a", "b", "c"] {
        publish(&mut bench, data);
    }
    let first = bench.sent();
    bench.hear(
        attempt,
        r#"{"op":"published","id":2,"partition":0,"seq":1}"#,
    );

    bench.lose(attempt, Lost::new(Cause::Broken));
    let attempt = bench.connect();
    let mut second = bench.sent();
    acknowledge(&mut bench, attempt, &second[0]);
    second.extend(bench.sent());

    assert_eq!(contents(&first), ["a", "b", "c"]);
    assert_eq!(contents(&second), ["a", "c"]);
    let ids = |frames: &[String]| {
        frames
            .iter()
            .map(|frame| field(frame, "publish_id").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        ids(&second),
        [ids(&first)[0].clone(), ids(&first)[2].clone()]
    );
}

#[test]
fn a_publish_that_is_sent_again_is_not_overtaken_though_it_is_refused_once_more() {
    let (mut bench, attempt) = connected(Settings::default());
    for data in ["a", "b"] {
        publish(&mut bench, data);
    }
    bench.sent();
    bench.lose(attempt, Lost::new(Cause::Broken));
    publish(&mut bench, "c");

    let attempt = bench.connect();
    let again = bench.sent();
    assert_eq!(contents(&again), ["a"]);
    refuse(&mut bench, attempt, &again[0]);
    publish(&mut bench, "d");
    bench.idle();
    bench.pass_to_deadline();

    let mut order = vec![];
    loop {
        let sent = bench.sent();
        if sent.is_empty() {
            break;
        }
        for frame in &sent {
            acknowledge(&mut bench, attempt, frame);
        }
        order.push(contents(&sent).join(" "));
    }
    assert_eq!(order, ["a", "b", "c d"]);
}

#[test]
fn nothing_is_sent_past_a_publish_that_is_put_off() {
    let (mut bench, attempt) = connected(Settings::default());
    publish(&mut bench, "a");
    let first = bench.sent();
    refuse(&mut bench, attempt, &first[0]);

    publish(&mut bench, "b");

    bench.idle();
    bench.pass_to_deadline();
    assert_eq!(contents(&bench.sent()), ["a"]);
}

#[test]
fn ids_of_publishes_differ_between_sessions() {
    let id_of = |seed| {
        let servers = std::sync::Arc::new(gateway_client::ServerList::parse(["ws://a"]).unwrap());
        let mut bench = Bench {
            session: gateway_client::Session::new(servers, std::sync::Arc::default(), seed),
            now: std::time::Instant::now(),
        };
        bench.session.open(bench.now);
        publish(&mut bench, "a");
        bench.connect();
        field(&bench.sent()[0], "publish_id").to_owned()
    };

    assert_eq!(id_of(1), id_of(1));
    assert_ne!(id_of(1), id_of(2));
}

#[test]
fn window_bounds_what_is_on_its_way() {
    let (mut bench, attempt) = connected(Settings {
        publish_window: 2,
        ..Settings::default()
    });
    for data in ["a", "b", "c", "d"] {
        publish(&mut bench, data);
    }

    assert_eq!(contents(&bench.sent()), ["a", "b"]);
    bench.hear(
        attempt,
        r#"{"op":"published","id":1,"partition":0,"seq":1}"#,
    );
    assert_eq!(contents(&bench.sent()), ["c"]);
}

#[test]
fn publish_that_cannot_be_taken_now_is_sent_again_after_a_while() {
    let (mut bench, attempt) = connected(Settings::default());
    publish(&mut bench, "a");
    let first = bench.sent();

    bench.hear(
        attempt,
        r#"{"op":"error","id":1,"code":"kafka-unavailable","reason":"away"}"#,
    );
    bench.idle();
    assert_eq!(bench.pass_to_deadline(), Duration::from_secs(1));
    let second = bench.sent();

    assert_eq!(
        field(&second[0], "publish_id"),
        field(&first[0], "publish_id")
    );
    assert_eq!(bench.events(), []);
}

#[test]
fn publish_refused_for_good_is_told_and_forgotten() {
    let (mut bench, attempt) = connected(Settings::default());
    let ticket = publish(&mut bench, "a");
    bench.sent();

    bench.hear(
        attempt,
        r#"{"op":"error","id":1,"code":"record-too-large","reason":"too large"}"#,
    );

    let refused = Event::PublishRefused {
        ticket,
        code: ErrorCode::RecordTooLarge,
        reason: "too large".into(),
    };
    assert_eq!(bench.events(), [refused]);
    bench.lose(attempt, Lost::new(Cause::Broken));
    bench.connect();
    bench.idle();
}

#[test]
fn publish_that_a_gateway_closed_for_is_refused_and_not_sent_again() {
    let (mut bench, attempt) = connected(Settings::default());
    publish(&mut bench, "a");
    let ticket = publish(&mut bench, "much too large");
    publish(&mut bench, "b");
    bench.sent();

    bench.lose(attempt, Lost::new(Cause::Closed { code: 1009 }));
    let attempt = bench.connect();

    let sent = bench.sent();
    acknowledge(&mut bench, attempt, &sent[0]);
    assert_eq!(contents(&sent), ["a"]);
    assert_eq!(contents(&bench.sent()), ["b"]);
    let refused = bench.events().into_iter().find_map(|event| match event {
        Event::PublishRefused { ticket, code, .. } => Some((ticket, code)),
        _ => None,
    });
    assert_eq!(refused, Some((ticket, ErrorCode::RecordTooLarge)));
}

#[test]
fn session_holds_no_more_publishes_than_it_may() {
    let mut bench = Bench::new(
        &["ws://a"],
        Settings {
            publish_queue: 2,
            ..Settings::default()
        },
    );
    publish(&mut bench, "a");
    publish(&mut bench, "b");

    let third = bench.session.publish("/t/k", Data::text("c"), bench.now);

    assert_eq!(third, Err(PublishError::Full { limit: 2 }));
}

#[test]
fn whole_topic_is_no_place_to_publish_to() {
    let mut bench = Bench::new(&["ws://a"], Settings::default());

    let refused = bench
        .session
        .publish("/t/*", Data::Tombstone, bench.now)
        .unwrap_err();

    assert_eq!(
        refused.to_string(),
        "`/t/*` names a whole topic: publish to one key"
    );
}

#[test]
fn an_acknowledgement_that_nobody_waits_for_is_told() {
    let (mut bench, attempt) = connected(Settings::default());
    let ticket = publish(&mut bench, "a");
    let sent = bench.sent();

    for seq in [43, 44] {
        let id = id(&sent[0]);
        let answer = format!(r#"{{"op":"published","id":{id},"partition":0,"seq":{seq}}}"#);
        bench.hear(attempt, &answer);
    }

    let published = Event::Published {
        ticket,
        partition: 0,
        seq: 43,
    };
    let unasked = Event::PublishedUnasked {
        partition: 0,
        seq: 44,
    };
    assert_eq!(bench.events(), [published, unasked]);
}
