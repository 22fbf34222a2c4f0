//! One name, many addresses.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gateway_client::{
    Cause, Device, DeviceOptions, Inbox, Resolve, Resolved, ServerList, Settings, Transport,
};

use crate::gateway::{Gateway, next_loss};

/// A name service that answers what the test says.
pub(crate) struct Names {
    addresses: Mutex<Vec<IpAddr>>,
    questions: AtomicUsize,
    ttl: Duration,
    silent: AtomicBool,
}

impl Names {
    pub(crate) fn of(addresses: &[&str]) -> Arc<Self> {
        let names = Self {
            addresses: Mutex::default(),
            questions: AtomicUsize::new(0),
            ttl: Duration::from_secs(30),
            silent: AtomicBool::new(false),
        };
        names.answer(addresses);
        Arc::new(names)
    }

    fn answer(&self, addresses: &[&str]) {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        *self.addresses.lock().unwrap() = addresses;
    }
}

impl Resolve for Names {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Resolved>> + Send + 'a>> {
        assert_eq!(host, "gateways.example");
        self.questions.fetch_add(1, Ordering::Relaxed);
        let addresses = self.addresses.lock().unwrap().clone();
        let silent = self.silent.load(Ordering::Relaxed);
        Box::pin(async move {
            if silent {
                std::future::pending::<()>().await;
            }
            Ok(Resolved {
                addresses,
                ttl: self.ttl,
            })
        })
    }
}

fn device(names: &Arc<Names>, port: u16, seed: u64) -> (Device, Inbox) {
    let settings = Settings {
        spread: Duration::ZERO,
        backoff_cap: Duration::from_millis(50),
        ..Settings::default()
    };
    device_with(names, port, seed, settings)
}

pub(crate) fn device_with(
    names: &Arc<Names>,
    port: u16,
    seed: u64,
    settings: Settings,
) -> (Device, Inbox) {
    let transport = Transport {
        resolver: names.clone(),
        ..Transport::default()
    };
    device_of(port, seed, settings, transport)
}

/// A device of the name `gateways.example`.
pub(crate) fn device_of(
    port: u16,
    seed: u64,
    settings: Settings,
    transport: Transport,
) -> (Device, Inbox) {
    let options = DeviceOptions {
        transport,
        settings,
        seed: Some(seed),
        ..DeviceOptions::default()
    };
    let servers = ServerList::parse([format!("ws://gateways.example:{port}")]).unwrap();
    Device::connect(servers, options)
}

#[tokio::test]
async fn devices_use_all_addresses() {
    let a = Gateway::start_on("127.0.0.1:0").await;
    let b = Gateway::start_on(&format!("127.0.0.2:{}", a.address().port())).await;
    let names = Names::of(&["127.0.0.1", "127.0.0.2"]);

    let devices: Vec<_> = (0..20)
        .map(|seed| device(&names, a.address().port(), seed))
        .collect();
    let mut counts = [0; 2];
    for _ in &devices {
        tokio::select! {
            _ = a.accept() => counts[0] += 1,
            _ = b.accept() => counts[1] += 1,
        }
    }

    assert!(counts[0] > 2 && counts[1] > 2, "{counts:?}");
}

