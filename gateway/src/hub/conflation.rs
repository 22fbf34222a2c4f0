//! Conflation: of subjects that change faster than anybody needs, at most one update per interval, the latest.
//!
//! The first update of a quiet subject leaves at once and opens a window. What comes within it is held, per partition and
//! key only the latest, until the window ends; then it leaves, behind a `dropped` notice that counts what it replaced,
//! and opens the next window.
//!
//! `prev` of a held update is that of the first record it stands for: what is left out is told and counted, and is no
//! gap. What is recovered or read as a last value is not conflated. Pure: the time is handed in.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use crate::log::record::{Moment, PartitionId, Record};
use crate::log::subjects::SubjectId;

/// Updates held for one subject; one more ends the window.
const MOST_HELD: usize = 10_000;

/// Which subjects are conflated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) topic: u16,
    /// `None` is every key, and the whole topic key by key.
    pub(crate) key: Option<Box<[u8]>>,
    /// In milliseconds.
    pub(crate) interval: i64,
}

/// The windows of all conflated subjects.
#[derive(Debug, Default)]
pub(crate) struct Conflation {
    rules: Vec<Rule>,
    windows: HashMap<SubjectId, Window>,
    /// The ends of all windows, the next first.
    ends: BTreeSet<(Moment, SubjectId)>,
}

/// An update that waits.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) place: PartitionId,
    /// The record before the first that this one stands for.
    pub(crate) prev: Option<i64>,
    pub(crate) record: Rc<Record>,
}

/// What a window held when it ended.
#[derive(Debug, Default)]
pub(crate) struct Released {
    /// In the order of each partition.
    pub(crate) updates: Vec<Held>,
    /// Records that were replaced.
    pub(crate) left_out: u64,
}

#[derive(Debug)]
struct Window {
    end: Moment,
    interval: i64,
    held: BTreeMap<(PartitionId, i64), Held>,
    /// The offset that is held of a key.
    latest: HashMap<(PartitionId, Rc<[u8]>), i64>,
    left_out: u64,
}

impl Conflation {
    pub(crate) fn new(rules: Vec<Rule>) -> Self {
        Self {
            rules,
            ..Self::default()
        }
    }

    /// Takes an update of a subject; it comes back if it is to leave at once. `whole_topic` tells that the subject is one.
    pub(crate) fn take(
        &mut self,
        subject: SubjectId,
        whole_topic: bool,
        update: Held,
        now: Moment,
    ) -> Option<Held> {
        if self.rules.is_empty() {
            return Some(update);
        }
        if let Some(window) = self.windows.get_mut(&subject) {
            window.hold(update);
            if window.held.len() >= MOST_HELD {
                self.ends.remove(&(window.end, subject));
                window.end = now;
                self.ends.insert((now, subject));
            }
            return None;
        }
        if let Some(interval) = self.interval(whole_topic, &update) {
            self.open(subject, now, interval);
        }
        Some(update)
    }

    /// A subject whose window has ended.
    pub(crate) fn due(&self, now: Moment) -> Option<SubjectId> {
        let (end, subject) = self.ends.first()?;
        (*end <= now).then_some(*subject)
    }

    /// When [`due`](Self::due) has something.
    pub(crate) fn next_due(&self) -> Option<Moment> {
        self.ends.first().map(|(end, _)| *end)
    }

    /// Ends a window. If it held something, the next one begins.
    pub(crate) fn end(&mut self, subject: SubjectId, now: Moment) -> Released {
        let Some(window) = self.remove(subject) else {
            return Released::default();
        };
        if !window.held.is_empty() {
            self.open(subject, now, window.interval);
        }
        window.into_released()
    }

    /// Takes what a window holds before its end, because somebody new is told what there is.
    pub(crate) fn empty(&mut self, subject: SubjectId) -> Released {
        let Some(window) = self.windows.get_mut(&subject) else {
            return Released::default();
        };
        let next = Window {
            held: BTreeMap::new(),
            latest: HashMap::new(),
            left_out: 0,
            ..*window
        };
        std::mem::replace(window, next).into_released()
    }

    /// Lets a subject's window go with what it holds.
    pub(crate) fn forget(&mut self, subject: SubjectId) {
        self.remove(subject);
    }

    fn open(&mut self, subject: SubjectId, now: Moment, interval: i64) {
        let window = Window::open(now, interval);
        self.ends.insert((window.end, subject));
        self.windows.insert(subject, window);
    }

    fn remove(&mut self, subject: SubjectId) -> Option<Window> {
        let window = self.windows.remove(&subject)?;
        self.ends.remove(&(window.end, subject));
        Some(window)
    }

    /// A rule for one key precedes one for every key.
    fn interval(&self, whole_topic: bool, update: &Held) -> Option<i64> {
        let here = || {
            self.rules
                .iter()
                .filter(|rule| rule.topic == update.place.topic)
        };
        let key = update.record.key.as_deref().filter(|_| !whole_topic);
        let of_key = here().find(|rule| rule.key.is_some() && rule.key.as_deref() == key);
        let rule = of_key.or_else(|| here().find(|rule| rule.key.is_none()))?;
        Some(rule.interval)
    }
}

