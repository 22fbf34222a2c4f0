use proptest::prelude::*;

use super::*;
use crate::log::cache::{Budget, Incoming};
use crate::log::record::Moment;

const ROOMY: Budget = Budget {
    messages: 100,
    topic_messages: 100,
    max_age: 1_000,
    max_bytes: 1 << 20,
    last_value_bytes: 1 << 20,
};

#[test]
fn what_was_missed_follows_in_order() {
    let mut log = Log::from(0);
    log.write(&[(0, "a"), (1, "b"), (2, "a"), (3, "a")]);

    assert_eq!(log.recover("a", &[here(0)]), (vec![2, 3], None));
    assert_eq!(log.recover("a", &[here(2)]), (vec![3], None));
}

#[test]
fn a_position_equal_to_the_last_one_has_missed_nothing_even_without_bodies() {
    let mut log = Log::from(0);
    log.write(&[(0, "a"), (1, "a")]);
    log.cache.evict(Moment(2_000));

    assert_eq!(log.recover("a", &[here(1)]), (vec![], None));
    assert_eq!(log.recover("a", &[here(0)]), (vec![], Some(Lost::Evicted)));
}

#[test]
fn a_position_between_two_records_of_a_subject_is_as_good_as_one_of_its_own() {
    let mut log = Log::from(0);
    log.write(&[(0, "a"), (1, "b"), (2, "a")]);

    assert_eq!(log.recover("a", &[here(1)]), (vec![2], None));
}

#[test]
fn a_position_from_before_the_reading_began_is_not_loaded() {
    let mut log = Log::from(100);
    log.write(&[(100, "a"), (101, "a")]);

    assert_eq!(
        log.recover("a", &[here(42)]),
        (vec![], Some(Lost::NotLoaded))
    );
    assert_eq!(log.recover("a", &[here(100)]), (vec![101], None));
}

#[test]
fn a_position_ahead_of_this_gateway_has_missed_nothing_so_far() {
    let mut log = Log::from(0);
    log.write(&[(0, "a")]);

    assert_eq!(log.recover("a", &[here(9)]), (vec![], None));
}

#[test]
fn a_position_in_a_history_that_was_given_up_has_diverged() {
    let mut log = Log::from(0);
    log.write(&[(0, "a"), (1, "a")]);
    log.write_under(7, &[(2, "a")]);

    let rewritten = Claim::Here {
        partition: 0,
        leader_epoch: 0,
        offset: 2,
    };
    assert_eq!(
        log.recover("a", &[rewritten]),
        (vec![], Some(Lost::Diverged))
    );
    assert_eq!(log.recover("a", &[Claim::Foreign]).1, Some(Lost::Diverged));
}

#[test]
fn of_two_positions_in_one_partition_the_later_one_counts() {
    let beginning = Claim::Here {
        partition: 0,
        leader_epoch: -1,
        offset: -1,
    };
    let mut log = Log::from(0);
    log.write(&[(0, "a"), (1, "a"), (2, "a")]);

    for claims in [[beginning, here(1)], [here(1), beginning]] {
        assert_eq!(log.recover("a", &claims), (vec![2], None));
    }
    log.cache.evict(Moment(2_000));
    assert_eq!(log.recover("a", &[beginning, here(2)]), (vec![], None));
}

#[test]
fn a_position_of_a_later_leader_stands_for_those_of_earlier_ones() {
    let mut log = Log::from(0);
    log.write(&[(0, "a"), (1, "a")]);
    log.write_under(7, &[(2, "a"), (3, "a")]);

    let under = |leader_epoch, offset| Claim::Here {
        partition: 0,
        leader_epoch,
        offset,
    };

    assert_eq!(
        log.recover("a", &[under(0, 9), under(7, 2)]),
        (vec![3], None)
    );
}

#[test]
fn a_position_before_the_first_record_misses_nothing() {
    let mut log = Log::from(0);
    let nothing_yet = Claim::Here {
        partition: 0,
        leader_epoch: -1,
        offset: -1,
    };
    assert_eq!(log.recover("a", &[nothing_yet]), (vec![], None));

    log.write_under(3, &[(0, "a"), (1, "a")]);

    assert_eq!(log.recover("a", &[nothing_yet]), (vec![0, 1], None));
}

#[test]
fn a_position_from_where_no_record_was_read_holds_where_reading_began_there_or_earlier() {
    let unread = Claim::Here {
        partition: 0,
        leader_epoch: -1,
        offset: 9,
    };
    let mut here = Log::from(10);
    let mut earlier = Log::from(5);
    let mut later = Log::from(11);
    for log in [&mut here, &mut earlier, &mut later] {
        log.write_under(3, &[(11, "a")]);
    }

    assert_eq!(here.recover("a", &[unread]), (vec![11], None));
    assert_eq!(earlier.recover("a", &[unread]), (vec![11], None));
    assert_eq!(
        later.recover("a", &[unread]),
        (vec![], Some(Lost::NotLoaded))
    );
}

