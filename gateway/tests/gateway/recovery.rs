//! Devices go on where they were, on any gateway, and are told whenever they cannot.

use serde_json::{Value, json};

use crate::support::device::{position, texts};
use crate::support::gateway::Setup;
use crate::support::kafka::Write;
use crate::support::{Device, Gateway, Kafka, eventually};

#[test]
fn what_was_missed_comes_from_another_gateway_before_what_is_new() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let (one, other) = (Gateway::ready(&kafka), Gateway::ready(&kafka));
    let mut device = Device::connect(one.address());
    device.subscribe(1, "/t/k");
    device.receive();
    kafka.write_texts("t", "k", &["1", "2"]);
    let last = device.receive_many(2).pop().unwrap();
    drop(device);
    drop(one);
    kafka.write_texts("t", "k", &["3", "4"]);
    wait_for_records(&other, 4.0);

    let mut device = Device::connect(other.address());
    let answer = device.resume(2, "/t/k", &position(&last));

    assert_eq!(
        answer,
        json!({ "op": "subscribed", "id": 2, "subject": "/t/k", "recovery": "synced" })
    );
    let missed = device.receive_many(2);
    assert_eq!(texts(&missed), ["3", "4"]);
    assert!(missed.iter().all(|message| message["kind"] == "recovered"));
    assert_eq!(missed[0]["prev"], last["seq"]);

    kafka.write_texts("t", "k", &["5"]);
    let live = device.receive();
    assert_eq!(
        (&live["kind"], &live["data"], &live["prev"]),
        (&json!("update"), &json!("5"), &missed[1]["seq"])
    );
    assert_eq!(
        other.metric("tidegate_resume_total{outcome=\"synced\",reason=\"\"}"),
        1.0
    );
}

#[test]
fn equal_positions_mean_equal_messages_on_every_gateway() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateways: Vec<Gateway> = (0..3).map(|_| Gateway::ready(&kafka)).collect();
    let mut devices: Vec<Device> = gateways
        .iter()
        .map(|gateway| Device::connect(gateway.address()))
        .collect();
    for device in &mut devices {
        device.subscribe(1, "/t/k");
        device.receive();
    }

    for round in 0..5 {
        kafka.write_texts("t", "other", &["between"]);
        kafka.write_texts("t", "k", &[&round.to_string()]);
    }

    let seen: Vec<Vec<Value>> = devices
        .iter_mut()
        .map(|device| device.receive_many(5))
        .collect();
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
}

#[test]
fn resuming_while_records_flow_leaves_no_gap_and_no_double() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Gateway::ready(&kafka);
    let mut first = Device::connect(gateway.address());
    first.subscribe(1, "/t/k");
    first.receive();
    kafka.write_texts("t", "k", &["0"]);
    let start = first.receive();

    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for number in 1..400 {
                kafka.write_texts("t", "k", &[&number.to_string()]);
            }
        });
        for _ in 0..10 {
            let mut device = Device::connect(gateway.address());
            assert_eq!(
                device.resume(1, "/t/k", &position(&start))["recovery"],
                "synced"
            );
            let messages = device.receive_many(50);
            let seqs: Vec<i64> = messages
                .iter()
                .map(|message| message["seq"].as_i64().unwrap())
                .collect();
            assert_eq!(seqs, (1..51).collect::<Vec<_>>());
        }
        writing.join().unwrap();
    });
}

#[test]
fn a_quiet_subject_is_resumed_from_the_position_it_was_told() {
    let kafka = Kafka::with_topics(&[("t", 3)]);
    let (one, other) = (Gateway::ready(&kafka), Gateway::ready(&kafka));
    let mut device = Device::connect(one.address());
    device.subscribe(1, "/t/k");
    let told = device.receive();
    assert_eq!(told["op"], "position");
    drop(device);

    // Two records, of which a snapshot alone would show only the second.
    Device::connect(one.address()).publish(1, "/t/k", "1");
    Device::connect(one.address()).publish(1, "/t/k", "2");
    wait_for_records(&other, 2.0);

    let mut device = Device::connect(other.address());
    assert_eq!(
        device.resume(2, "/t/k", &places(&told))["recovery"],
        "synced"
    );
    assert_eq!(texts(&device.receive_many(2)), ["1", "2"]);
}

#[test]
fn a_whole_topic_is_resumed_in_every_partition_even_the_quiet_ones() {
    let kafka = Kafka::with_topics(&[("t", 3)]);
    let (one, other) = (Gateway::ready(&kafka), Gateway::ready(&kafka));
    let mut device = Device::connect(one.address());
    device.subscribe(1, "/t/*");
    let told = device.receive();
    assert_eq!(told["at"].as_array().unwrap().len(), 3);
    drop(device);
    for partition in 0..3 {
        kafka.write(
            "t",
            &[Write {
                partition,
                key: Some(b"k"),
                value: Some(b"x"),
                publish_id: None,
            }; 2],
        );
    }
    wait_for_records(&other, 6.0);

    let mut device = Device::connect(other.address());
    assert_eq!(
        device.resume(2, "/t/*", &places(&told))["recovery"],
        "synced"
    );
    let mut missed: Vec<(i64, i64)> = device
        .receive_many(6)
        .iter()
        .map(|message| {
            (
                message["partition"].as_i64().unwrap(),
                message["seq"].as_i64().unwrap(),
            )
        })
        .collect();
    missed.sort_unstable();

    assert_eq!(missed, [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]);
}

