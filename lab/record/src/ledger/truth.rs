//! The log as an independent reader saw it, and the records of each subject in it.

use std::collections::HashMap;
use std::ops::Range;

use super::content::Content;
use super::subject::Wanted;

/// Names a [`Track`].
pub(super) type TrackId = u32;
/// Names a topic of the run.
pub(super) type TopicId = u32;
/// Names a key, in whatever topic.
pub(super) type KeyId = u32;

/// Everything read so far.
#[derive(Debug, Default)]
pub(super) struct Log {
    topics: HashMap<String, TopicId>,
    keys: HashMap<Vec<u8>, KeyId>,
    tracks: Vec<Track>,
    /// The histories of each partition, the oldest first; hardly ever more than one.
    by_partition: HashMap<(TopicId, i32), Vec<TrackId>>,
    records: u64,
}

/// One history of one partition: its offsets only grow. An unclean election or a topic created anew begins another.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) partition: i32,
    pub(super) incarnation: u32,
    /// The offset after the last that was read or known to be lost.
    pub(super) end: i64,
    entries: Vec<Entry>,
    trimmed: Vec<Range<i64>>,
    /// The records that subscribers of the whole topic are owed, as places in `entries`.
    whole: Vec<u32>,
    /// Those that subscribers of one key are owed.
    of_key: HashMap<KeyId, Vec<u32>>,
}

/// A record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) offset: i64,
    pub(super) key: Option<KeyId>,
    pub(super) content: Content,
    pub(super) leader_epoch: Option<i32>,
    /// When it was read.
    pub(super) read_ms: Option<i64>,
    /// The epoch that the first delivery of it had, as a number of the ledger's own.
    pub(super) epoch: Option<u32>,
    pub(super) duty: Duty,
}

/// Whether subscribers are owed a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duty {
    /// Every one of them.
    Owed,
    /// It repeats a publish: nobody may get it.
    Repeated,
    /// It is the lab's own mark and nobody's business.
    Barrier,
}

/// Which records of a topic a subscription is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Filter {
    pub(super) topic: TopicId,
    /// None is the whole topic.
    pub(super) key: Option<KeyId>,
}

impl Log {
    pub(super) fn topic(&mut self, topic: &str) -> TopicId {
        number(&mut self.topics, topic, str::to_owned)
    }

    pub(super) fn key(&mut self, key: &[u8]) -> KeyId {
        number(&mut self.keys, key, <[u8]>::to_vec)
    }

    pub(super) fn filter(&mut self, wanted: &Wanted) -> Filter {
        match wanted {
            Wanted::Topic(topic) => Filter {
                topic: self.topic(topic),
                key: None,
            },
            Wanted::Key(topic, key) => Filter {
                topic: self.topic(topic),
                key: Some(self.key(key)),
            },
        }
    }

    pub(super) fn records(&self) -> u64 {
        self.records
    }

    pub(super) fn track(&self, id: TrackId) -> Option<&Track> {
        self.tracks.get(id as usize)
    }

    pub(super) fn track_mut(&mut self, id: TrackId) -> Option<&mut Track> {
        self.tracks.get_mut(id as usize)
    }

    /// The histories of a partition, the oldest first.
    pub(super) fn histories(&self, topic: TopicId, partition: i32) -> &[TrackId] {
        self.by_partition
            .get(&(topic, partition))
            .map_or(&[], Vec::as_slice)
    }

