//! Everything that is remembered of the log, within its budgets.
//!
//! Each record is stored once and held by two tracks: its key's and its whole topic's. Over budget, the oldest record
//! goes first, whatever its subject. A subject that lost its bodies still knows its last position; if even that is
//! forgotten, its partition remembers how far one could have forgotten something.

use std::collections::VecDeque;
use std::rc::Rc;

use super::last_values::{LastValue, LastValues};
use super::partition::PartitionMemory;
use super::record::{Moment, PartitionId, Record};
use super::subjects::{SubjectId, SubjectName, Subjects};
use super::track::{Kept, Track};

/// Bounds of the memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// Messages per key and partition.
    pub(crate) messages: usize,
    /// Messages per partition for the whole topic.
    pub(crate) topic_messages: usize,
    /// Milliseconds until a message is forgotten.
    pub(crate) max_age: i64,
    /// Bytes of all messages.
    pub(crate) max_bytes: usize,
    /// Bytes of all last values.
    pub(crate) last_value_bytes: usize,
}

/// The memory. See the module.
#[derive(Debug)]
pub(crate) struct Cache {
    budget: Budget,
    partitions: Vec<Vec<Option<PartitionMemory>>>,
    subjects: Subjects<Entry>,
    /// Every body in the order of reading; may name bodies that went before their time.
    order: VecDeque<Body>,
    /// Bodies that are still here, and their bytes.
    alive: usize,
    bytes: usize,
    last_values: LastValues,
}

#[derive(Debug, Default)]
struct Entry {
    tracks: Vec<(i32, Track)>,
    /// Subscriptions that need the subject's number to stay.
    pins: u32,
}

#[derive(Debug, Clone, Copy)]
struct Body {
    at: Moment,
    place: PartitionId,
    offset: i64,
    /// `None` for a record without a key.
    key: Option<SubjectId>,
}

/// A record as it comes from Kafka.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Incoming<'a> {
    pub(crate) offset: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
}

/// A record that was taken in: for whom it is news, and what they had before.
#[derive(Debug)]
pub(crate) struct Appended {
    pub(crate) record: Rc<Record>,
    /// For those who subscribed to its key.
    pub(crate) key: Option<News>,
    /// For those who subscribed to the whole topic.
    pub(crate) every: News,
}

/// A subject and the offset of its record before this one, in the same partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) subject: SubjectId,
    pub(crate) prev: Option<i64>,
}

impl Cache {
    pub(crate) fn new(topics: u16, budget: Budget) -> Self {
        Self {
            budget,
            partitions: (0..topics).map(|_| Vec::new()).collect(),
            subjects: Subjects::new(topics),
            order: VecDeque::new(),
            alive: 0,
            bytes: 0,
            last_values: LastValues::default(),
        }
    }

    /// Begins to remember a partition from `offset` on; whatever was known of it is dropped.
    pub(crate) fn start_partition(&mut self, place: PartitionId, offset: i64) {
        self.truncate(place, i64::MIN);
        let slot = self.partition_slot(place);
        if let Some(slot) = slot {
            *slot = Some(PartitionMemory::starting_at(offset));
        }
    }

    pub(crate) fn partition(&self, place: PartitionId) -> Option<&PartitionMemory> {
        let index = usize::try_from(place.partition).ok()?;
        self.partitions
            .get(usize::from(place.topic))?
            .get(index)?
            .as_ref()
    }

    /// The partitions in which a subject has records.
    pub(crate) fn partitions_with(&self, id: SubjectId) -> Vec<i32> {
        let with_records = self
            .tracks(id)
            .iter()
            .filter(|(_, track)| track.last().is_some());
        with_records.map(|(partition, _)| *partition).collect()
    }

    /// Notes that everything before `next` was read: holes, control records and suppressed duplicates leave no record.
    pub(crate) fn advance(&mut self, place: PartitionId, next: i64) {
        if let Some(partition) = self.partition_mut(place) {
            partition.next = partition.next.max(next);
        }
    }

    /// Notes a record that is not remembered, for example a suppressed duplicate.
    pub(crate) fn pass_over(&mut self, place: PartitionId, offset: i64, leader_epoch: i32) {
        if let Some(partition) = self.partition_mut(place) {
            partition.epochs.note(offset, leader_epoch);
            partition.next = offset + 1;
        }
    }

    /// Takes a record in. `None` if its partition is not being read, or no subject number is left.
    pub(crate) fn append(
        &mut self,
        place: PartitionId,
        incoming: Incoming<'_>,
        at: Moment,
    ) -> Option<Appended> {
        self.partition_mut(place)?;
        let key = match incoming.key {
            Some(key) => Some(self.subjects.intern(place.topic, key)?),
            None => None,
        };
        self.pass_over(place, incoming.offset, incoming.leader_epoch);

        let shared_key = key.and_then(|id| self.subjects.name(id)?.key.clone());
        let value = incoming.value.map(Box::from);
        let record = Rc::new(Record::new(
            incoming.offset,
            incoming.leader_epoch,
            shared_key,
            value,
        ));
        self.order.push_back(Body {
            at,
            place,
            offset: incoming.offset,
            key,
        });
        self.alive += 1;
        self.bytes += record.cost();

        let every = Subjects::<Entry>::every(place.topic);
        let every = News {
            subject: every,
            prev: self.push(every, place.partition, &record, at),
        };
        let key = key.map(|subject| {
            let prev = self.push(subject, place.partition, &record, at);
            self.replace_last_value(subject, place.partition, &record);
            News { subject, prev }
        });
        Some(Appended { record, key, every })
    }

