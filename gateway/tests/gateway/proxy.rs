//! PROXY headers: believed from those who are trusted, required where they are required, and never guessed.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use serde_json::json;

use crate::support::gateway::Setup;
use crate::support::{Device, Gateway, Kafka, PATIENCE, eventually};

const LINE: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 40001 443\r\n";
const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nHost: g\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[test]
fn the_client_is_whom_the_header_names() {
    let (_kafka, gateway) = behind_proxies();

    let device = Device::connect_behind(gateway.address(), LINE);

    let connections = gateway.get("/connections").json();
    let peer = device.local_address().to_string();
    let ours = connections.as_array().unwrap();
    assert_eq!(ours.len(), 1);
    assert_eq!(
        (&ours[0]["peer"], &ours[0]["client"]),
        (&json!(peer), &json!("192.0.2.7:40001"))
    );
    assert_eq!(
        gateway.metric("tidegate_proxy_headers_total{version=\"1\"}"),
        1.0
    );
}

#[test]
fn both_versions_and_both_families_name_the_client() {
    let (_kafka, gateway) = behind_proxies();
    let version_2_ipv6 = [
        &b"\r\n\r\n\0\r\nQUIT\n\x21\x21\x00\x24"[..],
        &"2001:db8::7"
            .parse::<std::net::Ipv6Addr>()
            .unwrap()
            .octets(),
        &"2001:db8::1"
            .parse::<std::net::Ipv6Addr>()
            .unwrap()
            .octets(),
        &40_002u16.to_be_bytes(),
        &443u16.to_be_bytes(),
    ]
    .concat();

    let _devices = [
        Device::connect_behind(
            gateway.address(),
            b"PROXY TCP6 2001:db8::6 2001:db8::1 40003 443\r\n",
        ),
        Device::connect_behind(gateway.address(), &version_2_ipv6),
        Device::connect_behind(
            gateway.address(),
            b"PROXY TCP6 ::ffff:192.0.2.9 ::ffff:192.0.2.1 40004 443\r\n",
        ),
    ];

    let connections = gateway.get("/connections").json();
    let mut clients: Vec<&str> = connections
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["client"].as_str().unwrap())
        .collect();
    clients.sort_unstable();
    assert_eq!(
        clients,
        [
            "192.0.2.9:40004",
            "[2001:db8::6]:40003",
            "[2001:db8::7]:40002"
        ]
    );
}

#[test]
fn placement_goes_by_the_client_of_the_header() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Setup::default()
        .listener(REQUIRED)
        .workgroups(4)
        .ready(&kafka);

    let _devices: Vec<Device> = (0..200)
        .map(|port| {
            Device::connect_behind(
                gateway.address(),
                format!(
                    "PROXY TCP4 192.0.2.7 198.51.100.1 {} 443\r\n",
                    40_000 + 2 * port
                )
                .as_bytes(),
            )
        })
        .collect();

    let workgroups = gateway.get("/workgroups").json();
    let counts: Vec<i64> = workgroups
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["connections"].as_i64().unwrap())
        .collect();
    assert_eq!(counts.iter().sum::<i64>(), 200);
    // Even ports only, and yet nobody idles: the chance of fewer than 20 of 200 in one of four is below 1e-7.
    assert!(counts.iter().all(|count| *count >= 20), "{counts:?}");
}

#[test]
fn without_connection_offload_one_address_fills_one_workgroup() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Setup::default()
        .workgroups(4)
        .without_offload()
        .ready(&kafka);

    let _devices: Vec<Device> = (0..20)
        .map(|_| Device::connect(gateway.address()))
        .collect();

    let workgroups = gateway.get("/workgroups").json();
    let mut counts: Vec<i64> = workgroups
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["connections"].as_i64().unwrap())
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, [0, 0, 0, 20]);
}

#[test]
fn a_header_in_pieces_with_the_request_glued_to_its_end_is_read_exactly() {
    let (_kafka, gateway) = behind_proxies();
    let bytes = [LINE, UPGRADE].concat();
    for cut in [1, 5, LINE.len() - 1, LINE.len(), LINE.len() + 1] {
        let mut stream = connect(gateway.address());

        stream.write_all(&bytes[..cut]).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        stream.write_all(&bytes[cut..]).unwrap();

        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 101", "cut at {cut}");
    }
}

