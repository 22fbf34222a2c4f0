//! The PROXY protocol as an ADC speaks it (haproxy.org, `doc/proxy-protocol.txt`): writing headers towards members, and
//! reading those that the lab's own devices put in front when their addresses cannot be had on this machine.
//!
//! The reader is strict and small; it is no model for a gateway, which must live with everyone's senders.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::model::{MonitorProxy, ProxyProtocol};

/// Section 2.2: the first 12 bytes of every binary header.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
const VERSION_2_LOCAL: u8 = 0x20;
const VERSION_2_PROXY: u8 = 0x21;
const UNSPEC: u8 = 0x00;
const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;
/// Section 2.2.3, `PP2_TYPE_CRC32C`: type, length 4, value.
const CRC_TLV: [u8; 7] = [0x03, 0, 4, 0, 0, 0, 0];
/// Section 2.1: no text line is longer, its CRLF included.
const LONGEST_LINE: usize = 107;
/// Longest header that is read; devices of the lab send no TLVs worth more.
const LONGEST_READ: usize = 536;

/// The header for a connection of `client` to `destination`, the virtual server's address. Empty when none is wanted.
pub fn for_connection(kind: ProxyProtocol, client: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    match kind {
        ProxyProtocol::Off => Vec::new(),
        ProxyProtocol::V1 => line(client, destination).into_bytes(),
        ProxyProtocol::V2 => binary(VERSION_2_PROXY, Some((client, destination)), false),
        ProxyProtocol::V2Crc => binary(VERSION_2_PROXY, Some((client, destination)), true),
    }
}

/// The header of a probe from `own` to `member`. Empty when none is wanted.
pub fn for_probe(kind: MonitorProxy, own: SocketAddr, member: SocketAddr) -> Vec<u8> {
    match kind {
        MonitorProxy::Off => Vec::new(),
        MonitorProxy::V1 => line(own, member).into_bytes(),
        MonitorProxy::V2Local => binary(VERSION_2_LOCAL, None, false),
        MonitorProxy::V2LocalCrc => binary(VERSION_2_LOCAL, None, true),
    }
}

/// Section 2.1. Addresses of different families are both written as IPv6, as a text line has one family only.
fn line(client: SocketAddr, destination: SocketAddr) -> String {
    let (client, destination) = one_family(client, destination);
    let family = if client.is_ipv4() { "TCP4" } else { "TCP6" };
    format!(
        "PROXY {family} {} {} {} {}\r\n",
        client.ip(),
        destination.ip(),
        client.port(),
        destination.port()
    )
}

/// Section 2.2.
fn binary(command: u8, ends: Option<(SocketAddr, SocketAddr)>, with_crc: bool) -> Vec<u8> {
    let (family, addresses) = ends.map_or((UNSPEC, Vec::new()), |(client, destination)| {
        address_block(client, destination)
    });
    let length = addresses.len() + if with_crc { CRC_TLV.len() } else { 0 };
    let mut header = SIGNATURE.to_vec();
    header.extend([command, family]);
    // At most 36 bytes of addresses and 7 of CRC.
    header.extend((length as u16).to_be_bytes());
    header.extend(addresses);
    if with_crc {
        header.extend(CRC_TLV);
        let sum = crc32c::crc32c(&header).to_be_bytes();
        let value_at = header.len() - sum.len();
        header[value_at..].copy_from_slice(&sum);
    }
    header
}

fn address_block(client: SocketAddr, destination: SocketAddr) -> (u8, Vec<u8>) {
    let (client, destination) = one_family(client, destination);
    let mut block = Vec::with_capacity(36);
    for ip in [client.ip(), destination.ip()] {
        match ip {
            IpAddr::V4(v4) => block.extend(v4.octets()),
            IpAddr::V6(v6) => block.extend(v6.octets()),
        }
    }
    block.extend(client.port().to_be_bytes());
    block.extend(destination.port().to_be_bytes());
    (
        if client.is_ipv4() {
            TCP_OVER_IPV4
        } else {
            TCP_OVER_IPV6
        },
        block,
    )
}

fn one_family(client: SocketAddr, destination: SocketAddr) -> (SocketAddr, SocketAddr) {
    let widened = |address: SocketAddr| match address.ip() {
        IpAddr::V4(v4) => SocketAddr::new(v4.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    };
    if client.is_ipv4() == destination.is_ipv4() {
        (client, destination)
    } else {
        (widened(client), widened(destination))
    }
}

/// What a device of the lab says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// The address it would have.
    pub client: SocketAddr,
    /// Bytes of the header; what follows is the connection's own.
    pub length: usize,
}

/// A header that no device of the lab sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection does not begin with a PROXY header for TCP over IPv4 or IPv6")]
pub struct Unreadable;

/// Reads the header at the start of a connection; `None` when more bytes are needed.
///
/// # Errors
/// When it is none, is not about TCP over IPv4 or IPv6, or is longer than 536 bytes.
pub fn read(input: &[u8]) -> Result<Option<Announced>, Unreadable> {
    if input.starts_with(&SIGNATURE) {
        read_binary(input)
    } else if input.starts_with(b"PROXY ") {
        read_line(input)
    } else if SIGNATURE.starts_with(input) || b"PROXY ".starts_with(input) {
        Ok(None)
    } else {
        Err(Unreadable)
    }
}

