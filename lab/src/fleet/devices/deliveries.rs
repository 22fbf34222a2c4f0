//! What reaches devices.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use gateway_protocol::message::{self, Data, Kind};
use lab_kafka::payload::{Stamp, now_us};

use super::Devices;
use crate::provider::{Delivery, DeliveryKind, Observation};

impl Devices {
    pub(super) fn delivered(&mut self, device: u32, delivery: &message::Delivery<'_>) {
        let at = Instant::now();
        let subscribed = self
            .device(device)
            .and_then(|device| device.subscription(&delivery.subject).cloned());
        let subject = subscribed.unwrap_or_else(|| self.words.get(&delivery.subject));
        let key = delivery
            .record
            .as_ref()
            .and_then(|record| record.key.as_deref());
        let key = key.map(|key| self.words.get(key));
        let epoch = self.words.get(&delivery.epoch);
        let bytes = bytes_of(&delivery.data);
        if let (Kind::Update, Some(stamp)) = (delivery.kind, bytes.and_then(Stamp::read)) {
            self.news
                .delivery_took(now_us().saturating_sub(stamp.intended_us));
        }
        let data = bytes.map(|bytes| self.words.bytes(bytes));
        self.news.count().delivered += 1;
        self.news.observe(Observation::Delivered(Delivery {
            device,
            subject,
            key,
            epoch,
            seq: delivery.seq,
            prev: delivery.prev,
            kind: match delivery.kind {
                Kind::Snapshot => DeliveryKind::Snapshot,
                Kind::Update => DeliveryKind::Update,
                Kind::Recovered => DeliveryKind::Recovered,
            },
            data,
            at,
        }));
    }
}

fn bytes_of<'a>(data: &'a Data<'_>) -> Option<&'a [u8]> {
    match data {
        Data::Text(text) => Some(text.as_bytes()),
        Data::Bytes(bytes) => Some(bytes),
        Data::Tombstone => None,
    }
}

/// Texts and data that many deliveries have in common, held once.
#[derive(Debug, Default)]
pub(in crate::fleet) struct Words {
    known: HashSet<Arc<str>>,
    /// One record goes to many devices, one after the other.
    last: Option<Arc<[u8]>>,
}

/// Texts remembered; further ones are copied each time.
const MOST_WORDS: usize = 1 << 20;

impl Words {
    pub(super) fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.known.get(text) {
            return Arc::clone(known);
        }
        let word: Arc<str> = text.into();
        if self.known.len() < MOST_WORDS {
            self.known.insert(Arc::clone(&word));
        }
        word
    }

    fn bytes(&mut self, bytes: &[u8]) -> Arc<[u8]> {
        match &self.last {
            Some(last) if **last == *bytes => Arc::clone(last),
            _ => Arc::clone(self.last.insert(bytes.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_words_and_repeated_data_are_held_once() {
        let mut words = Words::default();

        assert!(Arc::ptr_eq(&words.get("/t/a"), &words.get("/t/a")));
        assert!(Arc::ptr_eq(&words.bytes(b"21"), &words.bytes(b"21")));
        assert_eq!(*words.bytes(b"22"), *b"22");
    }
}
