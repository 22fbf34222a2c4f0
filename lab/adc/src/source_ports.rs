//! Which source address and port a connection to a member gets. Pure: nothing is bound here.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
};

use lab_ports::{Addresses, Setting, Sources};

use crate::model::{Snat, SnatPorts};

/// What to bind before connecting to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The kernel chooses the port at `connect()`, knowing the member; with no address it chooses that too.
    AtConnect(Option<IpAddr>),
    /// The kernel chooses the port at `bind()`.
    AtBind(Option<IpAddr>),
    /// Exactly this.
    Exactly(SocketAddr),
}

/// No port is left for one more connection to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Inet port exhaustion on {address} to {member} (proto 6)")]
pub struct Exhausted {
    /// The translation address whose ports ran out; of several the last.
    pub address: IpAddr,
    /// The member.
    pub member: SocketAddr,
}

/// The translation of one virtual server.
#[derive(Debug)]
pub struct SourcePorts {
    snat: Snat,
    seed: u64,
    turn: usize,
    sequences: HashMap<SocketAddr, Sources>,
}

impl SourcePorts {
    /// Nothing is in use yet. `seed` makes the models repeatable.
    pub fn new(snat: Snat, seed: u64) -> Self {
        Self {
            snat,
            seed,
            turn: 0,
            sequences: HashMap::new(),
        }
    }

    /// A source for a connection of `client` to `member`. `automap` is the address this machine would use towards the
    /// member. Whatever the model hands out stays in use until [`Self::give_back`].
    ///
    /// # Errors
    /// When the model has no port left towards this member.
    pub fn take(
        &mut self,
        member: SocketAddr,
        client: SocketAddr,
        automap: IpAddr,
    ) -> Result<Source, Exhausted> {
        let given = self.addresses_towards(member);
        let in_turn = (!given.is_empty()).then(|| given[self.turn % given.len()]);
        self.turn = self.turn.wrapping_add(1);
        match self.snat.ports {
            SnatPorts::LinuxConnect => Ok(Source::AtConnect(in_turn)),
            SnatPorts::BindFirst => Ok(Source::AtBind(in_turn)),
            SnatPorts::Preserve | SnatPorts::PreserveStrict => Ok(Source::Exactly(
                SocketAddr::new(in_turn.unwrap_or(automap), client.port()),
            )),
            SnatPorts::Model(model) => {
                let addresses = if given.is_empty() {
                    vec![automap]
                } else {
                    given
                };
                let address = addresses[addresses.len() - 1];
                let (ports, seed) = (self.snat.span(), self.seed);
                let sequence = self.sequences.entry(member).or_insert_with(|| {
                    model.sources(&Setting {
                        addresses: Addresses::Given(addresses),
                        ports,
                        seed,
                    })
                });
                sequence
                    .next()
                    .map(Source::Exactly)
                    .ok_or(Exhausted { address, member })
            }
        }
    }

    /// What to try when the kernel says that `refused` is in use by somebody else.
    ///
    /// # Errors
    /// When there is nothing else to try.
    pub fn instead_of(
        &mut self,
        refused: Source,
        member: SocketAddr,
        client: SocketAddr,
    ) -> Result<Source, Exhausted> {
        let address = refused.address().unwrap_or(client.ip());
        match (self.snat.ports, refused) {
            (SnatPorts::Preserve, Source::Exactly(source)) => {
                Ok(Source::AtConnect(Some(source.ip())))
            }
            (SnatPorts::Model(_), _) => self.take(member, client, address),
            _ => Err(Exhausted { address, member }),
        }
    }

    /// The connection is gone; its port may be used again.
    pub fn give_back(&mut self, member: SocketAddr, source: SocketAddr) {
        if let Some(sequence) = self.sequences.get_mut(&member) {
            sequence.release(source);
        }
    }

    /// Begins every sequence anew, as a twin that takes over.
    pub fn start_over(&mut self) {
        self.sequences.clear();
        self.turn = 0;
    }

