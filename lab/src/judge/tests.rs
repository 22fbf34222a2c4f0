//! What is concluded from what was seen.

use super::*;
use crate::evidence::Exit;
use crate::gateway::admin::{ConnectionEntry, WorkgroupCount};
use crate::gateway::metrics::Metrics;
use crate::knock::Answer;
use crate::provider::{DeviceAddress, FleetCounts};
use std::time::Duration;

#[test]
fn dice_hold_and_say_their_numbers() {
    let answer = one(
        "spread",
        &Expect {
            spread: Some(Spread::Even),
            ..Expect::default()
        },
        &seen(&[510, 495, 490, 505]),
    );

    assert_eq!(answer.held, Some(true));
    assert_eq!(answer.wanted, "even over 4 workgroups");
    assert!(
        answer
            .measured
            .starts_with("gateway 0: 2000 connections, max/mean 1.020, w 0.016, p 9"),
        "{}",
        answer.measured
    );
    assert_eq!(answer.cause, None);
}

#[test]
fn idle_workgroups_are_a_failure_with_the_ports_as_its_cause() {
    let answer = one(
        "spread",
        &Expect {
            spread: Some(Spread::Even),
            ..Expect::default()
        },
        &seen(&[1010, 0, 990, 0]),
    );

    assert_eq!(answer.held, Some(false));
    assert!(
        answer
            .measured
            .starts_with("2 of 4 groups idle with 2000 connections"),
        "{}",
        answer.measured
    );
    assert!(
        answer
            .cause
            .as_ref()
            .is_some_and(|cause| cause.contains("even")),
        "{:?}",
        answer.cause
    );
}

#[test]
fn too_few_devices_decide_nothing() {
    let expect = Expect {
        spread: Some(Spread::Even),
        ..Expect::default()
    };

    assert_eq!(one("spread", &expect, &seen(&[5, 5, 5, 5])).held, None);
}

#[test]
fn one_workgroup_means_exactly_one() {
    let expect = Expect {
        spread: Some(Spread::OneWorkgroup),
        ..Expect::default()
    };

    let answer = one("spread", &expect, &seen(&[0, 2000, 0, 0]));
    assert_eq!(
        (answer.held, answer.measured.as_str()),
        (
            Some(true),
            "gateway 0: 2000 connections in 1 of 4 workgroups"
        )
    );
    assert_eq!(
        one("spread", &expect, &seen(&[1, 1999, 0, 0])).held,
        Some(false)
    );
}

#[test]
fn a_gateway_that_miscounts_is_caught_by_the_kernel() {
    let mut seen = seen(&[10, 10]);
    seen.sightings[0].kernel_peers.remove(&address(1_024));

    let answer = one("kernel-agrees", &Expect::default(), &seen);

    assert_eq!(answer.held, Some(false));
    assert_eq!(
        answer.measured,
        "gateway 0 lists 20 connections and counts 20 in its workgroups, the kernel has 19"
    );
}

#[test]
fn clients_must_be_the_devices_one_for_one() {
    let expect = Expect {
        client_addresses: Some(Whose::Devices),
        ..Expect::default()
    };
    let mut seen = seen(&[2, 1]);

    assert_eq!(one("client-addresses", &expect, &seen).held, Some(true));

    seen.sightings[0].connections[0].client = address(9_999);
    let answer = one("client-addresses", &expect, &seen);
    assert_eq!(answer.held, Some(false));
    assert_eq!(
        answer.cause.as_deref(),
        Some("for instance 127.0.1.1:9999, which is none of them")
    );
}

