//! Source addresses: given by name, or drawn from a network that belongs to nobody.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroUsize;

use crate::random::Random;

/// Which addresses a model may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addresses {
    /// Exactly these, in rotation where one host has several.
    Given(Vec<IpAddr>),
    /// Distinct addresses drawn by seed.
    Drawn {
        /// Where they are drawn from.
        from: Network,
        /// At most so many; without a limit the model takes as many as it needs.
        limit: Option<NonZeroUsize>,
    },
}

impl Addresses {
    /// As many addresses of a network as the model needs.
    #[must_use]
    pub fn drawn(from: Network) -> Self {
        Self::Drawn { from, limit: None }
    }
}

/// A network whose addresses a test may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// 127.0.0.0/8 without 127.0.0.0/16, where the machine's own services live: any process may bind these addresses on Linux.
    Loopback,
    /// 198.18.0.0/15 (RFC 2544, benchmarks): only for addresses told in a header.
    Documentation,
    /// 2001:db8::/32 (RFC 3849): only for addresses told in a header.
    DocumentationV6,
}

/// Draws addresses one after the other, never one twice.
#[derive(Debug, Clone)]
pub(crate) enum Book {
    Given(std::vec::IntoIter<IpAddr>),
    Drawn {
        from: Network,
        limit: Option<usize>,
        walk: Walk,
    },
}

impl Book {
    pub(crate) fn open(addresses: &Addresses, random: &mut Random) -> Self {
        match addresses {
            Addresses::Given(list) => Self::Given(list.clone().into_iter()),
            Addresses::Drawn { from, limit } => Self::Drawn {
                from: *from,
                limit: limit.map(NonZeroUsize::get),
                walk: Walk::new(random),
            },
        }
    }

    /// Whether somebody said how many addresses there are.
    pub(crate) fn is_bounded(&self) -> bool {
        match self {
            Self::Given(_) => true,
            Self::Drawn { limit, .. } => limit.is_some(),
        }
    }

    /// The next address.
    pub(crate) fn next(&mut self) -> Option<IpAddr> {
        match self {
            Self::Given(list) => list.next(),
            Self::Drawn {
                from: Network::Loopback,
                limit,
                walk,
            } => {
                let host = take(limit, || {
                    walk.find(24, |host| host >> 16 != 0 && is_unicast_host(host))
                })?;
                Some(Ipv4Addr::from(0x7f00_0000 | host).into())
            }
            Self::Drawn {
                from: Network::Documentation,
                limit,
                walk,
            } => {
                let host = take(limit, || walk.find(17, is_unicast_host))?;
                Some(Ipv4Addr::from(0xc612_0000 | host).into())
            }
            Self::Drawn {
                from: Network::DocumentationV6,
                limit,
                walk,
            } => {
                let site = take(limit, || walk.find(32, |_| true))?;
                Some(Ipv6Addr::from_bits(site_prefix(site) | 1).into())
            }
        }
    }

    /// The next IPv6 /64 of a customer, or the next IPv6 address that was given by name.
    pub(crate) fn next_prefix(&mut self) -> Option<Ipv6Addr> {
        match self {
            Self::Given(list) => list.find_map(|address| match address {
                IpAddr::V4(_) => None,
                IpAddr::V6(v6) => Some(v6),
            }),
            Self::Drawn { limit, walk, .. } => {
                let site = take(limit, || walk.find(32, |_| true))?;
                Some(Ipv6Addr::from_bits(site_prefix(site)))
            }
        }
    }
}

/// 2001:db8:XXXX:XXXX::/64.
fn site_prefix(site: u32) -> u128 {
    (0x2001_0db8 << 96) | (u128::from(site) << 64)
}

/// Counts one address off, if there is one.
fn take(limit: &mut Option<usize>, find: impl FnOnce() -> Option<u32>) -> Option<u32> {
    if let Some(left) = limit {
        *left = left.checked_sub(1)?;
    }
    find()
}

/// `.0` and `.255` are legal in 127.0.0.0/8 and 198.18.0.0/15, but look like mistakes in a log.
fn is_unicast_host(host: u32) -> bool {
    !matches!(host & 0xff, 0 | 0xff)
}

/// Visits every number of so many bits once, in an order given by the seed.
#[derive(Debug, Clone)]
pub(crate) struct Walk {
    start: u32,
    /// Odd, hence coprime to every power of two.
    stride: u32,
    visited: u64,
}

impl Walk {
    fn new(random: &mut Random) -> Self {
        Self {
            start: random.next() as u32,
            stride: random.next() as u32 | 1,
            visited: 0,
        }
    }

    fn find(&mut self, bits: u32, wanted: impl Fn(u32) -> bool) -> Option<u32> {
        let mask = u32::MAX >> (32 - bits);
        while self.visited < 1 << bits {
            let number = self
                .start
                .wrapping_add(self.stride.wrapping_mul(self.visited as u32))
                & mask;
            self.visited += 1;
            if wanted(number) {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn book(addresses: &Addresses) -> Book {
        Book::open(addresses, &mut Random::new(3))
    }

    #[test]
    fn drawn_addresses_are_distinct_and_of_their_network() {
        let mut book = book(&Addresses::drawn(Network::Documentation));

        let all: Vec<IpAddr> = std::iter::from_fn(|| book.next()).collect();

        assert_eq!(all.len(), 512 * 254);
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
        assert!(all.iter().all(|ip| matches!(ip, IpAddr::V4(v4) if v4.octets()[0] == 198 && v4.octets()[1] & 0xfe == 18)));
    }

    #[test]
    fn loopback_spares_the_addresses_of_the_machine_itself() {
        let mut book = book(&Addresses::drawn(Network::Loopback));

        let drawn: Vec<IpAddr> = std::iter::from_fn(|| book.next()).take(20_000).collect();

        assert!(drawn.iter().all(|ip| ip.is_loopback()));
        assert!(
            drawn
                .iter()
                .all(|ip| matches!(ip, IpAddr::V4(v4) if v4.octets()[1] != 0))
        );
    }

    #[test]
    fn a_limit_is_kept() {
        let limit = NonZeroUsize::new(3);
        let mut book = book(&Addresses::Drawn {
            from: Network::Loopback,
            limit,
        });

        assert_eq!(std::iter::from_fn(|| book.next()).count(), 3);
    }

    #[test]
    fn given_addresses_come_in_the_order_given() {
        let given: Vec<IpAddr> = vec![
            Ipv4Addr::new(127, 0, 0, 9).into(),
            Ipv4Addr::new(127, 0, 0, 5).into(),
        ];
        let mut book = book(&Addresses::Given(given.clone()));

        assert_eq!(
            std::iter::from_fn(|| book.next()).collect::<Vec<_>>(),
            given
        );
    }
}
