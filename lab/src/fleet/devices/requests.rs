//! What devices ask of a gateway, and its answers.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gateway_engine::Net;
use gateway_protocol::message::{Data, Recovery, ServerMessage, encode_publish, encode_subscribe};
use lab_kafka::payload::Stamp;
use lab_record::ledger::{Answer, Content};

use super::Devices;
use crate::fleet::pace::Due;
use crate::provider::Observation;
use crate::stage::Subjects;

/// A request that is not answered yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::fleet) enum Awaited {
    /// A subscription.
    Subscribed,
    /// The device's n-th publish, due at that time.
    Published { number: u32, due: Instant },
}

impl Devices {
    pub(super) fn subscribe(&mut self, net: &mut Net<u32>, number: u32, subjects: Subjects) {
        let topic = &self.setup.topic;
        let subject = match subjects {
            Subjects::Own => own_subject(topic, number),
            Subjects::Shared => format!("/{topic}/all"),
            Subjects::Wildcard => format!("/{topic}/*"),
        };
        let subject = self.words.get(&subject);
        let Some(device) = self.device(number) else {
            return;
        };
        device.remember_subscription(&subject);
        self.send_subscribe(net, number, &subject);
    }

    /// A fresh connection knows nothing of what the device had subscribed to.
    pub(super) fn subscribe_again(&mut self, net: &mut Net<u32>, number: u32) {
        let subjects = self
            .device(number)
            .map(|device| device.subjects.clone())
            .unwrap_or_default();
        for subject in &subjects {
            self.send_subscribe(net, number, subject);
        }
    }

    fn send_subscribe(&mut self, net: &mut Net<u32>, number: u32, subject: &Arc<str>) {
        let Some(device) = self.device(number) else {
            return;
        };
        // A device that is not connected subscribes when it is.
        let Some(conn) = device.open() else { return };
        let id = device.take_id().into();
        let text = encode_subscribe(id, subject, &[], None);
        match net.send_text(conn, &text) {
            Ok(()) => drop(self.awaited.insert((number, id), Awaited::Subscribed)),
            Err(error) => self
                .news
                .fail(|| format!("device {number} could not subscribe: {error}")),
        }
    }

    pub(super) fn publish(&mut self, net: &mut Net<u32>, due: Due, bytes: u32) {
        let subject = own_subject(&self.setup.topic, due.device);
        let seed = self.setup.seed;
        let Some(device) = self.device(due.device) else {
            return;
        };
        let number = device.publishes;
        device.publishes += 1;
        let id = device.take_id().into();
        let Some(conn) = device.open() else {
            return self.publish_failed(due.device, "it is not connected");
        };
        let stamp = Stamp {
            intended_us: unix_micros(due.at),
            number: u64::from(due.device) << 32 | u64::from(number),
        };
        let payload = stamp.payload(bytes as usize);
        let data = Data::Text(Cow::Owned(String::from_utf8_lossy(&payload).into_owned()));
        let publish_id = publish_id(seed, due.device, number);
        let text = encode_publish(id, &subject, &data, Some(&publish_id));
        match net.send_text(conn, &text) {
            Ok(()) => {
                self.news.observe(Observation::Sent {
                    device: due.device,
                    number: number.into(),
                    publish_id,
                    subject,
                    content: Content::of(Some(&payload)),
                });
                let awaited = Awaited::Published {
                    number,
                    due: due.at,
                };
                self.awaited.insert((due.device, id), awaited);
            }
            Err(error) => self.publish_failed(due.device, &error.to_string()),
        }
    }

    pub(super) fn answered(&mut self, device: u32, answer: ServerMessage<'_>) {
        match answer {
            ServerMessage::Subscribed {
                id,
                subject,
                recovery,
            } => {
                let awaited = id.and_then(|id| self.awaited.remove(&(device, id)));
                if awaited == Some(Awaited::Subscribed) {
                    self.news.count().subscribed += 1;
                    self.news.observe(Observation::Subscribed {
                        device,
                        subject: self.words.get(&subject),
                        recovery: recovered(&recovery),
                    });
                }
            }
            ServerMessage::Published { id, partition, seq } => {
                self.published(device, id, partition, seq);
            }
            ServerMessage::Error { id, code, reason } => {
                self.refused(device, id, &format!("{code}: {reason}"));
            }
            ServerMessage::Dropped {
                subject,
                count,
                reason,
            } => {
                self.news.observe(Observation::Dropped {
                    device,
                    subject: self.words.get(&subject),
                    count,
                    reason: reason.word().to_owned(),
                });
            }
            ServerMessage::Message(_)
            | ServerMessage::Unsubscribed { .. }
            | ServerMessage::Reconnect { .. }
            | ServerMessage::Position { .. }
            | ServerMessage::Unknown => {}
        }
    }

    fn published(&mut self, device: u32, id: u64, partition: i32, seq: i64) {
        let Some(Awaited::Published { number, due }) = self.awaited.remove(&(device, id)) else {
            return self
                .news
                .fail(|| format!("device {device} was acknowledged a publish {id} it never sent"));
        };
        let took = due.elapsed();
        self.news.count().published += 1;
        self.news.acknowledgement_took(took);
        self.news.observe(Observation::Published {
            publish_id: publish_id(self.setup.seed, device, number),
            partition,
            offset: seq,
            took,
        });
    }

    fn refused(&mut self, device: u32, id: Option<u64>, why: &str) {
        match id.and_then(|id| self.awaited.remove(&(device, id))) {
            Some(Awaited::Published { .. }) => self.publish_failed(device, why),
            Some(Awaited::Subscribed) | None => self
                .news
                .fail(|| format!("device {device} was refused: {why}")),
        }
    }

    fn publish_failed(&mut self, device: u32, why: &str) {
        self.news.count().publish_errors += 1;
        self.news
            .fail(|| format!("a publish of device {device} failed: {why}"));
    }
}

/// The id of a device's n-th publish; the seed keeps runs on one cluster apart.
fn publish_id(seed: u64, device: u32, number: u32) -> String {
    format!("{seed:x}-{device}-{number}")
}

/// The gateway's answer in the ledger's words.
fn recovered(recovery: &Recovery) -> Answer {
    match recovery {
        Recovery::None => Answer::Fresh,
        Recovery::Synced => Answer::Synced,
        Recovery::Resynced(_) => Answer::Resynced,
    }
}

fn own_subject(topic: &str, device: u32) -> String {
    format!("/{topic}/device-{device}")
}

/// The wall-clock time of an instant, as stamps have it.
fn unix_micros(at: Instant) -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    let then = now
        .saturating_sub(at.elapsed())
        .saturating_add(at.saturating_duration_since(Instant::now()));
    u64::try_from(then.as_micros()).unwrap_or(u64::MAX)
}
