//! A cell in which every rule is broken: each answer must say since when and why.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use hdrhistogram::Histogram;
use lab_record::balancing::{Balancing, Change, Shares};
use lab_record::ledger::{Account, Finding, Flaw};
use lab_record::recovery::{Delay, Fault, Memory, Recovery, Station, Survivors};

use super::*;
use crate::evidence::{Exit, FailedMember, Moments, Window};
use crate::gateway::admin::{ConnectionEntry, WorkgroupCount};
use crate::gateway::metrics::Metrics;
use crate::knock::Answer;
use crate::provider::{DeviceAddress, FleetCounts, Latencies, MemberCount};
use crate::run::Dropped;
use crate::stage::Balancing as Way;

/// Every bound there is, none of which the catastrophe keeps.
const BOUNDS: &str = r#"
spread = "even"
client-addresses = "devices"
on-gateways = [1, 1]
lost-max = 0
doubled-max = 0
swapped-max = 0
misplaced-publishes-max = 0
repeated-publishes-min = 3
publishes-refused = { not-allowed = 1 }
delivered-within = "10ms"
published-within = "10ms"
refused = { header-missing = 9 }
probes = { tcp = 9 }
knocks = "closed-silently"
adc-log = { "01010201" = 1 }
members-up = 2
unsignalled-gaps-max = 0
reconnected-within = "100ms"
caught-up-within = "100ms"
survivors-slower-max = 1.5
resets-max = 0
drained-within = "1s"
recovery = "synced"
resynced = { diverged = 9 }
listen-overflows-max = 0
memory-grows-max = 1.1
fetches-max = 0

[balancing.every]
fair-at-rest = true
fair-newcomers = true
imbalance-max = 1.1
balanced-within = "10ms"
retried-within = "10ms"
stragglers-within = "10ms"
wasted-max = 0
wasted-by-one-device-max = 0
known-dead-max = 0
handshakes-per-second-max = 1
new-at-failed-members-max = 0
"#;

#[test]
fn every_broken_rule_says_since_when_and_why() {
    let expect: Expect = toml::from_str(BOUNDS).unwrap();

    let mut answers = judge(&expect, &catastrophe());
    // Without a word on publishes, each must be acknowledged.
    let silent = Expect {
        publishes_refused: None,
        ..expect.clone()
    };
    answers.extend(judge(&silent, &catastrophe()));

    let mute: Vec<&str> = answers
        .iter()
        .filter(|answer| answer.held == Some(false))
        .filter(|answer| answer.cause.is_none() || answer.first_broke_ms.is_none())
        .map(|answer| answer.name.as_str())
        .collect();
    assert_eq!(mute, Vec::<&str>::new());
    let broken: BTreeSet<&str> = answers
        .iter()
        .filter(|answer| answer.held == Some(false))
        .map(|answer| answer.name.as_str())
        .collect();
    let always: [&str; 9] = [
        "answered-once",
        "gateways-alive",
        "connected",
        "kernel-agrees",
        "subscribed",
        "messages-true",
        "published",
        "refused-means-refused",
        "publishes-refused",
    ];
    let missing: Vec<String> = bounds()
        .into_iter()
        .chain(always.map(str::to_owned))
        .filter(|name| !broken.contains(name.as_str()))
        .collect();
    assert_eq!(missing, Vec::<String>::new(), "rules that were not tried");
}

#[test]
fn what_is_estimated_has_an_interval_and_what_is_counted_has_none() {
    let expect: Expect = toml::from_str(BOUNDS).unwrap();

    let answers = judge(&expect, &catastrophe());

    let estimated: BTreeSet<&str> = answers
        .iter()
        .filter(|answer| answer.interval.is_some())
        .map(|answer| answer.name.as_str())
        .collect();
    let wanted = BTreeSet::from([
        "caught-up-within",
        "delivered-within",
        "doubled-max",
        "fair-at-rest",
        "fair-newcomers",
        "imbalance",
        "lost-max",
        "memory-grows-max",
        "messages-true",
        "misplaced-publishes-max",
        "published-within",
        "reconnected-within",
        "resets-max",
        "retried-within",
        "spread",
        "survivors-slower-max",
        "swapped-max",
        "unsignalled-gaps-max",
    ]);
    assert_eq!(estimated, wanted);
}

