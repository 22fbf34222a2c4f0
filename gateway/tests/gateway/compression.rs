//! permessage-deflate between the gateway and devices that offer it.

use flate2::{Compress, Compression, FlushCompress};
use serde_json::json;

use crate::support::gateway::Setup;
use crate::support::raw::{Raw, masked};
use crate::support::{Device, Gateway, Kafka, eventually};

const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
const SMALL_WINDOW: &str =
    "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10\r\n";
const BACKENDS: [&str; 2] = ["epoll", "auto"];

#[test]
fn one_compressed_frame_serves_all_who_agreed_on_the_same() {
    for backend in BACKENDS {
        let kafka = Kafka::with_topics(&[("t", 1)]);
        let gateway = compressing().backend(backend).ready(&kafka);
        let mut alike = [OFFER, OFFER].map(|offer| Raw::ask(gateway.address(), offer));
        let mut small = Raw::ask(gateway.address(), SMALL_WINDOW);
        let mut plain = Device::connect(gateway.address());
        let agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        assert!(alike[0].head.contains(agreed), "{}", alike[0].head);
        assert!(small.head.contains("server_max_window_bits=10"));
        for device in alike.iter_mut().chain([&mut small]) {
            device.subscribe("/t/k");
        }
        plain.subscribe(1, "/t/k");
        plain.receive();

        let long = long();
        kafka.write_texts("t", "k", &[&long, "brief"]);

        let expected = plain.receive_many(2);
        assert_eq!(expected[0]["data"], json!(long));
        let [one, other] = alike.each_mut().map(Raw::frame);
        assert!(
            one.is_compressed() && one.payload.len() < 1_000,
            "{backend}"
        );
        // Not only the same message: the same bytes.
        assert_eq!(one, other);
        assert_eq!(one.json(), expected[0]);
        let narrow = small.frame();
        assert!(narrow.is_compressed());
        assert_eq!(narrow.json_within(10), expected[0]);
        // What is short is not worth it.
        for device in alike.iter_mut().chain([&mut small]) {
            let brief = device.frame();
            assert!(!brief.is_compressed());
            assert_eq!(brief.json(), expected[1]);
        }
        let counted = |name: &str| gateway.metric(&format!("tidegate_compression_{name}_total"));
        eventually("the bytes are counted", || counted("output_bytes") > 0.0);
        // Twice, for two windows and three devices.
        let (before, after) = (counted("input_bytes"), counted("output_bytes"));
        let size = expected[0].to_string().len() as f64;
        assert!(
            (2.0 * size..3.0 * size).contains(&before),
            "{before} bytes of messages of {size}"
        );
        assert!(after < before / 4.0, "{after} of {before} bytes");
    }
}

#[test]
fn a_last_value_is_compressed_for_whoever_asks_and_agreed() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = compressing().ready(&kafka);
    let long = long();
    kafka.write_texts("t", "k", &[&long]);
    let mut device = Raw::ask(gateway.address(), OFFER);

    let request = json!({ "op": "subscribe", "id": 1, "subject": "/t/k", "from": [] });
    device.say(&masked(0x81, request.to_string().as_bytes()));

    assert_eq!(device.frame().json()["op"], "subscribed");
    let value = device.frame();
    assert!(value.is_compressed());
    assert_eq!(value.json()["data"], json!(long));
}

#[test]
fn a_compressed_request_is_understood_and_a_bomb_is_closed_with_1009() {
    for backend in BACKENDS {
        let kafka = Kafka::with_topics(&[("t", 1)]);
        let gateway = compressing().backend(backend).ready(&kafka);
        let mut device = Raw::ask(gateway.address(), OFFER);
        let request = json!({ "op": "subscribe", "id": 1, "subject": "/t/k" });

        device.say(&masked(0xc1, &deflated(request.to_string().as_bytes())));
        assert_eq!(device.frame().json()["op"], "subscribed");

        let bomb = deflated(&vec![b' '; 10_000_000]);
        device.say(&masked(0xc1, &bomb));

        assert_eq!(device.close_code(), 1009);
        eventually("the breach is counted", || {
            gateway.metric("tidegate_violations_total{code=\"1009\"}") == 1.0
        });
    }
}

#[test]
fn where_it_is_off_nothing_is_agreed_on() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Gateway::ready(&kafka);

    let mut device = Raw::ask(gateway.address(), OFFER);
    assert!(!device.head.contains("Sec-WebSocket-Extensions"));

    device.say(&masked(0xc1, &deflated(b"{}")));
    assert_eq!(device.close_code(), 1002);
}

fn compressing() -> Setup {
    Setup::default()
        .workgroups(1)
        .listener("compression.min-bytes = 500")
}

fn long() -> String {
    (0..400)
        .map(|number| format!("value {:03}", number % 7))
        .collect()
}

fn deflated(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 << 16);
    Compress::new(Compression::best(), false)
        .compress_vec(text, &mut out, FlushCompress::Sync)
        .unwrap();
    // What ends a flushed block stays away from the wire.
    out.truncate(out.len() - 4);
    out
}
