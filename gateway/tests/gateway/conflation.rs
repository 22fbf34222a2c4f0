//! At most one update per interval; what it replaced is told, and nothing looks like a gap.

use serde_json::{Value, json};

use crate::support::device::position;
use crate::support::gateway::Setup;
use crate::support::{Device, Gateway, Kafka, eventually};

#[test]
fn a_busy_subject_is_told_at_its_pace_and_every_record_is_accounted_for() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = conflating("/t/*", "200ms").ready(&kafka);
    let mut device = subscribed(&gateway, "/t/k");

    write_one_by_one(&kafka, &gateway, 40);
    let told = until_last(&mut device, 39);

    assert_eq!(told.messages + told.left_out, 40);
    assert!(told.left_out > 0);
    assert_eq!(
        gateway.metric("tidegate_conflated_total") as u64,
        told.left_out
    );
}

#[test]
fn who_resumes_within_a_window_gets_everything_it_missed() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    // No window ends while the test lasts.
    let gateway = conflating("/t/k", "1h").ready(&kafka);
    let mut device = subscribed(&gateway, "/t/k");
    write_one_by_one(&kafka, &gateway, 5);
    let first = device.receive();
    assert_eq!(first["seq"], 0);
    drop(device);

    let mut again = Device::connect(gateway.address());
    let answer = again.resume(1, "/t/k", &position(&first));

    assert_eq!(answer["recovery"], "synced");
    let seqs: Vec<Value> = again
        .receive_many(4)
        .iter()
        .map(|message| message["seq"].clone())
        .collect();
    assert_eq!(seqs, [1, 2, 3, 4].map(|seq| json!(seq)));
}

#[test]
fn a_new_subscriber_brings_the_held_update_forward_and_nobody_gets_it_twice() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = conflating("/t/k", "1h").ready(&kafka);
    let mut old = subscribed(&gateway, "/t/k");
    write_one_by_one(&kafka, &gateway, 3);
    assert_eq!(old.receive()["seq"], 0);

    let mut new = Device::connect(gateway.address());
    new.subscribe(1, "/t/k");

    let snapshot = new.receive();
    assert_eq!(
        (&snapshot["kind"], &snapshot["seq"]),
        (&json!("snapshot"), &json!(2))
    );
    let told = until_last(&mut old, 2);
    assert_eq!((told.messages, told.left_out), (1, 1));
    new.hears_nothing();
}

#[test]
fn other_subjects_are_not_conflated() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = conflating("/t/other", "1h").ready(&kafka);
    let mut device = subscribed(&gateway, "/t/k");

    write_one_by_one(&kafka, &gateway, 10);

    let told = until_last(&mut device, 9);
    assert_eq!((told.messages, told.left_out), (10, 0));
}

/// What a device was told of a subject.
struct Told {
    messages: u64,
    left_out: u64,
}

/// Reads up to the record of this offset, and checks that each message names the one before it.
fn until_last(device: &mut Device, last: u64) -> Told {
    let mut told = Told {
        messages: 0,
        left_out: 0,
    };
    let mut before: Option<Value> = None;
    loop {
        let message = device.receive();
        if message["op"] == "dropped" {
            assert_eq!(message["reason"], "conflated");
            told.left_out += message["count"].as_u64().unwrap();
            continue;
        }
        assert_eq!(message["kind"], "update");
        if let Some(before) = &before {
            assert_eq!(&message["prev"], before, "a gap: {message}");
        }
        told.messages += 1;
        if message["seq"] == last {
            return told;
        }
        before = Some(message["seq"].clone());
    }
}

/// Each record is read in a poll of its own.
fn write_one_by_one(kafka: &Kafka, gateway: &Gateway, records: u32) {
    for number in 0..records {
        kafka.write_texts("t", "k", &[&number.to_string()]);
        eventually("the gateway has read it", || {
            gateway.metric("tidegate_kafka_records_total") >= f64::from(number + 1)
        });
    }
}

fn conflating(subjects: &str, interval: &str) -> Setup {
    Setup::default().with(&format!(
        "[[conflation]]\nsubjects = {subjects:?}\ninterval = {interval:?}"
    ))
}

fn subscribed(gateway: &Gateway, subject: &str) -> Device {
    let mut device = Device::connect(gateway.address());
    device.subscribe(1, subject);
    assert_eq!(device.receive()["op"], "position");
    device
}