#[test]
fn a_missing_header_is_closed_without_a_byte_of_http() {
    let (_kafka, gateway) = behind_proxies();
    let mut stream = connect(gateway.address());

    stream.write_all(UPGRADE).unwrap();

    assert_eq!(rest(&mut stream), b"");
    assert_eq!(
        gateway.metric("tidegate_refused_total{reason=\"bad_signature\"}"),
        1.0
    );
}

#[test]
fn an_untrusted_peer_s_perfect_header_is_not_read() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Setup::default()
        .listener("proxy-protocol = \"required\"\ntrusted = [\"10.0.0.0/8\"]")
        .ready(&kafka);
    let mut stream = connect(gateway.address());

    let _ = stream.write_all(&[LINE, UPGRADE].concat());

    assert_eq!(rest(&mut stream), b"");
    eventually("the refusal is counted", || {
        gateway.metric("tidegate_refused_total{reason=\"untrusted\"}") == 1.0
    });
    assert_eq!(gateway.get("/connections").body, "[]");
}

#[test]
fn a_header_where_it_is_forbidden_is_no_request() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Gateway::ready(&kafka);
    let mut stream = connect(gateway.address());

    stream.write_all(&[LINE, UPGRADE].concat()).unwrap();

    assert!(!rest(&mut stream).starts_with(b"HTTP/1.1 101"));
    assert_eq!(gateway.get("/connections").body, "[]");
}

#[test]
fn half_a_header_is_closed_when_its_time_is_up() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Setup::default()
        .listener(&format!("{REQUIRED}\nproxy-header-timeout = \"300ms\""))
        .ready(&kafka);
    let mut stream = connect(gateway.address());

    stream.write_all(&LINE[..10]).unwrap();

    assert_eq!(rest(&mut stream), b"");
    assert_eq!(
        gateway.metric("tidegate_refused_total{reason=\"timeout\"}"),
        1.0
    );
    assert_eq!(gateway.metric("tidegate_pending_headers"), 0.0);
}

#[test]
fn half_headers_are_bounded_in_number() {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Setup::default()
        .listener(REQUIRED)
        .with("[limits]\npending-headers = 3")
        .ready(&kafka);
    let mut halves: Vec<TcpStream> = (0..3).map(|_| connect(gateway.address())).collect();
    for half in &mut halves {
        half.write_all(b"PROXY").unwrap();
    }
    eventually("three headers are awaited", || {
        gateway.metric("tidegate_pending_headers") == 3.0
    });

    let mut fourth = connect(gateway.address());

    assert_eq!(rest(&mut fourth), b"");
    assert_eq!(
        gateway.metric("tidegate_refused_total{reason=\"pending-headers\"}"),
        1.0
    );
}

#[test]
fn health_checks_are_counted_by_their_kind_and_disturb_nobody() {
    let (_kafka, gateway) = behind_proxies();
    let probes: [(&str, &[u8]); 4] = [
        ("silent", LINE),
        ("unknown", b"PROXY UNKNOWN\r\n"),
        ("local", b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00"),
        ("unspec", b"\r\n\r\n\0\r\nQUIT\n\x21\x00\x00\x00"),
    ];
    for (kind, header) in probes {
        let mut probe = connect(gateway.address());

        probe.write_all(header).unwrap();
        drop(probe);

        eventually(kind, || {
            gateway.metric(&format!("tidegate_probes_total{{kind=\"{kind}\"}}")) == 1.0
        });
    }
    eventually("nobody is awaited", || {
        gateway.metric("tidegate_pending_headers") == 0.0
    });
    assert_eq!(
        gateway.metric("tidegate_probes_total{kind=\"silent\"}"),
        1.0
    );
    assert_eq!(gateway.metric("tidegate_accepted_total"), 0.0);
    assert!(!gateway.log().contains("refused"), "{}", gateway.log());
}

#[test]
fn a_local_connection_that_goes_on_is_served_under_its_own_address() {
    let (_kafka, gateway) = behind_proxies();

    let device = Device::connect_behind(gateway.address(), b"PROXY UNKNOWN\r\n");

    let connections = gateway.get("/connections").json();
    assert_eq!(
        connections[0]["client"],
        json!(device.local_address().to_string())
    );
}

const REQUIRED: &str = "proxy-protocol = \"required\"\ntrusted = [\"127.0.0.0/8\"]";

/// A gateway whose listener requires the header and trusts this machine.
fn behind_proxies() -> (Kafka, Gateway) {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateway = Setup::default().listener(REQUIRED).ready(&kafka);
    (kafka, gateway)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// What still comes until the connection ends, by a close or by a reset.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}"),
    }
    bytes
}
