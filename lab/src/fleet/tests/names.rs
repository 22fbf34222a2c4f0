//! A fleet that asks a name server, and one that is told weights.

use std::net::{IpAddr, SocketAddr};

use lab_dns::{Mood, NameServer, Order, Zone};

use super::*;
use crate::fleet::Habit;
use crate::provider::NamesSetup;

const HOST: &str = "gateways.lab.test";

#[test]
fn devices_are_dealt_out_over_all_addresses_of_a_name() {
    let gateways = gateways(["127.77.1.1", "127.77.1.2"]);
    let names = names(&[gateways[0].address.ip(), gateways[1].address.ip()]);

    let _fleet = connected(&gateways, &names, Habit::None);

    let shares = gateways.each_ref().map(|gateway| gateway.clients().len());
    assert!(shares.iter().all(|share| *share >= 5), "{shares:?}");
    assert!(
        names.counts().udp >= u64::from(DEVICES),
        "{:?}",
        names.counts()
    );
}

#[test]
fn devices_that_see_only_the_first_address_gather_there() {
    let gateways = gateways(["127.77.2.1", "127.77.2.2"]);
    let names = names(&[gateways[1].address.ip(), gateways[0].address.ip()]);

    let _fleet = connected(&gateways, &names, Habit::FirstAddressOnly);

    let shares = gateways.each_ref().map(|gateway| gateway.clients().len());
    assert_eq!(shares, [0, DEVICES as usize]);
}

#[test]
fn a_dead_address_is_tried_once_by_each_device() {
    let gateway = TestGateway::start("127.77.3.1", false, silent);
    let dead: IpAddr = "127.77.3.2".parse().unwrap();
    let names = names(&[gateway.address.ip(), dead]);
    let mut fleet = started(&FleetSetup {
        targets: vec![gateway.address, (dead, gateway.address.port()).into()],
        ..by_name(&gateway, &names, Habit::None)
    });

    fleet.connect(0..DEVICES, AT_ONCE).unwrap();
    until(&fleet, |counts| counts.connected == u64::from(DEVICES));

    let mut tried_dead: Vec<u32> = fleet
        .take_observations()
        .iter()
        .filter_map(|seen| match seen {
            Observation::Tried {
                device, target: 1, ..
            } => Some(*device),
            _ => None,
        })
        .collect();
    tried_dead.sort_unstable();
    let tries = tried_dead.len();
    tried_dead.dedup();
    assert_eq!(tried_dead.len(), tries, "{tried_dead:?}");
    assert!(tries >= 5, "{tries}");
}

#[test]
fn a_name_that_does_not_exist_is_said_and_asked_for_again() {
    let gateways = gateways(["127.77.4.1", "127.77.4.2"]);
    let names = names(&[gateways[0].address.ip()]);
    names.change(|service| service.mood = Mood::NxDomain);
    let mut fleet = started(&by_name(&gateways[0], &names, Habit::None));

    fleet.connect(0..1, AT_ONCE).unwrap();
    until(&fleet, |counts| counts.failed > 0);
    let failure = fleet.counts().first_failure.unwrap();
    names.change(|service| service.mood = Mood::Good);
    until(&fleet, |counts| counts.connected == 1);

    assert!(
        failure.starts_with("device 0 did not connect: "),
        "{failure}"
    );
}

#[test]
fn other_weights_count_for_whoever_connects_next() {
    let gateways = gateways(["127.77.5.1", "127.77.5.2"]);
    let mut fleet = started(&FleetSetup {
        devices: 20,
        targets: gateways.iter().map(|gateway| gateway.address).collect(),
        weights: vec![1, 0],
        ..setup(&gateways[0])
    });
    let shares = || gateways.each_ref().map(|gateway| gateway.clients().len());

    fleet.connect(0..10, AT_ONCE).unwrap();
    until(&fleet, |counts| {
        counts.connected == 10 && shares() == [10, 0]
    });
    fleet.set_weights(&[0, 7]).unwrap();
    fleet.connect(10..20, AT_ONCE).unwrap();

    until(&fleet, |counts| {
        counts.connected == 20 && shares() == [10, 10]
    });
}

/// So many that six standard deviations keep five of them on either side of a coin.
const DEVICES: u32 = 60;

fn gateways<const N: usize>(ips: [&str; N]) -> [TestGateway; N] {
    let mut port = 0;
    ips.map(|ip| {
        let address = SocketAddr::new(ip.parse().unwrap(), port);
        let gateway = TestGateway::start_at(address, false, silent);
        port = gateway.address.port();
        gateway
    })
}

fn names(addresses: &[IpAddr]) -> NameServer {
    let mut zone = Zone::new(Order::Fixed);
    let ttl = Duration::from_secs(60);
    zone.set(HOST, addresses.iter().copied(), ttl).unwrap();
    NameServer::start(zone, 1).unwrap()
}

fn by_name(gateway: &TestGateway, names: &NameServer, habit: Habit) -> FleetSetup {
    FleetSetup {
        devices: DEVICES,
        reconnect: true,
        names: Some(NamesSetup {
            server: names.address(),
            host: HOST,
            habit,
        }),
        ..setup(gateway)
    }
}

/// All devices, connected.
fn connected(gateways: &[TestGateway; 2], names: &NameServer, habit: Habit) -> Loopback {
    let mut fleet = started(&FleetSetup {
        targets: gateways.iter().map(|gateway| gateway.address).collect(),
        ..by_name(&gateways[0], names, habit)
    });
    fleet.connect(0..DEVICES, AT_ONCE).unwrap();
    until(&fleet, |counts| {
        let heard: usize = gateways.iter().map(|gateway| gateway.clients().len()).sum();
        counts.connected == u64::from(DEVICES) && heard == DEVICES as usize
    });
    fleet
}
