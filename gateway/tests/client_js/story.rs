//! What happens to a device, and what is true afterwards. The log is the truth: it is read without any gateway.

use std::collections::HashSet;

use rdkafka::message::{Message as _, OwnedMessage};
use serde_json::{Value, json};

use crate::programs::Platform;
use crate::support::gateway::Setup;
use crate::support::kafka::{Write, publish_id};
use crate::support::{Device, Gateway, Kafka};
use crate::told::{Parameters, Told, secure_url, url};

/// What happens to a device on a platform. It panics if something is not true afterwards.
pub(crate) type Story = fn(Platform);

/// Every story, by its name.
pub(crate) const ALL: [(&str, Story); 7] = [
    ("says and hears every kind of value", every_kind_of_value),
    ("says and hears what is compressed", compressed),
    ("says and hears over TLS", over_tls),
    (
        "is turned away by a full gateway and comes back",
        turned_away,
    ),
    ("is told what is too large", too_large),
    (
        "loses, doubles and swaps nothing when its gateway is killed",
        killed_gateway,
    ),
    (
        "loses, doubles and swaps nothing when its gateway drains",
        drained_gateway,
    ),
];

/// How many records a device publishes while its gateway goes.
const RECORDS: usize = 300;

/// How many of them have come back when it goes.
const BEFORE: usize = 100;

fn every_kind_of_value(platform: Platform) {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateways = [Gateway::ready(&kafka)];
    let bytes = json!({ "bytes": [0, 255] });
    let mut device = platform.start(&Parameters {
        gateways: &gateways,
        subjects: &["/t/*", "/t/50%25"],
        ends: &["/t/*"],
        records: vec![
            ("/t/k", json!("text, \"ü\" and 😀\n")),
            ("/t/k", bytes.clone()),
            ("/t/50%25", json!("per cent")),
            ("/t/k", json!(null)),
        ],
        ..Parameters::default()
    });

    device.wait("published", 1);
    kafka.write(
        "t",
        &[
            Write {
                value: Some(b"without a key"),
                ..Write::default()
            },
            Write {
                key: Some(b"k"),
                value: Some(b"end"),
                ..Write::default()
            },
        ],
    );
    device.wait("message", 7);

    let heard = |subject| -> Vec<Value> {
        device
            .messages(subject)
            .iter()
            .map(|told| json!([told["key"], told["data"]]))
            .collect()
    };
    assert_eq!(
        heard("/t/*"),
        [
            json!(["k", "text, \"ü\" and 😀\n"]),
            json!(["k", bytes]),
            json!(["50%25", "per cent"]),
            json!(["k", null]),
            json!([null, "without a key"]),
            json!(["k", "end"]),
        ]
    );
    assert_eq!(heard("/t/50%25"), [json!([null, "per cent"])]);
    let log = kafka.read("t", 0, 4);
    let values: Vec<_> = log.iter().map(OwnedMessage::payload).collect();
    assert_eq!(values[1..], [Some(&[0, 255][..]), Some(b"per cent"), None]);
    device.ended();
}

/// Both ways, where the platform offers it: browsers do, and the package `ws`.
fn compressed(platform: Platform) {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateways = [Setup::default()
        .listener("compression.min-bytes = 0")
        .ready(&kafka)];
    let long = json!("so long ".repeat(1_000));
    let mut device = platform.start(&Parameters {
        gateways: &gateways,
        subjects: &["/t/k"],
        ends: &["/t/k"],
        records: vec![("/t/k", long.clone()), ("/t/k", json!("end"))],
        ..Parameters::default()
    });

    device.wait("message", 2);

    let heard = device.messages("/t/k");
    let data: Vec<&Value> = heard.iter().map(|told| &told["data"]).collect();
    assert_eq!(data, [&long, &json!("end")]);
    device.ended();
    let counted =
        |name: &str| gateways[0].metric(&format!("tidegate_compression_{name}_bytes_total"));
    match platform {
        Platform::Node => {}
        Platform::NodeWithWs | Platform::Chromium => {
            assert!(counted("output") > 0.0);
            assert!(counted("output") < counted("input") / 4.0);
        }
    }
}

/// A certificate that only this device has been told to believe, and only for the name that it was made for.
fn over_tls(platform: Platform) {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| folder.path().join(name));
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&certificate, pair.cert.pem()).unwrap();
    std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    let keys = format!("tls.certificate = {certificate:?}\ntls.key = {key:?}");
    let gateways = [Setup::default().listener(&keys).ready(&kafka)];
    let mut device = platform.start(&Parameters {
        gateways: &gateways,
        subjects: &["/t/k"],
        ends: &["/t/k"],
        records: vec![("/t/k", json!("secret")), ("/t/k", json!("end"))],
        certificate: Some(&certificate),
    });

    device.wait("message", 2);

    let heard = device.messages("/t/k");
    let data: Vec<&Value> = heard.iter().map(|told| &told["data"]).collect();
    assert_eq!(data, ["secret", "end"]);
    assert_eq!(
        first(&device.happened, "connected")["url"],
        secure_url(&gateways[0])
    );
    assert_eq!(gateways[0].metric("tidegate_tls_handshakes_total"), 1.0);
    device.ended();
}

