//! A publish while no producer has it.

use rdkafka::error::KafkaResult;
use rdkafka::message::{BorrowedMessage, Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::BaseRecord;

use super::Producer;
use super::context::InFlight;
use crate::kafka::native::PUBLISH_ID_HEADER;
use crate::kafka::producer::Publish;

/// A publish that waits for the next producer.
#[derive(Debug)]
pub(super) struct Held {
    topic: Box<str>,
    key: Box<[u8]>,
    value: Option<Box<[u8]>>,
    publish_id: Option<Box<str>>,
    pub(super) in_flight: InFlight,
}

impl Held {
    pub(super) fn new(topic: &str, publish: &Publish<'_>, in_flight: InFlight) -> Self {
        Self {
            topic: topic.into(),
            key: publish.key.into(),
            value: publish.value.map(Box::from),
            publish_id: publish.publish_id.map(Box::from),
            in_flight,
        }
    }

    /// A record that a producer gives back.
    pub(super) fn given_back(record: &BorrowedMessage<'_>, in_flight: InFlight) -> Self {
        Self {
            topic: record.topic().into(),
            key: record.key().unwrap_or_default().into(),
            value: record.payload().map(Box::from),
            publish_id: publish_id(record),
            in_flight: InFlight {
                came_back: true,
                ..in_flight
            },
        }
    }

    pub(super) fn send(&self, producer: &Producer) -> KafkaResult<()> {
        let publish = Publish {
            topic: 0,
            key: &self.key,
            value: self.value.as_deref(),
            publish_id: self.publish_id.as_deref(),
        };
        send(producer, &self.topic, &publish, self.in_flight)
    }
}

/// The id that a device gave to a publish.
pub(super) fn publish_id(record: &BorrowedMessage<'_>) -> Option<Box<str>> {
    let headers = record.headers()?;
    let header = headers
        .iter()
        .find(|header| header.key == PUBLISH_ID_HEADER)?;
    Some(std::str::from_utf8(header.value?).ok()?.into())
}

/// Hands a publish to a producer, which answers later.
pub(super) fn send(
    producer: &Producer,
    topic: &str,
    publish: &Publish<'_>,
    in_flight: InFlight,
) -> KafkaResult<()> {
    let mut record = BaseRecord::with_opaque_to(topic, Box::new(in_flight)).key(publish.key);
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
