//! Names of subjects, as small numbers.

use std::hash::{BuildHasher as _, RandomState};
use std::rc::Rc;

use hashbrown::HashTable;

/// A subject's number. Numbers of forgotten subjects are given out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SubjectId(pub(crate) u32);

impl SubjectId {
    /// As an index into an array of one's own.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a subject is called: a topic, and one of its keys or all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SubjectName {
    pub(crate) topic: u16,
    /// `None` is the whole topic.
    pub(crate) key: Option<Rc<[u8]>>,
}

/// All subjects that somebody subscribed to or that have records.
#[derive(Debug)]
pub(crate) struct Subjects<T> {
    /// Per topic, the numbers by their keys, which stand in `entries` only: four bytes for each subject instead of
    /// twenty-four. The number of the whole topic is the topic's own.
    keys: Vec<HashTable<SubjectId>>,
    hasher: RandomState,
    entries: Vec<Option<(SubjectName, T)>>,
    free: Vec<SubjectId>,
}

impl<T: Default> Subjects<T> {
    /// The whole topics exist from the start and for ever.
    pub(crate) fn new(topics: u16) -> Self {
        let whole = |topic| Some((SubjectName { topic, key: None }, T::default()));
        Self {
            keys: (0..topics).map(|_| HashTable::new()).collect(),
            hasher: RandomState::new(),
            entries: (0..topics).map(whole).collect(),
            free: Vec::new(),
        }
    }

    /// The whole topic.
    pub(crate) fn every(topic: u16) -> SubjectId {
        SubjectId(u32::from(topic))
    }

    /// The number of a key, if it has one.
    pub(crate) fn find(&self, topic: u16, key: &[u8]) -> Option<SubjectId> {
        let hash = self.hasher.hash_one(key);
        let keys = self.keys.get(usize::from(topic))?;
        keys.find(hash, |id| key_of(&self.entries, *id) == key)
            .copied()
    }

    /// The number of a key; a new one if need be. `None` if there is no such topic or no number left.
    pub(crate) fn intern(&mut self, topic: u16, key: &[u8]) -> Option<SubjectId> {
        if let Some(id) = self.find(topic, key) {
            return Some(id);
        }
        self.keys.get(usize::from(topic))?;
        let id = match self.free.pop() {
            Some(id) => id,
            None => {
                let id = SubjectId(u32::try_from(self.entries.len()).ok()?);
                self.entries.push(None);
                id
            }
        };
        let Self {
            keys,
            hasher,
            entries,
            ..
        } = self;
        let keys = keys.get_mut(usize::from(topic))?;
        entries[id.index()] = Some((
            SubjectName {
                topic,
                key: Some(key.into()),
            },
            T::default(),
        ));
        keys.insert_unique(hasher.hash_one(key), id, |id| {
            hasher.hash_one(key_of(entries, *id))
        });
        Some(id)
    }

    pub(crate) fn name(&self, id: SubjectId) -> Option<&SubjectName> {
        Some(&self.entries.get(id.index())?.as_ref()?.0)
    }

    pub(crate) fn get(&self, id: SubjectId) -> Option<&T> {
        Some(&self.entries.get(id.index())?.as_ref()?.1)
    }

    pub(crate) fn get_mut(&mut self, id: SubjectId) -> Option<&mut T> {
        Some(&mut self.entries.get_mut(id.index())?.as_mut()?.1)
    }

    /// Forgets a key. Whole topics stay.
    pub(crate) fn remove(&mut self, id: SubjectId) {
        if id.index() < self.keys.len() {
            return;
        }
        let Some((
            SubjectName {
                topic,
                key: Some(key),
            },
            _,
        )) = self.entries.get_mut(id.index()).and_then(Option::take)
        else {
            return;
        };
        let hash = self.hasher.hash_one(&*key);
        if let Ok(entry) = self.keys[usize::from(topic)].find_entry(hash, |known| *known == id) {
            entry.remove();
        }
        self.free.push(id);
    }

    /// All subjects of a topic, the whole topic included.
    pub(crate) fn of_topic(&self, topic: u16) -> Vec<SubjectId> {
        let keys = self.keys.get(usize::from(topic));
        std::iter::once(Self::every(topic))
            .chain(keys.into_iter().flat_map(HashTable::iter).copied())
            .collect()
    }

    /// How many keys are known, over all topics.
    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }
}

/// The key of a subject that is in the table; only those have one.
fn key_of<T>(entries: &[Option<(SubjectName, T)>], id: SubjectId) -> &[u8] {
    let entry = entries.get(id.index()).and_then(Option::as_ref);
    entry
        .and_then(|(name, _)| name.key.as_deref())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_number_until_it_is_forgotten() {
        let mut subjects: Subjects<u8> = Subjects::new(1);
        let a = subjects.intern(0, b"a").unwrap();

        assert_eq!(subjects.intern(0, b"a"), Some(a));
        assert_ne!(subjects.intern(0, b"b"), Some(a));

        subjects.remove(a);
        assert_eq!(subjects.find(0, b"a"), None);
        assert_eq!(subjects.intern(0, b"c"), Some(a));
    }

    #[test]
    fn thousands_come_and_go_without_being_taken_for_each_other() {
        let mut subjects: Subjects<u8> = Subjects::new(1);
        let key = |number: u32| number.to_be_bytes();
        let given: Vec<_> = (0..5_000)
            .map(|number| subjects.intern(0, &key(number)).unwrap())
            .collect();

        given
            .iter()
            .skip(1)
            .step_by(2)
            .for_each(|id| subjects.remove(*id));

        for (number, id) in (0..).zip(&given) {
            let wanted = (number % 2 == 0).then_some(*id);
            assert_eq!(subjects.find(0, &key(number)), wanted);
        }
        assert_eq!(subjects.of_topic(0).len(), 1 + 2_500);
    }

    #[test]
    fn whole_topics_are_never_forgotten() {
        let mut subjects: Subjects<u8> = Subjects::new(2);
        let every = Subjects::<u8>::every(1);

        subjects.remove(every);

        assert_eq!(
            subjects.name(every),
            Some(&SubjectName {
                topic: 1,
                key: None
            })
        );
        assert_eq!(subjects.of_topic(1), [every]);
    }

    #[test]
    fn equal_keys_of_two_topics_are_two_subjects() {
        let mut subjects: Subjects<u8> = Subjects::new(2);

        assert_ne!(subjects.intern(0, b"k"), subjects.intern(1, b"k"));
        assert_eq!(subjects.intern(2, b"k"), None);
    }
}