#[tokio::test]
async fn dead_address_is_passed_over_within_one_attempt() {
    let gateway = Gateway::start_on("127.0.0.3:0").await;
    let names = Names::of(&["127.0.0.4", "127.0.0.5", "127.0.0.3"]);

    let begin = Instant::now();
    let _device = device(&names, gateway.address().port(), 1);
    let _connection = gateway.accept().await;

    assert!(
        begin.elapsed() < Duration::from_secs(2),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(names.questions.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn lost_address_is_followed_by_another_at_once() {
    let a = Gateway::start_on("127.0.0.6:0").await;
    let b = Gateway::start_on(&format!("127.0.0.7:{}", a.address().port())).await;
    let names = Names::of(&["127.0.0.6", "127.0.0.7"]);
    let (_device, _inbox) = device(&names, a.address().port(), 1);
    let (connection, other) = tokio::select! {
        connection = a.accept() => (connection, &b),
        connection = b.accept() => (connection, &a),
    };

    let cut = Instant::now();
    drop(connection);
    let _connection = other.accept().await;

    assert!(
        cut.elapsed() < Duration::from_millis(100),
        "{:?}",
        cut.elapsed()
    );
    assert_eq!(names.questions.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn gateway_that_is_leaving_is_not_gone_back_to() {
    // Chance alone would find the other one every second time.
    for seed in 0..8 {
        let a = Gateway::start_on("127.0.0.14:0").await;
        let b = Gateway::start_on(&format!("127.0.0.15:{}", a.address().port())).await;
        let names = Names::of(&["127.0.0.14", "127.0.0.15"]);
        let (_device, _inbox) = device(&names, a.address().port(), seed);
        let (mut connection, left, other) = tokio::select! {
            connection = a.accept() => (connection, &a, &b),
            connection = b.accept() => (connection, &b, &a),
        };

        // It stays open: the device has to leave by itself.
        connection.send(r#"{"op":"reconnect","after_ms":20}"#).await;

        tokio::select! {
            _ = other.accept() => {}
            _ = left.accept() => panic!("it came back to the gateway that is leaving (seed {seed})"),
        }
    }
}

#[tokio::test]
async fn name_is_resolved_again_when_all_its_addresses_have_failed() {
    let gateway = Gateway::start_on("127.0.0.8:0").await;
    let names = Names::of(&["127.0.0.9", "127.0.0.10"]);
    let (_device, mut inbox) = device(&names, gateway.address().port(), 1);
    next_loss(&mut inbox).await;

    names.answer(&["127.0.0.8"]);
    let _connection = gateway.accept().await;

    assert!(names.questions.load(Ordering::Relaxed) >= 2);
}

#[tokio::test]
async fn known_addresses_are_tried_while_the_name_service_is_silent() {
    let gateway = Gateway::start_on("127.0.0.13:0").await;
    let mut names = Arc::into_inner(Names::of(&["127.0.0.13"])).unwrap();
    names.ttl = Duration::ZERO;
    let names = Arc::new(names);
    let settings = Settings {
        connect_timeout: Duration::from_secs(1),
        spread: Duration::ZERO,
        backoff_cap: Duration::from_millis(50),
        ..Settings::default()
    };
    let (_device, _inbox) = device_with(&names, gateway.address().port(), 1, settings);
    let connection = gateway.accept().await;

    names.silent.store(true, Ordering::Relaxed);
    drop(connection);
    let _again = gateway.accept().await;

    assert!(names.questions.load(Ordering::Relaxed) >= 2);
}

#[tokio::test]
async fn a_silent_name_service_is_no_address_at_all() {
    let names = Names::of(&[]);
    names.silent.store(true, Ordering::Relaxed);
    let settings = Settings {
        connect_timeout: Duration::from_millis(300),
        ..Settings::default()
    };
    let (_device, mut inbox) = device_with(&names, 1, 1, settings);

    let (cause, detail) = next_loss(&mut inbox).await;

    assert_eq!(cause, Cause::Unresolvable);
    assert!(detail.contains("does not answer"), "{detail}");
}

#[tokio::test]
async fn silent_address_costs_one_time_limit_and_no_back_off() {
    let silent = Gateway::start_on("127.0.0.11:0").await;
    let gateway = Gateway::start_on(&format!("127.0.0.12:{}", silent.address().port())).await;
    let names = Names::of(&["127.0.0.11", "127.0.0.12"]);
    let settings = Settings {
        connect_timeout: Duration::from_millis(300),
        // An hour on average: whoever backs off does not come back in this test.
        backoff_base: Duration::from_secs(7_200),
        backoff_cap: Duration::from_secs(7_200),
        ..Settings::default()
    };

    let devices: Vec<_> = (0..8)
        .map(|seed| device_with(&names, silent.address().port(), seed, settings.clone()))
        .collect();
    let mut connections = vec![];
    for _ in &devices {
        connections.push(gateway.accept().await);
    }

    assert_eq!(names.questions.load(Ordering::Relaxed), devices.len());
}
