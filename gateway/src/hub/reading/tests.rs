use super::*;

const TOPIC: u16 = 0;

#[test]
fn a_topic_that_is_first_seen_has_its_past_loaded() {
    let mut reading = Reading::new(topics());

    assert_eq!(
        reading.topic_found(TOPIC, 0, facts("id", 2)),
        [Step::FindStart(place(0)), Step::FindStart(place(1))]
    );
    assert_eq!(
        reading.start_found(place(0), start(0, 10, 5)),
        [Step::ReadFrom {
            place: place(0),
            offset: 5
        }]
    );
    assert_eq!(reading.meaning(place(0), 5, 0), Some(Meaning::Past));
    assert_eq!(reading.reached(place(0), 9), []);
    assert!(!reading.is_loaded(TOPIC));
    assert_eq!(
        reading.missing().unwrap(),
        "topic t: its recent past is being read, 0 of 2 partitions are done"
    );

    assert_eq!(reading.reached(place(0), 10), []);
    let last = reading.start_found(place(1), start(0, 0, 0));

    assert_eq!(
        last,
        [
            Step::ReadFrom {
                place: place(1),
                offset: 0
            },
            Step::Loaded { topic: TOPIC }
        ]
    );
    assert_eq!(reading.meaning(place(0), 10, 0), Some(Meaning::News));
    assert_eq!(reading.missing(), None);
}

#[test]
fn partitions_that_are_added_are_news_from_their_beginning() {
    let mut reading = loaded(1);

    assert_eq!(
        reading.topic_found(TOPIC, 0, facts("id", 3)),
        [
            Step::ReadFrom {
                place: place(1),
                offset: 0
            },
            Step::ReadFrom {
                place: place(2),
                offset: 0
            }
        ]
    );

    assert_eq!(reading.meaning(place(2), 0, 0), Some(Meaning::News));
    assert!(reading.is_loaded(TOPIC));
}

#[test]
fn a_topic_created_again_is_read_from_its_beginning_and_devices_are_told() {
    let mut reading = loaded(2);

    assert_eq!(
        reading.topic_found(TOPIC, 0, facts("another", 1)),
        [
            Step::ReadFrom {
                place: place(0),
                offset: 0
            },
            Step::Stop(place(1)),
            Step::Diverged { topic: TOPIC }
        ]
    );
    assert_eq!(reading.topic_id(TOPIC), Some("another"));
    assert_eq!(reading.epoch(place(0), 4).unwrap().as_str(), "another.0.4");
}

#[test]
fn a_topic_that_may_be_another_is_read_on_only_after_a_look_that_was_asked_for_since() {
    let mut reading = loaded(2);
    reading.hold(7);

    assert_eq!(reading.topic_found(TOPIC, 6, facts("id", 2)), []);
    assert_eq!(
        reading.topic_found(TOPIC, 7, facts("id", 2)),
        [Step::ReadOn(place(0)), Step::ReadOn(place(1))]
    );
    assert_eq!(reading.topic_found(TOPIC, 7, facts("id", 2)), []);
}

#[test]
fn a_topic_that_cannot_be_described_is_the_reason_for_not_being_ready() {
    let mut reading = loaded(1);

    reading.topic_found(TOPIC, 0, Err("the brokers do not answer".to_owned()));
    assert_eq!(
        reading.missing().unwrap(),
        "topic t: the brokers do not answer"
    );

    reading.topic_found(TOPIC, 0, facts("id", 1));
    assert_eq!(reading.missing(), None);
}

#[test]
fn a_question_that_failed_is_asked_again_once_the_brokers_answer() {
    let mut reading = Reading::new(topics());
    reading.topic_found(TOPIC, 0, facts("id", 1));

    assert_eq!(reading.start_found(place(0), Err("no".to_owned())), []);
    assert_eq!(reading.missing().unwrap(), "topic t: no");

    assert_eq!(
        reading.topic_found(TOPIC, 0, facts("id", 1)),
        [Step::FindStart(place(0))]
    );
    assert_eq!(reading.topic_found(TOPIC, 0, facts("id", 1)), []);
}

