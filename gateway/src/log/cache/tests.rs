use proptest::prelude::*;

use super::*;

const PLACE: PartitionId = PartitionId {
    topic: 0,
    partition: 0,
};

#[test]
fn each_record_is_news_for_its_key_and_for_the_whole_topic() {
    let mut cache = cache(roomy());

    append(&mut cache, 0, Some(b"a"), b"1");
    append(&mut cache, 1, Some(b"b"), b"2");
    let third = append(&mut cache, 5, Some(b"a"), b"3");

    assert_eq!(third.key.unwrap().prev, Some(0));
    assert_eq!(third.every.prev, Some(1));
}

#[test]
fn a_record_without_a_key_is_news_for_the_whole_topic_only() {
    let mut cache = cache(roomy());

    let appended = append(&mut cache, 0, None, b"1");

    assert_eq!(appended.key, None);
    assert_eq!(appended.every.prev, None);
}

#[test]
fn the_last_value_is_the_newest_even_if_it_is_a_tombstone() {
    let mut cache = cache(roomy());
    let a = cache.pin(0, Some(b"a")).unwrap();

    append(&mut cache, 0, Some(b"a"), b"1");
    assert_eq!(value(&cache, a), Some(Some(b"1".to_vec())));

    let tombstone = Incoming {
        offset: 1,
        leader_epoch: 0,
        key: Some(b"a"),
        value: None,
    };
    cache.append(PLACE, tombstone, Moment(0)).unwrap();
    assert_eq!(value(&cache, a), Some(None));
}

#[test]
fn old_bodies_leave_but_the_last_value_and_the_last_position_stay() {
    let mut cache = cache(roomy());
    let a = cache.pin(0, Some(b"a")).unwrap();
    append(&mut cache, 7, Some(b"a"), b"1");

    cache.evict(Moment(1_001));

    assert_eq!(cache.messages(), 0);
    assert_eq!(cache.bytes(), 0);
    assert_eq!(value(&cache, a), Some(Some(b"1".to_vec())));
    assert_eq!(cache.tracks(a)[0].1.last().unwrap().offset, 7);
}

#[test]
fn over_the_byte_budget_the_oldest_leaves_first_whatever_its_subject() {
    let one = Record::new(0, 0, Some((*b"a").into()), Some((*b"1").into())).cost();
    let mut cache = cache(Budget {
        max_bytes: 2 * one,
        ..roomy()
    });
    for (offset, key) in (0..).zip([b"a", b"b", b"c"]) {
        append(&mut cache, offset, Some(key), b"1");
    }

    cache.evict(Moment(0));

    assert!(kept(&cache, b"a").is_empty());
    assert_eq!(kept(&cache, b"b"), [1]);
    assert_eq!(kept(&cache, b"c"), [2]);
    assert_eq!(cache.bytes(), 2 * one);
}

#[test]
fn a_busy_key_keeps_its_newest_messages_and_pushes_out_nobody_else() {
    let mut cache = cache(Budget {
        messages: 2,
        topic_messages: 2,
        ..roomy()
    });
    append(&mut cache, 0, Some(b"quiet"), b"1");
    for offset in 1..10 {
        append(&mut cache, offset, Some(b"busy"), b"1");
    }
    cache.evict(Moment(0));

    assert_eq!(kept(&cache, b"quiet"), [0]);
    assert_eq!(kept(&cache, b"busy"), [8, 9]);
    // The whole topic holds offsets 8 and 9 too, so three bodies are left.
    assert_eq!(cache.messages(), 3);
}

#[test]
fn over_their_budget_the_oldest_last_values_leave_and_then_their_subjects() {
    let one = Record::new(0, 0, Some((*b"a").into()), Some((*b"1").into())).cost();
    let mut cache = cache(Budget {
        last_value_bytes: one,
        ..roomy()
    });
    append(&mut cache, 3, Some(b"a"), b"1");
    append(&mut cache, 4, Some(b"b"), b"1");

    cache.evict(Moment(2_000));

    assert_eq!(cache.subjects.find(0, b"a"), None);
    assert!(cache.subjects.find(0, b"b").is_some());
    assert_eq!(cache.partition(PLACE).unwrap().forgotten_through, 3);
}

#[test]
fn a_subject_that_somebody_subscribed_to_keeps_its_number() {
    let mut cache = cache(Budget {
        last_value_bytes: 0,
        ..roomy()
    });
    let a = cache.pin(0, Some(b"a")).unwrap();
    append(&mut cache, 3, Some(b"a"), b"1");

    cache.evict(Moment(2_000));
    assert_eq!(cache.pin(0, Some(b"a")), Some(a));

    cache.unpin(a);
    cache.unpin(a);
    assert_eq!(cache.subjects.find(0, b"a"), None);
}

