//! Updates that wait for company leave together, and nothing else changes.

use serde_json::json;

use crate::support::device::{position, texts};
use crate::support::gateway::Setup;
use crate::support::{Device, Gateway, Kafka};

#[test]
fn updates_of_many_polls_leave_in_few_writes_and_in_order() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = batching("500ms").ready(&kafka);
    let mut device = subscribed(&gateway);
    let before = gateway.metric("tidegate_writes_total");

    // Written one by one, so that the gateway reads them in many polls.
    let values: Vec<String> = (0..30).map(|number| number.to_string()).collect();
    for value in &values {
        kafka.write_texts("t", "k", &[value]);
    }
    let messages = device.receive_many(30);

    assert_eq!(texts(&messages), values);
    for (seq, message) in messages.iter().enumerate() {
        assert_eq!(
            (&message["seq"], &message["kind"]),
            (&json!(seq), &json!("update"))
        );
    }
    let writes = gateway.metric("tidegate_writes_total") - before;
    assert!(writes <= 15.0, "{writes} writes for 30 messages");
}

#[test]
fn a_device_s_own_update_and_its_answer_both_arrive() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = batching("1s").ready(&kafka);
    let mut device = subscribed(&gateway);
    let mut publisher = Device::connect(gateway.address());

    // What the device published itself comes back as an update, before or behind the acknowledgement.
    device.send(&json!({ "op": "publish", "id": 2, "subject": "/t/k", "data": "mine" }));
    assert_eq!(publisher.publish(1, "/t/other", "x")["op"], "published");
    let mut ops: Vec<String> = device
        .receive_many(2)
        .iter()
        .map(|message| message["op"].as_str().unwrap().to_owned())
        .collect();
    ops.sort();

    assert_eq!(ops, ["message", "published"]);
}

#[test]
fn a_device_resumes_from_within_a_batch() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = batching("50ms").ready(&kafka);
    let mut device = subscribed(&gateway);
    kafka.write_texts("t", "k", &["0", "1", "2", "3"]);
    let messages = device.receive_many(4);
    drop(device);

    let mut again = Device::connect(gateway.address());
    let answer = again.resume(1, "/t/k", &position(&messages[1]));

    assert_eq!(answer["recovery"], "synced");
    assert_eq!(texts(&again.receive_many(2)), ["2", "3"]);
}

fn batching(max_delay: &str) -> Setup {
    Setup::default().listener(&format!(
        "batching.max-delay = \"{max_delay}\"\nbatching.max-bytes = \"64KiB\""
    ))
}

fn subscribed(gateway: &Gateway) -> Device {
    let mut device = Device::connect(gateway.address());
    device.subscribe(1, "/t/k");
    assert_eq!(device.receive()["op"], "position");
    device
}
