//! The ledger tests itself: whatever is injected is found and named, and clean runs raise nothing.

mod world;

use lab_record::ledger::{Account, Answer, Content, Flaw, Ledger, Position};
use proptest::prelude::*;
use world::{Step, World};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn clean_runs_raise_nothing(seed: u64) {
        let world = World::new(seed);

        let account = world.account(&world.steps());

        prop_assert!(account.is_clean(), "{:?}", account);
        prop_assert_eq!((account.deliveries, account.unjudged), (world.delivery_count(), 0));
    }

    #[test]
    fn every_drop_is_found(seed: u64, at: prop::sample::Index) {
        let world = World::new(seed);
        let mut steps = world.steps();
        let step = steps.remove(world.any_delivery(&steps, at));

        prop_assert_eq!(found(&world, &steps), [world.flaw(Flaw::Lost, &step)]);
    }

    #[test]
    fn every_double_is_found(seed: u64, at: prop::sample::Index, later: prop::sample::Index) {
        let world = World::new(seed);
        let mut steps = world.steps();
        let index = world.any_delivery(&steps, at);
        let step = steps[index].clone();
        let again = index + 1 + later.index(steps.len() - index);
        steps.insert(again, step.clone());

        prop_assert_eq!(found(&world, &steps), [world.flaw(Flaw::Doubled, &step)]);
    }

    #[test]
    fn every_swap_is_found(seed: u64, at: prop::sample::Index) {
        let world = World::new(seed);
        let mut steps = world.steps();
        let Some((first, second)) = world.any_neighbours(&steps, at) else { return Ok(()) };
        steps.swap(first, second);

        prop_assert_eq!(found(&world, &steps), [world.flaw(Flaw::Swapped, &steps[second])]);
    }

    #[test]
    fn every_corruption_is_found(seed: u64, at: prop::sample::Index) {
        let world = World::new(seed);
        let mut steps = world.steps();
        let index = world.any_delivery(&steps, at);
        steps[index].delivery_mut().payload = Some(b"other bytes".to_vec());
        let step = steps[index].clone();

        prop_assert_eq!(found(&world, &steps), [world.flaw(Flaw::Corrupted, &step)]);
    }

    #[test]
    fn every_phantom_is_found(seed: u64, at: prop::sample::Index, beyond in 1_i64..50) {
        let world = World::new(seed);
        let mut steps = world.steps();
        let index = world.any_delivery(&steps, at);
        let mut phantom = steps[index].clone();
        phantom.delivery_mut().seq = world.end_of(phantom.delivery().partition) + beyond;
        steps.insert(index, phantom.clone());

        prop_assert_eq!(found(&world, &steps), [world.flaw(Flaw::Foreign, &phantom)]);
    }

    #[test]
    fn a_message_of_another_subject_is_found(seed: u64, at: prop::sample::Index) {
        let world = World::new(seed);
        let mut steps = world.steps();
        let Some((index, foreign)) = world.any_message_for_another(&steps, at) else { return Ok(()) };
        steps.insert(index, foreign.clone());

        prop_assert_eq!(found(&world, &steps), [world.flaw(Flaw::Foreign, &foreign)]);
    }

    #[test]
    fn two_epochs_for_one_record_are_found(seed: u64, at: prop::sample::Index) {
        let world = World::new(seed);
        let mut steps = world.steps();
        let index = world.any_delivery(&steps, at);
        steps[index].delivery_mut().leader_epoch += 1;
        let step = steps[index].clone();

        prop_assert_eq!(found(&world, &steps), [world.flaw(Flaw::Disagreeing, &step)]);
    }

    #[test]
    fn every_second_answer_is_found(answered in 1_u64..20, at: prop::sample::Index, elsewhere: bool) {
        let at = at.index(answered as usize) as i64;
        let mut ledger = Ledger::new();
        publish_and_acknowledge(&mut ledger, answered);

        let seq = at + if elsewhere { 1_000 } else { 0 };
        ledger.acknowledged_unasked(7, 0, seq);

        let account = ledger.close();
        prop_assert_eq!(
            words(&account),
            [format!("device 7: message {seq} of /t/a (partition 0) was acknowledged although its publish had its answer")]
        );
        prop_assert_eq!(account.reanswered, 1);
    }

    #[test]
    fn every_repetition_that_is_delivered_is_found(answered in 1_u64..20, at: prop::sample::Index) {
        let at = at.index(answered as usize) as u64;
        let mut ledger = Ledger::new();
        publish_and_acknowledge(&mut ledger, answered);

        let repetition = answered as i64;
        publish(&mut ledger, repetition, id(at).as_bytes(), Content::of(Some(b"21")));
        arrive(&mut ledger, 8, repetition);

        let account = ledger.close();
        prop_assert_eq!(
            words(&account),
            [format!("device 8: message {repetition} of /t/a (partition 0) came twice")]
        );
        prop_assert_eq!((account.repeated, account.doubled), (1, 1));
    }
}

