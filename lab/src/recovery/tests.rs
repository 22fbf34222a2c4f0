//! What becomes of devices, told event by event.

use std::sync::Arc;
use std::time::Duration;

use lab_kafka::payload::now_us;

use super::*;

const MS: Duration = Duration::from_millis(1);

#[test]
fn a_touched_device_passes_its_stations_and_another_survives() {
    let zero = Instant::now();
    let mut told = Recoveries::new(zero, true);
    told.take(&[
        update(0, zero + 10 * MS, 2_000),
        update(1, zero + 10 * MS, 2_000),
    ]);

    told.begin("kill", "gateway 0".to_owned(), zero + 100 * MS);
    told.take(&[
        lost(0, true, zero + 101 * MS),
        connected(0, zero + 150 * MS),
        update(1, zero + 155 * MS, 4_000),
        subscribed(0, "synced", true, zero + 160 * MS),
        recovered(0, zero + 170 * MS),
        update(0, zero + 200 * MS, 1_000),
    ]);
    told.end_of(&["kill"], "gateway 0", zero + 120 * MS);

    let recovery = told.figures(2, true, zero + 300 * MS).unwrap();
    let fault = &recovery.faults[0];
    assert_eq!(
        (
            fault.kind.as_str(),
            fault.target.as_str(),
            fault.from_ms,
            fault.until_ms
        ),
        ("kill", "gateway 0", 100, Some(120))
    );
    assert_eq!((fault.touched, fault.resets), (1, 1));
    let stations: Vec<_> = fault
        .stations
        .iter()
        .map(|station| (station.name.as_str(), station.devices, station.max_ms))
        .collect();
    assert_eq!(
        stations,
        [
            ("noticed", 1, 1.0),
            ("connected", 1, 50.0),
            ("first-message", 1, 70.0),
            ("caught-up", 1, 70.0)
        ]
    );
    let survivors = fault.survivors.unwrap();
    assert_eq!(
        (
            survivors.devices,
            survivors.before.messages,
            survivors.during.messages
        ),
        (1, 1, 1)
    );
    assert!(
        survivors.during.p99_us >= survivors.before.p99_us,
        "{survivors:?}"
    );
    assert_eq!(recovery.resumes, BTreeMap::from([("synced".to_owned(), 1)]));
}

#[test]
fn a_device_that_never_comes_back_is_touched_and_reaches_no_station() {
    let zero = Instant::now();
    let mut told = Recoveries::new(zero, true);
    told.begin("kill", "gateway 0".to_owned(), zero);
    told.take(&[lost(3, false, zero + MS)]);

    let fault = told
        .figures(1, true, zero + 9 * MS)
        .unwrap()
        .faults
        .remove(0);

    let reached: Vec<u64> = fault
        .stations
        .iter()
        .map(|station| station.devices)
        .collect();
    assert_eq!((fault.touched, reached), (1, vec![1, 0, 0, 0]));
}

#[test]
fn who_is_cut_again_on_its_way_stays_with_the_first_fault() {
    let zero = Instant::now();
    let mut told = Recoveries::new(zero, true);
    told.begin("kill", "gateway 0".to_owned(), zero);
    told.take(&[lost(0, true, zero + MS), connected(0, zero + 2 * MS)]);
    told.begin("kill", "gateway 1".to_owned(), zero + 3 * MS);
    told.take(&[
        lost(0, true, zero + 4 * MS),
        connected(0, zero + 8 * MS),
        subscribed(0, "synced", true, zero + 9 * MS),
    ]);

    let faults = told.figures(1, true, zero + 20 * MS).unwrap().faults;

    let caught_up: Vec<_> = faults
        .iter()
        .map(|fault| {
            fault
                .station("caught-up")
                .map(|station| (station.devices, station.max_ms))
        })
        .collect();
    assert_eq!(caught_up, [Some((1, 9.0)), Some((0, 0.0))]);
}

#[test]
fn losses_before_any_fault_and_first_subscriptions_are_nobodys_recovery() {
    let zero = Instant::now();
    let mut told = Recoveries::new(zero, false);
    told.take(&[
        subscribed(0, "none", false, zero),
        lost(0, true, zero + MS),
        connected(0, zero + 2 * MS),
    ]);

    assert_eq!(told.figures(1, true, zero + 3 * MS), None);
}

fn lost(device: u32, reset: bool, at: Instant) -> Observation {
    Observation::Lost {
        device,
        code: None,
        reset,
        at,
    }
}

fn connected(device: u32, at: Instant) -> Observation {
    Observation::Connected { device, at }
}

fn subscribed(device: u32, word: &'static str, again: bool, at: Instant) -> Observation {
    Observation::Subscribed {
        device,
        subject: "/t/a".into(),
        answer: Answered {
            answer: Answer::Synced,
            word,
        },
        again,
        at,
    }
}

fn recovered(device: u32, at: Instant) -> Observation {
    delivered(device, DeliveryKind::Recovered, at, 0)
}

fn update(device: u32, at: Instant, took_us: u64) -> Observation {
    delivered(device, DeliveryKind::Update, at, took_us)
}

fn delivered(device: u32, kind: DeliveryKind, at: Instant, took_us: u64) -> Observation {
    let ahead = u64::try_from(at.saturating_duration_since(Instant::now()).as_micros()).unwrap();
    let stamp = Stamp {
        intended_us: now_us() + ahead - took_us,
        number: 1,
    };
    Observation::Delivered(Delivery {
        device,
        subject: "/t/a".into(),
        key: None,
        epoch: "e".into(),
        seq: 1,
        prev: None,
        kind,
        data: Some(Arc::from(stamp.payload(40))),
        at,
    })
}
