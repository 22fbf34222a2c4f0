//! What travels through a connection, and how it ends.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use crate::common::{
    Member, any_port, ask, connect, dial, end_of, engine, is_alive, virtual_server, wait_until,
};
use lab_adc::{
    engine::{Cause, Engine},
    model::{IdleAction, IdleTimeout, Model},
};

#[test]
fn every_byte_arrives_once_and_in_order_both_ways() {
    let member = Member::start();
    let engine = engine(&[&member], |_| ());
    let (mut client, _) = connect(&engine);
    let sent: Vec<u8> = (0..4_000_000u32)
        .map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();

    let mut writer = client.try_clone().unwrap();
    let outgoing = sent.clone();
    let writing = thread::spawn(move || {
        writer.write_all(&outgoing).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut received = Vec::new();
    client.read_to_end(&mut received).unwrap();
    writing.join().unwrap();

    assert!(
        received == sent,
        "{} bytes came back of {}",
        received.len(),
        sent.len()
    );
}

#[test]
fn a_receiver_that_reads_nothing_stops_its_sender_and_resumes_it() {
    let (engine, listener) = engine_before_a_listener();
    let mut client = dial(&engine);
    let (mut server, _) = listener.accept().unwrap();
    client.set_nonblocking(true).unwrap();

    let accepted = write_until_stuck(&mut client);
    assert!(accepted < 64 * 1024 * 1024, "nobody held the sender back");

    let draining = thread::spawn(move || {
        let mut received = Vec::new();
        server.read_to_end(&mut received).map(|_| received.len())
    });
    client.set_nonblocking(false).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(draining.join().unwrap().unwrap(), accepted);
}

#[test]
fn a_client_that_has_said_everything_still_hears_the_answer() {
    let (engine, listener) = engine_before_a_listener();
    let mut client = dial(&engine);
    let (mut server, _) = listener.accept().unwrap();

    client.write_all(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut question = String::new();
    server.read_to_string(&mut question).unwrap();
    server.write_all(b"answer").unwrap();
    drop(server);

    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!((question.as_str(), answer.as_str()), ("question", "answer"));
}

#[test]
fn a_member_that_has_said_everything_still_hears_the_client() {
    let (engine, listener) = engine_before_a_listener();
    let mut client = dial(&engine);
    let (mut server, _) = listener.accept().unwrap();

    server.write_all(b"welcome").unwrap();
    server.shutdown(Shutdown::Write).unwrap();
    let mut welcome = String::new();
    client.read_to_string(&mut welcome).unwrap();
    client.write_all(b"thanks").unwrap();
    drop(client);

    let mut thanks = String::new();
    server.read_to_string(&mut thanks).unwrap();
    assert_eq!((welcome.as_str(), thanks.as_str()), ("welcome", "thanks"));
}

#[test]
fn a_reset_by_the_client_reaches_the_member() {
    let (engine, listener) = engine_before_a_listener();
    let mut client = dial(&engine);
    let (mut server, _) = listener.accept().unwrap();
    pass_a_byte(&mut client, &mut server);

    crate::common::reset(client);

    assert_eq!(end_of(&mut server), Err(ErrorKind::ConnectionReset));
    assert_eq!(ends(&engine), [(Cause::ClientReset, 1)]);
}

#[test]
fn a_reset_by_the_member_reaches_the_client() {
    let (engine, listener) = engine_before_a_listener();
    let mut client = dial(&engine);
    let (mut server, _) = listener.accept().unwrap();
    pass_a_byte(&mut client, &mut server);

    crate::common::reset(server);

    assert_eq!(end_of(&mut client), Err(ErrorKind::ConnectionReset));
    assert_eq!(ends(&engine), [(Cause::MemberReset, 1)]);
}

#[test]
fn a_connection_leaves_nothing_behind() {
    let member = Member::start();
    let engine = engine(&[&member], |_| ());
    let (client, _) = connect(&engine);
    assert_eq!(connections(&engine), (1, 1));

    drop(client);

    wait_until("the connection is gone", || connections(&engine) == (0, 0));
    assert!(ask(engine.handle().connections()).unwrap().is_empty());
}

#[test]
fn a_silent_connection_is_reset_after_the_idle_timeout_and_a_busy_one_is_not() {
    let member = Member::start();
    let after = Duration::from_millis(300);
    let engine = engine(&[&member], |model| {
        virtual_server(model).idle_timeout = Some(IdleTimeout {
            after,
            then: IdleAction::Reset,
        });
    });
    let (mut silent, _) = connect(&engine);
    let (mut busy, _) = connect(&engine);

    let start = Instant::now();
    while start.elapsed() < 3 * after {
        assert!(is_alive(&mut busy));
        thread::sleep(after / 10);
    }

    assert_eq!(end_of(&mut silent), Err(ErrorKind::ConnectionReset));
    assert_eq!(ends(&engine), [(Cause::IdleTimeout, 1)]);
}

#[test]
fn an_idle_timeout_may_close_in_good_order() {
    let member = Member::start();
    let engine = engine(&[&member], |model| {
        let after = Duration::from_millis(100);
        virtual_server(model).idle_timeout = Some(IdleTimeout {
            after,
            then: IdleAction::Close,
        });
    });
    let (mut client, _) = connect(&engine);

    assert_eq!(end_of(&mut client), Ok(0));
}

#[test]
fn an_engine_that_is_dropped_ends_its_connections_and_listens_no_more() {
    let member = Member::start();
    let engine = engine(&[&member], |_| ());
    let (mut client, _) = connect(&engine);
    let (address, handle) = (engine.address(), engine.handle());

    drop(engine);

    assert_eq!(end_of(&mut client), Ok(0));
    assert_eq!(
        TcpStream::connect(address).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
    assert_eq!(ask(handle.stats()).unwrap_err(), lab_adc::engine::Stopped);
}

fn engine_before_a_listener() -> (Engine, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let engine =
        Engine::start(Model::simple(any_port(), [listener.local_addr().unwrap()])).unwrap();
    (engine, listener)
}

fn write_until_stuck(stream: &mut TcpStream) -> usize {
    let chunk = vec![7; 64 * 1024];
    let mut written = 0;
    let mut stuck_since = None;
    loop {
        match stream.write(&chunk) {
            Ok(more) => (written, stuck_since) = (written + more, None),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let since = *stuck_since.get_or_insert_with(Instant::now);
                if since.elapsed() > Duration::from_millis(300) {
                    return written;
                }
                thread::sleep(Duration::from_millis(5));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Clients at the virtual server and connections at the members.
fn connections(engine: &Engine) -> (u32, u32) {
    let stats = ask(engine.handle().stats()).unwrap();
    (
        stats.virtual_servers[0].connections,
        stats.members.iter().map(|member| member.connections).sum(),
    )
}

/// Why connections ended, and how many.
/// Both halves are one tunnel from here on. A member that has accepted is not enough: a reset that comes before the load balancer has seen its
/// connect succeed is a failed connect.
fn pass_a_byte(client: &mut TcpStream, server: &mut TcpStream) {
    client.write_all(b"!").unwrap();
    server.read_exact(&mut [0]).unwrap();
}

/// Why connections have ended, once one has: a peer may hear of an end before the engine has counted it.
fn ends(engine: &Engine) -> Vec<(Cause, u64)> {
    let mut ended = vec![];
    wait_until("a connection has ended", || {
        let stats = ask(engine.handle().stats()).unwrap();
        ended = stats.virtual_servers[0].ended.clone().into_iter().collect();
        !ended.is_empty()
    });
    ended
}
