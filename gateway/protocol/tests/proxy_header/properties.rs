//! Rules 7, 8, 43 and 73: whatever the addresses, whatever the pieces, whatever the noise.

use std::net::{IpAddr, SocketAddr};

use gateway_protocol::address::canonical;
use gateway_protocol::proxy_header::{
    Header, Limits, Source, Tlv, encode_v1, encode_v2, encode_v2_local, kind, parse,
};
use proptest::prelude::*;

use crate::vector::parse_default;

fn addresses() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
    let v4 = any::<([u8; 4], [u8; 4])>().prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b)));
    let v6 = any::<([u8; 16], [u8; 16])>().prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b)));
    (prop_oneof![v4, v6], any::<(u16, u16)>()).prop_map(|((client, destination), (a, b))| {
        (SocketAddr::new(client, a), SocketAddr::new(destination, b))
    })
}

/// Types that have no rules of their own.
fn tlvs() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let tlv = (
        prop_oneof![Just(kind::ALPN), Just(kind::NOOP), 0x60u8..=0xf7],
        prop::collection::vec(any::<u8>(), 0..200),
    );
    prop::collection::vec(tlv, 0..6)
}

fn as_tlvs(pairs: &[(u8, Vec<u8>)]) -> Vec<Tlv<'_>> {
    pairs
        .iter()
        .map(|(kind, value)| Tlv::new(*kind, value))
        .collect()
}

fn headers() -> impl Strategy<Value = Vec<u8>> {
    let v1 = addresses().prop_map(|(client, destination)| encode_v1(client, destination));
    let v2 = (addresses(), tlvs(), any::<bool>()).prop_map(|((client, destination), tlvs, crc)| {
        encode_v2(client, destination, &as_tlvs(&tlvs), crc).unwrap()
    });
    let local = (tlvs(), any::<bool>())
        .prop_map(|(tlvs, crc)| encode_v2_local(&as_tlvs(&tlvs), crc).unwrap());
    let unknown = "[ -~]{0,90}".prop_map(|junk| format!("PROXY UNKNOWN {junk}\r\n").into_bytes());
    prop_oneof![v1, v2, local, unknown]
}

/// What a receiver answers that is handed the bytes in two pieces.
fn in_two_pieces(bytes: &[u8], cut: usize) -> Option<Header> {
    let first = parse_default(&bytes[..cut]).unwrap();
    first.or_else(|| parse_default(bytes).unwrap())
}

proptest! {
    #[test]
    fn every_line_reads_back_as_written((client, destination) in addresses()) {
        let bytes = encode_v1(client, destination);

        let header = parse_default(&bytes).unwrap().unwrap();

        let (client, destination) = (canonical(client), canonical(destination));
        prop_assume!(client.is_ipv4() == destination.is_ipv4());
        prop_assert_eq!(header.source, Source::Proxied { client, destination });
        prop_assert_eq!(header.len, bytes.len());
    }

    #[test]
    fn every_binary_header_reads_back_as_written(
        (client, destination) in addresses(),
        pairs in tlvs(),
        crc: bool,
    ) {
        let tlvs = as_tlvs(&pairs);
        let bytes = encode_v2(client, destination, &tlvs, crc).unwrap();

        let header = parse_default(&bytes).unwrap().unwrap();

        let (client, destination) = (canonical(client), canonical(destination));
        prop_assume!(client.is_ipv4() == destination.is_ipv4());
        prop_assert_eq!(header.source, Source::Proxied { client, destination });
        prop_assert_eq!(header.len, bytes.len());
        prop_assert_eq!(header.tlvs.iter().skip(usize::from(crc)).collect::<Vec<_>>(), tlvs);
    }

    #[test]
    fn pieces_do_not_change_the_answer(
        header in headers(),
        payload in prop::collection::vec(any::<u8>(), 0..40),
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = [header.clone(), payload].concat();
        let whole = parse_default(&bytes).unwrap().unwrap();

        prop_assert_eq!(whole.len, header.len());
        prop_assert_eq!(in_two_pieces(&bytes, cut.index(bytes.len())), Some(whole));
    }

    #[test]
    fn beginning_of_a_header_is_never_an_error(header in headers(), cut in any::<prop::sample::Index>()) {
        prop_assert_eq!(parse_default(&header[..cut.index(header.len())]), Ok(None));
    }

    #[test]
    fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse_default(&bytes);
    }

    /// One changed byte gives an answer, and the answer never depends on the pieces.
    #[test]
    fn damaged_header_gets_one_answer(
        mut header in headers(),
        at in any::<prop::sample::Index>(),
        value: u8,
    ) {
        let at = at.index(header.len());
        header[at] = value;
        let refused_at = (0..=header.len()).find(|end| parse_default(&header[..*end]).is_err());

        if let Some(refused_at) = refused_at {
            prop_assert!(refused_at > at, "byte {at} was right, but refused after {refused_at} bytes");
            prop_assert!((refused_at..=header.len()).all(|end| parse_default(&header[..end]).is_err()));
        }
    }

    /// Text that begins like a line never panics and never waits for more than 107 bytes.
    #[test]
    fn noisy_line_is_judged_within_107_bytes(rest in "(TCP4 |TCP6 |UNKNOWN)[0-9a-f:. \r\n%+]{0,200}") {
        let line = format!("PROXY {rest}");

        let answer = parse_default(line.as_bytes());

        prop_assert!(line.len() < 107 || answer != Ok(None), "{line:?} waits");
    }

    #[test]
    fn nothing_is_awaited_beyond_the_limit(
        bytes in prop::collection::vec(any::<u8>(), 0..64),
        header in headers(),
        max_len in 0usize..600,
    ) {
        let bytes = [header, bytes].concat();

        match parse(&bytes, &Limits { max_len }) {
            Ok(None) => prop_assert!(bytes.len() <= max_len),
            Ok(Some(header)) => prop_assert!(header.len <= max_len),
            Err(_) => {}
        }
    }
}
