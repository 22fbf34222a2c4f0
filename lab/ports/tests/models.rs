//! What each model promises, whatever the seed.

use std::collections::{BTreeSet, HashSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;

use lab_ports::{Addresses, Model, Network, Setting};
use proptest::prelude::*;

const DEVICES: usize = 3_000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_source_is_given_twice(model in any_model(), seed: u64) {
        let given = sources(model, seed, DEVICES);

        prop_assert_eq!(given.len(), DEVICES);
        prop_assert_eq!(given.iter().collect::<HashSet<_>>().len(), DEVICES);
    }

    #[test]
    fn equal_seeds_give_equal_sequences(model in any_model(), seed: u64) {
        prop_assert_eq!(sources(model, seed, DEVICES), sources(model, seed, DEVICES));
    }

    #[test]
    fn ports_stay_in_the_span(model in any_model(), seed: u64, low in 1_u16.., length in 0_u16..2_000) {
        let span = low..=low.saturating_add(length);
        let setting = Setting { addresses: two_addresses(), ports: Some(span.clone()), seed };

        let given: Vec<SocketAddr> = model.sources(&setting).take(DEVICES).collect();

        prop_assert!(given.iter().all(|source| span.contains(&source.port())));
        prop_assert_eq!(given.iter().collect::<HashSet<_>>().len(), given.len());
    }

    #[test]
    fn linux_connect_gives_even_ports_in_steps_of_2_to_16(seed: u64) {
        let ports: Vec<i32> = sources(Model::LinuxConnect, seed, 1_500).iter().map(|source| source.port().into()).collect();

        prop_assert!(ports.iter().all(|port| port % 2 == 0));
        // 1,500 steps of at most 16 stay within one round of the 28,232 ports.
        prop_assert!(ports.windows(2).all(|pair| (2..=16).contains(&(pair[1] - pair[0]).rem_euclid(28_232))));
    }

    #[test]
    fn bind_first_gives_odd_ports(seed: u64) {
        prop_assert!(sources(Model::BindFirst, seed, DEVICES).iter().all(|source| source.port() % 2 == 1));
    }

    #[test]
    fn range_counts_upwards(seed: u64) {
        let ports: Vec<u16> = sources(Model::Range, seed, DEVICES).iter().map(SocketAddr::port).collect();

        prop_assert_eq!(ports, (32_768..).take(DEVICES).collect::<Vec<u16>>());
    }

    #[test]
    fn a_stride_stays_in_one_residue_class(seed: u64) {
        for (model, modulus) in [(Model::Stride4, 4), (Model::Stride8, 8), (Model::Stride16, 16)] {
            let residues: BTreeSet<u16> = sources(model, seed, DEVICES).iter().map(|source| source.port() % modulus).collect();

            prop_assert_eq!(residues.len(), 1);
        }
    }

    #[test]
    fn per_core_residue_favours_one_core_and_uses_all(seed: u64) {
        let mut of_core = [0; 8];
        for source in sources(Model::PerCoreResidue, seed, DEVICES) {
            of_core[usize::from(source.port() % 8)] += 1;
        }

        // The busiest core is due 36.8 % of 3,000, the quietest 4.6 %.
        prop_assert!((950..1_270).contains(of_core.iter().max().unwrap()));
        prop_assert!((80..210).contains(of_core.iter().min().unwrap()));
    }

    #[test]
    fn cgnat_hides_thousands_behind_few_addresses_at_the_start_of_blocks(seed: u64) {
        let given = sources(Model::CgnatBlocks, seed, DEVICES);

        prop_assert!(given.iter().map(SocketAddr::ip).collect::<HashSet<_>>().len() <= 13);
        prop_assert!(given.iter().all(|source| source.port() % 512 < 4));
    }

    #[test]
    fn homes_have_one_to_four_devices(seed: u64) {
        for model in [Model::HomeNat, Model::Ipv6Privacy] {
            let mut homes = std::collections::HashMap::new();
            for source in sources(model, seed, DEVICES) {
                *homes.entry(home(source)).or_insert(0) += 1;
            }

            prop_assert!(homes.values().all(|devices| (1..=4).contains(devices)));
            prop_assert!(homes.len() > DEVICES / 3);
        }
    }
}

#[test]
fn an_address_is_used_to_its_last_port_before_the_next_is_opened() {
    let setting = Setting {
        addresses: Addresses::drawn(Network::Loopback),
        ports: Some(40_000..=40_099),
        seed: 1,
    };

    for model in [
        Model::LinuxConnect,
        Model::BindFirst,
        Model::Range,
        Model::PerCoreResidue,
    ] {
        let first_hundred: HashSet<IpAddr> = model
            .sources(&setting)
            .take(100)
            .map(|source| source.ip())
            .collect();
        let one_more: HashSet<IpAddr> = model
            .sources(&setting)
            .take(101)
            .map(|source| source.ip())
            .collect();

        assert_eq!((first_hundred.len(), one_more.len()), (1, 2), "{model}");
    }
}

#[test]
fn a_given_number_of_addresses_takes_turns() {
    let addresses = Addresses::Drawn {
        from: Network::Loopback,
        limit: NonZeroUsize::new(3),
    };
    let setting = Setting {
        addresses,
        ports: None,
        seed: 1,
    };

    let given: Vec<IpAddr> = Model::LinuxConnect
        .sources(&setting)
        .take(6)
        .map(|source| source.ip())
        .collect();

    assert_eq!(given[..3], given[3..]);
    assert_eq!(given.iter().collect::<HashSet<_>>().len(), 3);
}

#[test]
fn a_released_source_can_be_given_again() {
    for model in Model::ALL {
        let addresses = match model {
            Model::Ipv6Privacy => Addresses::Given(vec!["2001:db8::".parse().unwrap()]),
            _ => Addresses::Given(vec![Ipv4Addr::new(127, 0, 0, 5).into()]),
        };
        let mut sources = model.sources(&Setting {
            addresses,
            ports: Some(40_000..=40_015),
            seed: 1,
        });
        let held: Vec<SocketAddr> = sources.by_ref().collect();
        assert!(!held.is_empty(), "{model}");

        sources.release(held[0]);

        assert_eq!(sources.by_ref().collect::<Vec<_>>(), [held[0]], "{model}");
    }
}

#[test]
fn nothing_to_give_from_is_an_end_and_no_panic() {
    for model in Model::ALL {
        let addresses = Addresses::Given(Vec::new());
        assert_eq!(
            model
                .sources(&Setting {
                    addresses,
                    ports: None,
                    seed: 1
                })
                .next(),
            None,
            "{model}"
        );

        #[expect(clippy::reversed_empty_ranges, reason = "a span may be empty")]
        let ports = Some(2..=1);
        assert_eq!(
            model
                .sources(&Setting {
                    addresses: two_addresses(),
                    ports,
                    seed: 1
                })
                .next(),
            None,
            "{model}"
        );
    }
}

fn any_model() -> impl Strategy<Value = Model> {
    prop::sample::select(Model::ALL.to_vec())
}

fn sources(model: Model, seed: u64, devices: usize) -> Vec<SocketAddr> {
    let setting = Setting {
        addresses: Addresses::drawn(Network::Documentation),
        ports: None,
        seed,
    };
    model.sources(&setting).take(devices).collect()
}

fn two_addresses() -> Addresses {
    Addresses::Given(vec![
        Ipv4Addr::new(127, 0, 0, 5).into(),
        Ipv4Addr::new(127, 0, 0, 6).into(),
    ])
}

fn home(source: SocketAddr) -> IpAddr {
    match source.ip() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => std::net::Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
    }
}
