//! What a stranger can make the gateway hold.

use std::io::Write as _;
use std::net::TcpStream;

use serde_json::json;

use crate::support::gateway::Setup;
use crate::support::http::Answer;
use crate::support::kafka::Write;
use crate::support::{Device, Gateway, Kafka, PATIENCE, eventually};

#[test]
fn one_connection_too_many_is_told_to_come_back_later() {
    for backend in BACKENDS {
        let kafka = Kafka::with_topics(&[("t", 1)]);
        let gateway = Setup::default()
            .backend(backend)
            .with("[limits]\nconnections = 2")
            .ready(&kafka);
        let first = Device::connect(gateway.address());
        let _second = Device::connect(gateway.address());

        let refused = ask(&gateway);
        assert_eq!(refused.status, 503);
        assert!(refused.head.contains("Retry-After: "), "{}", refused.head);
        assert_eq!(
            gateway.metric("tidegate_refused_total{reason=\"connections\"}"),
            1.0
        );

        first.leave();
        eventually("a place is free", || {
            gateway.metric("tidegate_connections{workgroup=\"0\"}")
                + gateway.metric("tidegate_connections{workgroup=\"1\"}")
                == 1.0
        });
        let _third = Device::connect(gateway.address());
    }
}

#[test]
fn connections_are_limited_per_client_behind_one_proxy() {
    for backend in BACKENDS {
        let kafka = Kafka::with_topics(&[("t", 1)]);
        let gateway = Setup::default()
            .backend(backend)
            .listener("proxy-protocol = \"required\"\ntrusted = [\"127.0.0.0/8\"]")
            .with("[limits]\nconnections-per-client = 1")
            .ready(&kafka);
        let _one = Device::connect_behind(
            gateway.address(),
            b"PROXY TCP4 192.0.2.1 198.51.100.1 1000 443\r\n",
        );
        let _other = Device::connect_behind(
            gateway.address(),
            b"PROXY TCP4 192.0.2.2 198.51.100.1 1000 443\r\n",
        );

        let mut stream = TcpStream::connect(gateway.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
            .write_all(b"PROXY TCP4 192.0.2.1 198.51.100.1 1001 443\r\n")
            .unwrap();
        stream.write_all(UPGRADE).unwrap();

        assert_eq!(Answer::read(&mut stream).status, 503);
        assert_eq!(
            gateway.metric("tidegate_refused_total{reason=\"connections-per-client\"}"),
            1.0
        );
    }
}

#[test]
fn handshakes_are_limited_per_second() {
    for backend in BACKENDS {
        let kafka = Kafka::with_topics(&[("t", 1)]);
        let gateway = Setup::default()
            .backend(backend)
            .with("[limits]\nhandshakes-per-second = \"1/s\"")
            .ready(&kafka);
        let crowd = [(); 4].map(|()| TcpStream::connect(gateway.address()).unwrap());
        let [_admitted, refused @ ..] = crowd;

        let refused = refused.map(|mut stream| Answer::read(&mut stream));
        assert!(refused.iter().all(|answer| answer.status == 503));
        // A place a second: each of them is given one of its own.
        assert_eq!(
            refused.map(|answer| retry_after(&answer.head)),
            ["1", "2", "3"]
        );
        assert_eq!(
            gateway.metric("tidegate_refused_total{reason=\"handshakes-per-second\"}"),
            3.0
        );
    }
}

fn retry_after(head: &str) -> String {
    let mut lines = head.lines();
    let value = lines.find_map(|line| line.strip_prefix("Retry-After: "));
    value.unwrap().to_owned()
}

#[test]
fn subscriptions_of_one_connection_are_limited() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Setup::default()
        .with("[limits]\nsubscriptions = 2")
        .ready(&kafka);
    let mut device = Device::connect(gateway.address());
    for subject in ["/t/a", "/t/b"] {
        device.subscribe(1, subject);
        device.receive();
    }

    assert_eq!(
        device.subscribe(3, "/t/c")["code"],
        "too-many-subscriptions"
    );
    assert_eq!(
        gateway.metric("tidegate_request_errors_total{reason=\"too-many-subscriptions\"}"),
        1.0
    );
    // Subscribing anew to what it has takes no further place, but it has to end first what is too much.
    device.send(&json!({ "op": "unsubscribe", "id": 4, "subject": "/t/a" }));
    device.receive();
    assert_eq!(device.subscribe(5, "/t/c")["op"], "subscribed");
}