    /// Gives up what is too old, too much or too many.
    pub(crate) fn evict(&mut self, now: Moment) {
        while let Some(oldest) = self.order.front().copied() {
            let too_old = oldest.at.0 + self.budget.max_age < now.0;
            if !too_old && self.bytes <= self.budget.max_bytes {
                break;
            }
            self.order.pop_front();
            self.give_up(oldest);
        }
        while self.last_values.bytes() > self.budget.last_value_bytes {
            let Some(oldest) = self.last_values.pop_oldest() else {
                break;
            };
            self.forget_last_value(oldest);
        }
        self.sweep();
    }

    /// A subscription needs this subject's number. `None` if the topic is not carried or no number is left.
    pub(crate) fn pin(&mut self, topic: u16, key: Option<&[u8]>) -> Option<SubjectId> {
        let id = match key {
            Some(key) => self.subjects.intern(topic, key)?,
            None => Subjects::<Entry>::every(topic),
        };
        self.subjects.get_mut(id)?.pins += 1;
        Some(id)
    }

    /// A subscription ended.
    pub(crate) fn unpin(&mut self, id: SubjectId) {
        if let Some(entry) = self.subjects.get_mut(id) {
            entry.pins = entry.pins.saturating_sub(1);
        }
        self.forget_if_empty(id);
    }

    pub(crate) fn name(&self, id: SubjectId) -> Option<&SubjectName> {
        self.subjects.name(id)
    }

    /// The subject's tracks, by partition.
    pub(super) fn tracks(&self, id: SubjectId) -> &[(i32, Track)] {
        self.subjects.get(id).map_or(&[], |entry| &entry.tracks)
    }

    /// The latest value of a key, with its partition. A tombstone is a value.
    pub(crate) fn last_value(&self, id: SubjectId) -> Option<(i32, &Kept)> {
        self.tracks(id)
            .iter()
            .filter_map(|(partition, track)| {
                Some((track.last()?.at, *partition, track.last_value()?))
            })
            .max_by_key(|(at, ..)| *at)
            .map(|(_, partition, kept)| (partition, kept))
    }

    /// The newest `count` records of a subject, per partition oldest first.
    pub(crate) fn newest(&self, id: SubjectId, count: usize) -> Vec<(i32, Kept)> {
        let mut newest: Vec<(i32, Kept)> = self
            .tracks(id)
            .iter()
            .flat_map(|(partition, track)| {
                track.newest(count).map(|kept| (*partition, kept.clone()))
            })
            .collect();
        newest.drain(..newest.len().saturating_sub(count));
        newest
    }

    /// Forgets what was read of a partition at `offset` or later, because the log was cut there.
    /// Answers the subjects that lost a record.
    pub(crate) fn truncate(&mut self, place: PartitionId, offset: i64) -> Vec<SubjectId> {
        let Some(partition) = self.partition_mut(place) else {
            return Vec::new();
        };
        partition.epochs.truncate(offset);
        partition.next = partition.next.min(offset.max(partition.loaded_from));
        let mut touched = Vec::new();
        for id in self.subjects.of_topic(place.topic) {
            if self.truncate_subject(id, place.partition, offset) {
                touched.push(id);
            }
            self.forget_if_empty(id);
        }
        touched
    }

    /// Bytes of all bodies.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of all last values.
    pub(crate) fn last_value_bytes(&self) -> usize {
        self.last_values.bytes()
    }

    /// Bodies that are here.
    pub(crate) fn messages(&self) -> usize {
        self.alive
    }

    /// Subjects that are known.
    pub(crate) fn subjects(&self) -> usize {
        self.subjects.len()
    }

    fn push(
        &mut self,
        id: SubjectId,
        partition: i32,
        record: &Rc<Record>,
        at: Moment,
    ) -> Option<i64> {
        let whole_topic = record_limit(&self.budget, self.subjects.name(id));
        let track = self.track_mut(id, partition)?;
        let prev = track.push(Rc::clone(record), at);
        let freed = (track.len() > whole_topic)
            .then(|| track.pop_oldest())
            .flatten();
        self.freed(freed);
        prev
    }

    fn replace_last_value(&mut self, id: SubjectId, partition: i32, record: &Rc<Record>) {
        let Some(track) = self.track_mut(id, partition) else {
            return;
        };
        let replaced = track.forget_last_value();
        track.keep_last_value();
        if let Some(replaced) = replaced {
            self.last_values.removed(replaced.record.cost());
        }
        let value = LastValue {
            subject: id,
            partition,
            offset: record.offset,
        };
        self.last_values.added(value, record.cost());
    }