    /// The histories of all partitions of a topic.
    pub(super) fn histories_of_topic(&self, topic: TopicId) -> impl Iterator<Item = TrackId> + '_ {
        self.by_partition
            .iter()
            .filter(move |((of, _), _)| *of == topic)
            .flat_map(|(_, ids)| ids.iter().copied())
    }

    /// A record was read.
    pub(super) fn push(
        &mut self,
        topic: TopicId,
        partition: i32,
        incarnation: u32,
        entry: Entry,
    ) -> TrackId {
        let id = match self.newest(topic, partition) {
            Some(id)
                if self
                    .track(id)
                    .is_some_and(|track| track.incarnation == incarnation) =>
            {
                id
            }
            _ => self.begin(topic, partition, incarnation),
        };
        self.records += u64::from(entry.duty != Duty::Barrier);
        if let Some(track) = self.track_mut(id) {
            track.push(entry);
        }
        id
    }

    /// Offsets jumped by no doing of the log's own: upwards when retention was faster, downwards when a new leader had less.
    pub(super) fn hole(&mut self, topic: TopicId, partition: i32, expected: i64, found: i64) {
        let Some(id) = self.newest(topic, partition) else {
            return;
        };
        if found < expected {
            let incarnation = self.track(id).map_or(0, |track| track.incarnation);
            self.begin(topic, partition, incarnation);
        } else if let Some(track) = self.track_mut(id) {
            track.trimmed.push(expected..found);
            track.end = found;
        }
    }

    fn newest(&self, topic: TopicId, partition: i32) -> Option<TrackId> {
        self.histories(topic, partition).last().copied()
    }

    fn begin(&mut self, topic: TopicId, partition: i32, incarnation: u32) -> TrackId {
        let id = self.tracks.len() as TrackId;
        self.tracks.push(Track {
            partition,
            incarnation,
            end: 0,
            entries: Vec::new(),
            trimmed: Vec::new(),
            whole: Vec::new(),
            of_key: HashMap::new(),
        });
        self.by_partition
            .entry((topic, partition))
            .or_default()
            .push(id);
        id
    }
}

impl Track {
    fn push(&mut self, entry: Entry) {
        let place = self.entries.len() as u32;
        if entry.duty == Duty::Owed {
            self.whole.push(place);
            if let Some(key) = entry.key {
                self.of_key.entry(key).or_default().push(place);
            }
        }
        self.end = entry.offset + 1;
        self.entries.push(entry);
    }

    /// The place of the record with this offset.
    pub(super) fn find(&self, offset: i64) -> Option<u32> {
        // Without holes, which is the rule, the place follows from the first offset.
        let guess = usize::try_from(offset - self.entries.first()?.offset).ok()?;
        if self
            .entries
            .get(guess)
            .is_some_and(|entry| entry.offset == offset)
        {
            return u32::try_from(guess).ok();
        }
        let place = self
            .entries
            .binary_search_by_key(&offset, |entry| entry.offset)
            .ok()?;
        u32::try_from(place).ok()
    }

    pub(super) fn entry(&self, place: u32) -> Option<&Entry> {
        self.entries.get(place as usize)
    }

    pub(super) fn entry_mut(&mut self, place: u32) -> Option<&mut Entry> {
        self.entries.get_mut(place as usize)
    }

    pub(super) fn is_trimmed(&self, offset: i64) -> bool {
        self.trimmed.iter().any(|range| range.contains(&offset))
            || self
                .entries
                .first()
                .is_none_or(|first| offset < first.offset)
    }

    /// The records that a subscription is owed, as places among all.
    pub(super) fn course(&self, key: Option<KeyId>) -> &[u32] {
        match key {
            None => &self.whole,
            Some(key) => self.of_key.get(&key).map_or(&[], Vec::as_slice),
        }
    }

    /// Where a record stands on a course.
    pub(super) fn on_course(&self, key: Option<KeyId>, place: u32) -> Option<u32> {
        self.course(key)
            .binary_search(&place)
            .ok()
            .and_then(|index| u32::try_from(index).ok())
    }

    /// The first place on a course that is behind `offset`.
    pub(super) fn course_behind(&self, key: Option<KeyId>, offset: i64) -> u32 {
        let is_before = |place: &u32| {
            self.entry(*place)
                .is_some_and(|entry| entry.offset <= offset)
        };
        self.course(key).partition_point(is_before) as u32
    }
}

/// The number of a name, a new one if it has none.
fn number<N, Q>(numbers: &mut HashMap<N, u32>, name: &Q, own: impl FnOnce(&Q) -> N) -> u32
where
    N: std::borrow::Borrow<Q> + std::hash::Hash + Eq,
    Q: std::hash::Hash + Eq + ?Sized,
{
    if let Some(known) = numbers.get(name) {
        return *known;
    }
    let fresh = numbers.len() as u32;
    numbers.insert(own(name), fresh);
    fresh
}
