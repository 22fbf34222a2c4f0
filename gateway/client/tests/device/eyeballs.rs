//! Addresses of two families, dead ones among them, on real sockets (RFC 8305).

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use gateway_client::{Settings, Transport};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::addresses::{Names, device_of};
use crate::gateway::{Gateway, next_loss};

/// An address that swallows connection requests: its queue is full and nobody empties it.
struct BlackHole {
    address: SocketAddr,
    _listener: TcpListener,
    _queued: Vec<TcpStream>,
}

impl BlackHole {
    async fn on(ip: IpAddr, port: u16) -> Self {
        const LONG_FOR_LOOPBACK: Duration = Duration::from_millis(500);

        let new = || match ip {
            IpAddr::V4(_) => TcpSocket::new_v4().unwrap(),
            IpAddr::V6(_) => TcpSocket::new_v6().unwrap(),
        };
        let socket = new();
        socket.bind(SocketAddr::new(ip, port)).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queued = vec![];
        // The kernel takes a few more than it was asked to.
        while let Ok(connected) =
            tokio::time::timeout(LONG_FOR_LOOPBACK, new().connect(address)).await
        {
            queued.push(connected.unwrap());
            assert!(queued.len() < 64, "{address} takes everybody");
        }
        Self {
            address,
            _listener: listener,
            _queued: queued,
        }
    }
}

#[tokio::test]
async fn dead_ipv6_address_costs_its_head_start_once() {
    const HEAD_START: Duration = Duration::from_secs(2);

    let dead = BlackHole::on(Ipv6Addr::LOCALHOST.into(), 0).await;
    let port = dead.address.port();
    let a = Gateway::start_on(&format!("127.0.0.31:{port}")).await;
    let b = Gateway::start_on(&format!("127.0.0.32:{port}")).await;
    let names = Names::of(&["::1", "127.0.0.31", "127.0.0.32"]);
    let transport = Transport {
        resolver: names.clone(),
        stagger: HEAD_START,
        ..Transport::default()
    };

    let begin = Instant::now();
    let (_device, _inbox) = device_of(port, 1, Settings::default(), transport);
    let (connection, other) = tokio::select! {
        connection = a.accept() => (connection, &b),
        connection = b.accept() => (connection, &a),
    };
    assert!(begin.elapsed() >= HEAD_START, "{:?}", begin.elapsed());
    assert!(begin.elapsed() < 2 * HEAD_START, "{:?}", begin.elapsed());

    let cut = Instant::now();
    drop(connection);
    let _connection = other.accept().await;

    assert!(cut.elapsed() < HEAD_START, "{:?}", cut.elapsed());
}

#[tokio::test]
async fn dead_address_costs_one_time_limit_at_most() {
    const LIMIT: Duration = Duration::from_secs(2);

    let dead = BlackHole::on(Ipv6Addr::LOCALHOST.into(), 0).await;
    let gateway = Gateway::start_on(&format!("127.0.0.33:{}", dead.address.port())).await;
    let names = Names::of(&["::1", "127.0.0.33"]);
    let settings = Settings {
        connect_timeout: LIMIT,
        // Whoever backs off does not come back in this test.
        backoff_base: Duration::from_secs(7_200),
        backoff_cap: Duration::from_secs(7_200),
        ..Settings::default()
    };
    let transport = Transport {
        resolver: names.clone(),
        // No other address joins in.
        stagger: Duration::from_secs(3_600),
        ..Transport::default()
    };

    let begin = Instant::now();
    let (_device, _inbox) = device_of(dead.address.port(), 1, settings, transport);
    let _connection = gateway.accept().await;

    assert!(begin.elapsed() >= LIMIT, "{:?}", begin.elapsed());
    assert!(begin.elapsed() < 2 * LIMIT, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn machine_with_an_address_in_each_family_is_not_stormed() {
    let v6 = Gateway::start_on("[::1]:0").await;
    let v4 = Gateway::start_on(&format!("127.0.0.36:{}", v6.address().port())).await;
    let names = Names::of(&["::1", "127.0.0.36"]);
    let settings = Settings {
        settle: Duration::ZERO,
        spread: Duration::from_secs(3_600),
        ..Settings::default()
    };
    let mut devices = vec![];
    for seed in 0..8 {
        let transport = Transport {
            resolver: names.clone(),
            // The other address joins no race.
            stagger: Duration::from_secs(3_600),
            ..Transport::default()
        };
        let port = v6.address().port();
        let (device, mut inbox) = device_of(port, seed, settings.clone(), transport);
        drop(v6.accept().await);
        next_loss(&mut inbox).await;
        devices.push((device, inbox));
    }

    // A part of an hour: none of the eight comes back within this time, by either address.
    let back = async {
        tokio::select! {
            _ = v6.accept_tcp() => {}
            _ = v4.accept_tcp() => {}
        }
    };
    let soon = tokio::time::timeout(Duration::from_millis(500), back).await;
    assert!(soon.is_err(), "a device came back at once");
}
