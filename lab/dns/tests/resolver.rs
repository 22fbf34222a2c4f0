//! A real resolver asks the name server, over UDP and TCP.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, TcpStream};
use std::time::{Duration, Instant};

use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::{Resolver, TokioResolver};
use lab_dns::{Intermediary, Mood, NameServer, Order, Zone};

const NAME: &str = "gateways.lab.test";
const TTL: Duration = Duration::from_secs(5);

#[tokio::test]
async fn all_addresses_of_both_families_are_found_with_their_time_to_live() {
    let server = server(
        &["127.0.0.2", "127.0.0.3", "2001:db8::7"],
        Order::RoundRobin,
    );

    let answer = resolver(&server).lookup_ip(NAME).await.unwrap();

    let found: BTreeSet<IpAddr> = answer.iter().collect();
    assert_eq!(
        found,
        ips(&["127.0.0.2", "127.0.0.3", "2001:db8::7"])
            .into_iter()
            .collect()
    );
    let ttl = answer
        .valid_until()
        .saturating_duration_since(Instant::now());
    assert!(ttl <= TTL && ttl > TTL / 2, "{ttl:?}");
}

#[tokio::test]
async fn each_answer_begins_with_the_next_address() {
    let server = server(&["127.0.0.2", "127.0.0.3", "127.0.0.4"], Order::RoundRobin);
    let resolver = resolver(&server);

    let mut firsts = vec![];
    for _ in 0..6 {
        firsts.extend(resolver.lookup_ip(NAME).await.unwrap().iter().next());
    }

    let addresses = ips(&["127.0.0.2", "127.0.0.3", "127.0.0.4"]);
    assert_eq!(firsts, [addresses.clone(), addresses].concat());
}

#[tokio::test]
async fn a_truncated_answer_is_asked_for_again_over_tcp() {
    let server = server(&["127.0.0.2"], Order::Fixed);
    server.change(|service| service.mood = Mood::Truncating);

    let answer = resolver(&server).ipv4_lookup(NAME).await.unwrap();

    assert_eq!(answer.answers().len(), 1);
    let counts = server.counts();
    assert!(counts.udp >= 1 && counts.tcp >= 1, "{counts:?}");
}

#[tokio::test]
async fn a_long_answer_comes_whole_over_tcp() {
    let addresses: Vec<String> = (0..200).map(|last| format!("10.0.1.{last}")).collect();
    let server = server(
        &addresses.iter().map(String::as_str).collect::<Vec<_>>(),
        Order::Random,
    );

    let answer = resolver(&server).ipv4_lookup(NAME).await.unwrap();

    assert_eq!(answer.answers().len(), 200);
    assert!(server.counts().tcp >= 1);
}

#[tokio::test]
async fn failures_are_errors_and_pass() {
    let server = server(&["127.0.0.2"], Order::Fixed);
    let resolver = resolver(&server);

    for (mood, is_no_records) in [
        (Mood::NxDomain, true),
        (Mood::ServFail, false),
        (Mood::Silent, false),
    ] {
        server.change(|service| service.mood = mood);
        let error = resolver.ipv4_lookup(NAME).await.unwrap_err();
        assert_eq!(error.is_nx_domain(), is_no_records, "{mood:?}: {error}");
    }
    server.change(|service| service.mood = Mood::Good);

    assert!(resolver.ipv4_lookup(NAME).await.is_ok());
}

#[tokio::test]
async fn an_intermediary_hands_out_what_the_zone_no_longer_says() {
    let server = server(&["127.0.0.2"], Order::Fixed);
    server
        .change(|service| service.intermediary = Some(Intermediary::new(Duration::from_secs(60))));
    let resolver = resolver(&server);
    let ask = || async {
        resolver
            .lookup_ip(NAME)
            .await
            .unwrap()
            .iter()
            .collect::<Vec<_>>()
    };

    let before = ask().await;
    server
        .change(|service| service.zone.set(NAME, ips(&["127.0.0.9"]), TTL))
        .unwrap();
    let kept = ask().await;
    server.change(|service| service.intermediary = None);

    assert_eq!([before, kept], [ips(&["127.0.0.2"]), ips(&["127.0.0.2"])]);
    assert_eq!(ask().await, ips(&["127.0.0.9"]));
}

#[test]
fn a_stream_carries_several_questions() {
    let server = server(&["127.0.0.2"], Order::Fixed);
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    // RFC 1035, sections 4.1 and 4.2.2: a length of 35, then id, recursion desired, one question for an IPv4 address.
    let question = b"\x00\x23\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x08gateways\x03lab\x04test\x00\x00\x01\x00\x01";

    for _ in 0..2 {
        stream.write_all(question).unwrap();
        let mut answer = [0; 53];
        stream.read_exact(&mut answer).unwrap();

        assert_eq!(answer[..4], [0, 51, 0, 7]);
        assert_eq!(answer[49..], [127, 0, 0, 2]);
    }
}

#[test]
fn a_stopped_server_leaves_its_port() {
    let server = server(&["127.0.0.2"], Order::Fixed);
    let address = server.address();

    drop(server);

    assert!(std::net::UdpSocket::bind(address).is_ok());
}

fn server(addresses: &[&str], order: Order) -> NameServer {
    let mut zone = Zone::new(order);
    zone.set(NAME, ips(addresses), TTL).unwrap();
    NameServer::start(zone, 7).unwrap()
}

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// Keeps nothing, and has little patience.
fn resolver(server: &NameServer) -> TokioResolver {
    let address = server.address();
    let mut name_server = NameServerConfig::udp_and_tcp(address.ip());
    for connection in &mut name_server.connections {
        connection.port = address.port();
    }
    let mut options = ResolverOpts::default();
    options.cache_size = 0;
    options.timeout = Duration::from_secs(1);
    options.attempts = 0;
    let config = ResolverConfig::from_parts(None, vec![], vec![name_server]);
    Resolver::builder_with_config(config, TokioRuntimeProvider::default())
        .with_options(options)
        .build()
        .unwrap()
}
