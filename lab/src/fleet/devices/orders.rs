//! What devices are told to do.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gateway_client::message::Data;
use gateway_client::{Session, SubscribeOptions, Ticket};
use gateway_engine::Net;
use lab_kafka::payload::Stamp;
use lab_record::ledger::Content;

use super::Devices;
use crate::fleet::device::Tag;
use crate::fleet::pace::Due;
use crate::provider::Observation;
use crate::stage::Subjects;

impl Devices {
    pub(super) fn connect(&mut self, number: u32) {
        if let Some(session) = self.waking_session(number) {
            session.open(Instant::now());
        }
    }

    pub(super) fn disconnect(&mut self, number: u32) {
        if let Some(session) = self.session(number) {
            session.close();
        }
    }

    pub(super) fn subscribe(&mut self, number: u32, subjects: Subjects) {
        let topic = &self.common.setup.topic;
        let subject = match subjects {
            Subjects::Own => own_subject(topic, number),
            Subjects::Shared => format!("/{topic}/all"),
            Subjects::Wildcard => format!("/{topic}/*"),
        };
        let subject = self.words.get(&subject);
        if let Some(device) = self.device(number) {
            device.remember(Arc::clone(&subject));
        }
        let subscribed = self.waking_session(number).map(|session| {
            session.subscribe(&subject, SubscribeOptions::default(), Instant::now())
        });
        if let Some(Err(error)) = subscribed {
            self.news
                .fail(|| format!("device {number} cannot subscribe: {error}"));
        }
    }

    pub(super) fn publish(&mut self, due: Due, bytes: u32) {
        let subject = own_subject(&self.common.setup.topic, due.device);
        let subject = self.words.get(&subject);
        let Some(device) = self.device(due.device) else {
            return;
        };
        let number = device.publishes;
        device.publishes += 1;
        let stamp = Stamp {
            intended_us: unix_micros(due.at),
            number: u64::from(due.device) << 32 | number,
        };
        let payload = stamp.payload(bytes as usize);
        let content = Content::of(Some(&payload));
        // A stamp and its padding are ASCII.
        let data = Data::Text(Cow::Owned(String::from_utf8(payload).unwrap_or_default()));
        let Some(session) = self.waking_session(due.device) else {
            return;
        };
        match session.publish(&subject, data, Instant::now()) {
            Ok(ticket) => {
                let publish_id = session.publish_id(ticket);
                self.sent(
                    due,
                    ticket,
                    Observation::Sent {
                        device: due.device,
                        number: ticket.0,
                        publish_id,
                        subject: subject.to_string(),
                        content,
                    },
                );
            }
            Err(error) => self.publish_failed(due.device, &error.to_string()),
        }
    }

    fn sent(&mut self, due: Due, ticket: Ticket, observation: Observation) {
        self.published.insert((due.device, ticket.0), due.at);
        self.news.observe(observation);
    }

    pub(super) fn publish_failed(&mut self, device: u32, why: &str) {
        self.news.count().publish_errors += 1;
        self.news
            .fail(|| format!("a publish of device {device} failed: {why}"));
    }

    pub(super) fn send(&mut self, net: &mut Net<Tag>, number: u32, text: &str) {
        let conn = self.device(number).and_then(|device| device.conn);
        if let Some(Err(error)) = conn.map(|conn| net.send_text(conn, text)) {
            self.news
                .fail(|| format!("device {number} could not send: {error}"));
        }
    }

    /// The session of a device, made now if this is the first thing it does.
    fn waking_session(&mut self, number: u32) -> Option<&mut Session> {
        let common = Arc::clone(&self.common);
        let servers = Arc::clone(&self.servers);
        let device = self.device(number)?;
        let session = device.session.get_or_insert_with(|| {
            let seed = common.setup.seed.rotate_left(32) ^ u64::from(number);
            Box::new(Session::new(servers, Arc::clone(&common.settings), seed))
        });
        Some(session)
    }
}

fn own_subject(topic: &str, device: u32) -> String {
    format!("/{topic}/device-{device}")
}

/// The wall-clock time of an instant that has passed, as stamps have it.
fn unix_micros(at: Instant) -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    u64::try_from(now.saturating_sub(at.elapsed()).as_micros()).unwrap_or(u64::MAX)
}
