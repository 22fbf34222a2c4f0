//! permessage-deflate between device and loop.

use std::net::TcpListener;
use std::sync::Arc;

use bytes::Bytes;
use gateway_engine::{Backend, Deflater, Dial, DialRequest, Endpoint, frame};

use crate::support::{Device, EchoServer, Lab, Seen, UPGRADE, masked_frame};

crate::tests![
    a_compressed_message_is_echoed_compressed,
    who_did_not_offer_gets_plain_frames,
    where_it_is_off_nothing_is_agreed_on,
    a_bomb_is_closed_with_1009,
    broken_compression_is_closed_with_1007,
    compressed_text_must_be_utf_8_too,
    one_compressed_frame_serves_all_with_the_same_window,
    two_loops_talk_compressed,
];

const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

/// RFC 7692 section 7.2.3.1.
const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

fn a_compressed_message_is_echoed_compressed(backend: Backend) {
    let echo = EchoServer::new(backend);
    let mut device = compressing(Device::connect(echo.address));

    // What does not shrink comes back plain, which is allowed.
    device.send(&masked_frame(0xc1, &HELLO));
    assert_eq!(device.frame(), Some((0x81, b"Hello".to_vec())));

    let long = "so long ".repeat(1000);
    let mut compressed = Vec::new();
    Deflater::new(6, 15).append(&mut compressed, frame::Opcode::Text, long.as_bytes());
    let payload = &compressed[2..];
    device.send(&masked_frame(0xc1, payload));
    let (first, answer) = device.frame().unwrap();
    assert_eq!(first, 0xc1);
    assert!(answer.len() < 100, "{} bytes", answer.len());
}

fn who_did_not_offer_gets_plain_frames(backend: Backend) {
    let echo = EchoServer::new(backend);
    let mut device = echo.device();

    let long = "so long ".repeat(100);
    device.send_frame(1, long.as_bytes());
    assert_eq!(device.frame(), Some((0x81, long.into_bytes())));

    device.send(&masked_frame(0xc1, &HELLO));
    assert_eq!(device.close_code(), 1002);
}

fn where_it_is_off_nothing_is_agreed_on(backend: Backend) {
    let lab = Lab::new(backend);
    let mut device = lab.device();

    device.send(
        UPGRADE
            .replace("\r\n\r\n", &format!("\r\n{OFFER}"))
            .as_bytes(),
    );

    assert!(!device.head().contains("Extensions"));
}

fn a_bomb_is_closed_with_1009(backend: Backend) {
    let lab = Lab::with(backend, |config| {
        config.endpoints = vec![Endpoint {
            deflate: true,
            ..Endpoint::default()
        }];
        config.limits.message = 1_000_000;
    });
    let mut device = compressing(lab.device());
    let mut bomb = Vec::new();
    Deflater::new(9, 15).append(&mut bomb, frame::Opcode::Binary, &vec![0; 1_000_001]);

    // The server frame's header has two bytes of length.
    device.send(&masked_frame(0xc2, &bomb[4..]));

    assert_eq!(device.close_code(), 1009);
}

fn broken_compression_is_closed_with_1007(backend: Backend) {
    let echo = EchoServer::new(backend);
    let mut device = compressing(Device::connect(echo.address));

    device.send(&masked_frame(0xc2, &[0xff, 0xff, 0xff]));

    assert_eq!(device.close_code(), 1007);
}

fn compressed_text_must_be_utf_8_too(backend: Backend) {
    let echo = EchoServer::new(backend);
    let mut device = compressing(Device::connect(echo.address));
    let mut compressed = Vec::new();
    Deflater::new(6, 15).append(&mut compressed, frame::Opcode::Text, &[0xff; 100]);

    device.send(&masked_frame(0xc1, &compressed[2..]));

    assert_eq!(device.close_code(), 1007);
}

fn one_compressed_frame_serves_all_with_the_same_window(backend: Backend) {
    let lab = Lab::with(backend, |config| {
        config.endpoints = vec![Endpoint {
            deflate: true,
            ..Endpoint::default()
        }];
    });
    let mut devices = [compressing(lab.device()), compressing(lab.device())];
    let (Seen::Open(first), Seen::Open(second)) = (lab.next(), lab.next()) else {
        panic!("not open")
    };
    assert_eq!(
        lab.call(move |net| (net.window_bits(first), net.window_bits(second))),
        (Some(15), Some(15))
    );

    let mut batch = Vec::new();
    let mut deflater = Deflater::new(6, 15);
    for text in ["one ".repeat(100), "two ".repeat(100)] {
        deflater.append(&mut batch, frame::Opcode::Text, text.as_bytes());
    }
    let batch = Bytes::from(batch);
    let sent = batch.clone();
    lab.call(move |net| {
        net.send(first, sent.clone()).unwrap();
        net.send(second, sent).unwrap();
    });

    for device in &mut devices {
        let mut received = Vec::new();
        while received.len() < batch.len() {
            let (first, payload) = device.frame().unwrap();
            assert_eq!(first, 0xc1);
            received.extend_from_slice(&[first, payload.len() as u8]);
            received.extend_from_slice(&payload);
        }
        assert_eq!(received, batch);
    }
}

fn two_loops_talk_compressed(backend: Backend) {
    let lab = Lab::with(backend, |config| {
        config.endpoints = vec![Endpoint {
            deflate: true,
            ..Endpoint::default()
        }];
    });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let request = DialRequest {
        host: "test".into(),
        path: "/".into(),
        deflate: true,
        ..DialRequest::default()
    };
    let dial = Dial {
        remote: listener.local_addr().unwrap(),
        local: None,
        late_port: false,
        preface: Bytes::new(),
        request: Arc::new(request),
    };
    let client = lab.call(move |net| net.connect(dial, 0).unwrap());
    let server = lab.adopt(&listener);
    let mut opened = [lab.next(), lab.next()];
    opened.sort_by_key(|seen| *seen != Seen::Open(client));
    assert_eq!(opened, [Seen::Open(client), Seen::Open(server)]);

    let text = "there and back ".repeat(1000);
    for (from, counted) in [(client, 0), (server, 1)] {
        let sent = text.clone();
        let before = lab.call(|net| net.counters().bytes_out);
        lab.call(move |net| net.send_text(from, &sent).unwrap());
        assert_eq!(lab.next(), Seen::Text(text.clone()));
        let bytes = lab.call(|net| net.counters().bytes_out) - before;
        assert!(bytes < 500, "{bytes} bytes in direction {counted}");
    }
}

/// A connection with compression agreed on.
fn compressing(mut device: Device) -> Device {
    device.send(
        UPGRADE
            .replace("\r\n\r\n", &format!("\r\n{OFFER}"))
            .as_bytes(),
    );
    let head = device.head();
    assert!(
        head.contains("\r\nSec-WebSocket-Extensions: permessage-deflate;"),
        "{head}"
    );
    device
}
