//! TLS in both roles: what a peer sees, and what becomes of those who break it.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use gateway_engine::{
    Backend, Closed, Dial, DialRequest, DialTls, Failure, Outgoing, SendError, TLS_REFUSAL, frame,
};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned,
    SupportedProtocolVersion,
};

use crate::support::{Lab, PATIENCE, Seen, UPGRADE, eventually, masked_frame};

crate::tests![
    messages_pass_both_ways_in_either_version,
    what_one_turn_sends_is_one_write,
    a_megabyte_passes_both_ways,
    a_handshake_may_come_byte_by_byte,
    what_the_acceptor_read_belongs_to_the_handshake,
    dialled_connections_speak_tls,
    a_certificate_that_is_not_believed_is_told_to_both,
    a_slow_reader_gets_everything_in_order,
    a_slow_reader_s_queue_can_be_dropped_from,
    both_ends_close_cleanly,
    a_request_that_is_refused_is_answered,
    what_is_no_tls_is_answered_with_an_alert,
    a_record_that_was_tampered_with_ends_the_connection,
    a_handshake_that_stalls_is_given_up,
    a_full_loop_says_so_with_an_alert,
    random_bytes_never_stop_the_loop,
];

type TlsStream = StreamOwned<ClientConnection, TcpStream>;

fn messages_pass_both_ways_in_either_version(backend: Backend) {
    let lab = lab(backend);
    for version in [&TLS12, &TLS13] {
        let (mut device, conn) = open(&lab, version);
        assert_eq!(device.stream.conn.protocol_version(), Some(version.version));

        device.send(&masked_frame(0x81, b"up"));
        assert_eq!(lab.next(), Seen::Text("up".to_owned()));
        lab.call(move |net| net.send_text(conn, "down").unwrap());
        assert_eq!(device.frame(), (0x81, b"down".to_vec()));
        drop(device);
        assert_eq!(lab.next(), Seen::Closed(Closed::EndOfStream));
    }
    assert_eq!(lab.call(|net| net.counters().tls_established), 2);
}

fn what_one_turn_sends_is_one_write(backend: Backend) {
    let lab = lab(backend);
    let (mut device, conn) = open(&lab, &TLS13);
    let before = lab.call(|net| *net.counters());

    lab.call(move |net| {
        for number in 0..200 {
            net.send(conn, frame::text(&number.to_string())).unwrap();
        }
    });

    for number in 0..200 {
        assert_eq!(device.frame(), (0x81, number.to_string().into()));
    }
    let after = lab.call(|net| *net.counters());
    assert_eq!(
        (
            after.writes - before.writes,
            after.messages_out - before.messages_out
        ),
        (1, 200)
    );
}

fn a_megabyte_passes_both_ways(backend: Backend) {
    let lab = lab(backend);
    for version in [&TLS12, &TLS13] {
        let (mut device, conn) = open(&lab, version);
        let big: Vec<u8> = (0..1_000_000u32).map(|number| (number / 7) as u8).collect();

        device.send(&masked_frame(0x82, &big));
        assert!(
            lab.next() == Seen::Binary(big.clone()),
            "changed on the way up"
        );
        let down = big.clone();
        lab.call(move |net| net.send_binary(conn, &down).unwrap());
        assert!(device.frame() == (0x82, big), "changed on the way down");
        drop(device);
        assert_eq!(lab.next(), Seen::Closed(Closed::EndOfStream));
    }
}

fn a_handshake_may_come_byte_by_byte(backend: Backend) {
    let lab = lab(backend);
    let mut device = lab.device();
    device.socket.set_nodelay(true).unwrap();
    let mut conn = client(&TLS13);

    while conn.is_handshaking() || conn.wants_write() {
        let mut out = Vec::new();
        while conn.wants_write() {
            conn.write_tls(&mut out).unwrap();
        }
        for byte in out {
            device.send(&[byte]);
        }
        if conn.is_handshaking() {
            conn.read_tls(&mut device.socket).unwrap();
            conn.process_new_packets().unwrap();
        }
    }
    let mut device = TlsDevice::over(StreamOwned::new(conn, device.socket));
    device.upgrade();

    assert!(matches!(lab.next(), Seen::Open(_)));
}

