//! The resolver on the way, which keeps what it was told.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use hickory_proto::rr::{Name, RecordType};

use crate::zone::Found;

/// More names than this are not kept, whoever asks.
const MOST: usize = 1024;

/// A cache between those who ask and the zone.
///
/// It hands an answer out in the order in which it got it, and says of it what is left of its time, but at least a second: so it does not
/// admit that an answer is older than it may be.
#[derive(Debug, Clone, Default)]
pub struct Intermediary {
    keeps: Duration,
    kept: HashMap<(Name, RecordType), Kept>,
}

#[derive(Debug, Clone)]
struct Kept {
    addresses: Vec<IpAddr>,
    ttl: Duration,
    since: Instant,
}

impl Intermediary {
    /// Keeps each answer for its time to live, or for `keeps` where that is longer: then it is one that answers with what is long over.
    #[must_use]
    pub fn new(keeps: Duration) -> Self {
        Self {
            keeps,
            kept: HashMap::new(),
        }
    }

    /// What is kept of an earlier answer.
    pub(crate) fn recall(&self, name: &Name, kind: RecordType, now: Instant) -> Option<Found> {
        let kept = self.kept.get(&(name.clone(), kind))?;
        let age = now.saturating_duration_since(kept.since);
        (age < kept.ttl.max(self.keeps)).then(|| Found::Addresses {
            addresses: kept.addresses.clone(),
            ttl: kept.ttl.saturating_sub(age).max(Duration::from_secs(1)),
        })
    }

    /// Keeps an answer. That there is no such name is not kept.
    pub(crate) fn keep(&mut self, name: &Name, kind: RecordType, found: &Found, now: Instant) {
        let Found::Addresses { addresses, ttl } = found else {
            return;
        };
        if self.kept.len() >= MOST {
            self.kept.clear();
        }
        let kept = Kept {
            addresses: addresses.clone(),
            ttl: *ttl,
            since: now,
        };
        self.kept.insert((name.clone(), kind), kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(5);
    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn an_answer_is_kept_for_its_time_and_no_longer() {
        let (cache, start) = cache(Duration::ZERO);

        assert_eq!(ttl(&cache, start + TTL / 5), Some(TTL * 4 / 5));
        assert_eq!(ttl(&cache, start + TTL), None);
    }

    #[test]
    fn one_that_keeps_answers_too_long_does_not_say_so() {
        let (cache, start) = cache(MINUTE);

        assert_eq!(
            ttl(&cache, start + MINUTE / 2),
            Some(Duration::from_secs(1))
        );
        assert_eq!(ttl(&cache, start + MINUTE), None);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let (mut cache, start) = cache(MINUTE);
        for number in 0..3 * MOST {
            let name = Name::from_ascii(format!("host-{number}.test.")).unwrap();
            cache.keep(&name, RecordType::A, &found(), start);
        }

        assert!(cache.kept.len() <= MOST, "{}", cache.kept.len());
    }

    fn cache(keeps: Duration) -> (Intermediary, Instant) {
        let start = Instant::now();
        let mut cache = Intermediary::new(keeps);
        cache.keep(&name(), RecordType::A, &found(), start);
        (cache, start)
    }

    fn ttl(cache: &Intermediary, now: Instant) -> Option<Duration> {
        match cache.recall(&name(), RecordType::A, now)? {
            Found::Addresses { ttl, .. } => Some(ttl),
            Found::NoSuchName => None,
        }
    }

    fn found() -> Found {
        Found::Addresses {
            addresses: vec!["10.0.0.1".parse().unwrap()],
            ttl: TTL,
        }
    }

    fn name() -> Name {
        Name::from_ascii("a.test.").unwrap()
    }
}
