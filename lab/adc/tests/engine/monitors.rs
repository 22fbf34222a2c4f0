//! How members are asked, and what follows.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use lab_adc::{
    engine::Engine,
    health::Condition,
    model::{Model, Monitor, MonitorKind, MonitorProxy, ServiceDownAction},
};

use crate::common::{Member, any_port, ask, connect, end_of, engine, is_alive, wait_until};

const INTERVAL: Duration = Duration::from_millis(40);

#[test]
fn a_member_goes_down_after_fall_and_comes_back_after_rise() {
    let members = [Member::start(), Member::start()];
    let ready = Ready::start(200);
    let engine = engine(&members.each_ref(), |model| {
        model.pools[0].monitors = vec![Monitor {
            fall: 3,
            rise: 2,
            port: Some(ready.port()),
            ..monitor(MonitorKind::http("/ready"))
        }];
    });
    wait_until("all are up", || conditions(&engine) == [Condition::Up; 2]);

    ready.answer(503);
    let start = Instant::now();
    wait_until("all are down", || {
        conditions(&engine) == [Condition::Down; 2]
    });
    assert!(
        start.elapsed() >= 2 * INTERVAL,
        "three probes lie two intervals apart, this took {:?}",
        start.elapsed()
    );

    ready.answer(200);
    let start = Instant::now();
    wait_until("all are up again", || {
        conditions(&engine) == [Condition::Up; 2]
    });
    assert!(
        start.elapsed() >= INTERVAL,
        "two probes lie one interval apart, this took {:?}",
        start.elapsed()
    );
}

#[test]
fn traffic_avoids_a_member_that_is_down_and_returns_with_it() {
    let [staying, leaving] = [Member::start(), Member::start()];
    let address = leaving.address;
    let engine = engine(&[&staying], |model| {
        let gone = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        model.pools[0]
            .members
            .push(lab_adc::model::Member::new(gone));
        model.pools[0].monitors = vec![monitor(MonitorKind::Tcp)];
    });
    wait_until("one is down", || {
        conditions(&engine) == [Condition::Up, Condition::Down]
    });

    assert!((0..6).all(|_| connect(&engine).1 == staying.address.port()));

    let gone = ask(engine.handle().stats()).unwrap().members[1].address;
    let _back = Member::restart(gone);
    wait_until("both are up", || conditions(&engine) == [Condition::Up; 2]);
    assert_eq!(
        (0..6).filter(|_| connect(&engine).1 == gone.port()).count(),
        3
    );
    assert_ne!(address, gone);
}

#[test]
fn connections_of_a_member_that_goes_down_live_on_or_are_reset_as_the_pool_says() {
    for (action, survives) in [
        (ServiceDownAction::None, true),
        (ServiceDownAction::Reset, false),
    ] {
        let member = Member::start();
        let ready = Ready::start(200);
        let engine = engine(&[&member], |model| {
            model.pools[0].service_down_action = action;
            model.pools[0].monitors = vec![Monitor {
                fall: 1,
                port: Some(ready.port()),
                ..monitor(MonitorKind::http("/ready"))
            }];
        });
        let (mut client, _) = connect(&engine);
        wait_until("it is up", || conditions(&engine) == [Condition::Up]);

        ready.answer(503);
        wait_until("it is down", || conditions(&engine) == [Condition::Down]);

        if survives {
            assert!(is_alive(&mut client), "{action:?}");
        } else {
            assert_eq!(
                end_of(&mut client),
                Err(ErrorKind::ConnectionReset),
                "{action:?}"
            );
        }
    }
}

#[test]
fn a_probe_opens_with_the_header_that_is_asked_for() {
    let signature = b"\r\n\r\n\0\r\nQUIT\n".as_slice();
    let local = |rest: &[u8]| [signature, rest].concat();

    assert_eq!(first_probe(MonitorProxy::Off).1, b"");
    let (probe, bytes) = first_probe(MonitorProxy::V1);
    let (own, member) = probe;
    assert_eq!(
        bytes,
        format!(
            "PROXY TCP4 127.0.0.1 127.0.0.1 {} {}\r\n",
            own.port(),
            member.port()
        )
        .into_bytes()
    );
    assert_eq!(
        first_probe(MonitorProxy::V2Local).1,
        local(&[0x20, 0, 0, 0])
    );
    let (_, with_crc) = first_probe(MonitorProxy::V2LocalCrc);
    assert_eq!(with_crc[..19], local(&[0x20, 0, 0, 7, 0x03, 0, 4]));
    assert_eq!(with_crc.len(), 23);
}

/// Both ends of the first probe of a TCP monitor, and all that it says.
fn first_probe(proxy_protocol: MonitorProxy) -> ((SocketAddr, SocketAddr), Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut model = Model::simple(any_port(), [address]);
    model.pools[0].monitors = vec![Monitor {
        proxy_protocol,
        ..monitor(MonitorKind::Tcp)
    }];
    let _engine = Engine::start(model).unwrap();

    let (mut probe, own) = listener.accept().unwrap();
    let mut bytes = Vec::new();
    probe.read_to_end(&mut bytes).unwrap();
    ((own, address), bytes)
}

fn monitor(kind: MonitorKind) -> Monitor {
    Monitor {
        interval: INTERVAL,
        timeout: Duration::from_secs(1),
        ..Monitor::new(kind)
    }
}

fn conditions(engine: &Engine) -> Vec<Condition> {
    ask(engine.handle().stats())
        .unwrap()
        .members
        .iter()
        .map(|member| member.condition)
        .collect()
}

/// An admin port that answers every request with one status.
struct Ready {
    address: SocketAddr,
    status: Arc<AtomicU16>,
}

impl Ready {
    fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let status = Arc::new(AtomicU16::new(status));
        let answered = Arc::clone(&status);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _request = stream.read(&mut [0; 1024]);
                let status = answered.load(Ordering::SeqCst);
                let _gone = write!(
                    stream,
                    "HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\n\r\n"
                );
            }
        });
        Self { address, status }
    }

    fn port(&self) -> u16 {
        self.address.port()
    }

    fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }
}
