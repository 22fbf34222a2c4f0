//! What becomes of the records of one producer: an answer to the device, or, where the producer broke, another chance.

use std::sync::{Arc, Weak};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, DeliveryResult};
use rdkafka::producer::ProducerContext;

use super::Line;
use super::held::{Held, publish_id};
use crate::kafka::acks::{Acks, Ticket};
use crate::kafka::{client_log, native};

/// A publish while a producer has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InFlight {
    pub(super) ticket: Ticket,
    /// Grows with every publish.
    pub(super) number: u64,
    /// A producer gave it back before. It gets no third chance, should every producer break.
    pub(super) came_back: bool,
}

/// Of one producer.
pub(super) struct Context {
    acks: Acks,
    line: Weak<Line>,
}

impl Context {
    pub(super) fn new(acks: Acks, line: Weak<Line>) -> Self {
        Self { acks, line }
    }

    /// The line, if the next producer shall send this record again: its own is broken, and a repetition would be recognised, or cannot come about.
    fn another_chance(
        &self,
        record: &BorrowedMessage<'_>,
        in_flight: InFlight,
    ) -> Option<Arc<Line>> {
        let line = self.line.upgrade()?;
        let is_safe = || publish_id(record).is_some() || !native::may_be_stored(record);
        (!in_flight.came_back && line.is_broken() && is_safe()).then_some(line)
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client_log::pass_on(level, facility, message);
    }

    fn stats_raw(&self, _statistics: &[u8]) {}

    fn error(&self, error: KafkaError, reason: &str) {
        client_log::pass_on_error(&error, reason);
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<InFlight>;

    fn delivery(&self, delivered: &DeliveryResult<'_>, in_flight: Box<InFlight>) {
        let in_flight = *in_flight;
        if let Err((error, record)) = delivered
            && Acks::may_work_again(error, record)
            && let Some(line) = self.another_chance(record, in_flight)
        {
            let Err(error) = line.keep(Held::given_back(record, in_flight)) else {
                return;
            };
            return self.acks.refuse(in_flight.ticket, super::not_taken(&error));
        }
        self.acks.answer(in_flight.ticket, delivered);
    }
}
