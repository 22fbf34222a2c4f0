//! Bounds against figures that keep or break them.

use super::*;
use crate::evidence::FailedMember;
use crate::scenario::expect::balancing::BalancingBounds;
use crate::stage::Balancing as Way;
use crate::units::Span;

#[test]
fn bounds_of_the_cells_own_way_and_of_every_way_are_judged() {
    let bounds = BalancingBounds {
        every: Some(Bounds {
            wasted_max: Some(3),
            ..Bounds::default()
        }),
        api: Some(Bounds {
            known_dead_max: Some(0),
            ..Bounds::default()
        }),
        dns: Some(Bounds {
            wasted_max: Some(0),
            ..Bounds::default()
        }),
        ..BalancingBounds::default()
    };

    let answers = judged(bounds, seen(Way::Api, figures()));

    assert_eq!(
        in_short(&answers),
        [("wasted", Some(true)), ("known-dead", Some(false))]
    );
}

#[test]
fn each_bound_holds_or_breaks() {
    let cases: [(Bounds, &str, Option<bool>); 14] = [
        (
            Bounds {
                fair_newcomers: Some(true),
                ..none()
            },
            "fair-newcomers",
            Some(true),
        ),
        (
            Bounds {
                fair_newcomers: Some(false),
                ..none()
            },
            "fair-newcomers",
            Some(false),
        ),
        (
            Bounds {
                fair_at_rest: Some(true),
                ..none()
            },
            "fair-at-rest",
            Some(true),
        ),
        (
            Bounds {
                imbalance_max: Some(1.2),
                ..none()
            },
            "imbalance",
            Some(false),
        ),
        (
            Bounds {
                imbalance_min: Some(1.2),
                ..none()
            },
            "imbalance",
            Some(true),
        ),
        (
            Bounds {
                balanced_within: ms(500),
                ..none()
            },
            "balanced-within",
            Some(false),
        ),
        (
            Bounds {
                retried_within: ms(100),
                ..none()
            },
            "retried-within",
            Some(true),
        ),
        (
            Bounds {
                retried_within: ms(79),
                ..none()
            },
            "retried-within",
            Some(false),
        ),
        (
            Bounds {
                stragglers_within: ms(50),
                ..none()
            },
            "stragglers-within",
            Some(false),
        ),
        (
            Bounds {
                wasted_min: Some(3),
                ..none()
            },
            "wasted",
            Some(false),
        ),
        (
            Bounds {
                wasted_by_one_device_max: Some(1),
                ..none()
            },
            "wasted-by-one-device",
            Some(false),
        ),
        (
            Bounds {
                handshakes_per_second_max: Some(40),
                ..none()
            },
            "handshakes-per-second",
            Some(true),
        ),
        (
            Bounds {
                handshakes_per_second_max: Some(39),
                ..none()
            },
            "handshakes-per-second",
            Some(false),
        ),
        // No monitor failed anybody: the plot cannot tell.
        (
            Bounds {
                new_at_failed_members_max: Some(0),
                ..none()
            },
            "new-at-failed-members",
            None,
        ),
    ];
    for (bounds, name, held) in cases {
        let shown = format!("{bounds:?}");
        let bounds = BalancingBounds {
            every: Some(bounds),
            ..BalancingBounds::default()
        };

        let answers = judged(bounds, seen(Way::Api, figures()));

        assert_eq!(in_short(&answers), [(name, held)], "{shown}");
    }
}

#[test]
fn an_unfair_share_names_the_gateway() {
    let bounds = BalancingBounds {
        every: Some(Bounds {
            fair_at_rest: Some(true),
            ..none()
        }),
        ..BalancingBounds::default()
    };
    let mut figures = figures();
    figures.at_rest = shares(&[150, 150, 0]);

    let answers = judged(bounds, seen(Way::Adc, figures));

    assert_eq!(in_short(&answers), [("fair-at-rest", Some(false))]);
    assert_eq!(
        answers[0].cause.as_deref(),
        Some("gateway 0 has 150 connections, dice would give it about 100")
    );
}

#[test]
fn connections_to_members_that_are_down_are_counted() {
    let bounds = BalancingBounds {
        adc: Some(Bounds {
            new_at_failed_members_max: Some(0),
            ..none()
        }),
        ..BalancingBounds::default()
    };
    let mut evidence = seen(Way::Adc, figures());
    evidence.failed_members = vec![FailedMember {
        gateway: 1,
        before: 9,
        new: 2,
    }];

    let answers = judged(bounds, evidence);

    assert_eq!(in_short(&answers), [("new-at-failed-members", Some(false))]);
}

#[test]
fn without_a_change_nothing_is_known_of_one() {
    let bounds = BalancingBounds {
        every: Some(Bounds {
            wasted_max: Some(0),
            balanced_within: ms(10),
            ..none()
        }),
        ..BalancingBounds::default()
    };
    let figures = Balancing {
        change: None,
        ..figures()
    };

    let answers = judged(bounds, seen(Way::Api, figures));

    assert!(
        answers.iter().all(|answer| answer.held.is_none()),
        "{answers:?}"
    );
}

fn judged(bounds: BalancingBounds, seen: Evidence) -> Vec<Expectation> {
    let expect = Expect {
        balancing: Some(bounds),
        ..Expect::default()
    };
    judge(&expect, &seen)
}

fn in_short(answers: &[Expectation]) -> Vec<(&str, Option<bool>)> {
    answers
        .iter()
        .map(|answer| (answer.name.as_str(), answer.held))
        .collect()
}

fn none() -> Bounds {
    Bounds::default()
}

#[expect(clippy::unnecessary_wraps, reason = "bounds are optional")]
fn ms(ms: u64) -> Option<Span> {
    Some(Span(Duration::from_millis(ms)))
}

fn seen(way: Way, figures: Balancing) -> Evidence {
    Evidence {
        balancing_way: Some(way),
        balancing: Some(figures),
        ..Evidence::default()
    }
}

fn shares(connections: &[u64]) -> Shares {
    let weights = vec![1; connections.len()];
    Shares {
        imbalance: lab_record::statistics::shares::imbalance(connections, &weights),
        connections: connections.to_vec(),
        weights,
    }
}

fn figures() -> Balancing {
    Balancing {
        way: "api".to_owned(),
        at_rest: shares(&[100, 105, 95]),
        after: shares(&[150, 150, 0]),
        change: Some(Change {
            cut: 100,
            retried: Station::of("retried", [vec![2.0; 99], vec![80.0]].concat()),
            away: Station::of("away", [vec![10.0; 99], vec![90.0]].concat()),
            handshakes_per_second_peak: 40,
            wasted: 2,
            wasted_by_one_device: 2,
            known_dead: Some(1),
            newcomers: shares(&[40, 45, 35]),
            balanced_after_ms: Some(700.0),
            ..Change::default()
        }),
    }
}
