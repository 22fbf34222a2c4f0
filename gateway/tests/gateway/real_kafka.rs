//! What the mock cluster cannot show: topic ids, searches by time, transactions, topics that are deleted, grown and
//! trimmed. Run against a broker of your own:
//!
//!     TIDEGATE_TEST_KAFKA=127.0.0.1:9092 cargo test -p gateway --test gateway real_kafka -- --ignored

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::{Value, json};

use crate::support::device::{position, texts};
use crate::support::gateway::Setup;
use crate::support::kafka::{Write, write};
use crate::support::{Device, Gateway, PATIENCE, eventually};

#[test]
#[ignore = "needs a real broker: set TIDEGATE_TEST_KAFKA=HOST:PORT"]
fn epochs_name_the_topic_by_its_id_alike_on_every_gateway() {
    let topic = Topic::create(2);
    let (one, other) = (topic.gateway(), topic.gateway());
    let mut devices = [&one, &other].map(|gateway| Device::connect(gateway.address()));
    for device in &mut devices {
        device.subscribe(1, &topic.subject("k"));
        device.receive();
    }

    topic.write(&["1"]);

    let messages = devices.each_mut().map(Device::receive);
    assert_eq!(messages[0], messages[1]);
    let epoch = messages[0]["epoch"].as_str().unwrap();
    let id = epoch.split('.').next().unwrap();
    assert_eq!(id.len(), 22, "{epoch}");
    assert!(!epoch.contains(&topic.name), "{epoch}");
}

#[test]
#[ignore = "needs a real broker: set TIDEGATE_TEST_KAFKA=HOST:PORT"]
fn what_was_missed_comes_from_a_gateway_that_started_later() {
    let topic = Topic::create(1);
    let one = topic.gateway();
    let mut device = Device::connect(one.address());
    device.subscribe(1, &topic.subject("k"));
    device.receive();
    topic.write(&["1"]);
    let last = device.receive();
    drop(one);
    topic.write(&["2", "3"]);

    let other = topic.gateway();
    let mut device = Device::connect(other.address());
    assert_eq!(
        device.resume(1, &topic.subject("k"), &position(&last))["recovery"],
        "synced"
    );

    assert_eq!(texts(&device.receive_many(2)), ["2", "3"]);
}

#[test]
#[ignore = "needs a real broker: set TIDEGATE_TEST_KAFKA=HOST:PORT"]
fn aborted_transactions_are_never_seen_and_their_holes_are_no_gaps() {
    let topic = Topic::create(1);
    let gateway = topic.gateway();
    let mut device = Device::connect(gateway.address());
    device.subscribe(1, &topic.subject("k"));
    device.receive();

    topic.write(&["before"]);
    topic.transaction("aborted", false);
    topic.transaction("committed", true);
    topic.write(&["after"]);

    let messages = device.receive_many(3);
    assert_eq!(texts(&messages), ["before", "committed", "after"]);
    assert_eq!(messages[1]["prev"], messages[0]["seq"]);
    assert_eq!(messages[2]["prev"], messages[1]["seq"]);
    assert!(messages[2]["seq"].as_i64().unwrap() > 3);

    // A gateway that starts at the end of it all is ready although the last offsets are markers.
    topic.transaction("aborted too", false);
    topic.gateway();
}

#[test]
#[ignore = "needs a real broker: set TIDEGATE_TEST_KAFKA=HOST:PORT"]
fn a_topic_deleted_and_created_again_is_told_and_read_from_its_beginning() {
    let topic = Topic::create(1);
    // The gateway has to notice by itself.
    let setup = Setup::default()
        .topics(&[&topic.name])
        .by_id()
        .refresh("1h");
    let gateway = setup.start(&topic.bootstrap);
    gateway.wait_until_ready();
    let mut device = Device::connect(gateway.address());
    device.subscribe(1, &topic.subject("k"));
    device.receive();
    topic.write(&["old 1", "old 2"]);
    let old = device.receive_many(2).pop().unwrap();

    topic.delete();
    topic.create_again(1);
    topic.wait_until_empty();
    // More than the old one had, so that reading on would not even fail.
    topic.write(&["new 1", "new 2", "new 3", "new 4", "new 5"]);

    let told = device.receive();
    assert_eq!(
        (&told["op"], &told["reason"]),
        (&json!("subscribed"), &json!("diverged")),
        "{told}, after {old}"
    );
    let new: Vec<Value> = (0..5).map(|_| next_message(&mut device)).collect();
    let seqs: Vec<&Value> = new.iter().map(|message| &message["seq"]).collect();
    assert_eq!(seqs, [0, 1, 2, 3, 4]);
    assert_eq!(new[0]["prev"], json!(null));
    assert!(new.iter().all(|message| message["epoch"] != old["epoch"]));

    let mut device = Device::connect(gateway.address());
    assert_eq!(
        device.resume(1, &topic.subject("k"), &position(&old))["reason"],
        "diverged"
    );
    gateway.wait_until_ready();
}

#[test]
#[ignore = "needs a real broker: set TIDEGATE_TEST_KAFKA=HOST:PORT"]
fn partitions_that_are_added_are_read_from_their_first_record() {
    let topic = Topic::create(1);
    let gateway = topic.gateway();
    let mut device = Device::connect(gateway.address());
    device.subscribe(1, &topic.subject("*"));
    device.receive();

    topic.grow(3);
    topic.write_to(2, &["first", "second"]);

    let messages = device.receive_many(2);
    assert_eq!(texts(&messages), ["first", "second"]);
    assert_eq!(messages[0]["partition"], 2);
}