fn what_the_acceptor_read_belongs_to_the_handshake(backend: Backend) {
    let lab = lab(backend);
    let mut conn = client(&TLS13);
    let mut hello = Vec::new();
    conn.write_tls(&mut hello).unwrap();

    let device = lab.device_with_leftover(hello.leak());
    let mut device = TlsDevice::over(StreamOwned::new(conn, device.socket));
    device.upgrade();

    assert!(matches!(lab.next(), Seen::Open(_)));
}

fn dialled_connections_speak_tls(backend: Backend) {
    let server = lab(backend);
    let dialler = Lab::new(backend);
    for version in [&TLS12, &TLS13] {
        let (ours, theirs) = dial(&dialler, &server, client_config(version));

        dialler.call(move |net| net.send_text(ours, "up").unwrap());
        assert_eq!(server.next(), Seen::Text("up".to_owned()));
        let big = vec![b'x'; 300_000];
        let sent = big.clone();
        server.call(move |net| net.send_binary(theirs, &sent).unwrap());
        assert!(
            dialler.next() == Seen::Binary(big),
            "changed on the way down"
        );

        server.call(move |net| net.close(theirs, 1012, ""));
        let by_peer = Closed::ByPeer {
            code: Some(1012),
            reason: String::new(),
        };
        assert_eq!(dialler.next(), Seen::Closed(by_peer));
        assert_eq!(server.next(), Seen::Closed(Closed::ByUs { code: 1012 }));
    }
}

fn a_certificate_that_is_not_believed_is_told_to_both(backend: Backend) {
    let server = lab(backend);
    let dialler = Lab::new(backend);
    let nobody =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();

    connect(&dialler, &server, nobody);

    let Seen::Failed(Failure::Tls(reason)) = dialler.next() else {
        panic!("the client did not notice")
    };
    assert!(reason.contains("UnknownIssuer"), "{reason}");
    let Seen::Failed(Failure::Tls(reason)) = server.next() else {
        panic!("the server was not told")
    };
    assert!(reason.contains("UnknownCA"), "{reason}");
}

fn a_slow_reader_gets_everything_in_order(backend: Backend) {
    let lab = Lab::with(backend, |config| {
        config.endpoints[0].tls = Some(server_config());
        config.limits.send_queue = 64 << 20;
    });
    let (mut device, conn) = open(&lab, &TLS13);
    let payload = |number: u32| vec![number as u8; 50_000];

    lab.call(move |net| {
        for number in 0..400 {
            net.send(conn, frame::binary(&payload(number))).unwrap();
        }
    });
    eventually("a queue", || {
        lab.call(move |net| net.queued_bytes(conn)) > 0
    });

    for number in 0..400 {
        assert!(
            device.frame() == (0x82, payload(number)),
            "message {number}"
        );
    }
    assert_eq!(lab.next(), Seen::Drained);
    assert_eq!(lab.call(|net| net.total_queued_bytes()), 0);
}

fn a_slow_reader_s_queue_can_be_dropped_from(backend: Backend) {
    let lab = Lab::with(backend, |config| {
        config.endpoints[0].tls = Some(server_config());
        config.limits.send_queue = 1 << 20;
    });
    let (mut device, conn) = open(&lab, &TLS13);

    let dropped = lab.call(move |net| {
        let message = |tag| Outgoing {
            frames: frame::binary(&vec![tag as u8; 10_000]),
            messages: 1,
            tag,
        };
        while net.send(conn, message(1)) != Err(SendError::Full) {}
        let mut dropped = 0;
        net.queue(conn).unwrap().drop_where(|queued| {
            dropped += queued.bytes;
            queued.tag == 1
        });
        net.send(conn, message(2)).unwrap();
        dropped
    });

    assert!(dropped > 0);
    loop {
        let (_, payload) = device.frame();
        if payload[0] == 2 {
            break;
        }
    }
}

