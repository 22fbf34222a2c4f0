//! What a load balancer sends in front of a connection. Write it in one piece, before any payload.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::tlv::{Tlv, kind};
use super::version2::{FIXED_LEN, LOCAL, PROXY, SIGNATURE, TCP4, TCP6, UNSPEC};
use crate::address::canonical;

/// A line of version 1.
///
/// The client's address decides the family. A destination of the other family is written as the IPv4-mapped address
/// if the client is IPv6, and as `0.0.0.0` if the client is IPv4: the sockets of one connection never differ.
#[must_use]
pub fn encode_v1(client: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let endpoints = Endpoints::new(client, destination);
    let family = if endpoints.client.is_ipv4() {
        "TCP4"
    } else {
        "TCP6"
    };
    let Endpoints {
        client,
        destination,
    } = endpoints;
    format!(
        "PROXY {family} {} {} {} {}\r\n",
        client.ip(),
        destination.ip(),
        client.port(),
        destination.port()
    )
    .into_bytes()
}

/// A header of version 2 that speaks for a client. Families are chosen as in [`encode_v1`].
///
/// With `crc`, a CRC32C over the whole header comes first among the TLVs.
///
/// # Errors
/// The TLVs do not fit into a header, or bring a checksum of their own.
pub fn encode_v2(
    client: SocketAddr,
    destination: SocketAddr,
    tlvs: &[Tlv<'_>],
    crc: bool,
) -> Result<Vec<u8>, EncodeError> {
    let Endpoints {
        client,
        destination,
    } = Endpoints::new(client, destination);
    let mut addresses = Vec::with_capacity(36);
    push_ip(&mut addresses, client.ip());
    push_ip(&mut addresses, destination.ip());
    addresses.extend_from_slice(&client.port().to_be_bytes());
    addresses.extend_from_slice(&destination.port().to_be_bytes());
    let family = if client.is_ipv4() { TCP4 } else { TCP6 };
    header(PROXY, family, &addresses, tlvs, crc)
}

/// A header of version 2 by which the load balancer speaks for itself, as its health checks do.
///
/// # Errors
/// The TLVs do not fit into a header, or bring a checksum of their own.
pub fn encode_v2_local(tlvs: &[Tlv<'_>], crc: bool) -> Result<Vec<u8>, EncodeError> {
    header(LOCAL, UNSPEC, &[], tlvs, crc)
}

/// Why TLVs make no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The length field of a header or TLV has 16 bits.
    #[error("{len} bytes do not fit into the 65535 that a PROXY header or TLV can announce")]
    TooLong {
        /// What was to be announced, in bytes.
        len: usize,
    },
    /// The checksum is computed here.
    #[error("a CRC32C TLV is computed and cannot be given")]
    GivenChecksum,
}

/// Two addresses of one family.
struct Endpoints {
    client: SocketAddr,
    destination: SocketAddr,
}

impl Endpoints {
    fn new(client: SocketAddr, destination: SocketAddr) -> Self {
        let (client, destination) = (canonical(client), canonical(destination));
        let ip = match (client.ip(), destination.ip()) {
            (IpAddr::V6(_), IpAddr::V4(v4)) => IpAddr::V6(v4.to_ipv6_mapped()),
            (IpAddr::V4(_), IpAddr::V6(_)) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            (IpAddr::V4(_), IpAddr::V4(_)) | (IpAddr::V6(_), IpAddr::V6(_)) => destination.ip(),
        };
        Self {
            client: without_scope(client),
            destination: SocketAddr::new(ip, destination.port()),
        }
    }
}

/// A zone means nothing on another host.
fn without_scope(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}

fn push_ip(out: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(v4) => out.extend_from_slice(&v4.octets()),
        IpAddr::V6(v6) => out.extend_from_slice(&Ipv6Addr::octets(&v6)),
    }
}

fn header(
    command: u8,
    family: u8,
    addresses: &[u8],
    tlvs: &[Tlv<'_>],
    crc: bool,
) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::with_capacity(FIXED_LEN + addresses.len() + 8);
    out.extend_from_slice(&SIGNATURE);
    out.extend_from_slice(&[command, family, 0, 0]);
    out.extend_from_slice(addresses);
    let checksum_at = crc.then(|| push_empty_checksum(&mut out));
    for tlv in tlvs {
        push_tlv(&mut out, *tlv)?;
    }
    let len = announced(out.len() - FIXED_LEN)?;
    out[14..FIXED_LEN].copy_from_slice(&len);
    if let Some(at) = checksum_at {
        let checksum = crc32c::crc32c(&out);
        out[at..at + 4].copy_from_slice(&checksum.to_be_bytes());
    }
    Ok(out)
}

/// The checksum is computed with zeros in its own place, and filled in last.
fn push_empty_checksum(out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(&[kind::CRC32C, 0, 4]);
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    at
}

fn push_tlv(out: &mut Vec<u8>, tlv: Tlv<'_>) -> Result<(), EncodeError> {
    if tlv.kind == kind::CRC32C {
        return Err(EncodeError::GivenChecksum);
    }
    out.push(tlv.kind);
    out.extend_from_slice(&announced(tlv.value.len())?);
    out.extend_from_slice(tlv.value);
    Ok(())
}

fn announced(len: usize) -> Result<[u8; 2], EncodeError> {
    u16::try_from(len)
        .map(u16::to_be_bytes)
        .map_err(|_| EncodeError::TooLong { len })
}
