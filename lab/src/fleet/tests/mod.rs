//! A fleet against gateways that do as they are told.

mod gateway;
mod names;

use std::collections::HashSet;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use lab_record::ledger::Answer;
use serde_json::{Value, json};

use super::Loopback;
use crate::provider::{Fleet, FleetCounts, FleetSetup, Observation, PublishOrder};
use crate::stage::{Family, PortModel, SendProxy, Subjects};
use gateway::{Reply, TestGateway};

const AT_ONCE: Duration = Duration::ZERO;

#[test]
fn devices_come_from_the_addresses_that_the_model_gives() {
    for ports in [
        PortModel::LinuxConnect,
        PortModel::CgnatBlocks,
        PortModel::HomeNat,
    ] {
        let gateway = TestGateway::start("127.0.0.1", false, silent);
        let mut fleet = started(&FleetSetup {
            ports,
            devices: 20,
            ..setup(&gateway)
        });

        fleet.connect(0..20, AT_ONCE).unwrap();
        until(&fleet, |counts| {
            counts.connected == 20 && gateway.clients().len() == 20
        });

        let mut told: Vec<SocketAddr> = fleet
            .addresses()
            .iter()
            .map(|address| {
                assert_eq!(address.client, address.socket, "{ports}");
                address.client
            })
            .collect();
        told.sort_unstable();
        assert_eq!(gateway.clients(), told, "{ports}");
        assert_eq!(told.iter().collect::<HashSet<_>>().len(), 20, "{ports}");
    }
}

#[test]
fn a_header_tells_addresses_that_loopback_cannot_have() {
    for preface in [SendProxy::V1, SendProxy::V2, SendProxy::V2Crc32c] {
        let gateway = TestGateway::start("127.0.0.1", true, silent);
        let mut fleet = started(&FleetSetup {
            ports: PortModel::Ipv6Privacy,
            family: Family::Ipv6,
            preface,
            devices: 10,
            ..setup(&gateway)
        });

        fleet.connect(0..10, AT_ONCE).unwrap();
        until(&fleet, |counts| {
            counts.connected == 10 && gateway.clients().len() == 10
        });

        let addresses = fleet.addresses();
        let mut told: Vec<SocketAddr> = addresses.iter().map(|address| address.client).collect();
        told.sort_unstable();
        assert_eq!(gateway.clients(), told);
        assert!(told.iter().all(SocketAddr::is_ipv6));
        assert!(addresses.iter().all(|address| address.socket.is_ipv4()));
    }
}

#[test]
fn a_source_that_is_in_use_gives_way_to_the_next_of_the_model() {
    let gateway = TestGateway::start("127.0.0.1", false, silent);
    let setup = FleetSetup {
        devices: 3,
        ..setup(&gateway)
    };
    let first = super::origins::sources(&setup).next().unwrap();
    let _holder = TcpListener::bind(first).unwrap();
    let mut fleet = started(&setup);

    fleet.connect(0..3, AT_ONCE).unwrap();
    until(&fleet, |counts| {
        counts.connected == 3 && gateway.clients().len() == 3
    });

    let clients = gateway.clients();
    assert!(!clients.contains(&first));
    assert!(clients.iter().all(|client| client.port() % 2 == 0));
    assert_eq!(fleet.counts().failed, 0);
}

#[test]
fn connections_are_spread_over_the_time_given() {
    let gateway = TestGateway::start("127.0.0.1", false, silent);
    let mut fleet = started(&FleetSetup {
        devices: 10,
        ..setup(&gateway)
    });
    let start = Instant::now();

    fleet.connect(0..10, Duration::from_millis(500)).unwrap();
    until(&fleet, |counts| counts.connected == 10);

    assert!(start.elapsed() >= Duration::from_millis(450));
    assert_eq!(fleet.counts().connects_ordered, 10);
}