    fn addresses_towards(&self, member: SocketAddr) -> Vec<IpAddr> {
        self.snat
            .addresses
            .iter()
            .filter(|address| address.is_ipv4() == member.is_ipv4())
            .copied()
            .collect()
    }
}

impl Source {
    fn address(self) -> Option<IpAddr> {
        match self {
            Self::AtConnect(address) | Self::AtBind(address) => address,
            Self::Exactly(source) => Some(source.ip()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_followed_exactly_and_per_member() {
        let mut ports = translation(
            SnatPorts::Model(lab_ports::Model::Range),
            Some((40_000, 40_002)),
        );

        let first: Vec<_> = (0..3)
            .map(|_| ports.take(member(1), client(), automap()))
            .collect();
        let second = ports.take(member(2), client(), automap());

        assert_eq!(
            first,
            [40_000, 40_001, 40_002].map(|port| Ok(exactly("127.0.0.1", port)))
        );
        assert_eq!(second, Ok(exactly("127.0.0.1", 40_000)));
    }

    #[test]
    fn exhaustion_names_both_ends_as_the_appliance_does() {
        let mut ports = translation(
            SnatPorts::Model(lab_ports::Model::Range),
            Some((40_000, 40_000)),
        );
        ports.take(member(1), client(), automap()).unwrap();

        let refusal = ports.take(member(1), client(), automap()).unwrap_err();

        assert_eq!(
            refusal.to_string(),
            "Inet port exhaustion on 127.0.0.1 to 127.0.0.9:8001 (proto 6)"
        );
        ports.give_back(member(1), "127.0.0.1:40000".parse().unwrap());
        assert_eq!(
            ports.take(member(1), client(), automap()),
            Ok(exactly("127.0.0.1", 40_000))
        );
    }

    #[test]
    fn several_addresses_take_turns_and_only_those_of_the_members_family() {
        let snat = Snat {
            addresses: ["127.0.0.2", "::1", "127.0.0.3"]
                .map(|text| text.parse().unwrap())
                .to_vec(),
            ..Snat::default()
        };
        let mut ports = SourcePorts::new(snat, 0);

        let taken = [(); 3].map(|()| ports.take(member(1), client(), automap()).unwrap());

        let at_connect = |text: &str| Source::AtConnect(Some(text.parse().unwrap()));
        assert_eq!(
            taken,
            [
                at_connect("127.0.0.2"),
                at_connect("127.0.0.3"),
                at_connect("127.0.0.2")
            ]
        );
    }

    #[test]
    fn preserve_keeps_the_clients_port_and_yields_when_it_is_taken() {
        let mut ports = translation(SnatPorts::Preserve, None);
        let kept = ports.take(member(1), client(), automap()).unwrap();

        assert_eq!(kept, exactly("127.0.0.1", 5_555));
        assert_eq!(
            ports.instead_of(kept, member(1), client()),
            Ok(Source::AtConnect(Some(automap())))
        );
    }

    #[test]
    fn preserve_strict_never_yields() {
        let mut ports = translation(SnatPorts::PreserveStrict, None);
        let kept = ports.take(member(1), client(), automap()).unwrap();

        assert_eq!(
            ports.instead_of(kept, member(1), client()),
            Err(Exhausted {
                address: automap(),
                member: member(1)
            })
        );
    }

    fn translation(ports: SnatPorts, port_range: Option<(u16, u16)>) -> SourcePorts {
        SourcePorts::new(
            Snat {
                addresses: Vec::new(),
                ports,
                port_range,
            },
            7,
        )
    }

    fn exactly(address: &str, port: u16) -> Source {
        Source::Exactly(SocketAddr::new(address.parse().unwrap(), port))
    }

    fn member(number: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 9], 8_000 + number))
    }

    fn client() -> SocketAddr {
        SocketAddr::from(([127, 1, 2, 3], 5_555))
    }

    fn automap() -> IpAddr {
        IpAddr::from([127, 0, 0, 1])
    }
}
