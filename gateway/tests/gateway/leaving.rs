//! A gateway takes its leave, and says when it is ready.

use serde_json::json;

use crate::support::gateway::Setup;
use crate::support::{Device, Gateway, Kafka, PATIENCE, eventually};

use std::net::TcpStream;
use std::time::Instant;

const QUICK_DRAIN: &str = "[drain]\nmonitor-wait = \"100ms\"\nrate = \"100/s\"\njitter = \"2s\"";

#[test]
fn sigterm_turns_readiness_first_then_tells_each_device_when_to_come_back() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let mut gateway = Setup::default()
        .with("[drain]\nmonitor-wait = \"1s\"\njitter = \"2s\"")
        .ready(&kafka);
    let mut devices: Vec<Device> = (0..10)
        .map(|_| Device::connect(gateway.address()))
        .collect();

    gateway.signal("TERM");
    eventually("the monitor is told", || {
        gateway.get("/ready").status == 503
    });
    assert_eq!(
        gateway.get("/ready").json()["reason"],
        "the gateway is draining"
    );
    assert_eq!(gateway.get("/health").status, 200);
    // Until the load balancer has noticed, it still sends devices here.
    devices.push(Device::connect(gateway.address()));

    for device in &mut devices {
        let hint = device.receive();
        assert_eq!(hint["op"], "reconnect");
        assert!(hint["after_ms"].as_u64().unwrap() < 2_000, "{hint}");
        assert_eq!(device.closed(), (1012, "the gateway is leaving".to_owned()));
    }
    assert_eq!(gateway.ended().code(), Some(0));
}

#[test]
fn a_drain_asked_for_over_the_admin_port_is_the_same() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let mut gateway = Setup::default().with(QUICK_DRAIN).ready(&kafka);
    let mut device = Device::connect(gateway.address());

    assert_eq!(gateway.post("/drain").status, 202);

    assert_eq!(device.receive()["op"], "reconnect");
    assert_eq!(device.closed().0, 1012);
    assert_eq!(gateway.ended().code(), Some(0));
}

#[test]
fn closes_are_paced() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Setup::default()
        .workgroups(1)
        .with(QUICK_DRAIN)
        .ready(&kafka);
    let mut devices: Vec<Device> = (0..50)
        .map(|_| Device::connect(gateway.address()))
        .collect();

    let start = Instant::now();
    gateway.post("/drain");
    for device in &mut devices {
        device.closed();
    }

    // 50 at 100 per second, after 100 ms for the monitor.
    assert!(start.elapsed().as_millis() >= 500, "{:?}", start.elapsed());
}

#[test]
fn a_draining_gateway_accepts_nobody_after_the_monitor_s_time() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Setup::default()
        .workgroups(1)
        .with("[drain]\nmonitor-wait = \"50ms\"\nrate = \"1/s\"")
        .ready(&kafka);
    let _devices: Vec<Device> = (0..5).map(|_| Device::connect(gateway.address())).collect();

    gateway.post("/drain");

    eventually("the door is shut", || {
        TcpStream::connect(gateway.address()).is_err()
    });
}

#[test]
fn sigint_does_not_dawdle() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let mut gateway = Setup::default()
        .with("[drain]\nmonitor-wait = \"1h\"")
        .ready(&kafka);
    let mut device = Device::connect(gateway.address());
    let start = Instant::now();

    gateway.signal("INT");

    assert_eq!(device.receive()["op"], "reconnect");
    assert_eq!(device.closed().0, 1012);
    assert_eq!(gateway.ended().code(), Some(0));
    assert!(start.elapsed() < PATIENCE / 2, "{:?}", start.elapsed());
}

#[test]
fn a_second_signal_hurries_a_drain() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let mut gateway = Setup::default()
        .with("[drain]\nmonitor-wait = \"1h\"")
        .ready(&kafka);

    gateway.signal("TERM");
    eventually("it drains", || gateway.get("/ready").status == 503);
    gateway.signal("INT");

    assert_eq!(gateway.ended().code(), Some(0));
}

#[test]
fn publishes_under_way_are_answered_before_the_process_ends() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let mut gateway = Setup::default().with(QUICK_DRAIN).ready(&kafka);
    kafka.delay(std::time::Duration::from_millis(500));
    let mut device = Device::connect(gateway.address());

    device.send(&json!({ "op": "publish", "id": 1, "subject": "/t/k", "data": "late" }));
    // The gateway has read the publish when it answers what came behind it.
    device.send(&json!({ "op": "fly", "id": 2 }));
    assert_eq!(device.receive()["id"], 2);
    gateway.signal("INT");

    assert_eq!(gateway.ended().code(), Some(0));
    assert_eq!(kafka.read("t", 0, 1).len(), 1);
}

#[test]
fn the_admin_port_tells_what_there_is() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Gateway::ready(&kafka);

    assert_eq!(gateway.get("/health").status, 200);
    assert_eq!(gateway.get("/ready").json(), json!({ "ready": true }));
    assert_eq!(
        gateway.get("/workgroups").json(),
        json!([{ "workgroup": 0, "connections": 0 }, { "workgroup": 1, "connections": 0 }])
    );
    assert_eq!(gateway.get("/connections").json(), json!([]));
    assert!(gateway.get("/metrics").body.ends_with("# EOF\n"));
    assert_eq!(gateway.get("/nothing").status, 404);
    assert_eq!(gateway.post("/ready").status, 405);
    assert_eq!(gateway.get("/drain").status, 405);
}