#[test]
fn a_cut_log_loses_what_came_after_the_cut() {
    let mut cache = cache(roomy());
    for offset in 0..4 {
        append(&mut cache, offset, Some(b"a"), b"1");
    }

    let touched = cache.truncate(PLACE, 2);

    assert_eq!(touched.len(), 2);
    assert_eq!(kept(&cache, b"a"), [0, 1]);
    assert_eq!(cache.partition(PLACE).unwrap().next, 2);
    let again = append(&mut cache, 2, Some(b"a"), b"2");
    assert_eq!(again.key.unwrap().prev, Some(1));
}

#[test]
fn reading_a_partition_anew_forgets_all_of_it() {
    let mut cache = cache(roomy());
    append(&mut cache, 0, Some(b"a"), b"1");

    cache.start_partition(PLACE, 10);

    assert_eq!(cache.messages(), 0);
    assert_eq!(cache.bytes(), 0);
    assert_eq!(cache.last_value_bytes(), 0);
    assert_eq!(cache.partition(PLACE).unwrap().loaded_from, 10);
}

proptest! {
    #[test]
    fn accounts_hold_whatever_comes_and_goes(steps in prop::collection::vec(step(), 1..200)) {
        let one = Record::new(0, 0, Some((*b"a").into()), Some((*b"1").into())).cost();
        let budget = Budget { messages: 3, topic_messages: 5, max_age: 50, max_bytes: 10 * one, last_value_bytes: 3 * one };
        let mut cache = cache(budget);
        let (mut next, mut now) = (0, 0);

        for step in steps {
            match step {
                Step::Append(key) => {
                    cache.append(PLACE, incoming(next, key.as_ref().map(<[u8; 1]>::as_slice), b"1"), Moment(now)).unwrap();
                    next += 1;
                }
                Step::Pass(time) => now += time,
                Step::Evict => {
                    cache.evict(Moment(now));
                    prop_assert!(cache.bytes() <= budget.max_bytes);
                    prop_assert!(cache.last_value_bytes() <= budget.last_value_bytes);
                }
                Step::Cut(back) => {
                    next = (next - back).max(0);
                    cache.truncate(PLACE, next);
                }
            }
            let bodies = bodies(&cache);
            prop_assert_eq!(cache.messages(), bodies.len());
            prop_assert_eq!(cache.bytes(), bodies.iter().map(|record| record.cost()).sum::<usize>());
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Append(Option<[u8; 1]>),
    Pass(i64),
    Evict,
    Cut(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::option::of(prop::array::uniform1(b'a'..b'f')).prop_map(Step::Append),
        2 => (0..40i64).prop_map(Step::Pass),
        2 => Just(Step::Evict),
        1 => (0..4i64).prop_map(Step::Cut),
    ]
}

fn roomy() -> Budget {
    Budget {
        messages: 100,
        topic_messages: 100,
        max_age: 1_000,
        max_bytes: 1 << 20,
        last_value_bytes: 1 << 20,
    }
}

fn cache(budget: Budget) -> Cache {
    let mut cache = Cache::new(1, budget);
    cache.start_partition(PLACE, 0);
    cache
}

fn incoming<'a>(offset: i64, key: Option<&'a [u8]>, value: &'a [u8]) -> Incoming<'a> {
    Incoming {
        offset,
        leader_epoch: 0,
        key,
        value: Some(value),
    }
}

fn append(cache: &mut Cache, offset: i64, key: Option<&[u8]>, value: &[u8]) -> Appended {
    cache
        .append(PLACE, incoming(offset, key, value), Moment(0))
        .unwrap()
}

fn value(cache: &Cache, id: SubjectId) -> Option<Option<Vec<u8>>> {
    let (_, kept) = cache.last_value(id)?;
    Some(kept.record.value.as_deref().map(<[u8]>::to_vec))
}

/// The offsets whose bodies a key still has.
fn kept(cache: &Cache, key: &[u8]) -> Vec<i64> {
    let Some(id) = cache.subjects.find(0, key) else {
        return Vec::new();
    };
    cache
        .newest(id, usize::MAX)
        .iter()
        .map(|(_, kept)| kept.record.offset)
        .collect()
}

/// Every body that some track holds, once.
fn bodies(cache: &Cache) -> Vec<Rc<Record>> {
    let mut bodies: Vec<Rc<Record>> = cache
        .subjects
        .of_topic(0)
        .into_iter()
        .flat_map(|id| cache.newest(id, usize::MAX))
        .map(|(_, kept)| kept.record)
        .collect();
    bodies.sort_by_key(|record| record.offset);
    bodies.dedup_by_key(|record| record.offset);
    bodies
}
