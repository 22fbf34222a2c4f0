//! Kafka's answers to publishes, and their way to the workgroups.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use gateway_engine::{ConnId, Mailbox};
use gateway_protocol::message::ErrorCode;
use rdkafka::Message as _;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, DeliveryResult};
use rdkafka::types::RDKafkaErrorCode;

use super::native;
use crate::hub::subscriptions::GroupId;
use crate::metrics::{Metrics, Reason};
use crate::workgroup::Command;

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

/// Takes Kafka's answers to the workgroups. Clones are one.
#[derive(Clone)]
pub(super) struct Acks(Arc<Inner>);

struct Inner {
    mailboxes: OnceLock<Vec<Mailbox<Command>>>,
    in_flight: AtomicUsize,
    metrics: Metrics,
}

impl Acks {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self(Arc::new(Inner {
            mailboxes: OnceLock::new(),
            in_flight: AtomicUsize::new(0),
            metrics,
        }))
    }

    /// Says where answers go. Publishes before that would go unanswered.
    pub(super) fn connect(&self, mailboxes: Vec<Mailbox<Command>>) {
        // Only the first call counts, and there is only one.
        let _ = self.0.mailboxes.set(mailboxes);
    }

    /// One more publish waits for Kafka; answers how many waited before.
    pub(super) fn one_more(&self) -> usize {
        let before = self.0.in_flight.fetch_add(1, Ordering::Relaxed);
        self.show(before + 1);
        before
    }

    pub(super) fn one_less(&self) {
        let before = self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.show(before.saturating_sub(1));
    }

    /// Counts a publish that was answered with an error.
    pub(super) fn failed(&self, code: ErrorCode, reason: String) -> (ErrorCode, String) {
        let label = Reason {
            reason: code.word(),
        };
        self.0.metrics.publish_failed.get_or_create(&label).inc();
        (code, reason)
    }

    fn show(&self, in_flight: usize) {
        self.0.metrics.publishes_in_flight.set(in_flight as i64);
    }
}

impl Acks {
    /// Tells the device what became of its record.
    pub(super) fn answer(&self, ticket: Ticket, delivered: &DeliveryResult<'_>) {
        match delivered {
            Ok(message) => {
                self.0.metrics.published.inc();
                let stored = Stored {
                    partition: message.partition(),
                    offset: message.offset(),
                };
                self.tell(ticket, Ok(stored));
            }
            Err((error, message)) => {
                let told = not_stored(error, native::may_be_stored(message));
                self.refuse(ticket, told);
            }
        }
    }

    /// Tells the device that its record is not in the log, or may not be.
    pub(super) fn refuse(&self, ticket: Ticket, (code, reason): (ErrorCode, String)) {
        let told = self.failed(code, reason);
        self.tell(ticket, Err(told));
    }

    /// Whether another attempt may succeed where this one failed.
    pub(super) fn may_work_again(error: &KafkaError, message: &BorrowedMessage<'_>) -> bool {
        not_stored(error, native::may_be_stored(message))
            .0
            .is_retryable()
    }

    fn tell(&self, ticket: Ticket, result: Result<Stored, (ErrorCode, String)>) {
        self.one_less();
        let mailbox = self
            .0
            .mailboxes
            .get()
            .and_then(|mailboxes| mailboxes.get(usize::from(ticket.group)));
        if let Some(mailbox) = mailbox {
            // This thread does nothing else, so it may wait for a workgroup that is behind; meanwhile publishes in
            // flight pile up to their limit and further ones are refused. A workgroup that has ended needs no answer.
            let _ = mailbox.send(Command::Acked(Acked { ticket, result }));
        }
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
