//! Kafka fails in its own ways; devices notice nothing, or are told.

use std::time::Duration;

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use serde_json::json;

use crate::support::device::texts;
use crate::support::gateway::Setup;
use crate::support::kafka::Write;
use crate::support::{Device, Gateway, Kafka, eventually};

#[test]
fn an_unreachable_kafka_is_no_exit_but_a_reason() {
    let mut gateway = Setup::default().start("127.0.0.1:1");

    let ready = gateway.get("/ready");

    assert_eq!(ready.status, 503);
    eventually("the reason names the topic", || {
        gateway.get("/ready").json()["reason"]
            .as_str()
            .unwrap()
            .starts_with("topic t: ")
    });
    assert!(gateway.is_running());
    assert_eq!(gateway.get("/health").status, 200);
}

#[test]
fn a_missing_topic_is_a_reason_until_it_is_there() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Setup::default()
        .topics(&["t", "late"])
        .start(&kafka.bootstrap);
    eventually("the missing topic is named", || {
        gateway.get("/ready").json()["reason"]
            .as_str()
            .is_some_and(|reason| reason.starts_with("topic late: "))
    });

    kafka.create_topic("late", 2);

    gateway.wait_until_ready();
}

#[test]
fn kafka_away_and_back_loses_nothing_and_says_so_meanwhile() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Gateway::ready(&kafka);
    let mut device = Device::connect(gateway.address());
    device.subscribe(1, "/t/k");
    device.receive();
    kafka.write_texts("t", "k", &["before"]);
    assert_eq!(device.receive()["data"], "before");

    kafka.down();
    eventually("the monitor is told", || {
        gateway.get("/ready").status == 503
    });
    kafka.up();
    kafka.write_texts("t", "k", &["after"]);

    let message = device.receive();
    assert_eq!(
        (&message["data"], &message["prev"]),
        (&json!("after"), &json!(0))
    );
    gateway.wait_until_ready();
}

#[test]
fn a_publish_into_a_broken_kafka_is_acknowledged_late_and_once() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Gateway::ready(&kafka);
    let mut device = Device::connect(gateway.address());
    assert_eq!(device.publish(1, "/t/k", "1")["op"], "published");

    kafka.down();
    device.send(&json!({ "op": "publish", "id": 2, "subject": "/t/k", "data": "2" }));
    device.hears_nothing();
    kafka.up();

    assert_eq!(
        device.receive(),
        json!({ "op": "published", "id": 2, "partition": 0, "seq": 1 })
    );
    device.hears_nothing();
    assert_eq!(kafka.read("t", 0, 2).len(), 2);
}

#[test]
fn a_publish_that_kafka_does_not_take_in_time_is_refused_and_never_acknowledged() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Setup::default()
        .property("\"message.timeout.ms\" = 700")
        .ready(&kafka);
    let mut device = Device::connect(gateway.address());
    assert_eq!(device.publish(1, "/t/k", "1")["op"], "published");

    kafka.down();
    device.send(&json!({ "op": "publish", "id": 2, "subject": "/t/k", "data": "2" }));

    let answer = device.receive();
    assert_eq!((&answer["op"], &answer["id"]), (&json!("error"), &json!(2)));
    assert!(
        ["kafka-unavailable", "publish-unconfirmed"].contains(&answer["code"].as_str().unwrap()),
        "{answer}"
    );
    kafka.up();
    assert_eq!(device.publish(3, "/t/k", "3")["op"], "published");
}

#[test]
fn a_producer_that_breaks_for_good_is_replaced() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    kafka.order(|cluster| {
        cluster.request_errors(
            RDKafkaApiKey::InitProducerId,
            &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED],
        );
    });
    let gateway = Gateway::ready(&kafka);
    eventually("the producer is broken", || {
        gateway.log().contains("CLUSTER_AUTHORIZATION_FAILED")
            || gateway.log().contains("Cluster authorization failed")
    });
    let mut device = Device::connect(gateway.address());

    assert_eq!(device.publish(1, "/t/k", "1")["op"], "published");

    assert!(
        gateway
            .log()
            .contains("the producer broke for good and is replaced")
    );
}

#[test]
fn records_trimmed_before_they_could_be_read_are_told_to_everyone_they_may_concern() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    // Little is fetched ahead, so that a gateway that sleeps falls behind.
    let gateway = Setup::default()
        .property("\"queued.max.messages.kbytes\" = 64\n\"fetch.message.max.bytes\" = 20000\n\"queued.min.messages\" = 1")
        .ready(&kafka);
    let mut device = Device::connect(gateway.address());
    device.subscribe(1, "/t/k");
    device.receive();
    kafka.write_texts("t", "k", &["first"]);
    assert_eq!(device.receive()["data"], "first");

    gateway.signal("STOP");
    // The mock keeps 5 MiB of a partition.
    let value = vec![b'x'; 10_000];
    for _ in 0..12 {
        kafka.write(
            "t",
            &[Write {
                key: Some(b"other"),
                value: Some(&value),
                ..Write::default()
            }; 100],
        );
    }
    kafka.write_texts("t", "k", &["last"]);
    gateway.signal("CONT");

    let told = loop {
        let message = device.receive();
        if message["op"] == "subscribed" {
            break message;
        }
    };
    assert_eq!(
        told,
        json!({ "op": "subscribed", "subject": "/t/k", "recovery": "resynced", "reason": "history-not-loaded" })
    );
    // "first" is no last value any more: records after it are missing.
    let position = device.receive();
    assert_eq!(position["op"], "position");
    let last = device.receive();
    assert_eq!(
        (&last["kind"], &last["data"], &last["prev"]),
        (&json!("update"), &json!("last"), &json!(null))
    );
    assert_eq!(
        gateway.metric("tidegate_kafka_resets_total{reason=\"history-not-loaded\"}"),
        1.0
    );
}

#[test]
fn bad_bytes_in_keys_values_and_headers_harm_nobody() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Gateway::ready(&kafka);
    let mut device = Device::connect(gateway.address());
    device.subscribe(1, "/t/*");
    device.receive();

    kafka.write(
        "t",
        &[
            Write {
                key: Some(&[0xff, 0, b'%']),
                value: Some(&[0xc3, 0x28]),
                publish_id: Some(""),
                ..Write::default()
            },
            Write {
                key: None,
                value: None,
                ..Write::default()
            },
            Write {
                key: Some(b"k"),
                value: Some(b"fine"),
                ..Write::default()
            },
        ],
    );

    let messages = device.receive_many(3);
    assert_eq!(
        (&messages[0]["key"], &messages[0]["data_base64"]),
        (&json!("%FF%00%25"), &json!("wyg="))
    );
    assert_eq!(
        (&messages[1]["key"], &messages[1]["data"]),
        (&json!(null), &json!(null))
    );
    assert_eq!(texts(&messages[2..]), ["fine"]);
}

#[test]
fn a_slow_kafka_is_a_slow_acknowledgement() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Gateway::ready(&kafka);
    let mut device = Device::connect(gateway.address());
    assert_eq!(device.publish(1, "/t/k", "1")["op"], "published");

    kafka.delay(Duration::from_millis(300));
    let start = std::time::Instant::now();

    assert_eq!(device.publish(2, "/t/k", "2")["op"], "published");
    assert!(start.elapsed() >= Duration::from_millis(300));
}