#[test]
fn a_message_that_is_too_long_is_closed_with_1009() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Setup::default()
        .with("[limits]\nmessage-bytes = \"1KiB\"")
        .ready(&kafka);
    let mut device = Device::connect(gateway.address());

    device.send_text(&"x".repeat(2_000));

    assert_eq!(device.closed().0, 1009);
    eventually("the breach is counted", || {
        gateway.metric("tidegate_violations_total{code=\"1009\"}") == 1.0
    });
}

#[test]
fn the_usual_message_holds_the_positions_of_two_thousand_partitions() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Gateway::ready(&kafka);
    let mut device = Device::connect(gateway.address());
    // As long as they come: a topic's id, the leader's hundred-thousandth term, 10^12 records.
    let from: Vec<_> = (0..2_000)
        .map(|partition| {
            let epoch = format!("AAAAAAAAAAAAAAAAAAAAAA.{partition}.100000");
            json!({ "epoch": epoch, "seq": 1_000_000_000_000u64 })
        })
        .collect();

    let answer = device.resume(1, "/t/*", &json!(from));

    // Another log's positions, but each was read.
    assert_eq!(
        (&answer["op"], &answer["recovery"]),
        (&json!("subscribed"), &json!("resynced"))
    );
}

#[test]
fn a_record_that_kafka_finds_too_large_is_refused_by_name() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Setup::default()
        .property("\"message.max.bytes\" = 2000")
        .ready(&kafka);
    let mut device = Device::connect(gateway.address());

    assert_eq!(
        device.publish(1, "/t/k", &"x".repeat(4_000))["code"],
        "record-too-large"
    );
}

#[test]
fn who_closes_gives_back_what_it_held() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Gateway::ready(&kafka);
    let mut device = Device::connect(gateway.address());
    for number in 0..10 {
        device.subscribe(number, &format!("/t/k-{number}"));
        device.receive();
    }
    assert_eq!(gateway.metric("tidegate_subscriptions"), 10.0);
    eventually("the topic and ten keys are known", || {
        gateway.metric("tidegate_subjects") == 11.0
    });

    device.leave();

    eventually("nothing is held", || {
        gateway.metric("tidegate_subscriptions") == 0.0
    });
    eventually("the subjects are forgotten", || {
        gateway.metric("tidegate_subjects") == 1.0
    });
}

#[test]
fn a_slow_device_gets_the_latest_of_each_subject_and_is_told_what_it_missed() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Setup::default()
        .listener("slow-client = \"conflate\"")
        .with(SMALL_QUEUES)
        .ready(&kafka);
    let mut device = slow_device(&gateway);

    let written = flood(&kafka, &gateway);

    let (mut seen, mut dropped) = (0, 0);
    loop {
        let message = device.receive();
        match message["op"].as_str().unwrap() {
            "message" => {
                seen += 1;
                if message["seq"] == written - 1 {
                    break;
                }
            }
            "dropped" => {
                assert_eq!(
                    (&message["subject"], &message["reason"]),
                    (&json!("/t/k"), &json!("conflated"))
                );
                dropped += message["count"].as_u64().unwrap();
            }
            other => panic!("{other}"),
        }
    }
    assert!(dropped > 0);
    assert_eq!(seen + dropped, written);
    assert_eq!(
        gateway.metric("tidegate_dropped_total{reason=\"conflated\"}") as u64,
        dropped
    );
}

#[test]
fn a_slow_device_may_lose_the_oldest_instead_and_is_told_how_many() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Setup::default()
        .listener("slow-client = \"drop-oldest\"")
        .with(SMALL_QUEUES)
        .ready(&kafka);
    let mut device = slow_device(&gateway);

    let written = flood(&kafka, &gateway);

    let dropped_by_gateway =
        || gateway.metric("tidegate_dropped_total{reason=\"queue-full\"}") as u64;
    let (mut seen, mut dropped) = (0, 0);
    while seen + dropped < written {
        let message = device.receive();
        match message["op"].as_str().unwrap() {
            "message" => seen += 1,
            "dropped" => {
                assert_eq!(message["reason"], "queue-full");
                dropped += message["count"].as_u64().unwrap();
            }
            other => panic!("{other}"),
        }
    }
    assert!(dropped > 0);
    assert_eq!((seen + dropped, dropped_by_gateway()), (written, dropped));
}