#[test]
fn messages_and_acknowledgements_are_observed_as_they_came() {
    let gateway = TestGateway::start("127.0.0.1", false, |_, request| {
        Reply::Say(match request["op"].as_str() {
            Some("subscribe") => vec![subscribed(request, "none"), message(41, None, "a")],
            _ => vec![
                json!({"op":"published","id":request["id"],"partition":2,"seq":77}).to_string(),
            ],
        })
    });
    let mut fleet = started(&setup(&gateway));

    fleet.connect(0..1, AT_ONCE).unwrap();
    fleet.subscribe(0..1, Subjects::Shared, AT_ONCE).unwrap();
    until(&fleet, |counts| counts.delivered == 1);
    let order = PublishOrder {
        devices: 0..1,
        messages: 1,
        bytes: 64,
        over: AT_ONCE,
    };
    fleet.publish(&order).unwrap();
    until(&fleet, |counts| counts.published == 1);

    let observed: Vec<String> = fleet.take_observations().iter().map(in_short).collect();
    assert_eq!(
        observed,
        [
            "0 tried 0",
            "0 connected",
            "0 subscribed /t/all Fresh",
            "0 got /t/all 41@t.0.3 a",
            "0 sent /t/device-0",
            "acknowledged at 2:77"
        ]
    );
    let publish = &gateway.requests()[1];
    assert_eq!(publish["subject"], "/t/device-0");
    assert_eq!(publish["data"].as_str().map(str::len), Some(64));
    assert_eq!(fleet.latencies().unwrap().acknowledgements.len(), 1);
}

#[test]
fn a_device_that_comes_back_goes_on_where_it_was() {
    let gateway = TestGateway::start("127.0.0.1", false, |number, request| match number {
        0 => Reply::SayAndCut(vec![subscribed(request, "none"), message(41, None, "a")]),
        _ => Reply::Say(vec![
            subscribed(request, "synced"),
            message(41, None, "a"),
            message(43, Some(41), "b"),
        ]),
    });
    let mut fleet = started(&FleetSetup {
        reconnect: true,
        ..setup(&gateway)
    });

    fleet.connect(0..1, AT_ONCE).unwrap();
    fleet.subscribe(0..1, Subjects::Shared, AT_ONCE).unwrap();
    until(&fleet, |counts| counts.delivered == 2);

    assert_eq!(
        gateway.requests()[1]["from"],
        json!([{"epoch":"t.0.3","seq":41}])
    );
    let counts = fleet.counts();
    assert_eq!(
        (counts.connected, counts.lost, counts.subscribed),
        (1, 1, 1)
    );
    let observed: Vec<String> = fleet.take_observations().iter().map(in_short).collect();
    assert_eq!(
        observed,
        [
            "0 tried 0",
            "0 connected",
            "0 subscribed /t/all Fresh",
            "0 got /t/all 41@t.0.3 a",
            "0 lost",
            "0 tried 0",
            "0 connected",
            "0 subscribed /t/all Synced",
            "0 got /t/all 43@t.0.3 b"
        ]
    );
}

#[test]
fn a_device_that_is_not_to_come_back_stays_away() {
    let gateway = TestGateway::start("127.0.0.1", false, |_, _| Reply::SayAndCut(Vec::new()));
    let mut fleet = started(&setup(&gateway));

    fleet.connect(0..1, AT_ONCE).unwrap();
    fleet.subscribe(0..1, Subjects::Own, AT_ONCE).unwrap();
    until(&fleet, |counts| counts.lost == 1);

    // A session that meant to come back would do so within its spread of two seconds.
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!((fleet.counts().connected, gateway.clients().len()), (0, 1));
}

#[test]
fn a_refused_connection_is_counted_with_its_reason() {
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let gateway = TestGateway::start("127.0.0.1", false, silent);
    let mut fleet = started(&FleetSetup {
        targets: vec![nobody],
        ..setup(&gateway)
    });

    fleet.connect(0..1, AT_ONCE).unwrap();
    until(&fleet, |counts| counts.failed == 1);

    assert_eq!(
        fleet.counts().first_failure.as_deref(),
        Some("device 0 did not connect: Connect(ConnectionRefused)")
    );
}