#[test]
fn a_silent_device_is_found_once_a_fence_stood_before() {
    let mut ledger = Ledger::new();
    ledger.subscribed(7, "/t/a", Answer::Fresh);
    record(&mut ledger, 0, b"a");
    ledger.fence(&[position(0)]);
    record(&mut ledger, 1, b"a");

    assert_eq!(ledger.outstanding(), 1);
    let account = ledger.close();
    assert_eq!(
        words(&account),
        ["device 7: message 1 of /t/a (partition 0) never came"]
    );
}

#[test]
fn without_a_fence_nobody_knows_what_a_silent_device_is_owed() {
    let mut ledger = Ledger::new();
    ledger.subscribed(7, "/t/a", Answer::Fresh);
    record(&mut ledger, 0, b"a");

    assert_eq!(ledger.outstanding(), 0);
    assert!(ledger.close().is_clean());
}

#[test]
fn what_the_gateway_says_it_dropped_is_signalled_and_not_lost() {
    let mut ledger = Ledger::new();
    for offset in 0..5 {
        record(&mut ledger, offset, b"a");
    }
    arrive(&mut ledger, 7, 0);
    arrive(&mut ledger, 7, 4);
    ledger.dropped(7, "/t/a", 2);

    let account = ledger.close();

    assert_eq!((account.signalled, account.lost), (2, 1));
}

#[test]
fn a_resync_excuses_the_gap_before_it_and_no_other() {
    let mut ledger = Ledger::new();
    for offset in 0..9 {
        record(&mut ledger, offset, b"a");
    }
    arrive(&mut ledger, 7, 0);
    ledger.subscribed(7, "/t/a", Answer::Resynced);
    arrive(&mut ledger, 7, 4);
    arrive(&mut ledger, 7, 6);
    arrive(&mut ledger, 7, 7);
    arrive(&mut ledger, 7, 8);

    let account = ledger.close();

    assert_eq!(account.signalled, 3);
    assert_eq!(
        words(&account),
        ["device 7: message 5 of /t/a (partition 0) never came"]
    );
}

#[test]
fn a_resync_that_comes_before_the_truth_excuses_the_same_gap() {
    let mut ledger = Ledger::new();
    arrive(&mut ledger, 7, 0);
    ledger.subscribed(7, "/t/a", Answer::Resynced);
    arrive(&mut ledger, 7, 4);
    arrive(&mut ledger, 7, 6);
    for offset in 0..7 {
        record(&mut ledger, offset, b"a");
    }

    let account = ledger.close();

    assert_eq!(account.signalled, 3);
    assert_eq!(
        words(&account),
        ["device 7: message 5 of /t/a (partition 0) never came"]
    );
}

#[test]
fn synced_excuses_nothing() {
    let mut ledger = Ledger::new();
    for offset in 0..4 {
        record(&mut ledger, offset, b"a");
    }
    arrive(&mut ledger, 7, 0);
    ledger.subscribed(7, "/t/a", Answer::Synced);
    arrive(&mut ledger, 7, 2);
    arrive(&mut ledger, 7, 3);

    assert_eq!(
        words(&ledger.close()),
        ["device 7: message 1 of /t/a (partition 0) never came"]
    );
}

#[test]
fn a_device_that_left_is_owed_nothing_more() {
    let mut ledger = Ledger::new();
    record(&mut ledger, 0, b"a");
    arrive(&mut ledger, 7, 0);
    ledger.left(7);
    record(&mut ledger, 1, b"a");

    assert_eq!(ledger.outstanding(), 0);
    assert!(ledger.close().is_clean());
}

#[test]
fn records_that_the_log_lost_are_not_judged() {
    let mut ledger = Ledger::new();
    record(&mut ledger, 0, b"a");
    arrive(&mut ledger, 7, 0);
    ledger.hole("t", 0, 1, 5);
    arrive(&mut ledger, 7, 3);
    record(&mut ledger, 5, b"a");
    arrive(&mut ledger, 7, 5);

    let account = ledger.close();

    assert!(account.is_clean(), "{account:?}");
    assert_eq!(account.unjudged, 1);
}