#[test]
fn a_reader_that_was_passed_by_retention_goes_on_at_the_lowest_offset_and_devices_are_told() {
    let mut reading = loaded(1);

    assert_eq!(
        reading.lost_place(place(0), &read(&[(0, 0), (1, 0)])),
        [Step::FindStart(place(0))]
    );
    assert_eq!(reading.meaning(place(0), 2, 0), None);

    assert_eq!(
        reading.start_found(place(0), start(50, 90, 80)),
        [
            Step::ReadFrom {
                place: place(0),
                offset: 50
            },
            Step::Skipped { topic: TOPIC }
        ]
    );
    assert_eq!(reading.meaning(place(0), 50, 0), Some(Meaning::News));
}

#[test]
fn a_log_read_again_is_the_past_where_it_is_the_same_and_news_where_it_goes_on() {
    let mut reading = loaded(1);
    reading.lost_place(place(0), &read(&[(10, 3), (11, 3)]));

    reading.start_found(place(0), start(0, 13, 9));

    // Offset 9 lies before everything that devices got from here.
    assert_eq!(reading.meaning(place(0), 9, 2), Some(Meaning::Past));
    assert_eq!(reading.meaning(place(0), 10, 3), Some(Meaning::Past));
    assert_eq!(reading.meaning(place(0), 11, 3), Some(Meaning::Past));
    assert_eq!(reading.meaning(place(0), 12, 3), Some(Meaning::News));
    assert_eq!(reading.reached(place(0), 13), []);
}

#[test]
fn the_first_record_that_contradicts_what_was_delivered_is_found() {
    let mut reading = loaded(1);
    reading.lost_place(place(0), &read(&[(10, 3), (11, 3), (12, 3)]));

    reading.start_found(place(0), start(0, 14, 10));

    assert_eq!(reading.meaning(place(0), 10, 3), Some(Meaning::Past));
    assert_eq!(
        reading.meaning(place(0), 11, 4),
        Some(Meaning::Contradiction)
    );
    assert_eq!(reading.meaning(place(0), 12, 4), Some(Meaning::News));
    assert_eq!(reading.reached(place(0), 14), []);
}

#[test]
fn records_that_vanished_without_others_in_their_place_are_a_contradiction_too() {
    let mut reading = loaded(1);
    reading.lost_place(place(0), &read(&[(10, 3), (11, 3), (12, 3)]));

    let steps = reading.start_found(place(0), start(0, 11, 10));
    assert_eq!(
        steps,
        [Step::ReadFrom {
            place: place(0),
            offset: 10
        }]
    );
    assert_eq!(reading.meaning(place(0), 10, 3), Some(Meaning::Past));

    assert_eq!(
        reading.reached(place(0), 11),
        [Step::Diverged { topic: TOPIC }]
    );
}

#[test]
fn losing_the_place_again_while_reading_again_still_compares_with_what_devices_know() {
    let mut reading = loaded(1);
    reading.lost_place(place(0), &read(&[(10, 3), (11, 3)]));
    reading.start_found(place(0), start(0, 12, 10));

    assert_eq!(
        reading.lost_place(place(0), &read(&[])),
        [Step::FindStart(place(0))]
    );
    reading.start_found(place(0), start(0, 12, 10));

    assert_eq!(
        reading.meaning(place(0), 11, 4),
        Some(Meaning::Contradiction)
    );
}

fn topics() -> Topics {
    Topics::new(&["t".to_owned()])
}

fn place(partition: i32) -> PartitionId {
    PartitionId {
        topic: TOPIC,
        partition,
    }
}

fn facts(id: &str, partitions: i32) -> Result<TopicFacts, String> {
    Ok(TopicFacts {
        id: id.to_owned(),
        partitions,
    })
}

fn start(low: i64, high: i64, from: i64) -> Result<Start, String> {
    Ok(Start { low, high, from })
}

/// A topic whose partitions are all live.
fn loaded(partitions: i32) -> Reading {
    let mut reading = Reading::new(topics());
    reading.topic_found(TOPIC, 0, facts("id", partitions));
    for partition in 0..partitions {
        reading.start_found(place(partition), start(0, 0, 0));
    }
    assert!(reading.is_loaded(TOPIC));
    reading
}

/// What is remembered of a partition after reading these records.
fn read(records: &[(i64, i32)]) -> PartitionMemory {
    let mut memory = PartitionMemory::starting_at(records.first().map_or(0, |record| record.0));
    for (offset, leader_epoch) in records {
        memory.epochs.note(*offset, *leader_epoch);
        memory.next = offset + 1;
    }
    memory
}
