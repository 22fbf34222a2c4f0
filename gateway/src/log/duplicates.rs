//! Publishes that are in the log twice, because a device repeated one whose acknowledgement it never got.
//!
//! Records of one partition are seen in the order of their offsets, so the lower offset wins on every gateway alike.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};

use super::record::PartitionId;

/// Who was published lately.
#[derive(Debug)]
pub(crate) struct Duplicates {
    seen: HashMap<u128, First>,
    order: VecDeque<(u128, i64)>,
    /// Milliseconds between two records, by their own timestamps, within which the second is a duplicate.
    window: i64,
    /// Ids remembered at most.
    most: usize,
    hashers: [RandomState; 2],
}

#[derive(Debug, Clone, Copy)]
struct First {
    offset: i64,
    timestamp: i64,
}

/// A publish as it stands in the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Published<'a> {
    pub(crate) place: PartitionId,
    /// Tells a topic from an earlier one of the same name.
    pub(crate) topic_id: &'a str,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) publish_id: &'a [u8],
    pub(crate) offset: i64,
    /// Milliseconds since 1970, as the record says.
    pub(crate) timestamp: i64,
}

impl Duplicates {
    pub(crate) fn new(window: i64, most: usize) -> Self {
        Self {
            seen: HashMap::new(),
            order: VecDeque::new(),
            window,
            most,
            hashers: [RandomState::new(), RandomState::new()],
        }
    }

    /// Whether an equal publish stands before this one in the log. Notes it otherwise.
    pub(crate) fn is_repeated(&mut self, published: &Published<'_>) -> bool {
        let name = self.name(published);
        let first = self.seen.get(&name).copied();
        let repeated = first.is_some_and(|first| {
            first.offset < published.offset && published.timestamp - first.timestamp <= self.window
        });
        if !repeated {
            self.note(name, published);
        }
        repeated
    }

    /// Forgets what is too old to matter for a record of `timestamp`.
    pub(crate) fn forget_before(&mut self, timestamp: i64) {
        while let Some((name, noted)) = self.order.front().copied() {
            if noted + self.window >= timestamp && self.order.len() <= self.most {
                break;
            }
            self.order.pop_front();
            if self
                .seen
                .get(&name)
                .is_some_and(|first| first.timestamp <= noted)
            {
                self.seen.remove(&name);
            }
        }
    }

    /// Ids that are remembered.
    pub(crate) fn len(&self) -> usize {
        self.seen.len()
    }

    fn note(&mut self, name: u128, published: &Published<'_>) {
        let first = First {
            offset: published.offset,
            timestamp: published.timestamp,
        };
        self.seen.insert(name, first);
        self.order.push_back((name, published.timestamp));
        if self.order.len() > self.most {
            self.forget_before(i64::MIN);
        }
    }

    /// 128 bits instead of the whole id: a collision, which would lose a message, is less likely than broken memory.
    fn name(&self, published: &Published<'_>) -> u128 {
        let whole = (
            published.place,
            published.topic_id,
            published.key,
            published.publish_id,
        );
        let [high, low] = self.hashers.each_ref().map(|hasher| hasher.hash_one(whole));
        u128::from(high) << 64 | u128::from(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_offset_wins() {
        let mut duplicates = Duplicates::new(1_000, 10);

        assert!(!duplicates.is_repeated(&published(b"a", 5, 100)));
        assert!(duplicates.is_repeated(&published(b"a", 9, 200)));
        assert!(!duplicates.is_repeated(&published(b"b", 10, 200)));
    }

    #[test]
    fn a_record_read_again_is_no_duplicate_of_itself() {
        let mut duplicates = Duplicates::new(1_000, 10);

        assert!(!duplicates.is_repeated(&published(b"a", 5, 100)));
        assert!(!duplicates.is_repeated(&published(b"a", 5, 100)));
        assert!(duplicates.is_repeated(&published(b"a", 6, 100)));
    }

    #[test]
    fn equal_ids_of_two_keys_are_two_publishes() {
        let mut duplicates = Duplicates::new(1_000, 10);
        let other_key = Published {
            key: Some(b"other"),
            ..published(b"a", 6, 100)
        };

        assert!(!duplicates.is_repeated(&published(b"a", 5, 100)));
        assert!(!duplicates.is_repeated(&other_key));
    }

    #[test]
    fn an_id_counts_for_the_window_and_no_longer() {
        let mut duplicates = Duplicates::new(1_000, 10);

        assert!(!duplicates.is_repeated(&published(b"a", 5, 100)));
        assert!(!duplicates.is_repeated(&published(b"a", 6, 1_101)));
        assert!(duplicates.is_repeated(&published(b"a", 7, 2_101)));
    }

    #[test]
    fn memory_is_bounded_by_number_and_age() {
        let mut duplicates = Duplicates::new(1_000, 2);

        for (offset, id) in (0..).zip([b"a", b"b", b"c"]) {
            assert!(!duplicates.is_repeated(&published(id, offset, 100)));
        }
        assert_eq!(duplicates.len(), 2);

        duplicates.forget_before(1_101);
        assert_eq!(duplicates.len(), 0);
    }

    fn published(publish_id: &[u8], offset: i64, timestamp: i64) -> Published<'_> {
        Published {
            place: PartitionId {
                topic: 0,
                partition: 0,
            },
            topic_id: "t",
            key: Some(b"k"),
            publish_id,
            offset,
            timestamp,
        }
    }
}
