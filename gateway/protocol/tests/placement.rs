//! Where clients land, for the source ports that the field really produces.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;

use gateway_protocol::placement::{Hashing, Placement};
use proptest::prelude::*;

const KEY: [u8; 16] = *b"0123456789abcdef";

#[test]
fn one_address_fills_one_workgroup_without_connection_offload() {
    let counts = counts(&placement(Hashing::Ip, 8), clients(1024..11_024, 1));

    assert_eq!(counts.iter().filter(|count| **count > 0).count(), 1);
}

#[test]
fn many_addresses_spread_without_connection_offload() {
    let clients = (0..10_000u32)
        .map(|index| SocketAddr::new(IpAddr::from((0x0a40_0000 + index).to_be_bytes()), 40_000));

    assert_even(
        &counts(&placement(Hashing::Ip, 8), clients),
        "addresses in sequence",
    );
}

#[test]
fn one_address_spreads_with_connection_offload_whatever_the_ports() {
    for workgroups in [2, 3, 4, 8, 12, 16, 64] {
        for (name, first, step) in MODELS {
            let counts = counts(
                &placement(Hashing::IpPort, workgroups),
                clients(first..65_535, step),
            );

            assert_even(&counts, &format!("{name} over {workgroups} workgroups"));
        }
    }
}

#[test]
fn one_workgroup_gets_everybody() {
    let counts = counts(&placement(Hashing::IpPort, 1), clients(0..65_535, 1));

    assert_eq!(counts, [65_535]);
}

// Checklist 79.
#[test]
fn port_zero_is_a_port_like_any_other() {
    let workgroup = placement(Hashing::IpPort, 8).workgroup("192.0.2.1:0".parse().unwrap());

    assert!(workgroup < 8);
}

/// The expected places come from another implementation of SipHash-1-3, in Python: placement must not drift.
#[test]
fn placement_is_the_same_in_every_process() {
    let placed: Vec<usize> = clients(40_000..40_016, 1)
        .map(|client| placement(Hashing::IpPort, 16).workgroup(client))
        .collect();

    assert_eq!(placed, [5, 7, 5, 4, 8, 13, 15, 5, 4, 1, 7, 13, 0, 6, 10, 4]);
}

proptest! {
    // Checklist 78.
    #[test]
    fn mapped_addresses_are_placed_as_the_addresses_they_stand_for(ip: [u8; 4], port: u16, workgroups in 1usize..200) {
        let v4 = std::net::Ipv4Addr::from(ip);
        let mapped = SocketAddr::new(v4.to_ipv6_mapped().into(), port);

        for hashing in [Hashing::Ip, Hashing::IpPort] {
            let placement = placement(hashing, workgroups);
            prop_assert_eq!(placement.workgroup(mapped), placement.workgroup(SocketAddr::new(v4.into(), port)));
        }
    }

    #[test]
    fn every_client_has_a_workgroup(ip: [u8; 16], port: u16, workgroups in 1usize..1000, key: [u8; 16], offload: bool) {
        let hashing = Hashing::from_connection_offload(offload);
        let placement = Placement::new(hashing, NonZeroUsize::new(workgroups).unwrap(), key);

        prop_assert!(placement.workgroup(SocketAddr::new(ip.into(), port)) < workgroups);
    }

    #[test]
    fn port_counts_only_with_connection_offload(ip: [u8; 4], one: u16, other: u16) {
        let placement = placement(Hashing::Ip, 64);

        let ip = IpAddr::from(ip);
        prop_assert_eq!(placement.workgroup(SocketAddr::new(ip, one)), placement.workgroup(SocketAddr::new(ip, other)));
    }
}

/// Ports as they are given out: by Linux `connect()` (one parity), by bind-first, by counters, by strides, in blocks.
const MODELS: [(&str, u16, usize); 7] = [
    ("sequential", 1024, 1),
    ("even", 32_768, 2),
    ("odd", 32_769, 2),
    ("stride 4", 1024, 4),
    ("stride 8", 1024, 8),
    ("stride 16", 1024, 16),
    ("upper block", 63_000, 1),
];

fn placement(hashing: Hashing, workgroups: usize) -> Placement {
    Placement::new(
        hashing,
        NonZeroUsize::new(workgroups).unwrap_or(NonZeroUsize::MIN),
        KEY,
    )
}

fn clients(ports: std::ops::Range<u16>, step: usize) -> impl Iterator<Item = SocketAddr> {
    ports
        .step_by(step)
        .map(|port| SocketAddr::from(([192, 0, 2, 1], port)))
}

fn counts(placement: &Placement, clients: impl Iterator<Item = SocketAddr>) -> Vec<u32> {
    let mut counts = vec![0; placement.workgroups().get()];
    for client in clients {
        counts[placement.workgroup(client)] += 1;
    }
    counts
}

/// No group is further from its share than six standard deviations of a binomial distribution.
fn assert_even(counts: &[u32], what: &str) {
    let (n, k) = (f64::from(counts.iter().sum::<u32>()), counts.len() as f64);
    let slack = 6.0 * (n / k * (1.0 - 1.0 / k)).sqrt();
    let worst = counts
        .iter()
        .map(|count| (f64::from(*count) - n / k).abs())
        .fold(0.0, f64::max);
    assert!(worst <= slack, "{what}: {counts:?}");
}

#[cfg(feature = "control-hashes")]
mod controls {
    use gateway_protocol::placement::ControlHash;

    use super::*;

    fn control(hash: ControlHash, workgroups: usize) -> Placement {
        Placement::control(
            hash,
            NonZeroUsize::new(workgroups).unwrap_or(NonZeroUsize::MIN),
        )
    }

    fn idle(counts: &[u32]) -> usize {
        counts.iter().filter(|count| **count == 0).count()
    }

    #[test]
    fn port_modulo_idles_half_the_workgroups_on_even_ports() {
        assert_eq!(
            idle(&counts(
                &control(ControlHash::PortModulo, 8),
                clients(32_768..60_999, 2)
            )),
            4
        );
    }

    #[test]
    fn port_modulo_idles_all_but_one_workgroup_on_ports_of_its_stride() {
        assert_eq!(
            idle(&counts(
                &control(ControlHash::PortModulo, 8),
                clients(1024..65_535, 8)
            )),
            7
        );
    }

    #[test]
    fn fnv_with_multiply_shift_leaves_groups_far_from_their_share() {
        for (name, first, step) in MODELS {
            let counts = counts(
                &control(ControlHash::FnvMultiplyShift, 8),
                clients(first..65_535, step),
            );
            let mean = counts.iter().sum::<u32>() / 8;
            let busiest = counts.iter().max().copied().unwrap_or_default();

            assert!(busiest > mean * 13 / 10, "{name}: {counts:?}");
        }
    }

    #[test]
    fn ip_only_fills_one_workgroup() {
        assert_eq!(
            idle(&counts(
                &control(ControlHash::IpOnly, 8),
                clients(1024..65_535, 1)
            )),
            7
        );
    }

    #[test]
    fn names_are_those_of_the_configuration() {
        let names = ControlHash::ALL.map(ControlHash::name);

        assert_eq!(names, ["port-modulo", "fnv-multiply-shift", "ip-only"]);
        assert!(
            ControlHash::ALL
                .iter()
                .all(|hash| ControlHash::from_name(hash.name()) == Some(*hash))
        );
    }
}
