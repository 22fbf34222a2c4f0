//! The two addresses of a connection in 16 bytes: almost all are IPv4.

use std::net::{Ipv4Addr, SocketAddr};

use crate::net::Addresses;

#[derive(Debug)]
pub(crate) enum PackedAddresses {
    V4 {
        peer: [u8; 4],
        peer_port: u16,
        client: [u8; 4],
        client_port: u16,
    },
    Other(Box<Addresses>),
}

impl PackedAddresses {
    pub(crate) fn pack(addresses: Addresses) -> Self {
        match (addresses.peer, addresses.client) {
            (SocketAddr::V4(peer), SocketAddr::V4(client)) => Self::V4 {
                peer: peer.ip().octets(),
                peer_port: peer.port(),
                client: client.ip().octets(),
                client_port: client.port(),
            },
            _ => Self::Other(Box::new(addresses)),
        }
    }

    pub(crate) fn unpack(&self) -> Addresses {
        match *self {
            Self::V4 {
                peer,
                peer_port,
                client,
                client_port,
            } => Addresses {
                peer: SocketAddr::from((Ipv4Addr::from(peer), peer_port)),
                client: SocketAddr::from((Ipv4Addr::from(client), client_port)),
            },
            Self::Other(ref addresses) => **addresses,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_both_families_come_back_as_they_were() {
        for (peer, client) in [
            ("10.0.0.1:1", "192.0.2.7:65535"),
            ("[::1]:5", "192.0.2.7:9"),
        ] {
            let addresses = Addresses {
                peer: peer.parse().unwrap(),
                client: client.parse().unwrap(),
            };

            assert_eq!(PackedAddresses::pack(addresses).unpack(), addresses);
        }
        assert_eq!(size_of::<PackedAddresses>(), 16);
    }
}