#[test]
fn what_the_cache_has_forgotten_is_signalled_with_the_last_value() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Setup::default().with("[cache]\nmessages = 1").ready(&kafka);
    kafka.write_texts("t", "k", &["1", "2", "3", "4"]);
    wait_for_records(&gateway, 4.0);

    let mut device = Device::connect(gateway.address());
    let answer = device.resume(1, "/t/k", &json!({ "epoch": "t.0.0", "seq": 0 }));

    assert_eq!(
        answer,
        json!({ "op": "subscribed", "id": 1, "subject": "/t/k", "recovery": "resynced", "reason": "history-evicted" })
    );
    let snapshot = device.receive();
    assert_eq!(
        (&snapshot["kind"], &snapshot["data"], &snapshot["seq"]),
        (&json!("snapshot"), &json!("4"), &json!(3))
    );
    device.hears_nothing();
}

#[test]
fn the_last_position_is_synced_even_when_the_bodies_are_gone() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Setup::default()
        .with("[cache]\nmax-age = \"100ms\"")
        .ready(&kafka);
    kafka.write_texts("t", "k", &["1", "2"]);
    wait_for_records(&gateway, 2.0);
    eventually("the bodies are gone", || {
        gateway.metric("tidegate_cache_messages") == 0.0
    });

    let mut device = Device::connect(gateway.address());
    assert_eq!(
        device.resume(1, "/t/k", &json!({ "epoch": "t.0.0", "seq": 1 }))["recovery"],
        "synced"
    );
    device.hears_nothing();
    let mut device = Device::connect(gateway.address());
    assert_eq!(
        device.resume(1, "/t/k", &json!({ "epoch": "t.0.0", "seq": 0 }))["reason"],
        "history-evicted"
    );
}

#[test]
fn positions_of_another_history_have_diverged() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Gateway::ready(&kafka);
    kafka.write_texts("t", "k", &["1", "2"]);
    wait_for_records(&gateway, 2.0);

    for epoch in ["another-topic.0.0", "t.0.7", "nonsense"] {
        let mut device = Device::connect(gateway.address());
        let answer = device.resume(1, "/t/k", &json!([{ "epoch": epoch, "seq": 0 }]));

        assert_eq!(
            (&answer["recovery"], &answer["reason"]),
            (&json!("resynced"), &json!("diverged")),
            "{epoch}"
        );
        assert_eq!(device.receive()["data"], "2");
    }
}

#[test]
fn a_gateway_that_starts_loads_the_recent_past_first() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    kafka.write_texts("t", "k", &["1", "2", "3"]);
    let gateway = Gateway::ready(&kafka);

    let mut device = Device::connect(gateway.address());
    assert_eq!(
        device.resume(1, "/t/k", &json!({ "epoch": "t.0.0", "seq": 0 }))["recovery"],
        "synced"
    );

    assert_eq!(texts(&device.receive_many(2)), ["2", "3"]);
}

#[test]
fn who_subscribes_before_the_past_is_loaded_waits_for_it() {
    let kafka = Kafka::with_topics(&[]);
    let gateway = Setup::default().start(&kafka.bootstrap);
    let mut device = Device::connect(gateway.address());
    device.send(&json!({ "op": "subscribe", "id": 1, "subject": "/t/k" }));
    device.hears_nothing();
    assert_eq!(gateway.get("/ready").status, 503);

    kafka.create_topic("t", 1);

    assert_eq!(device.receive()["op"], "subscribed");
    gateway.wait_until_ready();
}

#[test]
fn a_publish_repeated_on_another_gateway_is_delivered_once() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let (one, other) = (Gateway::ready(&kafka), Gateway::ready(&kafka));
    let mut subscribers: Vec<Device> = [&one, &other]
        .map(|gateway| Device::connect(gateway.address()))
        .into();
    for subscriber in &mut subscribers {
        subscriber.subscribe(1, "/t/*");
        subscriber.receive();
    }

    for gateway in [&one, &other] {
        let mut device = Device::connect(gateway.address());
        device.send(&json!({ "op": "publish", "id": 1, "subject": "/t/k", "data": "once", "publish_id": "p" }));
        assert_eq!(device.receive()["op"], "published");
    }
    kafka.write_texts("t", "k", &["after"]);

    for subscriber in &mut subscribers {
        let messages = subscriber.receive_many(2);
        assert_eq!(texts(&messages), ["once", "after"]);
        assert_eq!(
            (
                &messages[0]["seq"],
                &messages[1]["seq"],
                &messages[1]["prev"]
            ),
            (&json!(0), &json!(2), &json!(0))
        );
    }
    assert_eq!(one.metric("tidegate_duplicates_suppressed_total"), 1.0);
    assert_eq!(other.metric("tidegate_duplicates_suppressed_total"), 1.0);
}

#[test]
fn a_storm_of_resumes_asks_kafka_nothing() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Gateway::ready(&kafka);
    kafka.write_texts("t", "k", &["1", "2"]);
    wait_for_records(&gateway, 2.0);
    let before = (
        gateway.metric("tidegate_kafka_fetches_total"),
        gateway.metric("tidegate_kafka_bytes_total"),
    );

    for _ in 0..200 {
        let mut device = Device::connect(gateway.address());
        assert_eq!(
            device.resume(1, "/t/k", &json!({ "epoch": "t.0.0", "seq": 0 }))["recovery"],
            "synced"
        );
        assert_eq!(device.receive()["data"], "2");
    }

    let after = (
        gateway.metric("tidegate_kafka_fetches_total"),
        gateway.metric("tidegate_kafka_bytes_total"),
    );
    assert_eq!(before, after);
}

/// The positions of a `position` message, as `from` takes them.
fn places(told: &Value) -> Value {
    told["at"]
        .as_array()
        .unwrap()
        .iter()
        .map(|place| json!({ "epoch": place["epoch"], "seq": place["seq"] }))
        .collect()
}

fn wait_for_records(gateway: &Gateway, records: f64) {
    eventually("the records are read", || {
        gateway.metric("tidegate_kafka_records_total") >= records
    });
}
