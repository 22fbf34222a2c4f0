//! Publishes: acknowledged to the device once Kafka acknowledged.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use gateway_engine::Mailbox;
use gateway_protocol::message::ErrorCode;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;

use super::acks::{Acks, Ticket};
use super::native::PUBLISH_ID_HEADER;
use crate::metrics::Metrics;
use crate::topics::Topics;
use crate::workgroup::Command;

type Producer = ThreadedProducer<Acks>;

/// Writes to the log for all devices.
pub(crate) struct Publisher {
    config: ClientConfig,
    /// Replaced if it breaks for good, which an idempotent producer may.
    producer: RwLock<Arc<Producer>>,
    acks: Acks,
    topics: Topics,
    most_in_flight: usize,
}

/// What a device publishes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Publish<'a> {
    pub(crate) topic: u16,
    pub(crate) key: &'a [u8],
    /// `None` is a tombstone.
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) publish_id: Option<&'a str>,
}

impl Publisher {
    /// A producer for `properties`.
    ///
    /// # Errors
    /// librdkafka refuses the properties.
    pub(crate) fn new(
        properties: &BTreeMap<String, String>,
        topics: Topics,
        most_in_flight: usize,
        metrics: Metrics,
    ) -> KafkaResult<Self> {
        let mut config = ClientConfig::new();
        // A device waits for the answer: better to say "unconfirmed" after half a minute than nothing for five.
        config.set("message.timeout.ms", "30000");
        for (name, value) in properties
            .iter()
            .filter(|(name, _)| !is_for_consumers(name))
        {
            config.set(name, value);
        }
        config
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("partitioner", "murmur2_random");
        let acks = Acks::new(metrics);
        let producer: Producer = config.create_with_context(acks.clone())?;
        Ok(Self {
            config,
            producer: RwLock::new(Arc::new(producer)),
            acks,
            topics,
            most_in_flight,
        })
    }

    /// Says where answers go. Publishes before that would go unanswered.
    pub(crate) fn connect(&self, mailboxes: Vec<Mailbox<Command>>) {
        self.acks.connect(mailboxes);
    }

    /// Hands a publish to Kafka; the answer comes to the ticket's workgroup.
    ///
    /// # Errors
    /// It was not handed over and will not be in the log.
    pub(crate) fn publish(
        &self,
        publish: &Publish<'_>,
        ticket: Ticket,
    ) -> Result<(), (ErrorCode, String)> {
        if self.acks.one_more() >= self.most_in_flight {
            self.acks.one_less();
            let reason = "too many publishes wait for Kafka: send it again later".to_owned();
            return Err(self.acks.failed(ErrorCode::Overloaded, reason));
        }
        let producer = self.current();
        let mut sent = self.send(&producer, publish, ticket);
        if sent.as_ref().is_err_and(is_fatal) {
            sent = self.send(&self.replace(&producer), publish, ticket);
        }
        sent.map_err(|error| {
            self.acks.one_less();
            let (code, reason) = not_taken(&error);
            self.acks.failed(code, reason)
        })
    }

    /// Waits until everything handed over is answered, for at most `patience`.
    pub(crate) fn finish(&self, patience: Duration) {
        if let Err(error) = self.current().flush(patience) {
            tracing::warn!(%error, "publishes were left unanswered");
        }
    }

    fn send(&self, producer: &Producer, publish: &Publish<'_>, ticket: Ticket) -> KafkaResult<()> {
        let topic = self.topics.name(publish.topic);
        let mut record = BaseRecord::with_opaque_to(topic, Box::new(ticket)).key(publish.key);
        record.payload = publish.value;
        record.headers = publish.publish_id.map(|id| {
            let header = Header {
                key: PUBLISH_ID_HEADER,
                value: Some(id),
            };
            OwnedHeaders::new_with_capacity(1).insert(header)
        });
        producer.send(record).map_err(|(error, _)| error)
    }

    fn current(&self) -> Arc<Producer> {
        Arc::clone(&self.producer.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts a new producer in the place of one that is broken for good.
    fn replace(&self, broken: &Arc<Producer>) -> Arc<Producer> {
        let mut place = self
            .producer
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&place, broken) {
            return Arc::clone(&place);
        }
        match self.config.create_with_context(self.acks.clone()) {
            Ok(producer) => {
                tracing::warn!("the producer broke for good and was replaced");
                let broken = std::mem::replace(&mut *place, Arc::new(producer));
                // Its end takes a while: every publish it still has is answered first.
                std::thread::spawn(move || drop(broken));
            }
            Err(error) => tracing::error!(%error, "a broken producer cannot be replaced"),
        }
        Arc::clone(&place)
    }
}

fn is_fatal(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal)
}

/// Why librdkafka did not take a record at all.
fn not_taken(error: &KafkaError) -> (ErrorCode, String) {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::QueueFull) => (
            ErrorCode::Overloaded,
            "too many publishes wait for Kafka: send it again later".to_owned(),
        ),
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => (
            ErrorCode::RecordTooLarge,
            "the record is larger than `message.max.bytes` allows".to_owned(),
        ),
        Some(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownPartition) => (
            ErrorCode::KafkaUnavailable,
            "the topic does not exist at the moment: send it again later".to_owned(),
        ),
        Some(_) | None => (
            ErrorCode::KafkaUnavailable,
            format!("Kafka cannot be written to: {error}"),
        ),
    }
}

/// Properties that only consumers have; librdkafka warns about each of them in a producer.
fn is_for_consumers(name: &str) -> bool {
    const PREFIXES: [&str; 4] = ["fetch.", "queued.", "group.", "session."];
    const NAMES: [&str; 8] = [
        "isolation.level",
        "auto.offset.reset",
        "auto.commit.enable",
        "check.crcs",
        "max.poll.interval.ms",
        "heartbeat.interval.ms",
        "max.partition.fetch.bytes",
        "allow.auto.create.topics",
    ];
    name.starts_with("enable.auto.")
        || name == "enable.partition.eof"
        || NAMES.contains(&name)
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}
