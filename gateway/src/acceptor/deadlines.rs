//! Whose time is up. Pure.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

/// At most one deadline per token.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    by_time: BTreeSet<(Instant, u64)>,
    by_token: HashMap<u64, Instant>,
}

impl Deadlines {
    /// Sets a token's deadline, in place of the one it had.
    pub(super) fn set(&mut self, token: u64, at: Instant) {
        self.clear(token);
        self.by_token.insert(token, at);
        self.by_time.insert((at, token));
    }

    pub(super) fn clear(&mut self, token: u64) {
        if let Some(at) = self.by_token.remove(&token) {
            self.by_time.remove(&(at, token));
        }
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes out one whose time is up.
    pub(super) fn expired(&mut self, now: Instant) -> Option<u64> {
        let (_, token) = self.by_time.first().copied().filter(|(at, _)| *at <= now)?;
        self.clear(token);
        Some(token)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn deadlines_expire_in_their_order_and_a_later_one_replaces() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut deadlines = Deadlines::default();
        deadlines.set(1, start + second);
        deadlines.set(2, start + 2 * second);
        deadlines.set(1, start + 3 * second);

        assert_eq!(deadlines.next(), Some(start + 2 * second));
        assert_eq!(deadlines.expired(start + second), None);
        assert_eq!(deadlines.expired(start + 3 * second), Some(2));
        assert_eq!(deadlines.expired(start + 3 * second), Some(1));
        assert_eq!(deadlines.next(), None);
    }
}
