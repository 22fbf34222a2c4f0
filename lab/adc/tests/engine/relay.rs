//! A line that is slow, narrow, silent, cut or dishonest.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use lab_adc::relay::{
    Conditions, Relay,
    line::Line,
    tamper::{Deed, Mischief},
};

use crate::common::{Member, any_port, end_of, is_alive, wait_until};

const MS: Duration = Duration::from_millis(1);

#[test]
fn a_clear_line_changes_nothing() {
    let (relay, mut client) = relayed_echo(Conditions::default());
    let sent: Vec<u8> = (0..1_000_000u32)
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

    assert!(received == sent);
    drop(relay);
}

#[test]
fn delay_is_felt_once_per_direction() {
    let line = Line {
        delay: 60 * MS,
        ..Line::default()
    };
    let (_relay, mut client) = relayed_echo(Conditions {
        up: line,
        down: line,
        silent: false,
    });

    let start = Instant::now();
    assert!(is_alive(&mut client));

    let took = start.elapsed();
    assert!(took >= 120 * MS, "there and back in {took:?}");
}

#[test]
fn bandwidth_takes_its_time() {
    let up = Line {
        bandwidth: Some(100_000),
        ..Line::default()
    };
    let (_relay, mut client) = relayed_echo(Conditions {
        up,
        ..Conditions::default()
    });

    let start = Instant::now();
    client.write_all(&[7; 20_000]).unwrap();
    client.read_exact(&mut [0; 20_000]).unwrap();

    let took = start.elapsed();
    assert!(took >= 200 * MS, "20 kB at 100 kB/s in {took:?}");
}

#[test]
fn a_silent_line_loses_nothing_once_it_speaks_again() {
    let (relay, mut client) = relayed_echo(Conditions::default());
    assert!(is_alive(&mut client));

    relay.set_conditions(Conditions {
        silent: true,
        ..Conditions::default()
    });
    client.write_all(b"ping").unwrap();
    client.set_read_timeout(Some(150 * MS)).unwrap();
    assert_eq!(
        client.read(&mut [0; 1]).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );

    relay.set_conditions(Conditions::default());
    client
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut echo = [0; 4];
    client.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"ping");
}

#[test]
fn a_cut_resets_both_sides_and_new_connections_are_served() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let relay = Relay::start(
        any_port(),
        listener.local_addr().unwrap(),
        Conditions::default(),
        1,
    )
    .unwrap();
    let mut client = TcpStream::connect(relay.address()).unwrap();
    let (mut server, _) = listener.accept().unwrap();

    relay.cut();

    assert_eq!(end_of(&mut client), Err(ErrorKind::ConnectionReset));
    assert_eq!(end_of(&mut server), Err(ErrorKind::ConnectionReset));
    let _new = TcpStream::connect(relay.address()).unwrap();
    listener.accept().unwrap();
}

#[test]
fn a_reset_passes_through() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let relay = Relay::start(
        any_port(),
        listener.local_addr().unwrap(),
        Conditions::default(),
        1,
    )
    .unwrap();
    let mut client = TcpStream::connect(relay.address()).unwrap();

    crate::common::reset(listener.accept().unwrap().0);

    assert_eq!(end_of(&mut client), Err(ErrorKind::ConnectionReset));
}

#[test]
fn planned_mischief_happens_once_each_and_is_noted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let relay = Relay::start(
        any_port(),
        listener.local_addr().unwrap(),
        Conditions::default(),
        1,
    )
    .unwrap();
    relay.plan([Mischief::Drop, Mischief::Double]);
    let mut client = TcpStream::connect(relay.address()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let message = |sequence: u32| format!(r#"{{"op":"message","seq":{sequence},"data":"x"}}"#);
    let frame = |text: &str| [&[0x81, text.len() as u8], text.as_bytes()].concat();

    let handshake = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";
    server.write_all(handshake).unwrap();
    for sequence in 1..=3 {
        server.write_all(&frame(&message(sequence))).unwrap();
    }
    server.shutdown(Shutdown::Write).unwrap();

    let mut arrived = Vec::new();
    client.read_to_end(&mut arrived).unwrap();
    let expected = [2, 2, 3].map(|sequence| frame(&message(sequence))).concat();
    assert_eq!(arrived, [handshake.as_slice(), &expected].concat());
    let deed = |mischief, sequence| Deed {
        mischief,
        message: message(sequence),
    };
    wait_until("both are noted", || {
        relay.deeds() == [deed(Mischief::Drop, 1), deed(Mischief::Double, 2)]
    });
}

/// A client of an echoing member behind a relay, the member's greeting already heard.
fn relayed_echo(conditions: Conditions) -> (Relay, TcpStream) {
    let member = Member::start();
    let relay = Relay::start(any_port(), member.address, conditions, 1).unwrap();
    let mut client = TcpStream::connect(relay.address()).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    crate::common::greeting(&mut client).unwrap();
    (relay, client)
}
