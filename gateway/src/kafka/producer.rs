//! Publishes: acknowledged to the device once Kafka acknowledged.

mod succession;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gateway_engine::Mailbox;
use gateway_protocol::message::ErrorCode;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaErrorCode;

use super::acks::{Acks, Ticket};
use crate::metrics::Metrics;
use crate::topics::Topics;
use crate::workgroup::Command;
use succession::Line;

/// Writes to the log for all devices.
pub(crate) struct Publisher {
    /// One producer after the other, should one break for good, which an idempotent producer may.
    line: Arc<Line>,
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
        Ok(Self {
            line: Line::begin(config, acks.clone())?,
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
        let topic = self.topics.name(publish.topic);
        self.line.publish(topic, publish, ticket).map_err(|error| {
            self.acks.one_less();
            let (code, reason) = not_taken(&error);
            self.acks.failed(code, reason)
        })
    }

    /// Waits until everything handed over is answered, for at most `patience`.
    pub(crate) fn finish(&self, patience: Duration) {
        if let Err(error) = self.line.flush(patience) {
            tracing::warn!(%error, "publishes were left unanswered");
        }
    }
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
