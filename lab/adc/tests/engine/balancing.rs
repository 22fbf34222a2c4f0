//! Which member a client meets.

use std::{io::ErrorKind, net::TcpStream, time::Duration};

use crate::common::{
    Member, ask, connect, dial, end_of, engine, greeting, is_alive, virtual_server, wait_until,
};
use lab_adc::{
    engine::{Engine, MemberChange, Refusal},
    faults::Ending,
    model::{Balance, MemberState, Persistence},
};

#[test]
fn round_robin_takes_turns() {
    let members = [Member::start(), Member::start(), Member::start()];
    let engine = engine(&members.each_ref(), |_| ());

    let met = connect_many(&engine, 9);

    assert_eq!(counts(&members, &met), [3, 3, 3]);
}

#[test]
fn weights_divide_the_clients() {
    let members = [Member::start(), Member::start()];
    let engine = engine(&members.each_ref(), |model| {
        model.pools[0].members[0].weight = 3
    });

    let met = connect_many(&engine, 40);

    assert_eq!(counts(&members, &met), [30, 10]);
}

#[test]
fn least_connections_refills_the_member_that_lost_its_clients() {
    let members = [Member::start(), Member::start()];
    let engine = engine(&members.each_ref(), |model| {
        model.pools[0].balance = Balance::LeastConnections
    });
    let (leaving, staying): (Vec<_>, Vec<_>) = connect_many(&engine, 20)
        .into_iter()
        .partition(|(_, port)| *port == members[0].address.port());
    drop(leaving);
    wait_until("ten are gone", || {
        ask(engine.handle().stats()).unwrap().members[0].connections == 0
    });

    let refill = connect_many(&engine, 10);

    assert_eq!(counts(&members, &refill), [10, 0]);
    assert_eq!(staying.len(), 10);
}

#[test]
fn a_disabled_member_keeps_its_clients_and_gets_no_new_ones() {
    let members = [Member::start(), Member::start()];
    let engine = engine(&members.each_ref(), |_| ());
    let mut old = connect_many(&engine, 4);

    set_state(&engine, &members[0], MemberState::Disabled);
    let new = connect_many(&engine, 6);

    assert_eq!(counts(&members, &new), [0, 6]);
    assert!(old.iter_mut().all(|(stream, _)| is_alive(stream)));

    set_state(&engine, &members[0], MemberState::Enabled);
    assert_eq!(counts(&members, &connect_many(&engine, 6)), [3, 3]);
}

#[test]
fn only_an_offline_member_turns_away_whom_persistence_binds_to_it() {
    let members = [Member::start(), Member::start()];
    let engine = engine(&members.each_ref(), |model| {
        virtual_server(model).persistence = Persistence::SourceAddress {
            timeout: Duration::from_secs(60),
        };
    });
    let (_, first) = connect(&engine);
    let (bound, other) = if first == members[0].address.port() {
        (0, 1)
    } else {
        (1, 0)
    };

    set_state(&engine, &members[bound], MemberState::Disabled);
    assert_eq!(connect(&engine).1, members[bound].address.port());

    set_state(&engine, &members[bound], MemberState::ForcedOffline);
    assert_eq!(connect(&engine).1, members[other].address.port());
}

#[test]
fn an_operator_may_end_a_members_connections() {
    let members = [Member::start(), Member::start()];
    let engine = engine(&members.each_ref(), |_| ());
    let mut clients = connect_many(&engine, 4);

    let change = MemberChange {
        end_connections: Some(Ending::Reset),
        ..MemberChange::default()
    };
    let ended = ask(engine.handle().change_member(members[0].address, change)).unwrap();

    assert_eq!(ended, Ok(2));
    let (ended, living): (Vec<_>, Vec<_>) = clients
        .iter_mut()
        .partition(|(_, port)| *port == members[0].address.port());
    assert!(
        ended
            .into_iter()
            .all(|(stream, _)| end_of(stream) == Err(ErrorKind::ConnectionReset))
    );
    assert!(living.into_iter().all(|(stream, _)| is_alive(stream)));
}

