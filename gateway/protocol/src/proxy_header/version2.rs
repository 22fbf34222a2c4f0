//! Version 2: a signature of 12 bytes, version and command, family and transport, length, addresses, TLVs.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::tlv::{self, Tlvs};
use super::{Header, HeaderError, Limits, LocalKind, Source, Version, Version2Error};
use crate::address::canonical;

/// Contains a NUL, so that nothing that handles it as text survives.
pub(super) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Signature, version and command, family and transport, length.
pub(super) const FIXED_LEN: usize = 16;

pub(super) const LOCAL: u8 = 0x20;
pub(super) const PROXY: u8 = 0x21;
pub(super) const UNSPEC: u8 = 0x00;
pub(super) const TCP4: u8 = 0x11;
pub(super) const TCP6: u8 = 0x21;

const TCP4_LEN: usize = 12;
const TCP6_LEN: usize = 36;
const UNIX_LEN: usize = 216;

/// Reads a binary header. Each part of the fixed bytes is judged as soon as it is there.
pub(super) fn parse(input: &[u8], limits: &Limits) -> Result<Option<Header>, HeaderError> {
    if let Some(at) = input
        .iter()
        .zip(&SIGNATURE)
        .position(|(found, wanted)| found != wanted)
    {
        return Err(HeaderError::Signature {
            at,
            found: input[at],
        });
    }
    let Some(&version_and_command) = input.get(12) else {
        return Ok(None);
    };
    let command = Command::read(version_and_command)?;
    let Some(&family) = input.get(13) else {
        return Ok(None);
    };
    let layout = Layout::read(command, family)?;
    let Some(&[high, low]) = input.get(14..FIXED_LEN) else {
        return Ok(None);
    };
    let announced = usize::from(u16::from_be_bytes([high, low]));
    layout.check_room(announced)?;
    let len = FIXED_LEN + announced;
    if len > limits.max_len {
        return Err(HeaderError::TooLong {
            len,
            limit: limits.max_len,
        });
    }
    let Some(header) = input.get(..len) else {
        return Ok(None);
    };
    let source = layout.source(&header[FIXED_LEN..]);
    let tlvs = read_tlvs(header, layout)?;
    Ok(Some(Header {
        version: Version::V2,
        source,
        len,
        tlvs,
    }))
}

#[derive(Clone, Copy)]
enum Command {
    Local,
    Proxy,
}

impl Command {
    fn read(byte: u8) -> Result<Self, Version2Error> {
        let (version, command) = (byte >> 4, byte & 0x0f);
        match (version, command) {
            (2, 0) => Ok(Self::Local),
            (2, 1) => Ok(Self::Proxy),
            (2, _) => Err(Version2Error::Command { command }),
            _ => Err(Version2Error::Version { version }),
        }
    }
}

/// What the bytes after the fixed part are.
#[derive(Clone, Copy)]
enum Layout {
    Tcp4,
    Tcp6,
    /// Nothing that counts. The addresses, if the family says how long they are, are skipped.
    Skipped {
        kind: LocalKind,
        addresses: Option<usize>,
    },
}

impl Layout {
    fn read(command: Command, byte: u8) -> Result<Self, Version2Error> {
        match (command, byte) {
            (Command::Local, _) => Ok(Self::Skipped {
                kind: LocalKind::Local,
                addresses: addresses_len(byte >> 4),
            }),
            (Command::Proxy, UNSPEC) => Ok(Self::Skipped {
                kind: LocalKind::Unspec,
                addresses: Some(0),
            }),
            (Command::Proxy, TCP4) => Ok(Self::Tcp4),
            (Command::Proxy, TCP6) => Ok(Self::Tcp6),
            (Command::Proxy, _) => Err(Version2Error::Family { byte }),
        }
    }

    /// A length that can never hold the addresses is wrong now, not incomplete.
    fn check_room(self, len: usize) -> Result<(), Version2Error> {
        let needed = match self {
            Self::Tcp4 => TCP4_LEN,
            Self::Tcp6 => TCP6_LEN,
            Self::Skipped { .. } => 0,
        };
        if len < needed {
            Err(Version2Error::NoRoomForAddresses { len, needed })
        } else {
            Ok(())
        }
    }

    fn source(self, block: &[u8]) -> Source {
        let (client, destination) = match self {
            Self::Skipped { kind, .. } => return Source::Local(kind),
            Self::Tcp4 => {
                let (client, destination, ports) = (
                    take::<4>(block, 0),
                    take::<4>(block, 4),
                    take::<4>(block, 8),
                );
                endpoints(Ipv4Addr::from(client), Ipv4Addr::from(destination), ports)
            }
            Self::Tcp6 => {
                let (client, destination, ports) = (
                    take::<16>(block, 0),
                    take::<16>(block, 16),
                    take::<4>(block, 32),
                );
                endpoints(Ipv6Addr::from(client), Ipv6Addr::from(destination), ports)
            }
        };
        Source::Proxied {
            client: canonical(client),
            destination: canonical(destination),
        }
    }
}

/// The length of the addresses of a family in bytes; unknown for families that the specification does not have.
fn addresses_len(family: u8) -> Option<usize> {
    match family {
        0 => Some(0),
        1 => Some(TCP4_LEN),
        2 => Some(TCP6_LEN),
        3 => Some(UNIX_LEN),
        _ => None,
    }
}

fn endpoints<A: Into<std::net::IpAddr>>(
    client: A,
    destination: A,
    ports: [u8; 4],
) -> (SocketAddr, SocketAddr) {
    let [client_high, client_low, destination_high, destination_low] = ports;
    (
        SocketAddr::new(client.into(), u16::from_be_bytes([client_high, client_low])),
        SocketAddr::new(
            destination.into(),
            u16::from_be_bytes([destination_high, destination_low]),
        ),
    )
}

/// `N` bytes of a block that is known to hold them.
fn take<const N: usize>(block: &[u8], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&block[at..at + N]);
    bytes
}

/// Verifies what follows the addresses: all of it if the header speaks for a client, else only a checksum that is there.
fn read_tlvs(header: &[u8], layout: Layout) -> Result<Tlvs, HeaderError> {
    let at = match layout {
        Layout::Tcp4 => FIXED_LEN + TCP4_LEN,
        Layout::Tcp6 => FIXED_LEN + TCP6_LEN,
        Layout::Skipped { addresses, .. } => {
            return match addresses.map(|len| FIXED_LEN + len) {
                Some(at) if at <= header.len() => tlv::read_discarded(header, at),
                _ => Ok(Tlvs::default()),
            };
        }
    };
    tlv::read(header, at)
}
