//! Records reach devices, and what devices publish reaches Kafka.

use serde_json::json;

use crate::support::device::texts;
use crate::support::gateway::Setup;
use crate::support::kafka::{Write, publish_id};
use crate::support::{Device, Gateway, Kafka};

use rdkafka::Message as _;

#[test]
fn a_record_reaches_every_subscriber_once_and_in_order() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Setup::default().workgroups(4).ready(&kafka);
    let mut devices: Vec<Device> = (0..20)
        .map(|_| Device::connect(gateway.address()))
        .collect();
    for device in &mut devices {
        assert_eq!(
            device.subscribe(1, "/t/k"),
            json!({ "op": "subscribed", "id": 1, "subject": "/t/k", "recovery": "none" })
        );
        assert_eq!(device.receive()["op"], "position");
    }

    let values: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    kafka.write_texts("t", "k", &values);

    for device in &mut devices {
        let messages = device.receive_many(100);
        assert_eq!(texts(&messages), values);
        for (seq, message) in messages.iter().enumerate() {
            assert_eq!(message["seq"], seq);
            assert_eq!(
                message["prev"],
                seq.checked_sub(1).map_or(json!(null), |prev| json!(prev))
            );
        }
        device.hears_nothing();
    }
}

#[test]
fn a_message_says_where_it_stands() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Gateway::ready(&kafka);
    let mut device = Device::connect(gateway.address());
    device.subscribe(1, "/t/k");
    device.receive();

    kafka.write_texts("t", "k", &["hello"]);

    assert_eq!(
        device.receive(),
        json!({
            "op": "message", "subject": "/t/k", "epoch": "t.0.0", "seq": 0, "prev": null,
            "kind": "update", "data": "hello"
        })
    );
}

#[test]
fn a_subscription_begins_with_the_last_value() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Gateway::ready(&kafka);
    let mut witness = Device::connect(gateway.address());
    witness.subscribe(1, "/t/k");
    witness.receive();
    kafka.write_texts("t", "k", &["1", "2"]);
    witness.receive_many(2);

    let mut device = Device::connect(gateway.address());
    device.subscribe(1, "/t/k");

    let snapshot = device.receive();
    assert_eq!(
        (&snapshot["kind"], &snapshot["data"], &snapshot["seq"]),
        (&json!("snapshot"), &json!("2"), &json!(1))
    );
}

#[test]
fn history_on_request_is_what_was_asked_for() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    kafka.write_texts("t", "k", &["1", "2", "3"]);
    let gateway = Gateway::ready(&kafka);
    let mut device = Device::connect(gateway.address());

    device.send(&json!({ "op": "subscribe", "id": 1, "subject": "/t/k", "history": 2 }));

    assert_eq!(device.receive()["op"], "subscribed");
    let messages = device.receive_many(2);
    assert_eq!(texts(&messages), ["2", "3"]);
    assert!(
        messages
            .iter()
            .all(|message| message["kind"] == "recovered")
    );
}

#[test]
fn a_whole_topic_names_each_record_s_key() {
    let kafka = Kafka::with_topics(&[("t", 2)]);
    let gateway = Gateway::ready(&kafka);
    let mut device = Device::connect(gateway.address());
    device.subscribe(1, "/t/*");
    device.receive();

    kafka.write(
        "t",
        &[Write {
            partition: 1,
            key: Some(b"a/b"),
            value: Some(b"1"),
            publish_id: None,
        }],
    );
    let keyed = device.receive();
    kafka.write(
        "t",
        &[Write {
            partition: 0,
            key: None,
            value: Some(b"2"),
            publish_id: None,
        }],
    );
    let keyless = device.receive();

    assert_eq!(
        (&keyed["subject"], &keyed["key"], &keyed["partition"]),
        (&json!("/t/*"), &json!("a/b"), &json!(1))
    );
    assert_eq!(
        (&keyless["key"], &keyless["partition"]),
        (&json!(null), &json!(0))
    );
}

#[test]
fn who_subscribed_to_a_key_and_to_its_topic_gets_both() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Gateway::ready(&kafka);
    let mut device = Device::connect(gateway.address());
    for subject in ["/t/k", "/t/*"] {
        device.subscribe(1, subject);
        device.receive();
    }

    kafka.write_texts("t", "k", &["1"]);

    let mut subjects: Vec<String> = device
        .receive_many(2)
        .iter()
        .map(|message| message["subject"].as_str().unwrap().to_owned())
        .collect();
    subjects.sort();
    assert_eq!(subjects, ["/t/*", "/t/k"]);
}

#[test]
fn bytes_travel_as_base64_and_tombstones_as_null() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Gateway::ready(&kafka);
    let mut device = Device::connect(gateway.address());
    device.subscribe(1, "/t/k");
    device.receive();

    kafka.write(
        "t",
        &[
            Write {
                key: Some(b"k"),
                value: Some(&[0, 255]),
                ..Write::default()
            },
            Write {
                key: Some(b"k"),
                value: None,
                ..Write::default()
            },
        ],
    );

    assert_eq!(device.receive()["data_base64"], "AP8=");
    let tombstone = device.receive();
    assert_eq!(tombstone.get("data"), Some(&json!(null)));
}

