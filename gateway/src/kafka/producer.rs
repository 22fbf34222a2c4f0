//! Publishes: acknowledged to the device once Kafka acknowledged.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gateway_engine::{ConnId, Mailbox};
use gateway_protocol::message::ErrorCode;
use rdkafka::ClientContext;
use rdkafka::Message as _;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;

use super::client_log;
use super::native::{self, PUBLISH_ID_HEADER};
use crate::hub::subscriptions::GroupId;
use crate::metrics::{Metrics, Reason};
use crate::topics::Topics;
use crate::workgroup::Command;

/// Writes to the log for all devices.
pub(crate) struct Publisher {
    producer: ThreadedProducer<Acks>,
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

/// Whom to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) group: GroupId,
    pub(crate) conn: ConnId,
    pub(crate) id: u64,
}

/// Kafka's answer.
#[derive(Debug)]
pub(crate) struct Acked {
    pub(crate) ticket: Ticket,
    pub(crate) result: Result<Stored, (ErrorCode, String)>,
}

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
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
        let acks = Acks {
            mailboxes: OnceLock::new(),
            in_flight: AtomicUsize::new(0),
            metrics,
        };
        let producer = config.create_with_context(acks)?;
        Ok(Self {
            producer,
            topics,
            most_in_flight,
        })
    }

    /// Says where answers go. Publishes before that would go unanswered.
    pub(crate) fn connect(&self, mailboxes: Vec<Mailbox<Command>>) {
        // Only the first call counts, and there is only one.
        let _ = self.producer.context().mailboxes.set(mailboxes);
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
        let acks = self.producer.context();
        if acks.in_flight.fetch_add(1, Ordering::Relaxed) >= self.most_in_flight {
            acks.one_less();
            let reason = "too many publishes wait for Kafka: send it again later".to_owned();
            return Err(acks.failed(ErrorCode::Overloaded, reason));
        }
        acks.metrics
            .publishes_in_flight
            .set(acks.in_flight.load(Ordering::Relaxed) as i64);
        let mut record =
            BaseRecord::with_opaque_to(self.topics.name(publish.topic), Box::new(ticket))
                .key(publish.key);
        record.payload = publish.value;
        record.headers = publish.publish_id.map(|id| {
            OwnedHeaders::new_with_capacity(1).insert(Header {
                key: PUBLISH_ID_HEADER,
                value: Some(id),
            })
        });
        self.producer.send(record).map_err(|(error, _)| {
            acks.one_less();
            let (code, reason) = not_taken(&error);
            acks.failed(code, reason)
        })
    }

    /// Waits until everything handed over is answered, for at most `patience`.
    pub(crate) fn finish(&self, patience: Duration) {
        if let Err(error) = self.producer.flush(patience) {
            tracing::warn!(%error, "publishes were left unanswered");
        }
    }
}

/// Takes Kafka's answers to the workgroups.
struct Acks {
    mailboxes: OnceLock<Vec<Mailbox<Command>>>,
    in_flight: AtomicUsize,
    metrics: Metrics,
}

impl Acks {
    fn one_less(&self) {
        let before = self.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.metrics
            .publishes_in_flight
            .set(before.saturating_sub(1) as i64);
    }

    fn failed(&self, code: ErrorCode, reason: String) -> (ErrorCode, String) {
        self.metrics
            .publish_failed
            .get_or_create(&Reason {
                reason: code.word(),
            })
            .inc();
        (code, reason)
    }
}

impl ClientContext for Acks {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client_log::pass_on(level, facility, message);
    }

    fn stats_raw(&self, _statistics: &[u8]) {}

    fn error(&self, error: KafkaError, reason: &str) {
        client_log::pass_on_error(&error, reason);
    }
}

impl ProducerContext for Acks {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, delivered: &DeliveryResult<'_>, ticket: Box<Ticket>) {
        self.one_less();
        let result = match delivered {
            Ok(message) => {
                self.metrics.published.inc();
                Ok(Stored {
                    partition: message.partition(),
                    offset: message.offset(),
                })
            }
            Err((error, message)) => {
                let (code, reason) = not_stored(error, native::may_be_stored(message));
                Err(self.failed(code, reason))
            }
        };
        let mailbox = self
            .mailboxes
            .get()
            .and_then(|mailboxes| mailboxes.get(usize::from(ticket.group)));
        if let Some(mailbox) = mailbox {
            // This thread does nothing else, so it may wait for a workgroup that is behind; meanwhile publishes in
            // flight pile up to their limit and further ones are refused. A workgroup that has ended needs no answer.
            let _ = mailbox.send(Command::Acked(Acked {
                ticket: *ticket,
                result,
            }));
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

/// Why a record that was handed over is not in the log, or may be.
fn not_stored(error: &KafkaError, may_be_stored: bool) -> (ErrorCode, String) {
    let code = match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => ErrorCode::RecordTooLarge,
        _ if may_be_stored => ErrorCode::PublishUnconfirmed,
        Some(
            RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::InvalidRecord
            | RDKafkaErrorCode::PolicyViolation
            | RDKafkaErrorCode::InvalidTimestamp,
        ) => ErrorCode::PublishRefused,
        Some(_) | None => ErrorCode::KafkaUnavailable,
    };
    (
        code,
        format!("Kafka did not acknowledge the record: {error}"),
    )
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
