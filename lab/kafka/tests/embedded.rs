//! The lab's Kafka clients against librdkafka's mock cluster.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::num::NonZeroU64;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use lab_kafka::embedded::EmbeddedCluster;
use lab_kafka::load::{Load, LoadPlan};
use lab_kafka::payload::Stamp;
use lab_kafka::publisher::{Placed, Publisher, Record};
use lab_kafka::schedule::Schedule;
use lab_kafka::shape::Shape;
use lab_kafka::truth::{Event, Hole, Seen, Start, Tally, TruthReader};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn the_truth_is_every_record_in_the_order_of_its_partition() {
    let cluster = cluster("telemetry", 2);
    let publisher = publisher(&cluster);
    let (truth, seen) = read(&cluster, "telemetry");

    let placed = publisher
        .publish_all(
            &[at(0, "a", "one"), at(1, "b", "two"), at(0, "a", "three")],
            PATIENCE,
        )
        .unwrap();
    let tally = truth.close(PATIENCE).unwrap();

    assert_eq!(placed, [place(0, 0), place(1, 0), place(0, 1)]);
    assert_eq!(
        tally,
        Tally {
            records: 3,
            holes: 0
        }
    );
    assert_eq!(
        by_partition(seen),
        [
            "0@0 a=one",
            "0@1 a=three",
            "0@2 barrier",
            "1@0 b=two",
            "1@1 barrier"
        ]
    );
}

#[test]
fn null_keys_tombstones_and_publish_ids_are_told_apart() {
    let cluster = cluster("telemetry", 1);
    let published = Record {
        headers: vec![("tidegate-publish-id".to_owned(), b"p-7".to_vec())],
        ..at(0, "", "named")
    };
    let nothing = Record {
        topic: "telemetry".to_owned(),
        partition: Some(0),
        ..Record::default()
    };
    publisher(&cluster)
        .publish_all(&[published, nothing], PATIENCE)
        .unwrap();

    let (truth, seen) = read(&cluster, "telemetry");
    truth.close(PATIENCE).unwrap();

    let facts: Vec<_> = seen
        .iter()
        .take(2)
        .map(|seen| (seen.key, seen.payload, seen.publish_id))
        .collect();
    assert_eq!(
        facts,
        [
            (
                Some(String::new()),
                Some("named".to_owned()),
                Some("p-7".to_owned())
            ),
            (None, None, None)
        ]
    );
}

#[test]
fn a_barrier_in_the_middle_hands_over_everything_acknowledged_before_it() {
    let cluster = cluster("telemetry", 1);
    let publisher = publisher(&cluster);
    let (mut truth, seen) = read(&cluster, "telemetry");

    for round in 0..3 {
        let records: Vec<_> = (0..500)
            .map(|number| at(0, "a", &format!("{round}.{number}")))
            .collect();
        publisher.publish_all(&records, PATIENCE).unwrap();
        truth.barrier(PATIENCE).unwrap();

        assert_eq!(seen.try_iter().count(), 501);
    }
}

#[test]
fn a_load_reaches_kafka_whole_and_its_stamps_say_when_it_was_due() {
    let cluster = cluster("telemetry", 3);
    let (truth, seen) = read(&cluster, "telemetry");
    let keys = ["device-0", "device-1", "device-2", "device-3"]
        .map(|key| key.as_bytes().to_vec())
        .to_vec();
    let schedule = Schedule::lasting(
        2_000.0,
        Duration::from_millis(500),
        NonZeroU64::new(4).unwrap(),
    );

    let plan = LoadPlan {
        topic: "telemetry".to_owned(),
        keys,
        payload_bytes: 100,
        schedule,
        shape: Shape::Plain,
        transaction: None,
    };
    let sent = Load::start(cluster.access(), plan)
        .unwrap()
        .finish()
        .unwrap();
    truth.close(PATIENCE).unwrap();

    let mut stamps: Vec<_> = seen
        .iter()
        .filter_map(|seen| Stamp::read(seen.payload?.as_bytes()))
        .collect();
    stamps.sort_by_key(|stamp| stamp.number);
    assert_eq!(sent.acknowledged(), 1_000);
    assert_eq!(
        stamps.iter().map(|stamp| stamp.number).collect::<Vec<_>>(),
        (0..1_000).collect::<Vec<_>>()
    );
    assert!(
        stamps
            .windows(2)
            .all(|pair| pair[1].intended_us - pair[0].intended_us == 500)
    );
}

#[test]
fn a_broker_that_comes_back_gets_everything() {
    let cluster = cluster("telemetry", 1);
    let publisher = publisher(&cluster);
    publisher
        .publish_all(&[at(0, "a", "before")], PATIENCE)
        .unwrap();

    cluster.broker_down(1).unwrap();
    publisher.send(1, &at(0, "a", "meanwhile")).unwrap();
    assert!(
        publisher
            .drain(Instant::now() + Duration::from_millis(300))
            .is_err()
    );
    cluster.broker_up(1).unwrap();
    let outcomes = publisher.drain(Instant::now() + PATIENCE).unwrap();

    assert_eq!(outcomes[0].placed, Ok(place(0, 1)));
}