#[test]
fn a_slow_device_may_be_disconnected_instead() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Setup::default()
        .listener("slow-client = \"disconnect\"")
        .with(SMALL_QUEUES)
        .ready(&kafka);
    let mut device = slow_device(&gateway);

    flood(&kafka, &gateway);

    assert_eq!(device.closed().0, 1013);
    assert_eq!(
        gateway.metric("tidegate_dropped_total{reason=\"disconnected\"}"),
        1.0
    );
}

#[test]
fn what_waits_for_all_slow_devices_together_is_limited() {
    for backend in BACKENDS {
        let kafka = Kafka::with_topics(&[("t", 1)]);
        let gateway = Setup::default()
            .backend(backend)
            .workgroups(1)
            .listener("slow-client = \"disconnect\"")
            .with("[limits]\nqueue-bytes = \"1GiB\"\ntotal-queue-bytes = \"256KiB\"")
            .ready(&kafka);
        let mut slow = [slow_device(&gateway), slow_device(&gateway)];

        flood(&kafka, &gateway);

        for device in &mut slow {
            assert_eq!(device.closed().0, 1013, "{backend}");
        }
        eventually("both are counted", || {
            gateway.metric("tidegate_dropped_total{reason=\"disconnected\"}") == 2.0
        });
        eventually("nothing waits any more", || {
            gateway.metric("tidegate_queued_bytes") == 0.0
        });
        assert!(gateway.metric("tidegate_total_queue_full_total") >= 2.0);
    }
}

#[test]
fn nothing_is_silent_where_a_slow_device_of_a_conflated_topic_loses_the_oldest() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Setup::default()
        .listener("slow-client = \"drop-oldest\"")
        .with(SMALL_QUEUES)
        .with("[[conflation]]\nsubjects = \"/t/*\"\ninterval = \"20ms\"")
        .ready(&kafka);
    let mut device = slow_device(&gateway);

    let written = flood(&kafka, &gateway);

    let (mut seen, mut conflated, mut dropped) = (0, 0, 0);
    while seen + conflated + dropped < written {
        let message = device.receive();
        let count = || message["count"].as_u64().unwrap();
        match (message["op"].as_str(), message["reason"].as_str()) {
            (Some("message"), _) => seen += 1,
            (Some("dropped"), Some("conflated")) => conflated += count(),
            (Some("dropped"), Some("queue-full")) => dropped += count(),
            _ => panic!("{message}"),
        }
    }
    assert_eq!(seen + conflated + dropped, written);
    assert!(conflated > 0);
    assert_eq!(gateway.metric("tidegate_conflated_total") as u64, conflated);
}

/// io_uring where the kernel allows it.
const BACKENDS: [&str; 2] = ["epoll", "auto"];
const SMALL_QUEUES: &str = "[limits]\nqueue-bytes = \"64KiB\"";
const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nHost: g\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A device with a small receive buffer, subscribed to `/t/k`.
fn slow_device(gateway: &Gateway) -> Device {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.connect(&gateway.address().into()).unwrap();
    let mut device = Device::over(socket.into());
    device.subscribe(1, "/t/k");
    device.receive();
    device
}

/// Writes more than sockets and queues hold, and waits until the gateway has dealt with it. Answers how many records.
fn flood(kafka: &Kafka, gateway: &Gateway) -> u64 {
    const RECORDS: u64 = 400;
    let value = vec![b'x'; 20_000];
    for _ in 0..RECORDS / 20 {
        // The mock keeps 5 MiB; the gateway reads along.
        let before = gateway.metric("tidegate_kafka_records_total");
        let record = Write {
            key: Some(b"k"),
            value: Some(&value),
            ..Write::default()
        };
        kafka.write("t", &[record; 20]);
        eventually("the gateway has read it", || {
            gateway.metric("tidegate_kafka_records_total") >= before + 20.0
        });
    }
    RECORDS
}

/// Asks for the upgrade by hand and reads the answer to its end.
fn ask(gateway: &Gateway) -> Answer {
    let mut stream = TcpStream::connect(gateway.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(UPGRADE).unwrap();
    Answer::read(&mut stream)
}