fn both_ends_close_cleanly(backend: Backend) {
    let lab = lab(backend);
    let (mut device, conn) = open(&lab, &TLS13);

    lab.call(move |net| net.close(conn, 1012, "leaving"));
    assert_eq!(device.frame().0, 0x88);
    device.send(&masked_frame(0x88, &1012u16.to_be_bytes()));

    // Not an end that might have been cut off: the server said that nothing more follows.
    assert_eq!(device.stream.read(&mut [0; 8]).unwrap(), 0);
    drop(device);
    assert_eq!(lab.next(), Seen::Closed(Closed::ByUs { code: 1012 }));
}

fn a_request_that_is_refused_is_answered(backend: Backend) {
    let lab = lab(backend);
    let mut device = TlsDevice::over(StreamOwned::new(client(&TLS13), lab.device().socket));

    device.send(b"GET /elsewhere HTTP/1.1\r\nHost: test\r\n\r\n");

    let mut answer = Vec::new();
    device.stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
}

fn what_is_no_tls_is_answered_with_an_alert(backend: Backend) {
    let lab = lab(backend);
    let mut device = lab.device();

    device.send(UPGRADE.as_bytes());

    let mut answer = Vec::new();
    device.socket.read_to_end(&mut answer).unwrap();
    assert_eq!((answer[0], answer.len()), (21, 7), "{answer:?}");
    drop(device);
    assert!(matches!(lab.next(), Seen::Failed(Failure::Tls(_))));
    assert_eq!(lab.call(|net| net.counters().violations), 1);
}

fn a_record_that_was_tampered_with_ends_the_connection(backend: Backend) {
    let lab = lab(backend);
    let (mut device, _) = open(&lab, &TLS13);

    device
        .stream
        .conn
        .writer()
        .write_all(b"never read")
        .unwrap();
    let mut record = Vec::new();
    device.stream.conn.write_tls(&mut record).unwrap();
    *record.last_mut().unwrap() ^= 1;
    device.stream.sock.write_all(&record).unwrap();

    let ended = device.stream.read(&mut [0; 8]);
    assert!(ended.is_err(), "an alert was due: {ended:?}");
    drop(device);
    assert!(matches!(lab.next(), Seen::Closed(Closed::Tls(_))));
}

fn a_handshake_that_stalls_is_given_up(backend: Backend) {
    let lab = Lab::with(backend, |config| {
        config.endpoints[0].tls = Some(server_config());
        config.limits.handshake_timeout = Duration::from_millis(100);
    });
    let mut device = lab.device();
    let mut hello = Vec::new();
    client(&TLS13).write_tls(&mut hello).unwrap();

    device.send(&hello[..hello.len() / 2]);

    assert_eq!(lab.next(), Seen::Failed(Failure::Timeout));
}

fn a_full_loop_says_so_with_an_alert(backend: Backend) {
    let lab = Lab::with(backend, |config| {
        config.endpoints[0].tls = Some(server_config());
        config.limits.connections = 1;
    });
    let _first = open(&lab, &TLS13);

    let mut second = lab.device();
    let mut answer = Vec::new();
    second.socket.read_to_end(&mut answer).unwrap();

    assert_eq!(answer, TLS_REFUSAL);
}

fn random_bytes_never_stop_the_loop(backend: Backend) {
    let lab = lab(backend);
    let mut state = 0x2545_f491_4f6c_dd1du64;
    for round in 0..60u32 {
        let mut device = lab.device();
        let mut bytes = Vec::new();
        if round % 3 == 0 {
            client(&TLS13).write_tls(&mut bytes).unwrap();
        }
        bytes.extend((0..2000).map(|_| {
            // xorshift64: different in every round, the same in every run.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 24) as u8
        }));
        if round % 3 == 1 {
            // A handshake record of any content.
            bytes.splice(..5, [22, 3, 3, 1, 0]);
        }
        device.try_send(&bytes);
    }

    let mut device = TlsDevice::over(StreamOwned::new(client(&TLS13), lab.device().socket));
    device.upgrade();
    let conn = std::iter::repeat_with(|| lab.next())
        .find_map(|seen| match seen {
            Seen::Open(conn) => Some(conn),
            _ => None,
        })
        .unwrap();
    lab.call(move |net| net.send_text(conn, "alive").unwrap());
    assert_eq!(device.frame(), (0x81, b"alive".to_vec()));
}

