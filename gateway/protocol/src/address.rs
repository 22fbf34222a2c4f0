//! One spelling per address, and the peers whose PROXY header is believed.
//!
//! A dual-stack socket and a v1 `TCP6` line may both spell an IPv4 client as `::ffff:192.0.2.1`. Everything that
//! compares, hashes or prints an address uses the [`canonical`] spelling, so that one client stays one client.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ipnet::{IpNet, Ipv4Net};

/// The address with an IPv4-mapped IPv6 address written as the IPv4 address it stands for (RFC 4291, 2.5.5.2).
///
/// The IPv6 flow label is cleared, because it names a packet's path and not its sender.
#[must_use]
pub fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => address,
        SocketAddr::V6(mut v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddr::from((v4, v6.port())),
            None => {
                v6.set_flowinfo(0);
                SocketAddr::V6(v6)
            }
        },
    }
}

/// The networks whose hosts may speak for others: a PROXY header is believed only when the socket's own peer is here.
///
/// The default trusts nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedPeers {
    networks: Vec<IpNet>,
}

impl TrustedPeers {
    /// Reads networks (`10.0.0.0/8`, `2001:db8::/32`) and single hosts (`10.0.0.7`).
    ///
    /// # Errors
    /// The first entry that is neither.
    pub fn parse<I, S>(entries: I) -> Result<Self, TrustedPeersError>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        let networks = entries
            .into_iter()
            .map(|entry| parse_network(entry.as_ref()))
            .collect::<Result<_, _>>()?;
        Ok(Self { networks })
    }

    /// Whether this peer may speak for others. Ask with the socket's peer, never with an address from a header.
    #[must_use]
    pub fn contains(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.networks.iter().any(|network| network.contains(&peer))
    }

    /// Whether nobody is trusted, so that no header can ever be believed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty()
    }
}

impl fmt::Display for TrustedPeers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, network) in self.networks.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{network}")?;
        }
        Ok(())
    }
}

/// An entry of the trust list that names no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{entry}` is neither a network like 10.0.0.0/8 or 2001:db8::/32 nor an address like 10.0.0.7"
)]
pub struct TrustedPeersError {
    /// The entry as it was written.
    pub entry: String,
}

fn parse_network(entry: &str) -> Result<IpNet, TrustedPeersError> {
    let network = match entry.parse::<IpNet>() {
        Ok(network) => network,
        Err(_) => entry
            .parse::<IpAddr>()
            .map(IpNet::from)
            .map_err(|_| TrustedPeersError {
                entry: entry.to_owned(),
            })?,
    };
    Ok(canonical_network(network))
}

/// Peers are compared in their canonical spelling, so a network of IPv4-mapped addresses has to be one of IPv4 addresses.
fn canonical_network(network: IpNet) -> IpNet {
    const MAPPED_PREFIX_BITS: u8 = 96;

    let IpNet::V6(v6) = network else {
        return network.trunc();
    };
    let v4 = v6
        .addr()
        .to_ipv4_mapped()
        .zip(v6.prefix_len().checked_sub(MAPPED_PREFIX_BITS))
        .and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok());
    match v4 {
        Some(v4) => IpNet::V4(v4.trunc()),
        None => network.trunc(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    // Checklist 78.
    #[test]
    fn mapped_address_becomes_the_ipv4_address_it_stands_for() {
        assert_eq!(
            canonical(socket("[::ffff:192.0.2.1]:443")),
            socket("192.0.2.1:443")
        );
    }

    #[test]
    fn other_addresses_stay_as_they_are() {
        for text in [
            "192.0.2.1:443",
            "[2001:db8::1]:443",
            "[::1]:0",
            "[::192.0.2.1]:1",
            "[fe80::1%3]:1",
        ] {
            assert_eq!(canonical(socket(text)), socket(text));
        }
    }

    #[test]
    fn nobody_is_trusted_unless_named() {
        let trusted = TrustedPeers::default();

        assert!(trusted.is_empty());
        assert!(!trusted.contains(ip("127.0.0.1")));
    }

    // Checklist 4.
    #[test]
    fn peers_inside_a_trusted_network_are_trusted_in_either_spelling() {
        let trusted = TrustedPeers::parse(["127.0.0.0/8", "2001:db8::/32", "192.0.2.7"]).unwrap();

        assert!(trusted.contains(ip("127.1.2.3")));
        assert!(trusted.contains(ip("::ffff:127.1.2.3")));
        assert!(trusted.contains(ip("2001:db8:1::9")));
        assert!(trusted.contains(ip("192.0.2.7")));
        assert!(!trusted.contains(ip("192.0.2.8")));
        assert!(!trusted.contains(ip("::1")));
    }

    #[test]
    fn network_of_mapped_addresses_trusts_the_ipv4_addresses() {
        let trusted = TrustedPeers::parse(["::ffff:10.0.0.0/104"]).unwrap();

        assert_eq!(trusted.to_string(), "10.0.0.0/8");
        assert!(trusted.contains(ip("10.9.8.7")));
    }

    #[test]
    fn entry_that_names_no_network_is_repeated_in_the_error() {
        let error = TrustedPeers::parse(["10.0.0.0/8", "10.0.0.0/33"]).unwrap_err();

        assert_eq!(
            error.to_string(),
            "`10.0.0.0/33` is neither a network like 10.0.0.0/8 or 2001:db8::/32 nor an address like 10.0.0.7"
        );
    }
}