#[test]
fn a_fleet_that_should_be_kept_out_and_one_that_should_share_a_workgroup_have_causes_too() {
    let expect: Expect =
        toml::from_str("connected = \"none\"\nspread = \"one-workgroup\"").unwrap();
    let mut seen = catastrophe();
    seen.sightings[0].workgroups = workgroups(&[15, 15]);

    let answers = judge(&expect, &seen);

    for name in ["connected", "spread"] {
        let answer = answers.iter().find(|answer| answer.name == name).unwrap();
        assert_eq!(answer.held, Some(false), "{name}");
        assert!(answer.cause.is_some() && answer.first_broke_ms.is_some());
    }
}

#[test]
fn what_was_seen_on_the_way_is_dated_then_and_the_rest_at_the_end() {
    let expect: Expect = toml::from_str(BOUNDS).unwrap();

    let answers = judge(&expect, &catastrophe());

    let at = |name: &str| {
        let answer = answers.iter().find(|answer| answer.name == name);
        answer.and_then(|answer| answer.first_broke_ms)
    };
    assert_eq!(at("unsignalled-gaps-max"), Some(3_100));
    assert_eq!(at("recovery"), Some(3_300));
    assert_eq!(
        at("reconnected-within"),
        Some(3_100),
        "a fault at 3 s and a bound of 0.1 s"
    );
    assert_eq!(at("resets-max"), Some(6_000), "the drain");
    assert_eq!(at("drained-within"), Some(7_000));
    assert_eq!(at("delivered-within"), Some(2_000), "the first late window");
    assert_eq!(
        at("survivors-slower-max"),
        Some(4_000),
        "the first window that slow since the fault"
    );
    assert_eq!(at("balanced-within"), Some(3_010));
    assert_eq!(at("members-up"), Some(9_000), "the end");
}

/// The names of all bounds, as their answers have them.
fn bounds() -> Vec<String> {
    let table: toml::Table = BOUNDS.parse().unwrap();
    let mut names: Vec<String> = table
        .keys()
        .filter(|name| *name != "balancing" && *name != "publishes-refused")
        .cloned()
        .collect();
    let every = table["balancing"]["every"].as_table().unwrap();
    names.extend(
        every
            .keys()
            .map(|name| name.trim_end_matches("-max").to_owned()),
    );
    names
}

fn catastrophe() -> Evidence {
    let mut seen = Evidence {
        counts: FleetCounts {
            connects_ordered: 40,
            failed: 2,
            lost: 20,
            subscribes_ordered: 40,
            subscribed: 30,
            delivered: 1_000,
            publishes_ordered: 10,
            published: 5,
            publish_errors: 1,
            ..FleetCounts::default()
        },
        sightings: vec![sighting()],
        devices: vec![DeviceAddress {
            device: 0,
            client: address(9_999),
            socket: address(9_999),
        }],
        metrics: vec![Metrics::parse(
            "tidegate_refused_total{reason=\"other\"} 3\ntidegate_probes_total{kind=\"tcp\"} 1\n",
        )],
        members: [true, false]
            .map(|up| MemberCount {
                address: address(1),
                up,
                current: 0,
                total: 0,
            })
            .to_vec(),
        knocks: vec![Answer {
            bytes: b"HTTP/1.1 400".to_vec(),
            closed: true,
            took: Duration::from_millis(3),
        }],
        exits: vec![Exit {
            gateway: 1,
            status: "signal 11".to_owned(),
            last_words: vec![],
        }],
        account: Some(account()),
        latencies: Some(Latencies {
            deliveries: times(50_000),
            acknowledgements: times(50_000),
            lags: times(10),
        }),
        comes_back: true,
        connected_at_end: 10,
        recovery: Some(recovery()),
        dropped: Some(Dropped {
            count: 3,
            listeners: vec![],
        }),
        passed_over: vec![(0, 9), (1, 2)],
        publishes_refused: BTreeMap::from([("record-too-large", 2)]),
        balancing_way: Some(Way::Api),
        balancing: Some(balancing()),
        failed_members: vec![FailedMember {
            gateway: 1,
            before: 3,
            new: 4,
        }],
        ..Evidence::default()
    };
    seen.moments = moments();
    seen
}