#[test]
fn members_join_and_leave_while_traffic_flows() {
    let members = [Member::start(), Member::start()];
    let engine = engine(&[&members[0]], |_| ());
    let handle = engine.handle();

    ask(handle.add_member(
        "pool".to_owned(),
        lab_adc::model::Member::new(members[1].address),
    ))
    .unwrap()
    .unwrap();
    assert_eq!(counts(&members, &connect_many(&engine, 4)), [2, 2]);

    ask(handle.remove_member(members[0].address))
        .unwrap()
        .unwrap();
    assert_eq!(counts(&members, &connect_many(&engine, 4)), [0, 4]);
    let again = ask(handle.remove_member(members[0].address))
        .unwrap()
        .unwrap_err();
    assert_eq!(
        again.to_string(),
        format!("no pool has the member {}", members[0].address)
    );
}

#[test]
fn a_client_beyond_the_connection_limit_is_reset() {
    let member = Member::start();
    let engine = engine(&[&member], |model| {
        virtual_server(model).connection_limit = Some(2)
    });
    let _two = connect_many(&engine, 2);

    assert_eq!(end_of(&mut dial(&engine)), Err(ErrorKind::ConnectionReset));
    assert_eq!(refusals(&engine), [(Refusal::ConnectionLimit, 1)]);
}

#[test]
fn a_full_member_is_passed_over_and_when_all_are_full_the_client_is_reset() {
    let members = [Member::start(), Member::start()];
    let engine = engine(&members.each_ref(), |model| {
        for member in &mut model.pools[0].members {
            member.connection_limit = Some(1);
        }
    });

    let both = connect_many(&engine, 2);

    assert_eq!(counts(&members, &both), [1, 1]);
    assert_eq!(end_of(&mut dial(&engine)), Err(ErrorKind::ConnectionReset));
    assert_eq!(refusals(&engine), [(Refusal::NoMember, 1)]);
}

#[test]
fn a_member_that_does_not_answer_is_replaced_as_often_as_the_model_allows() {
    let member = Member::start();
    let engine = engine(&[&member], |model| {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        model.pools[0]
            .members
            .insert(0, lab_adc::model::Member::new(nobody));
        virtual_server(model).reselect_tries = 1;
    });

    let met = connect_many(&engine, 4);

    assert!(met.iter().all(|(_, port)| *port == member.address.port()));
    let failures = ask(engine.handle().stats()).unwrap().members[0].connect_failures;
    assert!(
        failures >= 2,
        "half the clients met it first, it failed {failures} times"
    );
}

fn connect_many(engine: &Engine, clients: usize) -> Vec<(TcpStream, u16)> {
    (0..clients).map(|_| connect(engine)).collect()
}

fn counts<const N: usize>(members: &[Member; N], met: &[(TcpStream, u16)]) -> [usize; N] {
    members.each_ref().map(|member| {
        met.iter()
            .filter(|(_, port)| *port == member.address.port())
            .count()
    })
}

fn set_state(engine: &Engine, member: &Member, state: MemberState) {
    let change = MemberChange {
        state: Some(state),
        ..MemberChange::default()
    };
    ask(engine.handle().change_member(member.address, change))
        .unwrap()
        .unwrap();
}

fn refusals(engine: &Engine) -> Vec<(Refusal, u64)> {
    ask(engine.handle().stats()).unwrap().virtual_servers[0]
        .refused
        .clone()
        .into_iter()
        .collect()
}

#[test]
fn without_any_member_up_a_client_is_reset() {
    let member = Member::start();
    let engine = engine(&[&member], |_| ());
    set_state(&engine, &member, MemberState::ForcedOffline);

    assert_eq!(
        greeting(&mut dial(&engine)).unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
}
