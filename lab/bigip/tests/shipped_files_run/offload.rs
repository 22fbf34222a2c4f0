//! The configuration in which TLS ends on the BIG-IP: HTTP and WebSocket events run on real requests and frames.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gateway_protocol::proxy_header::{self, Limits, Source};
use lab_adc::engine::{Engine, MemberChange};
use lab_adc::model::MemberState;
use lab_f5::object::Object;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, StreamOwned,
    SupportedProtocolVersion, version,
};

use crate::support::{certificate, objects, start};

type Device = StreamOwned<ClientConnection, TcpStream>;

const FILES: [&str; 2] = ["tls-offload.tmsh.conf", "tls-offload.as3.json"];
const PATIENCE: Duration = Duration::from_secs(10);
const UPGRADE: &str = "GET /devices HTTP/1.1\r\nHost: gateway\r\nX-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\n\
                       Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const SWITCHING: &str =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
/// "Hello", masked: the example of RFC 6455, section 5.7.
const HELLO: [u8; 11] = [
    0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
];

#[test]
fn a_device_in_tls_reaches_a_member_that_hears_header_request_and_frames_in_the_clear() {
    for file in FILES {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let engine = start(&objects(file, "v2", listener.local_addr().unwrap()));

        let mut device = dial(&engine, &[&version::TLS13]);
        device.write_all(UPGRADE.as_bytes()).unwrap();
        let mut member = accept(&listener);
        let (source, request) = hear_request(&mut member);

        let own = device.sock.local_addr().unwrap();
        let told = Source::Proxied {
            client: own,
            destination: engine.address(),
        };
        assert_eq!(source, told, "{file}");
        assert_eq!(
            request,
            format!(
                "GET /devices HTTP/1.1\r\nHost: gateway\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Port: {}\r\n\r\n",
                own.port()
            ),
            "{file}"
        );

        member.write_all(SWITCHING.as_bytes()).unwrap();
        assert_eq!(hear(&mut device, SWITCHING.len()), SWITCHING.as_bytes());
        device.write_all(&HELLO).unwrap();
        assert_eq!(hear(&mut member, HELLO.len()), HELLO, "{file}");
        member.write_all(b"\x81\x02hi").unwrap();
        assert_eq!(hear(&mut device, 4), b"\x81\x02hi", "{file}");
    }
}

#[test]
fn tls_1_2_and_1_3_are_spoken_as_the_files_say() {
    for file in FILES {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let engine = start(&objects(file, "v1", listener.local_addr().unwrap()));

        for (offered, spoken) in [
            (&version::TLS12, ProtocolVersion::TLSv1_2),
            (&version::TLS13, ProtocolVersion::TLSv1_3),
        ] {
            let mut device = dial(&engine, &[offered]);
            device.write_all(UPGRADE.as_bytes()).unwrap();
            accept(&listener);

            assert_eq!(device.conn.protocol_version(), Some(spoken), "{file}");
        }
    }
}

#[test]
fn the_drain_rule_closes_the_websockets_of_a_disabled_member_with_1012_at_both_ends() {
    for file in FILES {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let engine = start(&objects(file, "v1", address));
        let (mut device, mut member) = upgraded(&engine, &listener);
        device.write_all(&HELLO).unwrap();
        assert_eq!(hear(&mut member, HELLO.len()), HELLO, "enabled, it stays");

        disable(&engine, address);
        // Each frame leaves the dice a chance of one in five.
        device
            .sock
            .set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        let deadline = Instant::now() + PATIENCE;
        let mut close = [0; 2];
        let mut sent = 0;
        while device.read_exact(&mut close).is_err() {
            assert!(Instant::now() < deadline, "never closed");
            device.write_all(&HELLO).unwrap();
            sent += 1;
        }
        device.sock.set_read_timeout(Some(PATIENCE)).unwrap();

        let words = hear(&mut device, usize::from(close[1]));
        let expected = [
            &1012_u16.to_be_bytes(),
            b"this gateway is being drained".as_slice(),
        ]
        .concat();
        assert_eq!((close[0], words), (0x88, expected.clone()), "{file}");
        let frames = hear(&mut member, HELLO.len() * sent);
        assert!(
            frames.chunks(HELLO.len()).all(|frame| frame == HELLO),
            "whole frames came first"
        );
        let head = hear(&mut member, 6);
        assert_eq!(
            head[..2],
            [0x88, 0x80 | close[1]],
            "masked, as clients must"
        );
        let mut words = hear(&mut member, usize::from(close[1]));
        for (byte, key) in words.iter_mut().zip(head[2..].iter().cycle()) {
            *byte ^= key;
        }
        assert_eq!(words, expected, "{file}");
        member.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(
            device.read(&mut [0; 16]).unwrap(),
            0,
            "the member's end is passed on"
        );
    }
}