fn read_line(input: &[u8]) -> Result<Option<Announced>, Unreadable> {
    let seen = &input[..input.len().min(LONGEST_LINE)];
    let Some(end) = seen.windows(2).position(|pair| pair == b"\r\n") else {
        return if seen.len() < LONGEST_LINE {
            Ok(None)
        } else {
            Err(Unreadable)
        };
    };
    let text = str::from_utf8(&seen[..end]).map_err(|_| Unreadable)?;
    let [_, family, source, _, port, _] = text.split(' ').collect::<Vec<_>>()[..] else {
        return Err(Unreadable);
    };
    let ip: IpAddr = source.parse().map_err(|_| Unreadable)?;
    let port = port.parse().map_err(|_| Unreadable)?;
    match (family, ip) {
        ("TCP4", IpAddr::V4(_)) | ("TCP6", IpAddr::V6(_)) => Ok(Some(Announced {
            client: SocketAddr::new(ip, port),
            length: end + 2,
        })),
        _ => Err(Unreadable),
    }
}

fn read_binary(input: &[u8]) -> Result<Option<Announced>, Unreadable> {
    let Some(&[command, family, high, low]) = input.get(12..16) else {
        return Ok(None);
    };
    let length = 16 + usize::from(u16::from_be_bytes([high, low]));
    if command != VERSION_2_PROXY || length > LONGEST_READ {
        return Err(Unreadable);
    }
    let Some(block) = input.get(16..length) else {
        return Ok(None);
    };
    let client = match family {
        TCP_OVER_IPV4 => block.get(..12).map(|block| {
            SocketAddr::new(
                Ipv4Addr::new(block[0], block[1], block[2], block[3]).into(),
                u16::from_be_bytes([block[8], block[9]]),
            )
        }),
        TCP_OVER_IPV6 => block.get(..36).and_then(|block| {
            let octets: [u8; 16] = block[..16].try_into().ok()?;
            Some(SocketAddr::new(
                Ipv6Addr::from(octets).into(),
                u16::from_be_bytes([block[32], block[33]]),
            ))
        }),
        _ => None,
    };
    client
        .map(|client| Some(Announced { client, length }))
        .ok_or(Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [ProxyProtocol; 3] = [ProxyProtocol::V1, ProxyProtocol::V2, ProxyProtocol::V2Crc];

    #[test]
    fn a_line_names_both_ends() {
        let header = for_connection(
            ProxyProtocol::V1,
            at("192.0.2.7:50123"),
            at("198.51.100.1:443"),
        );

        assert_eq!(header, b"PROXY TCP4 192.0.2.7 198.51.100.1 50123 443\r\n");
    }

    #[test]
    fn ends_of_two_families_are_both_written_as_ipv6() {
        let header = for_connection(
            ProxyProtocol::V1,
            at("[2001:db8::7]:50123"),
            at("198.51.100.1:443"),
        );

        assert_eq!(
            header,
            b"PROXY TCP6 2001:db8::7 ::ffff:198.51.100.1 50123 443\r\n"
        );
    }

    #[test]
    fn a_probe_of_version_2_is_local_and_has_no_addresses() {
        let header = for_probe(
            MonitorProxy::V2LocalCrc,
            at("127.0.0.1:1"),
            at("127.0.0.1:2"),
        );

        assert_eq!(
            header[..16],
            [SIGNATURE.as_slice(), &[0x20, 0x00, 0x00, 0x07]].concat()
        );
        assert_eq!(header.len(), 16 + 7);
        assert_eq!(
            for_probe(MonitorProxy::V2Local, at("127.0.0.1:1"), at("127.0.0.1:2")),
            [SIGNATURE.as_slice(), &[0x20, 0, 0, 0]].concat()
        );
    }

    #[test]
    fn a_header_is_read_back_however_it_is_cut() {
        for kind in KINDS {
            for client in [at("192.0.2.7:50123"), at("[2001:db8::7]:50123")] {
                let destination = if client.is_ipv4() {
                    at("198.51.100.1:443")
                } else {
                    at("[2001:db8::1]:443")
                };
                let header = for_connection(kind, client, destination);
                let stream = [header.as_slice(), b"GET /"].concat();

                for cut in 0..header.len() {
                    assert_eq!(read(&stream[..cut]), Ok(None), "{kind:?}, {cut} bytes");
                }
                assert_eq!(
                    read(&stream),
                    Ok(Some(Announced {
                        client,
                        length: header.len()
                    })),
                    "{kind:?}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_header_of_a_device_is_refused() {
        let endless = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat();
        let local = for_probe(MonitorProxy::V2Local, at("127.0.0.1:1"), at("127.0.0.1:2"));

        for input in [
            b"GET / HTTP/1.1\r\n".as_slice(),
            b"PROXY UNKNOWN\r\n",
            b"PROXY TCP4 ::1 ::1 1 2\r\n",
            &endless,
            &local,
        ] {
            assert_eq!(read(input), Err(Unreadable), "{input:?}");
        }
    }

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }
}
