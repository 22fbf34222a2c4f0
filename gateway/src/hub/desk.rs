//! The hub's decisions: takes in records and requests, gives out what each workgroup is to be told. It polls nothing,
//! waits for nothing and knows no Kafka client.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use gateway_engine::ConnId;
use gateway_protocol::message::{ErrorCode, Kind, Recovery, ResyncReason};

use super::answer::Answer;
use super::conflation::{Conflation, Held, Released, Rule};
use super::face::{Frames, Sent};
use super::reading::{Meaning, Reading, Step};
use super::request::{ForSubject, News, Request, Subscribe};
use super::subscriptions::{GroupId, Subscriptions};
use crate::kafka::native::FetchedRecord;
use crate::log::cache::{Appended, Cache, Incoming};
use crate::log::duplicates::{Duplicates, Published};
use crate::log::record::{Moment, PartitionId};
use crate::log::subjects::{SubjectId, Subjects};
use crate::metrics::{Metrics, Outcome, Reason};
use crate::topics::Topics;

/// Subscriptions that may wait for the past to be loaded.
const MOST_WAITING: usize = 1_000_000;

/// See the module.
pub(crate) struct Desk {
    topics: Topics,
    pub(crate) reading: Reading,
    pub(crate) cache: Cache,
    duplicates: Duplicates,
    subscriptions: Subscriptions,
    conflation: Conflation,
    /// Records of this poll, by subject.
    batch: BTreeMap<SubjectId, Frames>,
    /// What each workgroup is to be told, in order.
    outboxes: Vec<VecDeque<News>>,
    /// Subscriptions to topics whose past is not loaded yet.
    waiting: Vec<Subscribe>,
    metrics: Metrics,
}

impl Desk {
    pub(crate) fn new(
        topics: Topics,
        groups: usize,
        cache: Cache,
        duplicates: Duplicates,
        metrics: Metrics,
    ) -> Self {
        Self {
            reading: Reading::new(topics.clone()),
            topics,
            cache,
            duplicates,
            subscriptions: Subscriptions::default(),
            conflation: Conflation::default(),
            batch: BTreeMap::new(),
            outboxes: (0..groups).map(|_| VecDeque::new()).collect(),
            waiting: Vec::new(),
            metrics,
        }
    }

    /// Has updates of some subjects left out.
    pub(crate) fn conflating(mut self, rules: Vec<Rule>) -> Self {
        self.conflation = Conflation::new(rules);
        self
    }

    /// What each workgroup is to be told; the caller takes from the front.
    pub(crate) fn outboxes(&mut self) -> &mut [VecDeque<News>] {
        &mut self.outboxes
    }

    pub(crate) fn topic_number(&self, name: &str) -> Option<u16> {
        self.topics.number(name)
    }

    /// Takes a record in: remembers it, and encodes it if somebody subscribed to it.
    pub(crate) fn record(
        &mut self,
        record: &FetchedRecord<'_>,
        now: Moment,
        read_at: Moment,
    ) -> Vec<Step> {
        let Some(topic) = self.topics.number(record.topic) else {
            return Vec::new();
        };
        let place = PartitionId {
            topic,
            partition: record.partition,
        };
        let stale = self
            .cache
            .partition(place)
            .is_none_or(|memory| record.offset < memory.next);
        if stale {
            return Vec::new();
        }
        let Some(meaning) = self
            .reading
            .meaning(place, record.offset, record.leader_epoch)
        else {
            return Vec::new();
        };
        if meaning == Meaning::Contradiction {
            self.resync_topic(topic, ResyncReason::Diverged);
        }
        if self.is_repeated(place, record) {
            self.cache
                .pass_over(place, record.offset, record.leader_epoch);
        } else {
            let incoming = Incoming {
                offset: record.offset,
                leader_epoch: record.leader_epoch,
                key: record.key,
                value: record.value,
            };
            let at = if meaning == Meaning::Past {
                read_at
            } else {
                now
            };
            if let Some(appended) = self.cache.append(place, incoming, at)
                && meaning != Meaning::Past
            {
                self.announce(place, &appended, now);
            }
        }
        self.reached(place, record.offset + 1)
    }

    /// Everything up to `next` was read, records or not.
    pub(crate) fn end(&mut self, place: PartitionId, next: i64) -> Vec<Step> {
        self.cache.advance(place, next);
        self.reached(place, next)
    }