#[test]
fn a_topic_created_anew_has_positions_of_its_own() {
    let mut ledger = Ledger::new();
    let value = |text: &'static str| Content::of(Some(text.as_bytes()));
    let record = |incarnation, content| lab_record::ledger::Record {
        incarnation,
        content,
        ..world::record("t", 0, 0, b"a")
    };
    let arrival = |epoch, content| lab_record::ledger::Arrival {
        epoch,
        content,
        ..world::arrival(7, "/t/a", "", 0)
    };
    ledger.record(&record(0, value("old")));
    ledger.arrived(&arrival("first.0.0", value("old")));
    // The new topic reaches the device before the truth has read of it.
    ledger.arrived(&arrival("second.0.0", value("new")));
    ledger.record(&record(1, value("new")));

    let account = ledger.close();

    assert!(account.is_clean(), "{account:?}");
    assert_eq!(account.unjudged, 0);
}

#[test]
fn a_history_that_begins_later_is_owed_from_its_first_fence_though_nothing_of_it_came() {
    let mut ledger = Ledger::new();
    record(&mut ledger, 0, b"a");
    ledger.subscribed(7, "/t/a", Answer::Fresh);
    ledger.fence(&[position(0)]);
    record(&mut ledger, 1, b"a");
    arrive(&mut ledger, 7, 1);
    // A new leader has nothing beyond offset 0.
    ledger.hole("t", 0, 2, 1);
    ledger.record(&lab_record::ledger::Record {
        barrier: true,
        ..world::record("t", 0, 1, b"barrier")
    });
    ledger.fence(&[position(1)]);
    record(&mut ledger, 2, b"a");

    assert_eq!(ledger.outstanding(), 1);
    assert_eq!(
        words(&ledger.close()),
        ["device 7: message 2 of /t/a (partition 0) never came"]
    );
}

#[test]
fn a_message_of_a_new_history_that_outruns_the_truth_is_not_held_against_the_old_one() {
    let mut ledger = Ledger::new();
    ledger.subscribed(7, "/t/a", Answer::Fresh);
    for offset in 0..3 {
        record(&mut ledger, offset, b"a");
        arrive(&mut ledger, 7, offset);
    }
    // A new leader has nothing beyond offset 0, and the gateway says so.
    ledger.hole("t", 0, 3, 1);
    ledger.subscribed(7, "/t/a", Answer::Resynced);
    let other = Content::of(Some(b"other"));
    ledger.arrived(&lab_record::ledger::Arrival {
        content: other,
        ..world::arrival(7, "/t/a", "t.0.1", 1)
    });
    ledger.record(&lab_record::ledger::Record {
        leader_epoch: Some(1),
        content: other,
        ..world::record("t", 0, 1, b"a")
    });

    assert_eq!(words(&ledger.close()), [""; 0]);
}

#[test]
fn a_publish_that_was_refused_must_not_be_in_the_log() {
    let mut ledger = Ledger::new();
    let content = Content::of(Some(b"21"));
    for (number, id) in ["id-0", "id-1"].into_iter().enumerate() {
        ledger.sent(7, number as u64, id, "/t/a", content);
        ledger.refused(id);
    }
    publish(&mut ledger, 0, b"id-1", content);

    assert_eq!(
        words(&ledger.close()),
        ["device 7: message 0 of /t/a (partition 0) was refused for good and is in the log"]
    );
}

#[test]
fn an_acknowledged_publish_must_be_in_the_log_where_the_answer_says() {
    let mut ledger = Ledger::new();
    let content = Content::of(Some(b"21"));
    for (number, id) in ["id-0", "id-1", "id-2"].into_iter().enumerate() {
        ledger.sent(7, number as u64, id, "/t/a", content);
    }
    publish(&mut ledger, 0, b"id-0", content);
    publish(&mut ledger, 1, b"id-1", content);
    ledger.acknowledged("id-0", 0, 0);
    ledger.acknowledged("id-1", 0, 9);
    ledger.acknowledged("id-2", 0, 2);

    let account = ledger.close();

    assert_eq!(account.acknowledged, 3);
    assert_eq!(
        words(&account),
        [
            "device 7: message 2 of /t/a (partition 0) was acknowledged and is not in the log",
            "device 7: message 9 of /t/a (partition 0) was acknowledged with a position it does not have"
        ]
    );
}