#[test]
fn a_device_that_stops_to_read_gets_its_messages_when_it_reads_again() {
    let gateway = TestGateway::start("127.0.0.1", false, |_, request| {
        Reply::Say(match request["op"].as_str() {
            Some("subscribe") => vec![subscribed(request, "none")],
            _ => vec![message(41, None, "a")],
        })
    });
    let mut fleet = started(&setup(&gateway));
    fleet.connect(0..1, AT_ONCE).unwrap();
    fleet.subscribe(0..1, Subjects::Shared, AT_ONCE).unwrap();
    until(&fleet, |counts| counts.subscribed == 1);

    fleet.set_reading(0..1, false).unwrap();
    until(&fleet, |counts| counts.stalled == 1);
    let order = PublishOrder {
        devices: 0..1,
        messages: 1,
        bytes: 64,
        over: AT_ONCE,
    };
    fleet.publish(&order).unwrap();
    until(&fleet, |_| gateway.requests().len() == 2);
    assert_eq!(fleet.counts().delivered, 0);
    fleet.set_reading(0..1, true).unwrap();

    until(&fleet, |counts| {
        counts.delivered == 1 && counts.stalled == 0
    });
}

#[test]
fn devices_that_leave_are_not_lost() {
    let gateway = TestGateway::start("127.0.0.1", false, silent);
    let mut fleet = started(&FleetSetup {
        devices: 5,
        reconnect: true,
        ..setup(&gateway)
    });
    fleet.connect(0..5, AT_ONCE).unwrap();
    until(&fleet, |counts| counts.connected == 5);

    fleet.disconnect(0..3, AT_ONCE).unwrap();
    until(&fleet, |counts| counts.connected == 2);

    let counts = fleet.counts();
    assert_eq!((counts.lost, counts.failed), (0, 0));
    let left: Vec<u32> = fleet
        .addresses()
        .iter()
        .map(|address| address.device)
        .collect();
    assert_eq!(left, [3, 4]);
}

fn setup(gateway: &TestGateway) -> FleetSetup {
    FleetSetup {
        devices: 1,
        targets: vec![gateway.address],
        from: vec![],
        weights: vec![1],
        names: None,
        ports: PortModel::LinuxConnect,
        family: Family::Ipv4,
        preface: SendProxy::Off,
        certificate: None,
        reconnect: false,
        keepalive: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(20),
        topic: "t".to_owned(),
        // Tests run side by side and must not fight over one source.
        seed: u64::from(gateway.address.port()),
    }
}

fn started(setup: &FleetSetup) -> Loopback {
    let mut fleet = Loopback::new();
    fleet.start(setup).unwrap();
    fleet
}

fn until(fleet: &Loopback, holds: impl Fn(&FleetCounts) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds(&fleet.counts()) {
        assert!(Instant::now() < deadline, "{:?}", fleet.counts());
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn silent(_: usize, _: &Value) -> Reply {
    Reply::Say(Vec::new())
}

fn subscribed(request: &Value, recovery: &str) -> String {
    json!({"op":"subscribed","id":request["id"],"subject":request["subject"],"recovery":recovery})
        .to_string()
}

fn message(seq: i64, prev: Option<i64>, data: &str) -> String {
    json!({"op":"message","subject":"/t/all","epoch":"t.0.3","seq":seq,"prev":prev,"kind":"update","data":data}).to_string()
}

fn in_short(observation: &Observation) -> String {
    match observation {
        Observation::Tried { device, target, .. } => format!("{device} tried {target}"),
        Observation::Failed { device, .. } => format!("{device} failed"),
        Observation::Connected { device, .. } => format!("{device} connected"),
        Observation::Subscribed {
            device,
            subject,
            answer,
            ..
        } => {
            let answer: Answer = answer.answer;
            format!("{device} subscribed {subject} {answer:?}")
        }
        Observation::Delivered(delivery) => {
            let data = String::from_utf8_lossy(delivery.data.as_deref().unwrap_or_default());
            format!(
                "{} got {} {}@{} {data}",
                delivery.device, delivery.subject, delivery.seq, delivery.epoch
            )
        }
        Observation::Sent {
            device, subject, ..
        } => format!("{device} sent {subject}"),
        Observation::Published {
            partition, offset, ..
        } => format!("acknowledged at {partition}:{offset}"),
        Observation::PublishedUnasked {
            device,
            partition,
            offset,
        } => format!("{device} was told of {partition}:{offset} unasked"),
        Observation::Refused { publish_id, code } => format!("{publish_id} refused: {code}"),
        Observation::Lost { device, .. } => format!("{device} lost"),
        Observation::Gap { device, before, .. } => format!("{device} gap before {before}"),
        Observation::Dropped { device, count, .. } => format!("{device} dropped {count}"),
    }
}
