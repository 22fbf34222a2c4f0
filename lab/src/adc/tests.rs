//! Both load balancers do what the trait promises, on real sockets.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::{Builtin, Haproxy};
use crate::interrupt::Interrupt;
use crate::provider::{Adc, AdcSetup, Member, MemberCount, MemberState, MonitorSetup, RefusalKind};
use crate::scenario::step::Action;
use crate::scenario::step::faults::{AdcFault, OnAdc};
use crate::stage::{Balance, Check, PortModel, SendProxy};

const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn the_builtin_drains_a_member_and_takes_it_back() {
    drains_a_member_and_takes_it_back(&mut Builtin::default());
}

#[test]
#[ignore = "needs HAProxy: sudo apt-get install haproxy"]
fn haproxy_drains_a_member_and_takes_it_back() {
    drains_a_member_and_takes_it_back(&mut Haproxy::default());
}

#[test]
fn the_builtin_cuts_what_a_member_has_when_it_is_taken_down() {
    cuts_what_a_member_has_when_it_is_taken_down(&mut Builtin::default());
}

#[test]
#[ignore = "needs HAProxy: sudo apt-get install haproxy"]
fn haproxy_cuts_what_a_member_has_when_it_is_taken_down() {
    cuts_what_a_member_has_when_it_is_taken_down(&mut Haproxy::default());
}

#[test]
fn the_builtin_comes_from_the_addresses_and_ports_that_are_asked_for() {
    comes_from_the_addresses_and_ports_that_are_asked_for(&mut Builtin::default());
}

#[test]
#[ignore = "needs HAProxy: sudo apt-get install haproxy"]
fn haproxy_comes_from_the_addresses_and_ports_that_are_asked_for() {
    comes_from_the_addresses_and_ports_that_are_asked_for(&mut Haproxy::default());
}

#[test]
fn the_builtin_knows_who_is_ready_once_it_has_started() {
    knows_who_is_ready_once_it_has_started(&mut Builtin::default());
}

#[test]
#[ignore = "needs HAProxy: sudo apt-get install haproxy"]
fn haproxy_knows_who_is_ready_once_it_has_started() {
    knows_who_is_ready_once_it_has_started(&mut Haproxy::default());
}

#[test]
fn the_builtin_leaves_nothing_listening_when_it_stops() {
    leaves_nothing_listening_when_it_stops(&mut Builtin::default());
}

#[test]
#[ignore = "needs HAProxy: sudo apt-get install haproxy"]
fn haproxy_leaves_nothing_listening_when_it_stops() {
    leaves_nothing_listening_when_it_stops(&mut Haproxy::default());
}

fn drains_a_member_and_takes_it_back(adc: &mut dyn Adc) {
    let gateways = [Gateway::start(true), Gateway::start(true)];
    let at = start(adc, &gateways, |_| ());
    let mut old = connect_many(at, 4);

    adc.set_member(gateways[0].member.address, MemberState::Draining)
        .unwrap();
    let new = connect_many(at, 6);

    assert_eq!(met(&gateways, &new), [0, 6]);
    assert!(old.iter_mut().all(|(stream, _)| is_alive(stream)));
    let [first, second] = counts(adc);
    assert_eq!(
        (first.up, first.current, second.up, second.current),
        (false, 2, true, 8)
    );

    adc.set_member(gateways[0].member.address, MemberState::Enabled)
        .unwrap();
    assert_eq!(met(&gateways, &connect_many(at, 6)), [3, 3]);
}

fn cuts_what_a_member_has_when_it_is_taken_down(adc: &mut dyn Adc) {
    let gateways = [Gateway::start(true), Gateway::start(true)];
    let at = start(adc, &gateways, |_| ());
    let mut clients = connect_many(at, 4);

    adc.set_member(gateways[0].member.address, MemberState::Down)
        .unwrap();

    let (cut, living): (Vec<_>, Vec<_>) = clients
        .iter_mut()
        .partition(|(_, port)| *port == gateways[0].member.address.port());
    assert!(
        cut.into_iter()
            .all(|(stream, _)| !matches!(stream.read(&mut [0; 1]), Ok(1..)))
    );
    assert!(living.into_iter().all(|(stream, _)| is_alive(stream)));
    assert_eq!(met(&gateways, &connect_many(at, 4)), [0, 4]);
}

fn comes_from_the_addresses_and_ports_that_are_asked_for(adc: &mut dyn Adc) {
    let gateways = [Gateway::start(true)];
    let addresses = ["127.77.0.1", "127.77.0.2"].map(|text| text.parse::<IpAddr>().unwrap());
    let at = start(adc, &gateways, |setup| {
        setup.snat_addresses = addresses.to_vec();
        setup.snat_ports = PortModel::Range;
    });

    let _clients = connect_many(at, 10);

    for address in addresses {
        let peers = gateways[0].peers.lock().unwrap();
        let mut ports: Vec<_> = peers
            .iter()
            .filter(|peer| peer.ip() == address)
            .map(SocketAddr::port)
            .collect();
        ports.sort_unstable();
        let first = ports.first().copied().unwrap();
        assert_eq!(
            ports,
            (first..first + 5).collect::<Vec<_>>(),
            "five in a row from {address}"
        );
        assert!((32_768..=60_999).contains(&first));
    }
}

