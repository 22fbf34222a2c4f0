//! Devices that mean no good: each is closed with the right code and counted, and its neighbour notices nothing. Over both
//! ways to the kernel.

use std::collections::BTreeMap;

use serde_json::json;

use crate::support::gateway::Setup;
use crate::support::raw::{Raw, masked};
use crate::support::{Device, Gateway, Kafka, eventually};

/// Frames that break a rule, and the code for it.
const BREACHES: [(&str, &[u8], u16); 5] = [
    ("garbage", &[0xff; 64], 1002),
    ("not masked", &[0x81, 0x02, b'{', b'}'], 1002),
    ("not UTF-8", &[0x81, 0x81, 0, 0, 0, 0, 0xff], 1007),
    // 2^62 bytes are to come.
    (
        "a huge length",
        &[0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        1009,
    ),
    // Longer than a control frame may be.
    ("a long ping", &[0x89, 0xfe, 0xff, 0xff, 0, 0, 0, 0], 1002),
];

#[test]
fn who_breaks_the_protocol_is_closed_with_its_code_and_counted() {
    for backend in BACKENDS {
        let mut street = Street::new(Setup::default().backend(backend));
        let mut wanted: BTreeMap<u16, i32> = BTreeMap::new();
        for (name, bytes, code) in BREACHES {
            let mut device = Raw::ask(street.gateway.address(), "");
            device.say(bytes);
            assert_eq!(device.close_code(), code, "{name} over {backend}");
            *wanted.entry(code).or_default() += 1;
        }
        for (code, count) in wanted {
            let metric = format!("tidegate_violations_total{{code=\"{code}\"}}");
            eventually("the breaches are counted", || {
                street.gateway.metric(&metric) == f64::from(count)
            });
        }
        street.is_served();
    }
}

#[test]
fn a_ping_flood_is_closed_with_1008() {
    for backend in BACKENDS {
        let mut street = Street::new(Setup::default().backend(backend));
        let mut device = Raw::ask(street.gateway.address(), "");

        // A second may turn over within the first thousand.
        device.say(&masked(0x89, b"").repeat(5_000));

        assert_eq!(device.close_code(), 1008, "{backend}");
        eventually("the flood is counted", || {
            street
                .gateway
                .metric("tidegate_violations_total{code=\"1008\"}")
                == 1.0
        });
        street.is_served();
    }
}

#[test]
fn half_a_frame_and_then_nothing_is_given_up_by_the_keep_alive() {
    for backend in BACKENDS {
        let kafka = Kafka::with_topics(&[("t", 1)]);
        let gateway = Setup::default()
            .backend(backend)
            .with("[keepalive]\ninterval = \"1s\"\ntimeout = \"1s\"")
            .ready(&kafka);
        let mut device = Raw::ask(gateway.address(), "");

        device.say(&masked(0x81, &[b'x'; 100])[..50]);

        eventually("it is given up", || {
            gateway.metric("tidegate_closed_total{reason=\"silent\"}") == 1.0
        });
    }
}

#[test]
fn what_is_no_upgrade_is_answered_400_and_counted() {
    for backend in BACKENDS {
        let mut street = Street::new(Setup::default().backend(backend));

        let refused = Raw::ask(street.gateway.address(), "Bad Header: \u{1}\r\n");

        assert!(
            refused.head.starts_with("HTTP/1.1 400 "),
            "{}",
            refused.head
        );
        eventually("the refusal is counted", || {
            street
                .gateway
                .metric("tidegate_refused_total{reason=\"bad-request\"}")
                == 1.0
        });
        street.is_served();
    }
}

#[test]
fn thousands_of_subscriptions_at_once_end_at_the_limit_and_each_is_answered() {
    const ASKED: u64 = 3_000;
    for backend in BACKENDS {
        let mut street = Street::new(Setup::default().backend(backend));
        let mut device = Device::connect(street.gateway.address());

        for id in 0..ASKED {
            let subject = format!("/t/key-{id}");
            device.send(&json!({ "op": "subscribe", "id": id, "subject": subject }));
        }

        let (mut granted, mut refused) = (0, 0);
        while granted + refused < ASKED {
            let answer = device.receive();
            match answer["op"].as_str().unwrap() {
                "subscribed" => granted += 1,
                "error" => {
                    assert_eq!(answer["code"], "too-many-subscriptions");
                    refused += 1;
                }
                other => assert_eq!(other, "position"),
            }
        }
        assert_eq!((granted, refused), (1_000, 2_000));
        let metric = "tidegate_request_errors_total{reason=\"too-many-subscriptions\"}";
        assert_eq!(street.gateway.metric(metric), 2_000.0);
        street.is_served();
    }
}

const BACKENDS: [&str; 2] = ["epoll", "auto"];

/// A gateway with a well-behaved device on the one loop that everybody shares.
struct Street {
    kafka: Kafka,
    gateway: Gateway,
    neighbour: Device,
}

impl Street {
    fn new(setup: Setup) -> Self {
        let kafka = Kafka::with_topics(&[("t", 1)]);
        let gateway = setup.workgroups(1).ready(&kafka);
        let mut neighbour = Device::connect(gateway.address());
        neighbour.subscribe(1, "/t/neighbour");
        assert_eq!(neighbour.receive()["op"], "position");
        Self {
            kafka,
            gateway,
            neighbour,
        }
    }

    /// The neighbour is connected still, and gets the next record as its first message.
    fn is_served(&mut self) {
        self.kafka.write_texts("t", "neighbour", &["undisturbed"]);
        assert_eq!(self.neighbour.receive()["data"], "undisturbed");
    }
}