    fn forget_last_value(&mut self, value: LastValue) {
        let Some(track) = self.track_mut_if_any(value.subject, value.partition) else {
            return;
        };
        if track
            .last_value()
            .is_none_or(|kept| kept.record.offset != value.offset)
        {
            return;
        }
        if let Some(kept) = track.forget_last_value() {
            self.last_values.removed(kept.record.cost());
        }
        self.forget_if_empty(value.subject);
    }

    fn give_up(&mut self, body: Body) {
        let every = Subjects::<Entry>::every(body.place.topic);
        for id in [Some(every), body.key].into_iter().flatten() {
            let freed = self
                .track_mut_if_any(id, body.place.partition)
                .and_then(|track| track.pop_through(body.offset));
            self.freed(freed);
            self.forget_if_empty(id);
        }
    }

    fn truncate_subject(&mut self, id: SubjectId, partition: i32, offset: i64) -> bool {
        let Some(track) = self.track_mut_if_any(id, partition) else {
            return false;
        };
        let touched = track.last().is_some_and(|last| last.offset >= offset);
        let value_before = track.last_value().map(|kept| kept.record.cost());
        let freed = track.truncate(offset);
        let value_gone = track.last_value().is_none();
        if let Some(bytes) = value_before.filter(|_| value_gone) {
            self.last_values.removed(bytes);
        }
        for record in freed {
            self.freed(Some(record));
        }
        touched
    }

    fn freed(&mut self, record: Option<Rc<Record>>) {
        if let Some(record) = record {
            self.alive = self.alive.saturating_sub(1);
            self.bytes = self.bytes.saturating_sub(record.cost());
        }
    }

    /// Forgets a subject that nobody subscribed to and that has neither bodies nor a last value.
    fn forget_if_empty(&mut self, id: SubjectId) {
        let Some(entry) = self.subjects.get(id) else {
            return;
        };
        let empty = entry.pins == 0
            && entry
                .tracks
                .iter()
                .all(|(_, track)| track.len() == 0 && track.last_value().is_none());
        let whole_topic = self.subjects.name(id).is_none_or(|name| name.key.is_none());
        if !empty || whole_topic {
            return;
        }
        let topic = self.subjects.name(id).map_or(0, |name| name.topic);
        let last: Vec<(i32, i64)> = entry
            .tracks
            .iter()
            .filter_map(|(partition, track)| Some((*partition, track.last()?.offset)))
            .collect();
        for (partition, offset) in last {
            if let Some(memory) = self.partition_mut(PartitionId { topic, partition }) {
                memory.forgotten_through = memory.forgotten_through.max(offset);
            }
        }
        self.subjects.remove(id);
    }

    fn sweep(&mut self) {
        let subjects = &self.subjects;
        let track = |id: SubjectId, partition: i32| {
            let tracks = subjects.get(id).map_or(&[][..], |entry| &entry.tracks);
            tracks
                .iter()
                .find(|(number, _)| *number == partition)
                .map(|(_, track)| track)
        };
        if self.order.len() > 2 * self.alive + 1024 {
            self.order.retain(|body| {
                let every = Subjects::<Entry>::every(body.place.topic);
                [Some(every), body.key]
                    .into_iter()
                    .flatten()
                    .filter_map(|id| track(id, body.place.partition))
                    .any(|track| track.holds(body.offset))
            });
        }
        self.last_values.sweep(|value| {
            track(value.subject, value.partition)
                .and_then(Track::last_value)
                .is_some_and(|kept| kept.record.offset == value.offset)
        });
    }

    fn track_mut(&mut self, id: SubjectId, partition: i32) -> Option<&mut Track> {
        let tracks = &mut self.subjects.get_mut(id)?.tracks;
        let index = match tracks.iter().position(|(number, _)| *number == partition) {
            Some(index) => index,
            None => {
                tracks.push((partition, Track::default()));
                tracks.len() - 1
            }
        };
        tracks.get_mut(index).map(|(_, track)| track)
    }

    fn track_mut_if_any(&mut self, id: SubjectId, partition: i32) -> Option<&mut Track> {
        let tracks = &mut self.subjects.get_mut(id)?.tracks;
        tracks
            .iter_mut()
            .find(|(number, _)| *number == partition)
            .map(|(_, track)| track)
    }

    fn partition_mut(&mut self, place: PartitionId) -> Option<&mut PartitionMemory> {
        self.partition_slot(place)?.as_mut()
    }

    fn partition_slot(&mut self, place: PartitionId) -> Option<&mut Option<PartitionMemory>> {
        let index = usize::try_from(place.partition).ok()?;
        let slots = self.partitions.get_mut(usize::from(place.topic))?;
        if slots.len() <= index {
            slots.resize(index + 1, None);
        }
        slots.get_mut(index)
    }
}

fn record_limit(budget: &Budget, name: Option<&SubjectName>) -> usize {
    if name.is_some_and(|name| name.key.is_none()) {
        budget.topic_messages
    } else {
        budget.messages
    }
}

#[cfg(test)]
mod tests;
