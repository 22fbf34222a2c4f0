//! librdkafka's mock cluster, in this process, on a thread of its own because it may not move.

use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaResult;
use rdkafka::message::{Header, Headers as _, Message as _, OwnedHeaders, OwnedMessage};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _};
use rdkafka::{Offset, TopicPartitionList};

use super::PATIENCE;

type Cluster = MockCluster<'static, DefaultProducerContext>;
type Order = Box<dyn FnOnce(&Cluster) + Send>;

/// A running mock cluster; stops when dropped.
pub(crate) struct Kafka {
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<()>>,
    pub(crate) bootstrap: String,
}

/// A record to write.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Write<'a> {
    pub(crate) partition: i32,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) publish_id: Option<&'a str>,
}

impl Kafka {
    /// A cluster of one broker with these topics.
    pub(crate) fn with_topics(topics: &[(&str, i32)]) -> Self {
        let (orders, todo) = channel::<Order>();
        let (told, bootstrap) = channel();
        let thread = std::thread::spawn(move || {
            let cluster = MockCluster::new(1).unwrap();
            told.send(cluster.bootstrap_servers()).unwrap();
            for order in todo {
                order(&cluster);
            }
        });
        let kafka = Self {
            orders: Some(orders),
            thread: Some(thread),
            bootstrap: bootstrap.recv().unwrap(),
        };
        for (topic, partitions) in topics {
            kafka.create_topic(topic, *partitions);
        }
        kafka
    }

    pub(crate) fn create_topic(&self, topic: &str, partitions: i32) {
        let topic = topic.to_owned();
        self.order(move |cluster| cluster.create_topic(&topic, partitions, 1).unwrap());
    }

    /// The broker goes away, as a machine that is switched off.
    pub(crate) fn down(&self) {
        self.order(|cluster| cluster.broker_down(1).unwrap());
    }

    pub(crate) fn up(&self) {
        self.order(|cluster| cluster.broker_up(1).unwrap());
    }

    /// Every answer of the broker takes this long.
    pub(crate) fn delay(&self, delay: Duration) {
        self.order(move |cluster| cluster.broker_round_trip_time(1, delay).unwrap());
    }

    /// Does something with the cluster on its own thread, and waits for it.
    pub(crate) fn order<T: Send + 'static>(
        &self,
        order: impl FnOnce(&Cluster) -> T + Send + 'static,
    ) -> T {
        let (done, answer) = channel();
        let order: Order = Box::new(move |cluster| done.send(order(cluster)).unwrap());
        self.orders.as_ref().unwrap().send(order).unwrap();
        answer.recv().unwrap()
    }

    /// Writes records and waits for their acknowledgements.
    pub(crate) fn write(&self, topic: &str, records: &[Write<'_>]) {
        write(&self.bootstrap, topic, records).unwrap();
    }

    /// Writes texts under one key.
    pub(crate) fn write_texts(&self, topic: &str, key: &str, values: &[&str]) {
        let records: Vec<Write<'_>> = values
            .iter()
            .map(|value| Write {
                key: Some(key.as_bytes()),
                value: Some(value.as_bytes()),
                ..Write::default()
            })
            .collect();
        self.write(topic, &records);
    }

    /// Reads `count` records of a partition from its beginning.
    pub(crate) fn read(&self, topic: &str, partition: i32, count: usize) -> Vec<OwnedMessage> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.bootstrap)
            .set("group.id", "truth")
            .set("fetch.wait.max.ms", "10")
            .create()
            .unwrap();
        let mut place = TopicPartitionList::new();
        place
            .add_partition_offset(topic, partition, Offset::Beginning)
            .unwrap();
        consumer.assign(&place).unwrap();
        (0..count)
            .map(|read| match consumer.poll(PATIENCE) {
                Some(message) => message.unwrap().detach(),
                None => panic!("only {read} of {count} records are in {topic}"),
            })
            .collect()
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        self.orders = None;
        let _ = self.thread.take().unwrap().join();
    }
}

/// Writes records and waits for their acknowledgements.
pub(crate) fn write(bootstrap: &str, topic: &str, records: &[Write<'_>]) -> KafkaResult<()> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("linger.ms", "0")
        .create()?;
    for record in records {
        let mut out = BaseRecord::<[u8], [u8]>::to(topic).partition(record.partition);
        out.key = record.key;
        out.payload = record.value;
        out.headers = record.publish_id.map(|id| {
            OwnedHeaders::new().insert(Header {
                key: "tidegate-publish-id",
                value: Some(id),
            })
        });
        producer.send(out).map_err(|(error, _)| error)?;
    }
    producer.flush(PATIENCE)
}

/// The `publish_id` that a record carries.
pub(crate) fn publish_id(message: &OwnedMessage) -> Option<String> {
    let header = message
        .headers()?
        .iter()
        .find(|header| header.key == "tidegate-publish-id")?;
    Some(String::from_utf8(header.value?.to_vec()).unwrap())
}
