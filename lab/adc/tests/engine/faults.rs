//! What can be broken on purpose, and how it looks from both sides.

use std::{
    io::{ErrorKind, Read, Write},
    time::Duration,
};

use lab_adc::{
    engine::{Engine, FaultReport, Refusal},
    faults::{Ending, Fault},
    health::Condition,
    model::{Monitor, MonitorKind, Persistence, Snat, SnatPorts},
};

use crate::common::{
    Member, ask, connect, dial, end_of, engine, greeting, is_alive, virtual_server, wait_until,
};

#[test]
fn kill_all_ends_every_connection_and_serves_new_ones() {
    let members = [Member::start(), Member::start()];
    let engine = engine(&members.each_ref(), |_| ());
    let mut clients = [(); 4].map(|()| connect(&engine).0);

    let report = inflict(
        &engine,
        Fault::KillAll {
            member: None,
            how: Ending::Reset,
        },
    );

    assert_eq!(report, FaultReport { connections: 4 });
    assert!(
        clients
            .iter_mut()
            .all(|client| end_of(client) == Err(ErrorKind::ConnectionReset))
    );
    assert!(is_alive(&mut connect(&engine).0));
}

#[test]
fn kill_all_may_spare_the_other_members() {
    let members = [Member::start(), Member::start()];
    let engine = engine(&members.each_ref(), |_| ());
    let mut clients = [(); 4].map(|()| connect(&engine));

    inflict(
        &engine,
        Fault::KillAll {
            member: Some(members[0].address),
            how: Ending::Close,
        },
    );

    let (killed, spared): (Vec<_>, Vec<_>) = clients
        .iter_mut()
        .partition(|(_, port)| *port == members[0].address.port());
    assert!(
        killed
            .into_iter()
            .all(|(client, _)| end_of(client) == Ok(0))
    );
    assert!(spared.into_iter().all(|(client, _)| is_alive(client)));
}

#[test]
fn a_black_hole_is_silent_and_loses_nothing_once_healed() {
    let member = Member::start();
    let engine = engine(&[&member], |_| ());
    let (mut old, _) = connect(&engine);

    inflict(&engine, Fault::BlackHole { member: None });
    old.write_all(b"ping").unwrap();
    let mut new = dial(&engine);
    assert!(is_silent(&mut old) && is_silent(&mut new));

    inflict(&engine, Fault::Heal);
    let mut echo = [0; 4];
    old.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"ping");
    assert_eq!(greeting(&mut new).unwrap(), member.address.port());
}

#[test]
fn a_black_hole_may_swallow_one_member_whose_monitor_then_fails() {
    let members = [Member::start(), Member::start()];
    let engine = engine(&members.each_ref(), |model| {
        let interval = Duration::from_millis(30);
        model.pools[0].monitors = vec![Monitor {
            interval,
            timeout: interval,
            fall: 2,
            ..Monitor::new(MonitorKind::Tcp)
        }];
    });
    let mut clients = [(); 2].map(|()| connect(&engine));

    inflict(
        &engine,
        Fault::BlackHole {
            member: Some(members[0].address),
        },
    );

    for (client, port) in &mut clients {
        let swallowed = *port == members[0].address.port();
        client.write_all(b"x").unwrap();
        assert_eq!(is_silent(client), swallowed);
    }
    let condition = || ask(engine.handle().stats()).unwrap().members[0].condition;
    wait_until("its monitor has failed", || condition() == Condition::Down);
    inflict(&engine, Fault::Heal);
    wait_until("it is back", || condition() == Condition::Up);
}

#[test]
fn a_reset_in_force_resets_old_and_new() {
    let member = Member::start();
    let engine = engine(&[&member], |_| ());
    let (mut old, _) = connect(&engine);

    inflict(&engine, Fault::Reset);

    assert_eq!(end_of(&mut old), Err(ErrorKind::ConnectionReset));
    assert_eq!(end_of(&mut dial(&engine)), Err(ErrorKind::ConnectionReset));
    assert_eq!(
        ask(engine.handle().stats()).unwrap().virtual_servers[0].refused,
        [(Refusal::Fault, 1)].into()
    );
    inflict(&engine, Fault::Heal);
    assert!(is_alive(&mut connect(&engine).0));
}

#[test]
fn a_twin_that_takes_over_knows_nothing_of_connections_persistence_and_ports() {
    let members = [Member::start(), Member::start()];
    let engine = engine(&members.each_ref(), |model| {
        let server = virtual_server(model);
        server.persistence = Persistence::SourceAddress {
            timeout: Duration::from_secs(60),
        };
        let ports = SnatPorts::Model(lab_ports::Model::Range);
        server.snat = Snat {
            addresses: vec![[127, 9, 2, 1].into()],
            ports,
            port_range: Some((50_000, 50_009)),
        };
    });
    let (mut waiting, _) = connect(&engine);
    let (mut sending, first) = connect(&engine);

    assert_eq!(
        inflict(&engine, Fault::FailOver),
        FaultReport { connections: 2 }
    );

    assert!(is_silent(&mut waiting), "who only waits is not told");
    let _arrives_nowhere = sending.write_all(b"ping");
    assert!(
        !is_alive(&mut sending),
        "who sends gets a reset or, without the right to make the kernel forget, silence"
    );
    let (_new, second) = connect(&engine);
    assert_ne!(
        first, second,
        "persistence bound this client to the other member"
    );
    let source = ask(engine.handle().connections())
        .unwrap()
        .last()
        .unwrap()
        .source;
    assert_eq!(source.port(), 50_000, "ports begin anew");
}

fn inflict(engine: &Engine, fault: Fault) -> FaultReport {
    ask(engine.handle().inflict(fault)).unwrap()
}

/// Whether nothing at all is heard for a while.
fn is_silent(stream: &mut std::net::TcpStream) -> bool {
    let patience = stream.read_timeout().unwrap();
    stream
        .set_read_timeout(Some(Duration::from_millis(150)))
        .unwrap();
    let heard = stream.read(&mut [0; 1]).map_err(|error| error.kind());
    stream.set_read_timeout(patience).unwrap();
    heard == Err(ErrorKind::WouldBlock)
}