impl Window {
    fn open(now: Moment, interval: i64) -> Self {
        Self {
            end: Moment(now.0 + interval),
            interval,
            held: BTreeMap::new(),
            latest: HashMap::new(),
            left_out: 0,
        }
    }

    fn hold(&mut self, mut update: Held) {
        let (place, offset) = (update.place, update.record.offset);
        // Records without a key replace nothing: nothing says that they are about the same.
        if let Some(key) = &update.record.key {
            let key = (place, Rc::clone(key));
            if let Some(older) = self.latest.insert(key, offset)
                && let Some(replaced) = self.held.remove(&(place, older))
            {
                self.left_out += 1;
                let behind = self
                    .held
                    .range_mut((place, older)..=(place, i64::MAX))
                    .next();
                // Whoever named the replaced one as the one before names what that one named.
                let heir = behind.map_or(&mut update, |(_, held)| held);
                heir.prev = replaced.prev;
            }
        }
        self.held.insert((place, offset), update);
    }

    fn into_released(self) -> Released {
        Released {
            updates: self.held.into_values().collect(),
            left_out: self.left_out,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: SubjectId = SubjectId(7);
    const TOPIC: SubjectId = SubjectId(0);

    #[test]
    fn the_first_leaves_at_once_and_the_latest_at_the_end_of_the_window() {
        let mut conflation = every_key();

        assert!(
            conflation
                .take(KEY, false, update(0, "a", None), Moment(0))
                .is_some()
        );
        for offset in 1..5 {
            let update = update(offset, "a", Some(offset - 1));
            assert!(conflation.take(KEY, false, update, Moment(10)).is_none());
        }

        assert_eq!(conflation.due(Moment(99)), None);
        assert_eq!(conflation.due(Moment(100)), Some(KEY));
        let released = conflation.end(KEY, Moment(100));
        // It names the one that the device has, so that there is no gap.
        assert_eq!(told(&released), ([(4, Some(0))].to_vec(), 3));
        assert_eq!(conflation.next_due(), Some(Moment(200)));
    }

    #[test]
    fn a_window_that_held_nothing_ends_and_the_next_leaves_at_once() {
        let mut conflation = every_key();
        conflation.take(KEY, false, update(0, "a", None), Moment(0));

        assert_eq!(told(&conflation.end(KEY, Moment(100))), (vec![], 0));

        assert_eq!(conflation.next_due(), None);
        assert!(
            conflation
                .take(KEY, false, update(1, "a", Some(0)), Moment(101))
                .is_some()
        );
    }

    #[test]
    fn of_a_whole_topic_each_key_has_its_latest_in_an_unbroken_chain() {
        let mut conflation = every_key();
        conflation.take(TOPIC, true, update(0, "a", None), Moment(0));
        for (offset, key) in [(1, "a"), (2, "b"), (3, "a"), (4, "c"), (5, "b")] {
            conflation.take(
                TOPIC,
                true,
                update(offset, key, Some(offset - 1)),
                Moment(1),
            );
        }

        let released = conflation.empty(TOPIC);

        let chain = vec![(3, Some(0)), (4, Some(3)), (5, Some(4))];
        assert_eq!(told(&released), (chain, 2));
    }

    #[test]
    fn records_without_a_key_are_all_delivered() {
        let mut conflation = every_key();
        let keyless = |offset| Held {
            record: Rc::new(Record::new(offset, 0, None, None)),
            ..update(offset, "", Some(offset - 1))
        };
        for offset in 0..3 {
            conflation.take(TOPIC, true, keyless(offset), Moment(0));
        }

        assert_eq!(told(&conflation.empty(TOPIC)).0.len(), 2);
    }

    #[test]
    fn a_rule_for_one_key_is_for_no_other() {
        let mut conflation = Conflation::new(vec![Rule {
            topic: 0,
            key: Some(b"a".as_slice().into()),
            interval: 100,
        }]);

        for offset in 0..3 {
            let other = update(offset, "b", None);
            assert!(conflation.take(KEY, false, other, Moment(0)).is_some());
        }
        conflation.take(KEY, false, update(3, "a", None), Moment(0));
        assert!(
            conflation
                .take(KEY, false, update(4, "a", None), Moment(0))
                .is_none()
        );
    }

    fn every_key() -> Conflation {
        Conflation::new(vec![Rule {
            topic: 0,
            key: None,
            interval: 100,
        }])
    }

    fn update(offset: i64, key: &str, prev: Option<i64>) -> Held {
        Held {
            place: PartitionId {
                topic: 0,
                partition: 0,
            },
            prev,
            record: Rc::new(Record::new(offset, 0, Some(key.as_bytes().into()), None)),
        }
    }

    fn told(released: &Released) -> (Vec<(i64, Option<i64>)>, u64) {
        let updates = released.updates.iter();
        let chain = updates
            .map(|held| (held.record.offset, held.prev))
            .collect();
        (chain, released.left_out)
    }
}