#[test]
fn a_repeated_publish_is_legal_in_the_log_and_doubled_on_delivery() {
    let mut ledger = Ledger::new();
    let content = Content::of(Some(b"21"));
    ledger.sent(7, 0, "id-0", "/t/a", content);
    publish(&mut ledger, 0, b"id-0", content);
    publish(&mut ledger, 1, b"id-0", content);
    ledger.arrived(&lab_record::ledger::Arrival {
        content,
        ..world::arrival(8, "/t/a", "t.0.0", 0)
    });
    ledger.arrived(&lab_record::ledger::Arrival {
        content,
        ..world::arrival(8, "/t/a", "t.0.0", 1)
    });
    ledger.acknowledged("id-0", 0, 1);

    let account = ledger.close();

    assert_eq!(account.repeated, 1);
    assert_eq!(
        words(&account),
        ["device 8: message 1 of /t/a (partition 0) came twice"]
    );
}

#[test]
fn publishes_that_arrive_changed_or_in_another_order_are_found() {
    let mut ledger = Ledger::new();
    let content = Content::of(Some(b"21"));
    ledger.sent(7, 0, "id-0", "/t/a", content);
    ledger.sent(7, 1, "id-1", "/t/a", content);
    publish(&mut ledger, 0, b"id-1", content);
    publish(&mut ledger, 1, b"id-0", Content::of(None));

    assert_eq!(
        words(&ledger.close()),
        [
            "device 7: message 1 of /t/a (partition 0) came with other bytes than the log has",
            "device 7: message 1 of /t/a (partition 0) is in the log behind a later publish of the device"
        ]
    );
}

#[test]
fn the_account_knows_when_each_kind_of_flaw_was_first_met() {
    let mut ledger = Ledger::new();
    ledger.subscribed(7, "/t/a", Answer::Fresh);
    for offset in 0..4 {
        ledger.at(100 + offset);
        record(&mut ledger, offset, b"a");
    }
    for (at, seq) in [(200, 0), (210, 3), (220, 3), (230, 3)] {
        ledger.at(at);
        arrive(&mut ledger, 7, seq);
    }

    let account = ledger.close();

    assert_eq!((account.lost, account.doubled), (2, 2));
    assert_eq!(
        account.first_ms(&[Flaw::Lost]),
        Some(101),
        "when the record was read that never came"
    );
    assert_eq!(account.first_ms(&[Flaw::Doubled]), Some(220));
    assert_eq!(account.first_ms(&[Flaw::Lost, Flaw::Doubled]), Some(101));
    assert_eq!(account.first_ms(&[Flaw::Swapped]), None);
}

fn found(world: &World, steps: &[Step]) -> Vec<(Flaw, u32, String, i32, i64)> {
    let account = world.account(steps);
    let total: u64 = Flaw::ALL.iter().map(|flaw| account.count(*flaw)).sum();
    assert_eq!(total, account.examples.len() as u64);
    account
        .examples
        .into_iter()
        .map(|finding| {
            (
                finding.flaw,
                finding.device,
                finding.subject,
                finding.partition,
                finding.seq,
            )
        })
        .collect()
}

fn words(account: &Account) -> Vec<String> {
    account.examples.iter().map(ToString::to_string).collect()
}

fn record(ledger: &mut Ledger, offset: i64, key: &[u8]) {
    ledger.record(&world::record("t", 0, offset, key));
}

fn arrive(ledger: &mut Ledger, device: u32, seq: i64) {
    ledger.arrived(&world::arrival(device, "/t/a", "t.0.0", seq));
}

fn publish(ledger: &mut Ledger, offset: i64, id: &[u8], content: Content) {
    ledger.record(&lab_record::ledger::Record {
        publish_id: Some(id),
        content,
        ..world::record("t", 0, offset, b"a")
    });
}

/// Device 7 publishes so many, the log takes each, and each is acknowledged and delivered to device 8.
fn publish_and_acknowledge(ledger: &mut Ledger, count: u64) {
    let content = Content::of(Some(b"21"));
    for number in 0..count {
        let offset = number as i64;
        ledger.sent(7, number, &id(number), "/t/a", content);
        publish(ledger, offset, id(number).as_bytes(), content);
        ledger.acknowledged(&id(number), 0, offset);
        arrive(ledger, 8, offset);
    }
}

fn id(number: u64) -> String {
    format!("id-{number}")
}

fn position(offset: i64) -> Position {
    Position {
        topic: "t".to_owned(),
        partition: 0,
        offset,
    }
}
