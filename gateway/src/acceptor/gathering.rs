//! Connections that come thick are taken in together.
//!
//! Waking a thread costs more than accepting a connection. Where they come by the thousand a second, each would wake the
//! acceptor, and the acceptor its workgroup, so most of the cost of a handshake would be wake-ups. After a turn the
//! acceptor then rests for a moment, as a network card does that moderates its interrupts, and both threads find several
//! connections at once. Where they come one by one nobody waits. Pure.

use std::time::{Duration, Instant};

/// How long the acceptor rests: what a handshake may take longer.
const REST: Duration = Duration::from_millis(1);

/// Over which time connections are counted.
const SPAN: Duration = Duration::from_millis(10);

/// As many within a span are thick.
const THICK: u32 = 20;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    /// When the present span began.
    since: Option<Instant>,
    /// Connections of the present span.
    count: u32,
    /// Whether those of the span before were thick.
    were_thick: bool,
    /// Connections came since the last rest.
    came: bool,
}

impl Gathering {
    /// A connection was accepted.
    pub(super) fn came(&mut self) {
        self.count = self.count.saturating_add(1);
        self.came = true;
    }

    /// How long to rest before the next turn, if it is worth it.
    pub(super) fn rest(&mut self, now: Instant) -> Option<Duration> {
        let passed = now.saturating_duration_since(*self.since.get_or_insert(now));
        if passed >= SPAN {
            self.were_thick = self.count >= THICK && passed < 2 * SPAN;
            (self.since, self.count) = (Some(now), 0);
        }
        (std::mem::take(&mut self.came) && self.is_thick()).then_some(REST)
    }

    /// Whether connections come thick.
    pub(super) fn is_thick(&self) -> bool {
        self.were_thick || self.count >= THICK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_alone_waits_for_nobody() {
        let mut gathering = Gathering::default();
        let start = Instant::now();

        for number in 0..100 {
            gathering.came();
            let now = start + number * Duration::from_millis(2);
            assert_eq!(gathering.rest(now), None, "{number}");
        }
    }

    #[test]
    fn who_comes_in_a_crowd_comes_with_others() {
        let mut gathering = Gathering::default();
        let start = Instant::now();
        for _ in 0..THICK {
            gathering.came();
        }

        assert_eq!(gathering.rest(start), Some(REST));
        // Nobody came since, so the next is a matter of waiting and not of resting.
        assert_eq!(gathering.rest(start), None);

        gathering.came();
        assert_eq!(gathering.rest(start + SPAN), Some(REST));
    }

    #[test]
    fn a_crowd_that_is_over_is_forgotten() {
        let mut gathering = Gathering::default();
        let start = Instant::now();
        for _ in 0..THICK {
            gathering.came();
        }
        assert_eq!(gathering.rest(start), Some(REST));

        gathering.came();
        assert_eq!(gathering.rest(start + 2 * SPAN), None);
    }
}