#[test]
fn after_unsubscribing_nothing_more_comes() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Gateway::ready(&kafka);
    let mut device = Device::connect(gateway.address());
    for subject in ["/t/a", "/t/b"] {
        device.subscribe(1, subject);
        device.receive();
    }

    device.send(&json!({ "op": "unsubscribe", "id": 7, "subject": "/t/a" }));
    assert_eq!(
        device.receive(),
        json!({ "op": "unsubscribed", "id": 7, "subject": "/t/a" })
    );
    kafka.write_texts("t", "a", &["unwanted"]);
    kafka.write_texts("t", "b", &["wanted"]);

    assert_eq!(device.receive()["data"], "wanted");
}

#[test]
fn an_unsubscribe_right_behind_its_subscribe_ends_it() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Gateway::ready(&kafka);
    let mut device = Device::connect(gateway.address());

    device.send(&json!({ "op": "subscribe", "id": 1, "subject": "/t/a" }));
    device.send(&json!({ "op": "unsubscribe", "id": 2, "subject": "/t/a" }));

    let answers = device.receive_many(3);
    assert_eq!(
        answers
            .iter()
            .map(|answer| &answer["op"])
            .collect::<Vec<_>>(),
        ["subscribed", "position", "unsubscribed"]
    );
}

#[test]
fn a_publish_is_acknowledged_once_it_is_in_the_log() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Gateway::ready(&kafka);
    let mut device = Device::connect(gateway.address());

    device.send(
        &json!({ "op": "publish", "id": 9, "subject": "/t/k", "data": "hi", "publish_id": "p-1" }),
    );

    assert_eq!(
        device.receive(),
        json!({ "op": "published", "id": 9, "partition": 0, "seq": 0 })
    );
    let record = &kafka.read("t", 0, 1)[0];
    assert_eq!(
        (record.key(), record.payload()),
        (Some(&b"k"[..]), Some(&b"hi"[..]))
    );
    assert_eq!(publish_id(record).as_deref(), Some("p-1"));
}

#[test]
fn the_publishes_of_a_device_are_in_the_log_in_its_order() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Gateway::ready(&kafka);
    let mut device = Device::connect(gateway.address());

    for number in 0..200 {
        device.send(&json!({ "op": "publish", "id": number, "subject": "/t/k", "data": number.to_string() }));
    }

    for number in 0..200 {
        let answer = device.receive();
        assert_eq!(
            (&answer["op"], &answer["id"], &answer["seq"]),
            (&json!("published"), &json!(number), &json!(number))
        );
    }
    let log = kafka.read("t", 0, 200);
    let values: Vec<String> = log
        .iter()
        .map(|record| String::from_utf8(record.payload().unwrap().to_vec()).unwrap())
        .collect();
    assert_eq!(
        values,
        (0..200)
            .map(|number| number.to_string())
            .collect::<Vec<_>>()
    );
}

#[test]
fn a_publish_reaches_the_subscribers_of_another_gateway() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let (one, other) = (Gateway::ready(&kafka), Gateway::ready(&kafka));
    let mut subscriber = Device::connect(other.address());
    subscriber.subscribe(1, "/t/k");
    subscriber.receive();

    Device::connect(one.address()).publish(1, "/t/k", "across");

    assert_eq!(subscriber.receive()["data"], "across");
}

#[test]
fn the_empty_key_and_odd_keys_are_keys() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Gateway::ready(&kafka);
    for (subject, key) in [
        ("/t/", &b""[..]),
        ("/t/%2A", b"*"),
        ("/t/%25", b"%"),
        ("/t/%FF", &[255]),
        ("/t/a/b c", b"a/b c"),
    ] {
        let mut device = Device::connect(gateway.address());
        device.subscribe(1, subject);
        device.receive();

        kafka.write(
            "t",
            &[Write {
                key: Some(key),
                value: Some(b"x"),
                ..Write::default()
            }],
        );

        let message = device.receive();
        assert_eq!(
            (&message["subject"], &message["data"]),
            (&json!(subject), &json!("x"))
        );
    }
}

#[test]
fn wrong_requests_are_answered_with_their_code() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Gateway::ready(&kafka);
    let mut device = Device::connect(gateway.address());

    for (request, code) in [
        ("{", "bad-json"),
        (r#"{"op":"fly","id":1}"#, "unknown-op"),
        (
            r#"{"op":"subscribe","id":1,"subject":"/other/k"}"#,
            "unknown-topic",
        ),
        (
            r#"{"op":"subscribe","id":1,"subject":"nonsense"}"#,
            "bad-subject",
        ),
        (
            r#"{"op":"unsubscribe","id":1,"subject":"/t/k"}"#,
            "not-subscribed",
        ),
        (
            r#"{"op":"publish","id":1,"subject":"/t/*","data":"x"}"#,
            "bad-subject",
        ),
    ] {
        device.send_text(request);

        let answer = device.receive();
        assert_eq!(
            (&answer["op"], &answer["code"]),
            (&json!("error"), &json!(code)),
            "{request}: {answer}"
        );
    }
}