/// Where the answer can be seen, it is obeyed; elsewhere the back-off has to do.
fn turned_away(platform: Platform) {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateways = [Setup::default()
        .with("[limits]\nconnections = 1")
        .ready(&kafka)];
    let first_guest = Device::connect(gateways[0].address());
    let mut device = platform.start(&Parameters {
        gateways: &gateways,
        subjects: &["/t/k"],
        ends: &["/t/k"],
        records: vec![("/t/k", json!("end"))],
        ..Parameters::default()
    });

    let lost = device.wait("lost", 1);
    drop(first_guest);

    match platform {
        Platform::NodeWithWs => {
            assert_eq!(lost["detail"], "HTTP 503");
            assert!(lost["retryIn"].as_f64().unwrap() >= 5_000.0, "{lost}");
        }
        Platform::Node | Platform::Chromium => assert_eq!(lost["cause"], "unreachable"),
    }
    device.wait("message", 1);
    device.ended();
}

/// A gateway closes the connection for it; sent again, it would end every connection.
fn too_large(platform: Platform) {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateways = [Setup::default()
        .with("[limits]\nmessage-bytes = \"64KiB\"")
        .ready(&kafka)];
    let mut device = platform.start(&Parameters {
        gateways: &gateways,
        subjects: &["/t/k"],
        ends: &["/t/k"],
        records: vec![
            ("/t/k", json!("before")),
            ("/t/k", json!("x".repeat(70_000))),
            ("/t/k", json!("end")),
        ],
        ..Parameters::default()
    });

    let places = device.wait("published", 1)["places"].clone();
    assert_eq!(places[1], json!({ "refused": "record-too-large" }));
    let lost = device.of("lost").next().unwrap();
    assert_eq!(
        (&lost["cause"], &lost["code"]),
        (&json!("closed"), &json!(1009))
    );
    let heard: Vec<Value> = device
        .messages("/t/k")
        .iter()
        .map(|told| told["data"].clone())
        .collect();
    assert_eq!(heard[0], "before");
    device.ended();
}

fn killed_gateway(platform: Platform) {
    let events = goes_on_elsewhere(platform, |gateway| gateway.signal("KILL"));

    let lost = first(&events, "lost");
    assert_eq!(
        (&lost["cause"], &lost["retryIn"]),
        (&json!("broken"), &json!(0))
    );
}

fn drained_gateway(platform: Platform) {
    let events = goes_on_elsewhere(platform, |gateway| {
        assert_eq!(gateway.post("/drain").status, 202);
    });

    assert!(events.iter().any(|event| event["type"] == "leaving"));
    let lost = first(&events, "lost");
    assert!(lost["code"] == 1012 || lost["cause"] == "moved", "{lost}");
}

/// A device publishes and hears what it publishes; meanwhile its gateway goes. Nothing shows in what it heard.
fn goes_on_elsewhere(platform: Platform, go: impl FnOnce(&Gateway)) -> Vec<Value> {
    let kafka = Kafka::with_topics(&[("t", 2)]);
    let leave = "[drain]\nmonitor-wait = \"0s\"\n";
    let gateways = [(); 2].map(|()| Setup::default().with(leave).ready(&kafka));
    let mut device = platform.start(&Parameters {
        gateways: &gateways,
        subjects: &["/t/k", "/t/*"],
        ends: &["/t/k", "/t/*"],
        records: (0..RECORDS)
            .map(|number| ("/t/k", json!(number.to_string())))
            .collect(),
        ..Parameters::default()
    });

    device.wait("message", 2 * BEFORE);
    let connected = first(&device.happened, "connected")["url"].clone();
    go(gateways
        .iter()
        .find(|gateway| connected == url(gateway))
        .unwrap());
    let places = device.wait("published", 1)["places"].clone();
    let partition = i32::try_from(places[0]["partition"].as_i64().unwrap()).unwrap();
    let end = Write {
        partition,
        key: Some(b"k"),
        value: Some(b"end"),
        ..Write::default()
    };
    kafka.write("t", &[end]);
    device.wait("message", 2 * (RECORDS + 1));

    let log = delivered_once(&kafka, partition, &device);
    let all: HashSet<&str> = log.iter().map(String::as_str).collect();
    assert_eq!((log.len(), all.len()), (RECORDS + 1, RECORDS + 1));
    for subject in ["/t/k", "/t/*"] {
        let heard: Vec<&str> = device
            .messages(subject)
            .iter()
            .map(|told| told["data"].as_str().unwrap())
            .collect();
        assert_eq!(heard, log, "on {subject}");
    }
    assert_eq!(device.of("gap").count(), 0);
    let recoveries: Vec<&Value> = device
        .of("subscribed")
        .map(|told| &told["recovery"])
        .collect();
    assert_eq!(recoveries[..2], ["none", "none"]);
    assert!(recoveries.len() > 2, "it never subscribed again");
    assert!(
        recoveries[2..].iter().all(|recovery| *recovery == "synced"),
        "{recoveries:?}"
    );
    let events = device.ended();
    // What it has is not sent again.
    assert_eq!(first(&events, "closed")["duplicates"], 0);
    events
}

/// The log's values with repeated publishes passed over, up to the last one that the device heard.
fn delivered_once(kafka: &Kafka, partition: i32, device: &Told) -> Vec<String> {
    let last = device
        .of("message")
        .map(|told| told["seq"].as_u64().unwrap());
    let records = kafka.read(
        "t",
        partition,
        usize::try_from(last.max().unwrap()).unwrap() + 1,
    );
    let mut seen = HashSet::new();
    records
        .iter()
        .filter(|record| publish_id(record).is_none_or(|id| seen.insert(id)))
        .map(|record| String::from_utf8(record.payload().unwrap().to_vec()).unwrap())
        .collect()
}

fn first<'a>(events: &'a [Value], kind: &str) -> &'a Value {
    events.iter().find(|event| event["type"] == kind).unwrap()
}
