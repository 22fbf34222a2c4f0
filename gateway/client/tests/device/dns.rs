//! Names resolved by asking a name server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use gateway_client::hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use gateway_client::{DnsResolver, Resolve as _, Resolved};
use tokio::net::UdpSocket;

use crate::gateway::in_time;

const TTL_SECONDS: u32 = 17;

#[tokio::test]
async fn all_addresses_and_their_time_to_live_are_answered() {
    let server = name_server(&[[10, 0, 0, 1], [10, 0, 0, 2], [10, 0, 0, 3]]).await;

    let Resolved { mut addresses, ttl } = in_time(resolver(server).resolve("gateways.example."))
        .await
        .unwrap();

    addresses.sort();
    assert_eq!(
        addresses,
        [1, 2, 3].map(|last| IpAddr::from([10, 0, 0, last]))
    );
    assert!(
        ttl <= Duration::from_secs(17) && ttl > Duration::from_secs(10),
        "{ttl:?}"
    );
}

#[tokio::test]
async fn name_without_addresses_is_an_error() {
    let server = name_server(&[]).await;

    let answer = in_time(resolver(server).resolve("gateways.example.")).await;

    assert!(answer.is_err(), "{answer:?}");
}

fn resolver(server: SocketAddr) -> DnsResolver {
    let mut name_server = NameServerConfig::udp(server.ip());
    name_server.connections[0].port = server.port();
    let mut options = ResolverOpts::default();
    options.cache_size = 0;
    DnsResolver::with(
        ResolverConfig::from_parts(None, vec![], vec![name_server]),
        options,
    )
    .unwrap()
}

/// Answers every question for IPv4 addresses with these, and every other with none (RFC 1035, section 4).
async fn name_server(addresses: &'static [[u8; 4]]) -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut query = [0; 512];
        while let Ok((len, peer)) = socket.recv_from(&mut query).await {
            let answer = answer(&query[..len], addresses);
            assert!(socket.send_to(&answer, peer).await.is_ok());
        }
    });
    address
}

fn answer(query: &[u8], addresses: &[[u8; 4]]) -> Vec<u8> {
    const HEADER: usize = 12;
    const IPV4: [u8; 2] = [0, 1];

    let name_len = query[HEADER..]
        .iter()
        .position(|byte| *byte == 0)
        .map_or(0, |end| end + 1);
    let question = &query[HEADER..HEADER + name_len + 4];
    let wanted = if question[name_len..name_len + 2] == IPV4 {
        addresses
    } else {
        &[]
    };
    let count = u16::try_from(wanted.len()).unwrap_or(0).to_be_bytes();
    // The id of the question; a response, authoritative, recursion as wished; one question, the answers, nothing else.
    let mut answer = [
        &query[..2],
        &[0x84 | query[2] & 1, 0x80],
        &[0, 1],
        &count,
        &[0; 4],
        question,
    ]
    .concat();
    for address in wanted {
        // The name of the question, an IPv4 address of the Internet class.
        answer.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1]);
        answer.extend_from_slice(&TTL_SECONDS.to_be_bytes());
        answer.extend_from_slice(&[0, 4]);
        answer.extend_from_slice(address);
    }
    answer
}
