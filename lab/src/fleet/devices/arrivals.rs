//! What reaches devices.

use std::time::Instant;

use gateway_client::Received;
use gateway_client::message::{Data, Kind};
use gateway_engine::Message;
use lab_kafka::payload::{Stamp, now_us};

use super::Devices;
use crate::fleet::device::Tag;
use crate::provider::{Delivery, DeliveryKind, Observation};

impl Devices {
    pub(super) fn arrived(&mut self, tag: Tag, message: Message<'_>) {
        let at = Instant::now();
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => {
                return self
                    .news
                    .fail(|| format!("device {} was sent a binary message", tag.device));
            }
        };
        let received = self
            .session(tag.device)
            .and_then(|session| session.handle_text(tag.attempt, text, at));
        if let Some(received) = received {
            self.delivered(tag.device, &received, at);
        }
    }

    fn delivered(&mut self, number: u32, received: &Received<'_>, at: Instant) {
        let message = &received.message;
        let held = self
            .device(number)
            .and_then(|device| device.subject(&message.subject).cloned());
        let subject = held.unwrap_or_else(|| self.words.get(&message.subject));
        if received.gap.is_some() {
            let subject = std::sync::Arc::clone(&subject);
            self.news.observe(Observation::Gap {
                device: number,
                subject,
                before: message.seq,
            });
        }
        let bytes = bytes_of(&message.data);
        if let (Kind::Update, Some(stamp)) = (message.kind, bytes.and_then(Stamp::read)) {
            self.note_latency(number, stamp);
        }
        let key = message
            .record
            .as_ref()
            .and_then(|record| record.key.as_deref());
        let delivery = Delivery {
            device: number,
            subject,
            key: key.map(|key| self.words.get(key)),
            epoch: self.words.get(&message.epoch),
            seq: message.seq,
            prev: message.prev,
            kind: match message.kind {
                Kind::Snapshot => DeliveryKind::Snapshot,
                Kind::Update => DeliveryKind::Update,
                Kind::Recovered => DeliveryKind::Recovered,
            },
            data: bytes.map(|bytes| self.words.bytes(bytes)),
            at,
        };
        self.news.count().delivered += 1;
        self.news.observe(Observation::Delivered(delivery));
    }

    fn note_latency(&mut self, number: u32, stamp: Stamp) {
        let waited_for_gateway = self
            .device(number)
            .is_some_and(|device| !device.stalled && device.read_on_us < stamp.intended_us);
        if waited_for_gateway {
            self.news
                .delivery_took(now_us().saturating_sub(stamp.intended_us));
        }
    }
}

fn bytes_of<'a>(data: &'a Data<'_>) -> Option<&'a [u8]> {
    match data {
        Data::Text(text) => Some(text.as_bytes()),
        Data::Bytes(bytes) => Some(bytes),
        Data::Tombstone => None,
    }
}