#[test]
fn refusals_are_exact_and_probes_at_least() {
    let mut seen = seen(&[0]);
    seen.metrics = vec![Metrics::parse(
        "tidegate_refused_total{reason=\"untrusted\"} 20\ntidegate_probes_total{kind=\"local\"} 5\n",
    )];
    let of = |reason: &str, count| BTreeMap::from([(reason.to_owned(), count)]);
    let held = |expect: Expect, name| one(name, &expect, &seen).held;

    assert_eq!(
        held(
            Expect {
                refused: Some(of("untrusted", 20)),
                ..Expect::default()
            },
            "refused"
        ),
        Some(true)
    );
    assert_eq!(
        held(
            Expect {
                refused: Some(of("untrusted", 19)),
                ..Expect::default()
            },
            "refused"
        ),
        Some(false)
    );
    assert_eq!(
        held(
            Expect {
                probes: Some(of("local", 3)),
                ..Expect::default()
            },
            "probes"
        ),
        Some(true)
    );
    assert_eq!(
        held(
            Expect {
                probes: Some(of("local", 6)),
                ..Expect::default()
            },
            "probes"
        ),
        Some(false)
    );
    assert_eq!(
        held(
            Expect {
                probes: Some(of("unknown", 0)),
                ..Expect::default()
            },
            "probes"
        ),
        Some(false)
    );
}

#[test]
fn an_answered_knock_is_quoted() {
    let mut seen = seen(&[0]);
    let silent = Answer {
        bytes: vec![],
        closed: true,
        took: Duration::from_millis(3),
    };
    let chatty = Answer {
        bytes: b"HTTP/1.1 400 Bad".to_vec(),
        ..silent.clone()
    };
    let expect = Expect {
        knocks: Some(KnockAnswer::ClosedSilently),
        ..Expect::default()
    };

    seen.knocks = vec![silent.clone(), silent.clone()];
    assert_eq!(one("knocks", &expect, &seen).held, Some(true));

    seen.knocks.push(chatty);
    let answer = one("knocks", &expect, &seen);
    assert_eq!(answer.held, Some(false));
    assert_eq!(
        answer.cause.as_deref(),
        Some("one got \"HTTP/1.1 400 Bad\" then closed after 3 ms")
    );
}

#[test]
fn a_gateway_that_ends_on_its_own_fails_every_scenario() {
    let mut seen = seen(&[10, 10]);
    seen.exits = vec![Exit {
        gateway: 0,
        status: "signal: 11".to_owned(),
        last_words: vec!["oh".to_owned()],
    }];

    let answer = one("gateways-alive", &Expect::default(), &seen);

    assert_eq!(answer.held, Some(false));
    assert_eq!(
        (answer.measured.as_str(), answer.cause.as_deref()),
        ("gateway 0 ended: signal: 11", Some("its last words: oh"))
    );
}

/// The one answer with this name.
fn one(name: &str, expect: &Expect, seen: &Evidence) -> Expectation {
    let mut answers: Vec<_> = judge(expect, seen)
        .into_iter()
        .filter(|answer| answer.name == name)
        .collect();
    assert_eq!(answers.len(), 1, "{name}");
    answers.remove(0)
}

/// One gateway with so many connections per workgroup, from even ports.
fn seen(counts: &[u64]) -> Evidence {
    let total: u64 = counts.iter().sum();
    let ports = (0..total).map(|number| address(1_024 + 2 * u16::try_from(number).unwrap()));
    let mut groups = counts
        .iter()
        .zip(0..)
        .flat_map(|(count, group)| (0..*count).map(move |_| group));
    let connections: Vec<_> = ports
        .clone()
        .map(|client| ConnectionEntry {
            peer: client,
            client,
            workgroup: groups.next().unwrap(),
        })
        .collect();
    Evidence {
        counts: FleetCounts {
            connects_ordered: total,
            connected: total,
            ..FleetCounts::default()
        },
        devices: ports
            .clone()
            .zip(0..)
            .map(|(client, device)| DeviceAddress {
                device,
                client,
                socket: client,
            })
            .collect(),
        sightings: vec![Sighting {
            gateway: 0,
            workgroups: counts
                .iter()
                .zip(0..)
                .map(|(connections, workgroup)| WorkgroupCount {
                    workgroup,
                    connections: *connections,
                })
                .collect(),
            connections,
            kernel_peers: ports.collect(),
        }],
        ..Evidence::default()
    }
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 1, 1], port))
}