#[test]
fn events_come_in_the_appliances_order() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut objects = objects(FILES[0], "v1", listener.local_addr().unwrap());
    let events = [
        "CLIENT_ACCEPTED",
        "CLIENTSSL_HANDSHAKE",
        "HTTP_REQUEST",
        "WS_REQUEST",
        "LB_SELECTED",
        "SA_PICKED",
        "SERVER_INIT",
        "SERVER_CONNECTED",
        "HTTP_REQUEST_SEND",
        "HTTP_RESPONSE",
        "WS_RESPONSE",
        "WS_CLIENT_FRAME",
        "WS_CLIENT_FRAME_DONE",
        "WS_SERVER_FRAME",
        "WS_SERVER_FRAME_DONE",
        "CLIENT_CLOSED",
        "SERVER_CLOSED",
    ];
    let handlers = events.map(|event| format!("when {event} {{ log local0. heard }}\n"));
    set_rule(
        &mut objects,
        "tidegate_drain_by_websocket_close",
        &handlers.concat(),
    );
    let engine = start(&objects);

    let (mut device, mut member) = upgraded(&engine, &listener);
    device.write_all(&HELLO).unwrap();
    hear(&mut member, HELLO.len());
    member.write_all(b"\x81\x02hi").unwrap();
    hear(&mut device, 4);
    drop((device, member));

    let expected = events.map(str::to_owned).to_vec();
    wait_for_log(&engine, |log| {
        let heard: Vec<String> = log
            .iter()
            .filter_map(|line| Some(line.split_once('<')?.1.split_once('>')?.0.to_owned()))
            .collect();
        // Which side is closed first depends on who was.
        heard.len() == expected.len() && heard[..15] == expected[..15]
    });
}

#[test]
fn a_rule_answers_in_the_members_place_and_the_connection_goes_on() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut objects = objects(FILES[0], "v1", listener.local_addr().unwrap());
    let rule = "when HTTP_REQUEST {\n if { [HTTP::uri] eq \"/closed\" } {\n HTTP::respond 503 content \"later\" Retry-After 5\n }\n}";
    set_rule(&mut objects, "tidegate_drain_by_websocket_close", rule);
    let engine = start(&objects);
    let mut device = dial(&engine, &[&version::TLS13]);
    let answer =
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 5\r\n\r\nlater";

    for _ in 0..2 {
        device
            .write_all(b"GET /closed HTTP/1.1\r\nHost: a\r\n\r\n")
            .unwrap();
        assert_eq!(hear(&mut device, answer.len()), answer.as_bytes());
    }
    device.write_all(b"POST /open HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbodyGET /next HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut member = accept(&listener);
    let (_, first) = hear_request(&mut member);
    assert!(first.starts_with("POST /open "), "{first}");
    assert_eq!(hear(&mut member, 4), b"body");
    let second = hear_head(&mut member);
    assert!(
        second.starts_with("GET /next ") && second.contains("X-Forwarded-For: 127.0.0.1"),
        "{second}"
    );
    for body in ["one", "two"] {
        member
            .write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{body}").as_bytes())
            .unwrap();
        let heard = hear_head(&mut device);
        assert_eq!(
            (heard.as_str(), hear(&mut device, 3)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", body.into())
        );
    }
}

#[test]
fn without_a_rule_that_waits_for_frames_a_websocket_is_carried_as_it_comes() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut objects = objects(FILES[0], "v1", listener.local_addr().unwrap());
    set_rule(
        &mut objects,
        "tidegate_drain_by_websocket_close",
        "when RULE_INIT { set static::nothing 1 }",
    );
    let engine = start(&objects);
    let (mut device, mut member) = upgraded(&engine, &listener);

    let much = vec![0x5a; 300_000];
    device.write_all(&much[..100_000]).unwrap();
    assert_eq!(hear(&mut member, 100_000), much[..100_000]);
    let sent = much.clone();
    let writer = std::thread::spawn(move || {
        member.write_all(&sent).unwrap();
        member
    });
    assert_eq!(hear(&mut device, much.len()), much);
    drop(writer.join().unwrap());
}