#[test]
fn a_moved_leader_shows_as_a_new_epoch() {
    let cluster = EmbeddedCluster::start(3).unwrap();
    cluster.create_topic("telemetry", 1).unwrap();
    let publisher = publisher(&cluster);
    let (truth, seen) = read(&cluster, "telemetry");

    for leader in 1..=3 {
        cluster.move_leader("telemetry", 0, Some(leader)).unwrap();
        publisher.publish_all(&[at(0, "a", "x")], PATIENCE).unwrap();
    }
    truth.close(PATIENCE).unwrap();

    let epochs: Vec<_> = seen
        .iter()
        .filter(|seen| !seen.barrier)
        .map(|seen| seen.epoch.unwrap())
        .collect();
    assert_eq!(epochs.len(), 3);
    assert!(epochs.is_sorted() && epochs[0] < epochs[2], "{epochs:?}");
}

#[test]
fn what_retention_took_before_it_was_read_is_a_hole() {
    let cluster = cluster("telemetry", 1);
    let (sink, holes) = mpsc::channel();
    let truth = TruthReader::open(
        cluster.access(),
        &["telemetry".to_owned()],
        Start::Beginning,
        move |event| {
            if let Event::Hole(hole) = event {
                sink.send(hole).unwrap();
            }
        },
    );

    // The mock keeps 5 MiB per partition; nobody can read while 10 MB are written.
    cluster
        .request_errors(
            RDKafkaApiKey::Fetch,
            vec![RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION; 10_000],
        )
        .unwrap();
    let big = "x".repeat(100_000);
    let records: Vec<_> = (0..100).map(|_| at(0, "a", &big)).collect();
    publisher(&cluster).publish_all(&records, PATIENCE).unwrap();
    cluster.clear_request_errors(RDKafkaApiKey::Fetch).unwrap();
    let tally = truth.unwrap().close(PATIENCE).unwrap();

    let hole = holes.try_recv().unwrap();
    assert_eq!(
        tally,
        Tally {
            records: 100 - u64::try_from(hole.found).unwrap(),
            holes: 1
        }
    );
    assert_eq!(
        hole,
        Hole {
            topic: "telemetry".to_owned(),
            partition: 0,
            expected: 0,
            found: hole.found
        }
    );
}

#[test]
fn a_topic_that_is_not_there_is_named() {
    let cluster = EmbeddedCluster::start(1).unwrap();

    let error = TruthReader::open(
        cluster.access(),
        &["telemetry".to_owned()],
        Start::Beginning,
        |_| {},
    )
    .err()
    .unwrap();

    assert_eq!(format!("{error:#}"), "Kafka has no topic telemetry");
}

/// What a test compares.
struct Fact {
    partition: i32,
    offset: i64,
    epoch: Option<i32>,
    key: Option<String>,
    payload: Option<String>,
    publish_id: Option<String>,
    barrier: bool,
}

impl From<Seen<'_>> for Fact {
    fn from(seen: Seen<'_>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            partition: seen.partition,
            offset: seen.offset,
            epoch: seen.leader_epoch,
            key: seen.key.map(text),
            payload: seen.payload.map(text),
            publish_id: seen.publish_id.as_deref().map(text),
            barrier: seen.barrier,
        }
    }
}

fn cluster(topic: &str, partitions: i32) -> EmbeddedCluster {
    let cluster = EmbeddedCluster::start(1).unwrap();
    cluster.create_topic(topic, partitions).unwrap();
    cluster
}

fn publisher(cluster: &EmbeddedCluster) -> Publisher {
    Publisher::connect(cluster.access(), "test").unwrap()
}

fn read(cluster: &EmbeddedCluster, topic: &str) -> (TruthReader, mpsc::Receiver<Fact>) {
    let (sink, seen) = mpsc::channel();
    let truth = TruthReader::open(
        cluster.access(),
        &[topic.to_owned()],
        Start::Beginning,
        move |event| match event {
            Event::Record(record) => drop(sink.send(Fact::from(record))),
            Event::Hole(Hole { .. }) => {}
        },
    );
    (truth.unwrap(), seen)
}

fn at(partition: i32, key: &str, payload: &str) -> Record {
    Record {
        topic: "telemetry".to_owned(),
        partition: Some(partition),
        key: Some(key.as_bytes().to_vec()),
        payload: Some(payload.as_bytes().to_vec()),
        headers: Vec::new(),
    }
}

fn place(partition: i32, offset: i64) -> Placed {
    Placed { partition, offset }
}

fn by_partition(seen: mpsc::Receiver<Fact>) -> Vec<String> {
    let mut lines: Vec<String> = seen
        .iter()
        .map(|fact| match fact.barrier {
            true => format!("{}@{} barrier", fact.partition, fact.offset),
            false => format!(
                "{}@{} {}={}",
                fact.partition,
                fact.offset,
                fact.key.unwrap_or_default(),
                fact.payload.unwrap_or_default()
            ),
        })
        .collect();
    lines.sort();
    lines
}