fn moments() -> Moments {
    let window = |at_ms, p99_us| Window {
        at_ms,
        p99_us: Some(p99_us),
        ..Window::default()
    };
    Moments {
        device_failed: Some(3_050),
        gateway_ended: Some(3_060),
        sighted: Some(1_000),
        knocked: Some(8_000),
        gap: Some(3_100),
        resumed: BTreeMap::from([("synced", 3_200), ("history-evicted", 3_300)]),
        refused: BTreeMap::from([("record-too-large", 2_000)]),
        ended: Some(9_000),
        windows: vec![
            window(1_000, 5_000),
            window(2_000, 30_000),
            window(4_000, 90_000),
        ],
    }
}

fn sighting() -> Sighting {
    Sighting {
        gateway: 0,
        workgroups: workgroups(&[1_000, 0, 1_000, 0]),
        connections: (0..1_999)
            .map(|number| ConnectionEntry {
                peer: address(2 * number + 2_000),
                client: address(2 * number + 2_000),
                workgroup: 0,
            })
            .collect(),
        kernel_peers: HashSet::new(),
    }
}

fn workgroups(connections: &[u64]) -> Vec<WorkgroupCount> {
    (0..)
        .zip(connections)
        .map(|(workgroup, connections)| WorkgroupCount {
            workgroup,
            connections: *connections,
        })
        .collect()
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn account() -> Account {
    let examples = Flaw::ALL.map(|flaw| Finding {
        flaw,
        device: 3,
        subject: "/t/k".to_owned(),
        partition: 0,
        seq: 17,
    });
    Account {
        records: 1_000,
        deliveries: 1_000,
        lost: 3,
        doubled: 3,
        swapped: 3,
        corrupted: 3,
        contradicted: 3,
        vanished: 3,
        acknowledged: 5,
        repeated: 9,
        reanswered: 3,
        examples: examples.to_vec(),
        ..Account::default()
    }
}

fn times(us: u64) -> Histogram<u64> {
    let mut times = Histogram::new_with_bounds(1, 3_600_000_000, 3).unwrap();
    (0..500).for_each(|_| times.record(us).unwrap());
    times
}

fn recovery() -> Recovery {
    let fault = |kind: &str, from_ms| Fault {
        kind: kind.to_owned(),
        target: "gateway 1".to_owned(),
        from_ms,
        took_ms: Some(9_000),
        touched: 20,
        resets: 7,
        stations: vec![
            Station::of("noticed", vec![10.0; 20]),
            Station::of("connected", vec![900.0; 20]),
            Station::of("caught-up", vec![950.0; 20]),
        ],
        survivors: Some(Survivors {
            devices: 20,
            before: Delay {
                messages: 500,
                p99_us: 30_000,
                ..Delay::default()
            },
            during: Delay {
                messages: 500,
                p99_us: if kind == "kill" { 90_000 } else { 40_000 },
                ..Delay::default()
            },
        }),
        memory: vec![Memory {
            gateway: 0,
            before_bytes: 100,
            peak_bytes: 300,
        }],
        ..Fault::default()
    };
    Recovery {
        faults: vec![fault("kill", 3_000), fault("drain", 6_000)],
        resumes: BTreeMap::from([("synced".to_owned(), 8), ("history-evicted".to_owned(), 2)]),
        unsignalled_gaps: 2,
        listen_overflows: Some(3),
        listeners: vec![],
        fetches: Some(4),
    }
}

fn balancing() -> Balancing {
    let unfair = Shares {
        connections: vec![900, 100],
        weights: vec![1, 1],
        imbalance: Some(1.8),
    };
    Balancing {
        way: "api".to_owned(),
        at_rest: unfair.clone(),
        after: unfair.clone(),
        change: Some(Change {
            at_ms: 3_000.0,
            cut: 100,
            retried: Station::of("retried", vec![200.0; 100]),
            away: Station::of("away", vec![200.0; 90]),
            handshakes_per_second_peak: 90,
            attempts: 200,
            wasted: 100,
            wasted_by_one_device: 5,
            known_dead: Some(3),
            newcomers: unfair,
            balanced_after_ms: None,
            ..Change::default()
        }),
    }
}