fn knows_who_is_ready_once_it_has_started(adc: &mut dyn Adc) {
    let gateways = [Gateway::start(true), Gateway::start(false)];

    let at = start(adc, &gateways, |setup| {
        let interval = Duration::from_millis(100);
        setup.monitor = Some(MonitorSetup {
            check: Check::Ready,
            interval,
            rise: 1,
            fall: 1,
        });
    });

    assert_eq!(counts::<2>(adc).map(|count| count.up), [true, false]);
    assert_eq!(met(&gateways, &connect_many(at, 4)), [4, 0]);
}

fn leaves_nothing_listening_when_it_stops(adc: &mut dyn Adc) {
    let gateways = [Gateway::start(true)];
    let at = start(adc, &gateways, |_| ());
    let processes = adc.processes();

    adc.stop().unwrap();

    assert!(TcpStream::connect(at).is_err());
    assert!(
        processes
            .iter()
            .all(|id| !std::path::Path::new(&format!("/proc/{id}")).exists())
    );
    assert!(adc.members().is_err());
}

fn start(
    adc: &mut dyn Adc,
    gateways: &[Gateway],
    change: impl FnOnce(&mut AdcSetup),
) -> SocketAddr {
    let mut setup = AdcSetup {
        listen: IpAddr::from([127, 0, 0, 1]),
        accept_proxy: false,
        certificate: None,
        members: gateways.iter().map(|gateway| gateway.member).collect(),
        snat_addresses: vec![],
        snat_ports: PortModel::LinuxConnect,
        snat_ports_each: None,
        proxy_protocol: SendProxy::Off,
        route_domain: 0,
        balance: Balance::RoundRobin,
        slow_ramp: Duration::ZERO,
        monitor: None,
        connections: 100,
        seed: 1,
    };
    change(&mut setup);
    adc.start(&setup, &Interrupt::default()).unwrap()
}

/// A listener that greets with its port and echoes, and an admin port that is ready or not.
struct Gateway {
    member: Member,
    peers: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Gateway {
    fn start(ready: bool) -> Self {
        let peers = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&peers);
        let address = serve(move |mut stream, own| {
            seen.lock().unwrap().push(stream.peer_addr().unwrap());
            let _greeted = stream.write_all(&own.port().to_be_bytes());
            let mut buffer = [0; 64];
            while let Ok(read @ 1..) = stream.read(&mut buffer) {
                let _echoed = stream.write_all(&buffer[..read]);
            }
        });
        let status = if ready {
            "200 OK"
        } else {
            "503 Service Unavailable"
        };
        let admin = serve(move |mut stream, _| {
            let _request = stream.read(&mut [0; 1024]);
            let _answered = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
        });
        Self {
            member: Member { address, admin },
            peers,
        }
    }
}

fn serve(with: impl Fn(TcpStream, SocketAddr) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, with) = (stream.unwrap(), with.clone());
            thread::spawn(move || with(stream, own));
        }
    });
    own
}

fn connect_many(at: SocketAddr, clients: usize) -> Vec<(TcpStream, u16)> {
    let connect = || {
        let mut stream = TcpStream::connect(at).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut port = [0; 2];
        stream.read_exact(&mut port).unwrap();
        (stream, u16::from_be_bytes(port))
    };
    (0..clients).map(|_| connect()).collect()
}

fn met<const N: usize>(gateways: &[Gateway; N], clients: &[(TcpStream, u16)]) -> [usize; N] {
    gateways.each_ref().map(|gateway| {
        clients
            .iter()
            .filter(|(_, port)| *port == gateway.member.address.port())
            .count()
    })
}

fn is_alive(stream: &mut TcpStream) -> bool {
    let mut echo = [0; 4];
    stream
        .write_all(b"ping")
        .and_then(|()| stream.read_exact(&mut echo))
        .is_ok()
        && &echo == b"ping"
}

/// What the load balancer counts, once the connections that ended have been counted off.
fn counts<const N: usize>(adc: &mut dyn Adc) -> [MemberCount; N] {
    let deadline = Instant::now() + Duration::from_millis(200);
    let mut last = adc.members().unwrap();
    while Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
        let now = adc.members().unwrap();
        if now == last {
            break;
        }
        last = now;
    }
    last.try_into().unwrap()
}

#[test]
fn haproxy_cuts_on_order_and_refuses_by_nature_what_it_cannot() {
    let asked = |fault| {
        let action = Action::Adc(OnAdc {
            fault,
            gateway: None,
        });
        let refusal = Haproxy::default().refuses_step(&action)?;
        Some((refusal.kind, refusal.remedy))
    };
    let by_nature = Some((RefusalKind::ByNature, "use --adc builtin".to_owned()));

    assert_eq!(asked(AdcFault::Cut), None);
    for fault in [AdcFault::BlackHole, AdcFault::Reset, AdcFault::FailOver] {
        assert_eq!(asked(fault), by_nature, "{fault:?}");
    }
}
