//! Frames and messages of RFC 6455, against the echo.

use std::net::TcpStream;

use gateway_engine::Backend;
use tungstenite::protocol::{
    CloseFrame, Message, WebSocket, WebSocketConfig, frame::coding::CloseCode,
};
use tungstenite::stream::MaybeTlsStream;

use crate::support::{EchoServer, masked_frame};

crate::tests![
    messages_of_every_size_come_back,
    a_message_byte_by_byte_comes_back_whole,
    fragments_come_back_as_one_message,
    a_ping_between_fragments_is_answered_at_once,
    ten_pings_have_ten_pongs,
    each_breach_is_told_with_its_code,
    invalid_text_fails_before_the_message_ends,
    an_independent_client_agrees,
];

fn messages_of_every_size_come_back(backend: Backend) {
    let echo = EchoServer::new(backend);
    let mut device = echo.device();

    for size in [0, 1, 125, 126, 127, 128, 65_535, 65_536, 200_000, 5_000_000] {
        let payload: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        device.send_frame(2, &payload);
        assert!(device.frame() == Some((0x82, payload)), "{size} bytes");
    }
}

fn a_message_byte_by_byte_comes_back_whole(backend: Backend) {
    let echo = EchoServer::new(backend);
    let mut device = echo.device();

    for byte in masked_frame(0x81, "κόσμε".as_bytes()) {
        device.send(&[byte]);
    }

    assert_eq!(device.frame(), Some((0x81, "κόσμε".as_bytes().to_vec())));
}

fn fragments_come_back_as_one_message(backend: Backend) {
    let echo = EchoServer::new(backend);
    let mut device = echo.device();

    // A character is cut in two, and fragments may be empty.
    for (first, payload) in [
        (0x01, &b"caf\xc3"[..]),
        (0x00, b""),
        (0x00, b"\xa9 "),
        (0x80, b"noir"),
    ] {
        device.send(&masked_frame(first, payload));
    }

    assert_eq!(
        device.frame(),
        Some((0x81, "café noir".as_bytes().to_vec()))
    );
}

fn a_ping_between_fragments_is_answered_at_once(backend: Backend) {
    let echo = EchoServer::new(backend);
    let mut device = echo.device();

    device.send(&masked_frame(0x01, b"a"));
    device.send_frame(9, b"now");
    assert_eq!(device.frame(), Some((0x8a, b"now".to_vec())));
    device.send(&masked_frame(0x80, b"b"));
    assert_eq!(device.frame(), Some((0x81, b"ab".to_vec())));
}

fn ten_pings_have_ten_pongs(backend: Backend) {
    let echo = EchoServer::new(backend);
    let mut device = echo.device();

    let pings: Vec<u8> = (0..10)
        .flat_map(|number| masked_frame(0x89, &[number; 125]))
        .collect();
    device.send(&pings);

    for number in 0..10 {
        assert_eq!(device.frame(), Some((0x8a, vec![number; 125])));
    }
}

fn each_breach_is_told_with_its_code(backend: Backend) {
    let echo = EchoServer::new(backend);
    let long = [&[0x89, 0xfe, 0, 126][..], &[0; 4 + 126]].concat();
    let cases: &[(&str, Vec<u8>, u16)] = &[
        ("an unmasked frame", vec![0x81, 0x01, b'x'], 1002),
        ("reserved bit 1", masked_frame(0xc1, b"x"), 1002),
        ("reserved bit 2", masked_frame(0xa1, b"x"), 1002),
        ("reserved bit 3", masked_frame(0x91, b"x"), 1002),
        ("a reserved data opcode", masked_frame(0x83, b"x"), 1002),
        ("a reserved control opcode", masked_frame(0x8f, b"x"), 1002),
        ("a fragmented ping", masked_frame(0x09, b"x"), 1002),
        ("a long ping", long, 1002),
        (
            "a length in too many bytes",
            vec![0x82, 0xfe, 0, 1, 0, 0, 0, 0, b'x'],
            1002,
        ),
        (
            "a length of 64 bits",
            [&[0x82, 0xff][..], &[0xff; 8], &[0; 4]].concat(),
            1002,
        ),
        ("a continuation of nothing", masked_frame(0x80, b"x"), 1002),
        (
            "two messages at once",
            [masked_frame(0x01, b"x"), masked_frame(0x01, b"y")].concat(),
            1002,
        ),
        (
            "text that is not UTF-8",
            masked_frame(0x81, b"\xc3\x28"),
            1007,
        ),
        (
            "text that ends within a character",
            masked_frame(0x81, b"\xe2\x82"),
            1007,
        ),
        (
            "a huge frame",
            [&[0x82, 0xff, 0, 1, 0, 0, 0, 0, 0, 0][..], &[0; 4]].concat(),
            1009,
        ),
        ("half a close code", masked_frame(0x88, &[3]), 1002),
        (
            "a close code not for the wire",
            masked_frame(0x88, &1006u16.to_be_bytes()),
            1002,
        ),
        (
            "a close code nobody defined",
            masked_frame(0x88, &2999u16.to_be_bytes()),
            1002,
        ),
        (
            "a close reason that is not UTF-8",
            masked_frame(0x88, b"\x03\xe8\xff"),
            1002,
        ),
    ];
    for (what, bytes, code) in cases {
        let mut device = echo.device();
        device.send(bytes);
        assert_eq!(device.close_code(), *code, "{what}");
    }
}

fn invalid_text_fails_before_the_message_ends(backend: Backend) {
    let echo = EchoServer::new(backend);
    let mut device = echo.device();

    // Two fragments of a message that goes on: the surrogate is cut between them.
    device.send(&masked_frame(0x01, b"fine \xed"));
    device.send(&masked_frame(0x00, b"\xa0"));

    assert_eq!(device.close_code(), 1007);
}

fn an_independent_client_agrees(backend: Backend) {
    let echo = EchoServer::new(backend);
    let mut client = client(&echo);

    for size in [0, 125, 126, 65_536, 1_000_000] {
        let text = "å".repeat(size / 2);
        client.send(Message::text(text.clone())).unwrap();
        assert_eq!(client.read().unwrap(), Message::text(text));
    }
    client.send(Message::Ping("hi".into())).unwrap();
    assert_eq!(client.read().unwrap(), Message::Pong("hi".into()));

    let bye = CloseFrame {
        code: CloseCode::Away,
        reason: "bye".into(),
    };
    client.close(Some(bye.clone())).unwrap();
    let Message::Close(Some(answer)) = client.read().unwrap() else {
        panic!("no Close frame")
    };
    assert_eq!(answer.code, CloseCode::Away);
    assert!(matches!(
        client.read(),
        Err(tungstenite::Error::ConnectionClosed)
    ));
}

fn client(echo: &EchoServer) -> WebSocket<MaybeTlsStream<TcpStream>> {
    let url = format!("ws://{}/", echo.address);
    let config = WebSocketConfig::default();
    let (client, _) = tungstenite::client::connect_with_config(url, Some(config), 0).unwrap();
    client
}
