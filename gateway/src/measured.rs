//! The gateway's memory of the log, for the benchmarks in `benches/`: a door to what no other crate may use.

use crate::log::cache::{Budget, Cache, Incoming};
use crate::log::record::{Moment, PartitionId};
use crate::log::recovery::{Claim, recover};

const PLACE: PartitionId = PartitionId {
    topic: 0,
    partition: 0,
};

/// One topic with one partition, remembered within the budgets that a gateway has by default.
#[derive(Debug)]
pub struct Memory {
    cache: Cache,
    next: i64,
}

impl Default for Memory {
    fn default() -> Self {
        let budget = Budget {
            messages: 1_000,
            topic_messages: 100_000,
            max_age: 180_000,
            max_bytes: 256 << 20,
            last_value_bytes: 64 << 20,
        };
        let mut cache = Cache::new(1, budget);
        cache.start_partition(PLACE, 0);
        Self { cache, next: 0 }
    }
}

impl Memory {
    /// Takes in the next record and gives up what is over budget, as the hub does; records come a millisecond apart.
    /// Answers for how many subjects it is news.
    pub fn append(&mut self, key: &[u8], value: &[u8]) -> usize {
        let incoming = Incoming {
            offset: self.next,
            leader_epoch: 0,
            key: Some(key),
            value: Some(value),
        };
        let now = Moment(self.next);
        self.next += 1;
        let appended = self.cache.append(PLACE, incoming, now);
        self.cache.evict(now);
        appended.map_or(0, |appended| 1 + usize::from(appended.key.is_some()))
    }

    /// Finds a key's subject as a subscription does, and lets it go again; whether there is one.
    pub fn look_up(&mut self, key: &[u8]) -> bool {
        let subject = self.cache.pin(0, Some(key));
        if let Some(subject) = subject {
            self.cache.unpin(subject);
        }
        subject.is_some()
    }

    /// What a device missed on `key` that saw everything but the newest `missed` records of the log; how many records that is.
    pub fn resume(&mut self, key: &[u8], missed: i64) -> usize {
        let Some(subject) = self.cache.pin(0, Some(key)) else {
            return 0;
        };
        let claim = Claim::Here {
            partition: 0,
            leader_epoch: 0,
            offset: self.next - 1 - missed,
        };
        let found = recover(&self.cache, subject, &[claim]).missed.len();
        self.cache.unpin(subject);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_missed_is_found_again() {
        let mut memory = Memory::default();
        for record in 0..10 {
            let key = if record % 2 == 0 { b"even" } else { b"odd " };
            assert_eq!(memory.append(key, b"value"), 2);
        }

        assert!(memory.look_up(b"even"));
        assert_eq!(memory.resume(b"even", 4), 2);
        assert_eq!(memory.resume(b"odd ", 9), 5);
    }
}