    /// Closes the batch: what was encoded goes to every workgroup that wants it.
    pub(crate) fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let mut shares: Vec<Vec<ForSubject>> = self.outboxes.iter().map(|_| Vec::new()).collect();
        for (subject, frames) in std::mem::take(&mut self.batch) {
            let Some(subscribed) = self.subscriptions.of(subject) else {
                continue;
            };
            self.metrics.encoded_bytes.inc_by(frames.len() as u64);
            let records = frames.into_records(subject, &subscribed.name);
            for group in subscribed.groups() {
                if let Some(share) = shares.get_mut(usize::from(group)) {
                    share.push(records.clone());
                }
            }
        }
        for (outbox, share) in self.outboxes.iter_mut().zip(shares) {
            if !share.is_empty() {
                outbox.push_back(News::Records(share.into()));
            }
        }
    }

    /// Takes a request in.
    pub(crate) fn request(&mut self, request: Request) {
        match request {
            Request::Subscribe(subscribe) if self.reading.is_loaded(subscribe.topic) => {
                self.subscribe(&subscribe)
            }
            Request::Subscribe(subscribe) if self.waiting.len() < MOST_WAITING => {
                self.waiting.push(*subscribe)
            }
            Request::Subscribe(subscribe) => {
                let reason = "too many subscriptions wait for Kafka".to_owned();
                self.refuse(&subscribe, ErrorCode::Overloaded, reason);
            }
            Request::Unsubscribe {
                group,
                conn,
                id,
                subject,
            } => {
                self.withdraw_waiting(group, conn, &subject);
                self.tell(group, News::Unsubscribe { conn, id, subject });
            }
            Request::Release { group, subject } => {
                self.subscriptions.remove(subject, group);
                if self.subscriptions.of(subject).is_none() {
                    self.conflation.forget(subject);
                }
                self.cache.unpin(subject);
                self.count_subscriptions();
            }
        }
    }

    /// A topic's past is loaded: answers those who waited for it.
    pub(crate) fn answer_waiting(&mut self, topic: u16) {
        for subscribe in self.take_waiting(|waiting| waiting.topic == topic) {
            self.subscribe(&subscribe);
        }
    }

    /// Ends subscriptions that were taken back before they began.
    fn withdraw_waiting(&mut self, group: GroupId, conn: ConnId, subject: &str) {
        let withdrawn = self.take_waiting(|waiting| {
            (waiting.group, waiting.conn, &*waiting.subject) == (group, conn, subject)
        });
        for subscribe in withdrawn {
            let reason = "the subscription was ended before it began".to_owned();
            self.refuse(&subscribe, ErrorCode::NotSubscribed, reason);
        }
    }

    fn take_waiting(&mut self, which: impl Fn(&Subscribe) -> bool) -> Vec<Subscribe> {
        let waiting = std::mem::take(&mut self.waiting);
        let (taken, left) = waiting.into_iter().partition(|subscribe| which(subscribe));
        self.waiting = left;
        taken
    }

    /// Tells everyone who subscribed within a topic that their subscription begins anew.
    pub(crate) fn resync_topic(&mut self, topic: u16, reason: ResyncReason) {
        let name = self.topics.name(topic);
        tracing::warn!(topic = name, %reason, "devices are told that their positions do not hold");
        let label = Reason {
            reason: reason.word(),
        };
        self.metrics.kafka_resets.get_or_create(&label).inc();
        // What was encoded before goes out before.
        self.flush();
        let subjects: Vec<SubjectId> = self.subscriptions.subjects().collect();
        for subject in subjects {
            let Some(named) = self.cache.name(subject).filter(|name| name.topic == topic) else {
                continue;
            };
            // What was held belongs to the past that does not hold.
            self.conflation.forget(subject);
            let Some(subscribed) = self.subscriptions.of(subject) else {
                continue;
            };
            let mut answer = Answer {
                cache: &self.cache,
                reading: &mut self.reading,
                subject,
                name: &subscribed.name,
                topic,
                key: named.key.as_deref(),
            };
            self.batch.insert(subject, answer.anew(reason));
        }
        self.flush();
    }

    /// Lets time pass: forgets what is too old or too much.
    pub(crate) fn evict(&mut self, now: Moment, wall_clock: i64) {
        self.cache.evict(now);
        self.duplicates.forget_before(wall_clock);
        self.metrics
            .cache_messages
            .set(self.cache.messages() as i64);
        self.metrics.cache_bytes.set(self.cache.bytes() as i64);
        self.metrics
            .last_value_bytes
            .set(self.cache.last_value_bytes() as i64);
        self.metrics.publish_ids.set(self.duplicates.len() as i64);
        self.metrics.subjects.set(self.cache.subjects() as i64);
    }

    /// Everything before `next` was read. What vanished from the log is told at once, before any later record.
    fn reached(&mut self, place: PartitionId, next: i64) -> Vec<Step> {
        let (told, left): (Vec<Step>, Vec<Step>) = self
            .reading
            .reached(place, next)
            .into_iter()
            .partition(|step| matches!(step, Step::Diverged { .. }));
        if !told.is_empty() {
            self.resync_topic(place.topic, ResyncReason::Diverged);
        }
        left
    }

    fn is_repeated(&mut self, place: PartitionId, record: &FetchedRecord<'_>) -> bool {
        let Some(publish_id) = record.publish_id else {
            return false;
        };
        let repeated = self.duplicates.is_repeated(&Published {
            place,
            topic_id: self.reading.topic_id(place.topic).unwrap_or(""),
            key: record.key,
            publish_id,
            offset: record.offset,
            timestamp: record.timestamp,
        });
        if repeated {
            self.metrics.duplicates.inc();
        }
        repeated
    }

    /// Has conflated updates leave whose time has come.
    pub(crate) fn end_windows(&mut self, now: Moment) {
        while let Some(subject) = self.conflation.due(now) {
            let held = self.conflation.end(subject, now);
            self.release(subject, held);
        }
    }

    /// When [`end_windows`](Self::end_windows) has something to do.
    pub(crate) fn next_due(&self) -> Option<Moment> {
        self.conflation.next_due()
    }

    fn announce(&mut self, place: PartitionId, appended: &Appended, now: Moment) {
        for news in [appended.key, Some(appended.every)].into_iter().flatten() {
            if self.subscriptions.of(news.subject).is_none() {
                continue;
            }
            let update = Held {
                place,
                prev: news.prev,
                record: Rc::clone(&appended.record),
            };
            let whole_topic = news.subject == appended.every.subject;
            let due = self.conflation.take(news.subject, whole_topic, update, now);
            if let Some(update) = due {
                self.encode(news.subject, &update);
            }
        }
    }

    /// Tells what was left out, then what was held.
    fn release(&mut self, subject: SubjectId, released: Released) {
        if self.subscriptions.of(subject).is_some() && released.left_out > 0 {
            self.metrics.conflated.inc_by(released.left_out);
            let frames = self.batch.entry(subject).or_default();
            frames.leave_out(released.left_out);
        }
        for update in &released.updates {
            self.encode(subject, update);
        }
    }

    fn encode(&mut self, subject: SubjectId, update: &Held) {
        let Held {
            place,
            prev,
            record,
        } = update;
        let Some(subscribed) = self.subscriptions.of(subject) else {
            return;
        };
        let Some(epoch) = self.reading.epoch(*place, record.leader_epoch) else {
            return;
        };
        self.batch.entry(subject).or_default().push_record(&Sent {
            subject: &subscribed.name,
            whole_topic: subject == Subjects::<()>::every(place.topic),
            partition: place.partition,
            epoch: epoch.as_str(),
            prev: *prev,
            kind: Kind::Update,
            record,
        });
    }

    fn subscribe(&mut self, subscribe: &Subscribe) {
        // Records of this poll belong to those who subscribed before.
        self.flush();
        let key = subscribe.key.as_deref();
        let Some(subject) = self.cache.pin(subscribe.topic, key) else {
            let reason = "the gateway cannot remember more subjects".to_owned();
            return self.refuse(subscribe, ErrorCode::Overloaded, reason);
        };
        // Who comes gets the latest now, so it cannot be news later.
        let held = self.conflation.empty(subject);
        self.release(subject, held);
        self.flush();
        let name = self
            .subscriptions
            .add(subject, subscribe.group, &subscribe.subject);
        self.count_subscriptions();
        let mut answer = Answer {
            cache: &self.cache,
            reading: &mut self.reading,
            subject,
            name: &name,
            topic: subscribe.topic,
            key,
        };
        let (frames, recovery) = answer.answer(subscribe);
        self.count_resume(recovery);
        let (frames, messages) = frames.finish();
        let granted = News::Granted {
            conn: subscribe.conn,
            subject,
            name,
            frames,
            messages,
        };
        self.tell(subscribe.group, granted);
    }

    fn refuse(&mut self, subscribe: &Subscribe, code: ErrorCode, reason: String) {
        self.metrics
            .request_errors
            .get_or_create(&Reason {
                reason: code.word(),
            })
            .inc();
        self.tell(
            subscribe.group,
            News::Refused {
                conn: subscribe.conn,
                id: subscribe.id,
                code,
                reason,
            },
        );
    }

    fn tell(&mut self, group: GroupId, news: News) {
        if let Some(outbox) = self.outboxes.get_mut(usize::from(group)) {
            outbox.push_back(news);
        }
    }

    fn count_subscriptions(&self) {
        self.metrics
            .subscriptions
            .set(self.subscriptions.count() as i64);
    }

    fn count_resume(&self, recovery: Recovery) {
        let outcome = match recovery {
            // Who names no position resumes nothing.
            Recovery::None => return,
            Recovery::Synced => Outcome {
                outcome: "synced",
                reason: "",
            },
            Recovery::Resynced(reason) => Outcome {
                outcome: "resynced",
                reason: reason.word(),
            },
        };
        self.metrics.resumes.get_or_create(&outcome).inc();
    }
}

#[cfg(test)]
mod tests;