#[test]
#[ignore = "needs a real broker: set TIDEGATE_TEST_KAFKA=HOST:PORT"]
fn deleted_records_are_no_obstacle_to_a_gateway_that_starts() {
    let topic = Topic::create(1);
    topic.write(&["1", "2", "3"]);
    topic.delete_records_before(2);

    let gateway = topic.gateway();

    let mut device = Device::connect(gateway.address());
    let id = topic_id(&gateway, &topic);
    assert_eq!(
        device.resume(
            1,
            &topic.subject("k"),
            &json!({ "epoch": format!("{id}.0.0"), "seq": 0 })
        )["reason"],
        "history-not-loaded"
    );
    assert_eq!(device.receive()["data"], "3");
}

#[test]
#[ignore = "needs a real broker: set TIDEGATE_TEST_KAFKA=HOST:PORT"]
fn a_topic_that_is_gone_is_the_reason_for_not_being_ready() {
    let topic = Topic::create(1);
    let gateway = topic.gateway();

    topic.delete();

    eventually("the missing topic is named", || {
        gateway.get("/ready").json()["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains(&topic.name))
    });
}

/// A topic of its own for each test; deleted when dropped.
struct Topic {
    name: String,
    bootstrap: String,
    admin: AdminClient<DefaultClientContext>,
    runtime: tokio::runtime::Runtime,
}

impl Topic {
    fn create(partitions: i32) -> Self {
        let bootstrap = std::env::var("TIDEGATE_TEST_KAFKA").unwrap();
        let topic = Self {
            name: format!("gateway-test-{:016x}", rand_number()),
            admin: client(&bootstrap).create().unwrap(),
            bootstrap,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
        };
        topic.create_again(partitions);
        topic
    }

    fn create_again(&self, partitions: i32) {
        eventually("the topic can be created", || {
            let topic = NewTopic::new(&self.name, partitions, TopicReplication::Fixed(1));
            let created = self
                .runtime
                .block_on(self.admin.create_topics([&topic], &AdminOptions::new()));
            // A client that is new may lose the connection it began with; nothing was created then.
            created.is_ok_and(|results| results[0].is_ok())
        });
    }

    fn delete(&self) {
        let deleted = self.runtime.block_on(
            self.admin
                .delete_topics(&[&self.name], &AdminOptions::new()),
        );
        deleted.unwrap()[0].as_ref().unwrap();
    }

    /// The controller answers before its brokers have done it: for a moment a broker still takes records for the log that is to go, and
    /// acknowledges them.
    fn wait_until_empty(&self) {
        let asker: BaseConsumer = client(&self.bootstrap).create().unwrap();
        eventually("the topic's new log is there", || {
            asker
                .fetch_watermarks(&self.name, 0, PATIENCE)
                .is_ok_and(|(_, end)| end == 0)
        });
    }

    fn grow(&self, partitions: usize) {
        let grown = NewPartitions::new(&self.name, partitions);
        let done = self
            .runtime
            .block_on(self.admin.create_partitions([&grown], &AdminOptions::new()));
        done.unwrap()[0].as_ref().unwrap();
    }

    fn delete_records_before(&self, offset: i64) {
        let mut before = TopicPartitionList::new();
        before
            .add_partition_offset(&self.name, 0, Offset::Offset(offset))
            .unwrap();
        self.runtime
            .block_on(self.admin.delete_records(&before, &AdminOptions::new()))
            .unwrap();
    }

    fn gateway(&self) -> Gateway {
        let gateway = Setup::default()
            .topics(&[&self.name])
            .by_id()
            .start(&self.bootstrap);
        gateway.wait_until_ready();
        gateway
    }

    fn subject(&self, key: &str) -> String {
        format!("/{}/{key}", self.name)
    }

    fn write(&self, values: &[&str]) {
        self.write_to(0, values);
    }

    fn write_to(&self, partition: i32, values: &[&str]) {
        let records: Vec<Write<'_>> = values
            .iter()
            .map(|value| Write {
                partition,
                key: Some(b"k"),
                value: Some(value.as_bytes()),
                publish_id: None,
            })
            .collect();
        eventually("the partition takes records", || {
            write(&self.bootstrap, &self.name, &records).is_ok()
        });
    }

    fn transaction(&self, value: &str, commit: bool) {
        let producer: BaseProducer = client(&self.bootstrap)
            .set("transactional.id", format!("{}-{value}", self.name))
            .create()
            .unwrap();
        producer.init_transactions(PATIENCE).unwrap();
        producer.begin_transaction().unwrap();
        producer
            .send(
                BaseRecord::to(&self.name)
                    .partition(0)
                    .key("k")
                    .payload(value),
            )
            .map_err(|(error, _)| error)
            .unwrap();
        producer.flush(PATIENCE).unwrap();
        if commit {
            producer.commit_transaction(PATIENCE).unwrap();
        } else {
            producer.abort_transaction(PATIENCE).unwrap();
        }
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(1)));
        let _ = self
            .runtime
            .block_on(self.admin.delete_topics(&[&self.name], &options));
    }
}

fn client(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    config
}

/// The first part of the topic's epochs, as the gateway tells it.
fn topic_id(gateway: &Gateway, topic: &Topic) -> String {
    let mut device = Device::connect(gateway.address());
    device.subscribe(1, &topic.subject("*"));
    let told = device.receive();
    let epoch = told["at"][0]["epoch"].as_str().unwrap();
    epoch.split('.').next().unwrap().to_owned()
}

/// The next message that is no notice.
fn next_message(device: &mut Device) -> Value {
    loop {
        let message = device.receive();
        if message["op"] == "message" {
            return message;
        }
    }
}

fn rand_number() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};

    RandomState::new().hash_one(std::process::id())
}
