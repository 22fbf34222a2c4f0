//! Which addresses and ports the members see.

use std::{
    collections::HashMap,
    io::ErrorKind,
    net::{IpAddr, SocketAddr, TcpStream},
};

use lab_adc::{
    engine::{Engine, Refusal},
    model::{Snat, SnatPorts},
};
use lab_ports::{Addresses, Setting};

use crate::common::{Member, ask, connect, dial, end_of, engine, virtual_server, wait_until};

#[test]
fn a_member_sees_exactly_the_models_sequence() {
    for model in [
        "range",
        "stride-4",
        "stride-8",
        "stride-16",
        "per-core-residue",
    ] {
        let model: lab_ports::Model = model.parse().unwrap();
        let address = IpAddr::from([127, 9, 1, 1]);
        let setting = Setting {
            addresses: Addresses::Given(vec![address]),
            ports: None,
            seed: 42,
        };
        let expected: Vec<_> = model.sources(&setting).take(40).collect();

        let member = Member::start();
        let engine = engine(&[&member], |given| {
            given.seed = 42;
            virtual_server(given).snat = Snat {
                addresses: vec![address],
                ports: SnatPorts::Model(model),
                port_range: None,
            };
        });
        let _clients = connect_many(&engine, 40);

        assert_eq!(member.peers(), expected, "{model}");
        assert_eq!(
            sources(&engine),
            expected,
            "{model}: what the engine says of itself"
        );
    }
}

#[test]
fn the_kernels_own_choice_has_one_parity_at_connect_and_the_other_at_bind() {
    let parity_of = |ports| {
        let member = Member::start();
        let engine = engine(&[&member], |model| {
            virtual_server(model).snat = Snat {
                addresses: vec![IpAddr::from([127, 9, 1, 2])],
                ports,
                port_range: None,
            };
        });
        let _clients = connect_many(&engine, 100);
        member
            .peers()
            .iter()
            .filter(|peer| peer.port() % 2 == 1)
            .count()
    };

    assert_eq!(
        (
            parity_of(SnatPorts::LinuxConnect),
            parity_of(SnatPorts::BindFirst)
        ),
        (0, 100)
    );
}

#[test]
fn several_addresses_share_the_connections() {
    let addresses = [3, 4, 5].map(|host| IpAddr::from([127, 9, 1, host]));
    let member = Member::start();
    let engine = engine(&[&member], |model| {
        virtual_server(model).snat.addresses = addresses.to_vec()
    });

    let _clients = connect_many(&engine, 12);

    let mut by_address: HashMap<IpAddr, usize> = HashMap::new();
    for peer in member.peers() {
        *by_address.entry(peer.ip()).or_default() += 1;
    }
    assert_eq!(by_address, addresses.map(|address| (address, 4)).into());
}

#[test]
fn each_member_has_all_ports_for_itself() {
    let members = [Member::start(), Member::start()];
    let engine = engine(&members.each_ref(), |model| {
        virtual_server(model).snat = three_ports([127, 9, 1, 6])
    });

    let _clients = connect_many(&engine, 6);

    let expected = [50_000, 50_001, 50_002].map(|port| SocketAddr::from(([127, 9, 1, 6], port)));
    assert_eq!(
        members.map(|member| member.peers()),
        [expected.to_vec(), expected.to_vec()]
    );
}

#[test]
fn exhausted_ports_reset_the_client_and_are_logged_in_the_appliances_words() {
    let member = Member::start();
    let engine = engine(&[&member], |model| {
        virtual_server(model).snat = three_ports([127, 9, 1, 7])
    });
    let mut clients = connect_many(&engine, 3);

    assert_eq!(end_of(&mut dial(&engine)), Err(ErrorKind::ConnectionReset));

    let line = format!(
        "01010201:2: Inet port exhaustion on 127.9.1.7 to {} (proto 6)",
        member.address
    );
    assert!(
        ask(engine.handle().log())
            .unwrap()
            .iter()
            .any(|entry| entry.line == line)
    );
    let refused = ask(engine.handle().stats()).unwrap().virtual_servers[0]
        .refused
        .clone();
    assert_eq!(refused, [(Refusal::PortExhaustion, 1)].into());

    // A reset leaves no TIME_WAIT behind, so the port is free at once.
    crate::common::reset(clients.remove(0));
    wait_until("a port is free", || sources(&engine).len() == 2);
    assert_eq!(connect(&engine).1, member.address.port());
}

#[test]
fn a_port_that_somebody_else_holds_is_passed_over() {
    let member = Member::start();
    let taken = std::net::TcpListener::bind("127.9.1.8:50001").unwrap();
    let engine = engine(&[&member], |model| {
        virtual_server(model).snat = three_ports([127, 9, 1, 8])
    });

    let _clients = connect_many(&engine, 2);

    assert_eq!(
        member
            .peers()
            .iter()
            .map(SocketAddr::port)
            .collect::<Vec<_>>(),
        [50_000, 50_002]
    );
    drop(taken);
}

#[test]
fn preserve_keeps_the_clients_port() {
    let member = Member::start();
    let engine = engine(&[&member], |model| {
        virtual_server(model).snat = Snat {
            addresses: vec![IpAddr::from([127, 9, 1, 9])],
            ports: SnatPorts::Preserve,
            port_range: None,
        };
    });

    let clients = connect_many(&engine, 10);

    let ports =
        |addresses: Vec<SocketAddr>| addresses.iter().map(SocketAddr::port).collect::<Vec<_>>();
    assert_eq!(
        ports(member.peers()),
        ports(
            clients
                .iter()
                .map(|client| client.local_addr().unwrap())
                .collect()
        )
    );
}

#[test]
fn a_translation_address_of_another_machine_is_named() {
    let member = Member::start();
    let elsewhere = IpAddr::from([192, 0, 2, 1]);
    let engine = engine(&[&member], |model| {
        virtual_server(model).snat.addresses = vec![elsewhere]
    });

    assert_eq!(end_of(&mut dial(&engine)), Err(ErrorKind::ConnectionReset));

    let refused = ask(engine.handle().stats()).unwrap().virtual_servers[0]
        .refused
        .clone();
    assert_eq!(refused, [(Refusal::NoSuchSourceAddress, 1)].into());
}

fn three_ports(address: [u8; 4]) -> Snat {
    let ports = SnatPorts::Model(lab_ports::Model::Range);
    Snat {
        addresses: vec![address.into()],
        ports,
        port_range: Some((50_000, 50_002)),
    }
}

fn connect_many(engine: &Engine, clients: usize) -> Vec<TcpStream> {
    (0..clients).map(|_| connect(engine).0).collect()
}

fn sources(engine: &Engine) -> Vec<SocketAddr> {
    ask(engine.handle().connections())
        .unwrap()
        .iter()
        .map(|connection| connection.source)
        .collect()
}