fn lab(backend: Backend) -> Lab {
    Lab::with(backend, |config| {
        config.endpoints[0].tls = Some(server_config());
    })
}

/// A device after TLS and the upgrade.
fn open(
    lab: &Lab,
    version: &'static SupportedProtocolVersion,
) -> (TlsDevice, gateway_engine::ConnId) {
    let mut device = TlsDevice::over(StreamOwned::new(client(version), lab.device().socket));
    device.upgrade();
    let Seen::Open(conn) = lab.next() else {
        panic!("the connection did not open")
    };
    (device, conn)
}

/// Has one loop dial another; answers both ends.
fn dial(
    dialler: &Lab,
    server: &Lab,
    config: ClientConfig,
) -> (gateway_engine::ConnId, gateway_engine::ConnId) {
    connect(dialler, server, config);
    let (Seen::Open(theirs), Seen::Open(ours)) = (server.next(), dialler.next()) else {
        panic!("the connection did not open")
    };
    (ours, theirs)
}

fn connect(dialler: &Lab, server: &Lab, config: ClientConfig) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let request = DialRequest {
        host: "localhost".to_owned(),
        path: "/".to_owned(),
        subprotocols: vec!["tidegate.v1.json".to_owned()],
        tls: Some(DialTls {
            config: Arc::new(config),
            name: name(),
        }),
        ..DialRequest::default()
    };
    let dial = Dial {
        remote: listener.local_addr().unwrap(),
        local: None,
        late_port: false,
        preface: bytes::Bytes::new(),
        request: Arc::new(request),
    };
    dialler.call(move |net| net.connect(dial, 0)).unwrap();
    server.adopt(&listener);
}

/// The device's end, as another implementation of the record layer sees it.
struct TlsDevice {
    stream: TlsStream,
}

impl TlsDevice {
    fn over(stream: TlsStream) -> Self {
        Self { stream }
    }

    fn upgrade(&mut self) {
        self.send(UPGRADE.as_bytes());
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{head:?}");
    }

    fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
        self.stream.flush().unwrap();
    }

    /// The next frame: its first byte and its payload.
    fn frame(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 2];
        self.exactly(&mut head);
        let length = match head[1] {
            126 => {
                let mut length = [0; 2];
                self.exactly(&mut length);
                u16::from_be_bytes(length).into()
            }
            127 => {
                let mut length = [0; 8];
                self.exactly(&mut length);
                u64::from_be_bytes(length) as usize
            }
            short => short.into(),
        };
        let mut payload = vec![0; length];
        self.exactly(&mut payload);
        (head[0], payload)
    }

    fn exactly(&mut self, bytes: &mut [u8]) {
        match self.stream.read_exact(bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                panic!("nothing within {PATIENCE:?}")
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn client(version: &'static SupportedProtocolVersion) -> ClientConnection {
    ClientConnection::new(Arc::new(client_config(version)), name()).unwrap()
}

fn client_config(version: &'static SupportedProtocolVersion) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(certificate().cert.der().clone()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn server_config() -> Arc<ServerConfig> {
    let certified = certificate();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .unwrap();
    Arc::new(config)
}

/// One for all tests: making keys takes longer than using them.
fn certificate() -> &'static rcgen::CertifiedKey<rcgen::KeyPair> {
    static CERTIFICATE: OnceLock<rcgen::CertifiedKey<rcgen::KeyPair>> = OnceLock::new();
    CERTIFICATE
        .get_or_init(|| rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap())
}

fn name() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}
