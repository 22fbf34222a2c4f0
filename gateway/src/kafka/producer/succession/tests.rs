use std::collections::{BTreeMap, HashSet};

use gateway_engine::ConnId;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _, OwnedMessage};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::{Offset, TopicPartitionList};

use super::*;
use crate::kafka::native;
use crate::kafka::producer::Publisher;
use crate::metrics::{Metrics, Reason};
use crate::topics::Topics;

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn publishes_that_wait_inside_a_producer_that_breaks_are_not_overtaken() {
    // Nothing leaves the first producer before it breaks.
    let log = publishes_around_a_break(&[("linger.ms", "1500")], Duration::ZERO);

    assert_eq!(log, expected());
}

#[test]
fn publishes_on_their_way_when_their_producer_breaks_are_not_overtaken() {
    // Everything has left it and nothing is answered.
    let log = publishes_around_a_break(&[("linger.ms", "0")], Duration::from_millis(500));

    assert_eq!(log, expected());
}

/// Twenty publishes of one device, in the middle of which the producer breaks: their ids in the order of the log.
fn publishes_around_a_break(properties: &[(&str, &str)], answers_take: Duration) -> Vec<String> {
    let cluster: MockCluster<'_, DefaultProducerContext> = MockCluster::new(1).unwrap();
    cluster.create_topic("t", 1, 1).unwrap();
    let metrics = Metrics::new(1);
    let publisher = publisher(&cluster, properties, &metrics);
    // The first knows its cluster before the rest is timed.
    publish(&publisher, 0);
    publisher.finish(PATIENCE);
    cluster.broker_round_trip_time(1, answers_take).unwrap();
    (1..10).for_each(|number| publish(&publisher, number));
    std::thread::sleep(answers_take / 2);

    native::break_for_good(publisher.line.current().unwrap().client());
    (10..20).for_each(|number| publish(&publisher, number));

    let until = Instant::now() + PATIENCE;
    while metrics.published.get() < 20 && Instant::now() < until {
        std::thread::sleep(LOOK);
    }
    // Every publish was answered once, and none with an error.
    let failed: Vec<u64> = ["overloaded", "kafka-unavailable", "publish-unconfirmed"]
        .map(|reason| {
            metrics
                .publish_failed
                .get_or_create(&Reason { reason })
                .get()
        })
        .to_vec();
    assert_eq!((metrics.published.get(), failed), (20, vec![0; 3]));
    assert_eq!(metrics.publishes_in_flight.get(), 0);
    first_ids(&cluster.bootstrap_servers())
}

fn publisher(
    cluster: &MockCluster<'_, DefaultProducerContext>,
    properties: &[(&str, &str)],
    metrics: &Metrics,
) -> Publisher {
    let mut all = BTreeMap::from([("bootstrap.servers".to_owned(), cluster.bootstrap_servers())]);
    all.extend(
        properties
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
    );
    let topics = Topics::new(&["t".to_owned()]);
    Publisher::new(&all, topics, 1_000, metrics.clone()).unwrap()
}

fn publish(publisher: &Publisher, number: u64) {
    let id = number.to_string();
    let publish = Publish {
        topic: 0,
        key: b"k",
        value: Some(b"21"),
        publish_id: Some(&id),
    };
    let ticket = Ticket {
        group: 0,
        conn: ConnId::from_bits(7),
        id: number,
    };
    publisher.publish(&publish, ticket).unwrap();
}

fn expected() -> Vec<String> {
    (0..20).map(|number| number.to_string()).collect()
}

/// The publish ids of the log; of those that it has twice the first, which is what devices get.
fn first_ids(bootstrap: &str) -> Vec<String> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "truth")
        .create()
        .unwrap();
    let mut place = TopicPartitionList::new();
    place
        .add_partition_offset("t", 0, Offset::Beginning)
        .unwrap();
    consumer.assign(&place).unwrap();
    let (_, end) = consumer.fetch_watermarks("t", 0, PATIENCE).unwrap();
    let mut known = HashSet::new();
    // Asked for one record, a consumer may answer that there is none yet.
    let record = |_| (0..100).find_map(|_| consumer.poll(LOOK * 50));
    let ids = (0..end).map(|n| id_of(&record(n).unwrap().unwrap().detach()));
    ids.filter(|id| known.insert(id.clone())).collect()
}

fn id_of(record: &OwnedMessage) -> String {
    let headers = record.headers().unwrap();
    String::from_utf8(headers.get(0).value.unwrap().to_vec()).unwrap()
}
