//! How many may come in within a second, and when to come back for those who may not. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Lets no more than a number pass within any second, and gives everybody it turns away a time of their own: the first so
/// many are told one second, the next so many two. A crowd that does as it is told comes back at the pace of the limit.
#[derive(Debug)]
pub(crate) struct Turnstile {
    per_second: u32,
    /// When the latest passed, as many as fit into a second.
    passed: VecDeque<Instant>,
    /// Until then all places are promised to those who were turned away.
    promised_until: Option<Instant>,
}

impl Turnstile {
    const WINDOW: Duration = Duration::from_secs(1);

    /// Nobody is told a longer time, however many knock: then only chance spreads them.
    pub(crate) const LONGEST: Duration = Duration::from_secs(300);

    pub(crate) fn new(per_second: u32) -> Self {
        Self {
            per_second: per_second.max(1),
            passed: VecDeque::new(),
            promised_until: None,
        }
    }

    /// Lets one more pass, or says in how long there will be a place for it.
    pub(crate) fn pass(&mut self, now: Instant) -> Result<(), Duration> {
        let is_over = |at: &Instant| now.saturating_duration_since(*at) >= Self::WINDOW;
        while self.passed.front().is_some_and(is_over) {
            self.passed.pop_front();
        }
        match self.passed.front() {
            Some(oldest) if self.passed.len() >= self.per_second as usize => {
                let next_place = *oldest + Self::WINDOW;
                Err(self.promise(next_place, now))
            }
            _ => {
                self.passed.push_back(now);
                Ok(())
            }
        }
    }

    /// The next place that is promised to nobody.
    fn promise(&mut self, next_place: Instant, now: Instant) -> Duration {
        let taken = self.promised_until.unwrap_or(next_place).max(next_place);
        let wait = taken.saturating_duration_since(now).min(Self::LONGEST);
        if wait < Self::LONGEST {
            self.promised_until = Some(taken + Self::WINDOW / self.per_second);
        }
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn no_second_holds_more_than_the_limit() {
        let start = Instant::now();
        let mut turnstile = Turnstile::new(3);
        let passes = |turnstile: &mut Turnstile, ms: u32| turnstile.pass(start + ms * MS).is_ok();

        let at = [0, 400, 900, 999, 1_000, 1_001, 1_400, 1_500, 1_900];
        let passed = at.map(|ms| passes(&mut turnstile, ms));

        let expected = [true, true, true, false, true, false, true, false, true];
        assert_eq!(passed, expected);
    }

    #[test]
    fn a_crowd_is_told_to_come_back_at_the_pace_of_the_limit() {
        let start = Instant::now();
        let mut turnstile = Turnstile::new(10);

        let waits: Vec<Duration> = (0..35)
            .filter_map(|_| turnstile.pass(start).err())
            .collect();

        let slots: Vec<Duration> = (0..25).map(|slot| (1_000 + 100 * slot) * MS).collect();
        assert_eq!(waits, slots);
    }

    #[test]
    fn promises_are_forgotten_once_their_time_is_over() {
        let start = Instant::now();
        let mut turnstile = Turnstile::new(1);
        for _ in 0..5 {
            let _ = turnstile.pass(start);
        }

        let later = start + 60_000 * MS;
        assert_eq!(turnstile.pass(later), Ok(()));
        assert_eq!(turnstile.pass(later + 250 * MS), Err(750 * MS));
    }

    #[test]
    fn nobody_is_told_to_wait_for_ever() {
        let start = Instant::now();
        let mut turnstile = Turnstile::new(1);

        let longest = (0..10_000)
            .filter_map(|_| turnstile.pass(start).err())
            .max();

        assert_eq!(longest, Some(Turnstile::LONGEST));
    }
}
