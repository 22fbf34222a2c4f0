//! When devices want to be woken.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// The earliest first. A device that no longer wants its alarm is woken all the same and finds nothing to do.
#[derive(Debug, Default)]
pub(super) struct Alarms(BinaryHeap<Reverse<(Instant, u32)>>);

impl Alarms {
    pub(super) fn set(&mut self, at: Instant, device: u32) {
        self.0.push(Reverse((at, device)));
    }

    /// A device whose time has come.
    pub(super) fn due(&mut self, now: Instant) -> Option<u32> {
        let Reverse((at, _)) = self.0.peek()?;
        (*at <= now).then(|| self.0.pop().map(|Reverse((_, device))| device))?
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn alarms_ring_in_order_and_not_before_their_time() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut alarms = Alarms::default();
        alarms.set(start + 2 * second, 7);
        alarms.set(start + second, 8);

        assert_eq!(alarms.due(start), None);
        assert_eq!(alarms.next(), Some(start + second));
        assert_eq!(
            [0; 3].map(|_| alarms.due(start + 2 * second)),
            [Some(8), Some(7), None]
        );
    }
}