#[test]
fn what_is_no_http_is_reset_and_named_in_the_log() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let engine = start(&objects(FILES[0], "v1", listener.local_addr().unwrap()));
    let mut device = dial(&engine, &[&version::TLS13]);

    device.write_all(b"\x00\x01 nonsense\r\n\r\n").unwrap();

    assert!(device.read(&mut [0; 16]).is_err());
    wait_for_log(&engine, |log| {
        log.iter().any(|line| line.contains("not HTTP"))
    });
}

/// A device whose upgrade the member has agreed to.
fn upgraded(engine: &Engine, listener: &TcpListener) -> (Device, TcpStream) {
    let mut device = dial(engine, &[&version::TLS13]);
    device.write_all(UPGRADE.as_bytes()).unwrap();
    let mut member = accept(listener);
    hear_request(&mut member);
    member.write_all(SWITCHING.as_bytes()).unwrap();
    hear(&mut device, SWITCHING.len());
    (device, member)
}

fn dial(engine: &Engine, versions: &[&'static SupportedProtocolVersion]) -> Device {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(certificate().pem.as_bytes()).unwrap())
        .unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("stand-in.tidegate.lab").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(engine.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    StreamOwned::new(connection, stream)
}

fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// The PROXY header and the head of the request behind it.
fn hear_request(member: &mut TcpStream) -> (Source, String) {
    let mut input = Vec::new();
    let header = loop {
        input.extend(hear(member, 1));
        if let Some(header) = proxy_header::parse(&input, &Limits::default()).unwrap() {
            break header;
        }
    };
    assert_eq!(header.len, input.len(), "nothing before the header");
    (header.source, hear_head(member))
}

fn hear_head(from: &mut impl Read) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.extend(hear(from, 1));
    }
    String::from_utf8(head).unwrap()
}

fn hear(from: &mut impl Read, count: usize) -> Vec<u8> {
    let mut heard = vec![0; count];
    from.read_exact(&mut heard).unwrap();
    heard
}

fn set_rule(objects: &mut [Object], name: &str, text: &str) {
    let rule = objects
        .iter_mut()
        .find(|object| object.path.ends_with(name))
        .unwrap();
    rule.body = Some(text.to_owned());
}

fn disable(engine: &Engine, member: SocketAddr) {
    let change = MemberChange {
        state: Some(MemberState::Disabled),
        ..MemberChange::default()
    };
    block_on(engine.handle().change_member(member, change))
        .unwrap()
        .unwrap();
}

fn wait_for_log(engine: &Engine, holds: impl Fn(&[String]) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let lines = block_on(engine.handle().log()).unwrap();
        let lines: Vec<String> = lines.into_iter().map(|line| line.line).collect();
        if holds(&lines) {
            return;
        }
        assert!(Instant::now() < deadline, "{lines:#?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn block_on<T>(question: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(question)
}
