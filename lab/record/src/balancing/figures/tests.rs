//! Small histories whose figures can be counted by hand.

use super::*;
use crate::balancing::Away;
use What::{Connected, Failed, Lost, Tried, TurnedAway};

fn note(at_ms: f64, device: u32, what: What) -> Note {
    Note {
        at_ms,
        device,
        what,
    }
}

fn look(at_ms: u32, connections: &[u64], weights: &[u32]) -> Look {
    Look {
        at_ms: at_ms.into(),
        connections: connections.to_vec(),
        weights: weights.to_vec(),
    }
}

/// Two devices on each of three gateways; gateway 0 dies after a second. Device 0 comes back at once, device 1 tries the dead one first.
fn killed() -> Log {
    let mut notes = vec![];
    for device in 0..6 {
        notes.push(note(10.0, device, Tried(Some(device / 2))));
        notes.push(note(11.0, device, Connected));
    }
    notes.extend([
        note(1_002.0, 0, Lost),
        note(1_002.0, 1, Lost),
        note(1_003.0, 0, Tried(Some(1))),
        note(1_004.0, 1, Tried(Some(0))),
        note(1_005.0, 1, Failed),
        note(1_006.0, 0, Connected),
        note(2_105.0, 1, Tried(Some(2))),
        note(2_110.0, 1, Connected),
    ]);
    Log {
        way: "dns".to_owned(),
        notes,
        looks: vec![
            look(900, &[2, 2, 2], &[1, 1, 1]),
            look(1_100, &[0, 3, 2], &[1, 1, 1]),
            look(2_200, &[0, 3, 3], &[1, 1, 1]),
        ],
        away: vec![Away {
            gateway: 0,
            from_ms: 1_000.0,
            until_ms: None,
        }],
        changes_ms: vec![1_000.0],
    }
}

#[test]
fn a_killed_gateway_in_figures() {
    let figures = Balancing::of(&killed());

    assert_eq!(figures.at_rest.imbalance, Some(1.0));
    assert_eq!(figures.after.imbalance, Some(1.0));
    let change = figures.change.unwrap();
    assert_eq!(change.cut, 2);
    assert_eq!((change.retried.devices, change.retried.max_ms), (2, 2.0));
    assert_eq!(
        (change.reconnected.p50_ms, change.reconnected.max_ms),
        (6.0, 1_110.0)
    );
    assert_eq!(change.away.max_ms, 1_108.0);
    assert_eq!((change.attempts, change.handshakes_per_second_peak), (3, 1));
    assert_eq!((change.wasted, change.wasted_by_one_device), (1, 1));
    assert_eq!(change.known_dead, Some(1));
    assert_eq!(change.balanced_after_ms, Some(100.0));
}

#[test]
fn newcomers_are_what_came_since_the_last_change() {
    let log = Log {
        looks: vec![
            look(900, &[20, 10], &[2, 1]),
            look(1_900, &[22, 12], &[2, 1]),
            look(2_900, &[32, 42], &[1, 3]),
        ],
        changes_ms: vec![1_000.0, 2_000.0],
        ..Log::default()
    };

    let newcomers = Balancing::of(&log).change.unwrap().newcomers;

    assert_eq!(newcomers.connections, [10, 30]);
    assert_eq!(newcomers.weights, [1, 3]);
    assert_eq!(newcomers.imbalance, Some(1.0));
}

#[test]
fn balance_is_waited_for_from_the_fault_and_not_from_what_helped() {
    let mut log = killed();
    log.looks = vec![
        look(900, &[100, 100, 100], &[1, 1, 1]),
        look(1_100, &[0, 200, 100], &[1, 1, 1]),
        // Somebody takes the dead one out, and devices find their way.
        look(3_000, &[0, 200, 100], &[0, 1, 1]),
        look(3_100, &[0, 150, 150], &[0, 1, 1]),
    ];
    log.changes_ms = vec![1_000.0, 3_000.0];

    let change = Balancing::of(&log).change.unwrap();

    assert_eq!(change.balanced_after_ms, Some(2_100.0));
}

#[test]
fn where_devices_left_nobody_knows_who_came() {
    assert_eq!(
        Balancing::of(&killed()).change.unwrap().newcomers,
        Shares::default()
    );
}

#[test]
fn nothing_changed_has_no_change() {
    let log = Log {
        changes_ms: vec![],
        ..killed()
    };

    let figures = Balancing::of(&log);

    assert_eq!(figures.change, None);
    assert_eq!(figures.at_rest, figures.after);
}

#[test]
fn once_every_gateway_has_failed_each_may_be_tried_again() {
    let notes = vec![
        note(1.0, 7, Tried(Some(0))),
        note(2.0, 7, Failed),
        note(3.0, 7, Tried(Some(1))),
        note(4.0, 7, Failed),
        note(5.0, 7, Tried(Some(0))),
    ];
    let log = Log {
        notes,
        looks: vec![look(0, &[0, 0], &[1, 1])],
        changes_ms: vec![0.0],
        ..Log::default()
    };

    assert_eq!(Balancing::of(&log).change.unwrap().known_dead, Some(0));
}

#[test]
fn who_turns_a_device_away_is_not_dead() {
    let notes = vec![
        note(1.0, 7, Tried(Some(0))),
        note(2.0, 7, TurnedAway),
        note(3.0, 7, Tried(Some(0))),
        note(4.0, 7, Connected),
        note(5.0, 8, Tried(None)),
        note(6.0, 8, TurnedAway),
    ];
    let log = Log {
        notes,
        looks: vec![look(0, &[0, 0], &[1, 1])],
        changes_ms: vec![0.0],
        ..Log::default()
    };

    let change = Balancing::of(&log).change.unwrap();

    assert_eq!((change.turned_away, change.wasted), (2, 0));
    assert_eq!(change.known_dead, Some(0));
}

#[test]
fn through_a_load_balancer_what_fails_is_wasted_and_nothing_is_known() {
    let log = Log {
        notes: vec![
            note(1.0, 1, Tried(None)),
            note(2.0, 1, Failed),
            note(3.0, 1, Tried(None)),
            note(4.0, 1, Connected),
        ],
        changes_ms: vec![0.0],
        ..Log::default()
    };

    let change = Balancing::of(&log).change.unwrap();

    assert_eq!((change.wasted, change.known_dead), (1, None));
}

#[test]
fn a_storm_is_counted_in_its_worst_second() {
    let connected = |at_ms| note(at_ms, 0, Connected);
    let times = [0.0, 400.0, 800.0, 1_399.0, 1_500.0, 5_000.0];
    let log = Log {
        notes: times.map(connected).to_vec(),
        changes_ms: vec![0.0],
        ..Log::default()
    };

    // 800, 1399 and 1500; and 400 with 800 and 1399.
    assert_eq!(
        Balancing::of(&log)
            .change
            .unwrap()
            .handshakes_per_second_peak,
        3
    );
}

#[test]
fn balance_that_does_not_last_does_not_count() {
    let thirds = [1, 1, 1];
    let log = |last: &[u64]| Log {
        looks: vec![
            look(0, &[150, 150, 0], &thirds),
            look(100, &[100, 100, 100], &thirds),
            look(200, &[150, 150, 0], &thirds),
            look(300, &[110, 100, 90], &thirds),
            look(400, last, &thirds),
        ],
        ..Log::default()
    };

    assert_eq!(balanced_after(&log(&[100, 100, 100]), 50.0), Some(250.0));
    assert_eq!(balanced_after(&log(&[150, 150, 0]), 50.0), None);
}
