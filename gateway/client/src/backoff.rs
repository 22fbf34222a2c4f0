//! Truncated exponential back-off with full jitter.

use std::time::Duration;

use rand::Rng;

/// How many rounds of failures in a row there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Backoff {
    rounds: u32,
}

impl Backoff {
    /// The wait before the next round: anything from nothing to `base`, doubled with each round, but at most `cap`.
    pub(crate) fn next(&mut self, base: Duration, cap: Duration, rng: &mut impl Rng) -> Duration {
        /// 2^20 times any sensible base is over any sensible cap.
        const MAX_DOUBLINGS: u32 = 20;

        let longest = base
            .saturating_mul(1 << self.rounds.min(MAX_DOUBLINGS))
            .min(cap);
        self.rounds = self.rounds.saturating_add(1);
        random_part(longest, rng)
    }

    /// The session works: the next failure is a first one.
    pub(crate) fn reset(&mut self) {
        self.rounds = 0;
    }
}

/// Anything from nothing to the whole, evenly.
pub(crate) fn random_part(whole: Duration, rng: &mut impl Rng) -> Duration {
    whole.mul_f64(rng.random::<f64>())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;

    const BASE: Duration = Duration::from_millis(100);
    const CAP: Duration = Duration::from_secs(5);

    #[test]
    fn waits_double_up_to_the_cap_and_are_jittered_in_full() {
        for round in 0..40 {
            let waits: Vec<Duration> = (0..400)
                .map(|seed| {
                    Backoff { rounds: round }.next(BASE, CAP, &mut SmallRng::seed_from_u64(seed))
                })
                .collect();
            let longest = BASE.saturating_mul(1 << round.min(20)).min(CAP);

            assert!(waits.iter().all(|wait| *wait <= longest));
            assert!(
                waits.iter().any(|wait| *wait < longest / 10),
                "round {round} has no short wait"
            );
            assert!(
                waits.iter().any(|wait| *wait > longest * 9 / 10),
                "round {round} has no long wait"
            );
        }
    }

    #[test]
    fn reset_begins_again_with_the_base() {
        let mut rng = SmallRng::seed_from_u64(1);
        let mut backoff = Backoff::default();
        for _ in 0..10 {
            backoff.next(BASE, CAP, &mut rng);
        }

        backoff.reset();

        assert_eq!(backoff, Backoff::default());
    }
}