#[test]
fn a_new_leader_alone_is_no_gap() {
    let mut log = Log::from(0);
    log.write(&[(0, "a")]);
    log.write_under(1, &[(1, "a")]);

    assert_eq!(log.recover("a", &[here(0)]), (vec![1], None));
}

#[test]
fn a_subject_that_was_forgotten_altogether_is_evicted_and_never_silent() {
    let mut log = Log::with(
        0,
        Budget {
            last_value_bytes: 0,
            ..ROOMY
        },
    );
    log.write(&[(0, "a"), (1, "a"), (2, "b")]);
    log.cache.evict(Moment(2_000));

    assert_eq!(log.recover("a", &[here(0)]).1, Some(Lost::Evicted));
    assert_eq!(log.recover("a", &[here(2)]), (vec![], None));
}

#[test]
fn a_whole_topic_is_recovered_per_partition() {
    let mut log = Log::from(0);
    log.cache.start_partition(
        PartitionId {
            topic: 0,
            partition: 1,
        },
        0,
    );
    log.write(&[(0, "a"), (1, "b")]);
    log.write_to(1, 0, &[(0, "c"), (1, "c")]);

    let both = [
        here(0),
        Claim::Here {
            partition: 1,
            leader_epoch: 0,
            offset: 0,
        },
    ];
    assert_eq!(log.recover("*", &both), (vec![1, 1], None));
}

#[test]
fn a_partition_the_device_does_not_name_is_news_from_its_beginning() {
    let mut log = Log::from(0);
    log.cache.start_partition(
        PartitionId {
            topic: 0,
            partition: 1,
        },
        0,
    );
    log.write(&[(0, "a")]);
    log.write_to(1, 0, &[(0, "c"), (1, "c")]);

    assert_eq!(log.recover("*", &[here(0)]), (vec![0, 1], None));
}

#[test]
fn a_partition_the_device_does_not_name_and_whose_beginning_is_unknown_is_signalled() {
    let mut log = Log::from(0);
    log.cache.start_partition(
        PartitionId {
            topic: 0,
            partition: 1,
        },
        50,
    );
    log.write(&[(0, "a"), (1, "a")]);
    log.write_to(1, 0, &[(50, "c")]);

    assert_eq!(
        log.recover("*", &[here(0)]),
        (vec![1], Some(Lost::NotLoaded))
    );
}

proptest! {
    /// The one property that matters: an answer without a reason to doubt is exactly what was missed.
    #[test]
    fn synced_means_exactly_what_was_missed(
        keys in prop::collection::vec(0..3usize, 1..60),
        from in 0..60i64,
        start in 0..10i64,
        age in 0..60i64,
        messages in 1..20usize,
    ) {
        let names = ["a", "b", "c"];
        let budget = Budget { messages, topic_messages: messages, max_age: age, ..ROOMY };
        let mut log = Log::with(start, budget);
        let records: Vec<(i64, &str)> = (start..).zip(keys.iter().map(|key| names[*key])).collect();
        for record in &records {
            log.write(&[*record]);
            log.cache.evict(Moment(record.0));
        }

        for name in names {
            let (missed, lost) = log.recover(name, &[here(from)]);
            let truth: Vec<i64> = records.iter().filter(|(offset, key)| *key == name && *offset > from).map(|(offset, _)| *offset).collect();
            if lost.is_none() {
                prop_assert_eq!(missed, truth, "{} from {}", name, from);
            } else {
                prop_assert!(missed.is_empty());
            }
        }
    }
}

/// A cache that reads one topic.
struct Log {
    cache: Cache,
}

impl Log {
    fn from(offset: i64) -> Self {
        Self::with(offset, ROOMY)
    }

    fn with(offset: i64, budget: Budget) -> Self {
        let mut cache = Cache::new(1, budget);
        cache.start_partition(
            PartitionId {
                topic: 0,
                partition: 0,
            },
            offset,
        );
        Self { cache }
    }

    fn write(&mut self, records: &[(i64, &str)]) {
        self.write_under(0, records);
    }

    fn write_under(&mut self, leader_epoch: i32, records: &[(i64, &str)]) {
        self.write_to(0, leader_epoch, records);
    }

    fn write_to(&mut self, partition: i32, leader_epoch: i32, records: &[(i64, &str)]) {
        for (offset, key) in records {
            let incoming = Incoming {
                offset: *offset,
                leader_epoch,
                key: Some(key.as_bytes()),
                value: Some(b"v"),
            };
            self.cache
                .append(
                    PartitionId {
                        topic: 0,
                        partition,
                    },
                    incoming,
                    Moment(*offset),
                )
                .unwrap();
        }
    }

    fn recover(&mut self, key: &str, claims: &[Claim]) -> (Vec<i64>, Option<Lost>) {
        let key = (key != "*").then_some(key.as_bytes());
        let subject = self.cache.pin(0, key).unwrap();
        let recovered = recover(&self.cache, subject, claims);
        (
            recovered
                .missed
                .iter()
                .map(|(_, kept)| kept.record.offset)
                .collect(),
            recovered.lost,
        )
    }
}

fn here(offset: i64) -> Claim {
    Claim::Here {
        partition: 0,
        leader_epoch: 0,
        offset,
    }
}
