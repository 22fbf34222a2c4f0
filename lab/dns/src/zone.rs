//! What the authority knows: the addresses of names.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use hickory_proto::rr::Name;
use rand::Rng;
use rand::seq::SliceRandom;

/// In which order the addresses of a name are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Each answer begins with the next address.
    RoundRobin,
    /// Any order, drawn for each answer.
    Random,
    /// Always as they were set.
    Fixed,
}

/// Names and their addresses.
#[derive(Debug, Clone)]
pub struct Zone {
    order: Order,
    hosts: BTreeMap<Name, Host>,
}

#[derive(Debug, Clone)]
struct Host {
    addresses: Vec<IpAddr>,
    ttl: Duration,
    /// How many answers were given.
    turns: usize,
}

/// What there is to say about a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It has these addresses of the family asked for, maybe none.
    Addresses {
        /// In the order in which they are given.
        addresses: Vec<IpAddr>,
        /// How long the answer holds.
        ttl: Duration,
    },
    /// There is no such name.
    NoSuchName,
}

/// A text that is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no host name: {why}")]
pub struct NameError {
    /// The text.
    pub name: String,
    /// What is wrong with it.
    pub why: String,
}

impl Zone {
    /// A zone without names.
    #[must_use]
    pub fn new(order: Order) -> Self {
        Self {
            order,
            hosts: BTreeMap::new(),
        }
    }

    /// Gives a name these addresses, IPv4 and IPv6, in place of those it had.
    ///
    /// # Errors
    /// The text is no host name.
    pub fn set(
        &mut self,
        name: &str,
        addresses: impl IntoIterator<Item = IpAddr>,
        ttl: Duration,
    ) -> Result<(), NameError> {
        let name = absolute(name)?;
        let turns = self.hosts.get(&name).map_or(0, |host| host.turns);
        let host = Host {
            addresses: addresses.into_iter().collect(),
            ttl,
            turns,
        };
        self.hosts.insert(name, host);
        Ok(())
    }

    /// Forgets a name.
    ///
    /// # Errors
    /// The text is no host name.
    pub fn remove(&mut self, name: &str) -> Result<(), NameError> {
        self.hosts.remove(&absolute(name)?);
        Ok(())
    }

    /// Gives addresses in another order from now on.
    pub fn set_order(&mut self, order: Order) {
        self.order = order;
    }

    /// The addresses of a name for which `wanted` holds.
    pub(crate) fn find(
        &mut self,
        name: &Name,
        wanted: impl Fn(&IpAddr) -> bool,
        rng: &mut impl Rng,
    ) -> Found {
        let Some(host) = self.hosts.get_mut(name) else {
            return Found::NoSuchName;
        };
        let mut addresses: Vec<IpAddr> = host.addresses.iter().copied().filter(wanted).collect();
        // A question for a family that the name does not have takes no turn.
        if !addresses.is_empty() {
            match self.order {
                Order::RoundRobin => {
                    let first = host.turns % addresses.len();
                    addresses.rotate_left(first);
                    host.turns = host.turns.wrapping_add(1);
                }
                Order::Random => addresses.shuffle(rng),
                Order::Fixed => {}
            }
        }
        Found::Addresses {
            addresses,
            ttl: host.ttl,
        }
    }
}

/// Names in questions are absolute, whether a dot is written or not.
fn absolute(text: &str) -> Result<Name, NameError> {
    let mut name = Name::from_ascii(text).map_err(|error| NameError {
        name: text.to_owned(),
        why: error.to_string(),
    })?;
    name.set_fqdn(true);
    Ok(name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;

    const TTL: Duration = Duration::from_secs(5);

    fn zone(order: Order) -> Zone {
        let mut zone = Zone::new(order);
        let addresses = ["10.0.0.1", "10.0.0.2", "2001:db8::1", "10.0.0.3"];
        zone.set("gateways.lab.test", addresses.map(ip), TTL)
            .unwrap();
        zone
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// The last parts of the IPv4 addresses, in the order of this many answers.
    fn answers(zone: &mut Zone, count: usize) -> Vec<Vec<u8>> {
        let mut rng = SmallRng::seed_from_u64(3);
        let name = absolute("gateways.lab.test").unwrap();
        (0..count)
            .map(|_| match zone.find(&name, IpAddr::is_ipv4, &mut rng) {
                Found::Addresses { addresses, .. } => last_parts(&addresses),
                Found::NoSuchName => vec![],
            })
            .collect()
    }

    fn last_parts(addresses: &[IpAddr]) -> Vec<u8> {
        addresses
            .iter()
            .filter_map(|address| match address {
                IpAddr::V4(ip) => Some(ip.octets()[3]),
                IpAddr::V6(_) => None,
            })
            .collect()
    }

    #[test]
    fn round_robin_begins_each_answer_with_the_next_address() {
        let answers = answers(&mut zone(Order::RoundRobin), 4);

        assert_eq!(answers, [[1, 2, 3], [2, 3, 1], [3, 1, 2], [1, 2, 3]]);
    }

    #[test]
    fn fixed_order_is_always_the_same() {
        assert_eq!(answers(&mut zone(Order::Fixed), 3), [[1, 2, 3]; 3]);
    }

    #[test]
    fn random_order_has_every_address_first_at_times_and_loses_none() {
        let answers = answers(&mut zone(Order::Random), 60);

        let firsts: BTreeSet<u8> = answers.iter().map(|answer| answer[0]).collect();
        assert_eq!(firsts, BTreeSet::from([1, 2, 3]));
        for mut answer in answers {
            answer.sort_unstable();
            assert_eq!(answer, [1, 2, 3]);
        }
    }

    #[test]
    fn a_question_for_the_other_family_takes_no_turn() {
        let mut zone = Zone::new(Order::RoundRobin);
        zone.set("a.test", ["10.0.0.1", "10.0.0.2"].map(ip), TTL)
            .unwrap();
        let mut rng = SmallRng::seed_from_u64(3);
        let name = absolute("a.test.").unwrap();

        let v6 = zone.find(&name, IpAddr::is_ipv6, &mut rng);
        let v4 = zone.find(&name, IpAddr::is_ipv4, &mut rng);

        assert_eq!(
            v6,
            Found::Addresses {
                addresses: vec![],
                ttl: TTL
            }
        );
        assert_eq!(
            v4,
            Found::Addresses {
                addresses: vec![ip("10.0.0.1"), ip("10.0.0.2")],
                ttl: TTL
            }
        );
    }

    #[test]
    fn a_text_that_is_no_name_is_refused() {
        let label = "x".repeat(64);

        let error = Zone::new(Order::Fixed).set(&label, [], TTL).unwrap_err();

        assert_eq!(error.name, label);
    }
}
