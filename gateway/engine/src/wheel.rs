//! Deadlines of many connections, each some seconds away: a timing wheel.
//!
//! It answers *when to look*, not *what is due*: a deadline that moves away (a peer was heard) is
//! left where it is, and found not due when its turn comes. So hearing a peer costs nothing here.

use std::time::{Duration, Instant};

use crate::connection::ConnId;

/// Loop time in ticks of [`TICK`] since the loop began; wraps after four years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tick(pub(crate) u32);

/// How exact deadlines are.
pub(crate) const TICK: Duration = Duration::from_millis(32);

/// Buckets of one tick each; what is further away than all of them is looked at early.
const BUCKETS: u32 = 2048;

impl Tick {
    /// No tick: the wheel gives nothing out at it.
    pub(crate) const NEVER: Self = Self(0);

    pub(crate) fn plus(self, ticks: u32) -> Self {
        Self(self.0.wrapping_add(ticks))
    }

    pub(crate) fn is_after(self, other: Self) -> bool {
        self.0.wrapping_sub(other.0) as i32 > 0
    }

    /// The last multiple of `slot`, a power of two, that is not after this.
    pub(crate) fn down_to(self, slot: u32) -> Self {
        Self(self.0 & !(slot - 1))
    }

    pub(crate) fn since(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }
}

/// Ticks in a duration, rounded down but at least one: a deadline comes early rather than late.
pub(crate) fn ticks(duration: Duration) -> u32 {
    let ticks = duration.as_millis() / TICK.as_millis();
    // A quarter of the range keeps comparisons that wrap unambiguous: a year.
    ticks.clamp(1, u128::from(u32::MAX / 4)) as u32
}

#[derive(Debug)]
pub(crate) struct Wheel {
    began: Instant,
    buckets: Vec<Vec<ConnId>>,
    /// A bit per bucket that is not empty, so that looking ahead is cheap.
    filled: [u64; (BUCKETS / 64) as usize],
    /// Every bucket up to and with this tick has been emptied.
    done: Tick,
    entries: usize,
}

impl Wheel {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            began: now,
            buckets: vec![Vec::new(); BUCKETS as usize],
            filled: [0; (BUCKETS / 64) as usize],
            done: Tick(0),
            entries: 0,
        }
    }

    pub(crate) fn tick(&self, now: Instant) -> Tick {
        let ticks = now.saturating_duration_since(self.began).as_millis() / TICK.as_millis();
        Tick(ticks as u32)
    }

    /// Has `id` looked at when `due` has passed, or earlier if that is very far. The answer is the
    /// tick of the entry, by which a later one can be told from it.
    pub(crate) fn insert(&mut self, id: ConnId, due: Tick) -> Tick {
        let first = self.done.plus(1);
        let last = self.done.plus(BUCKETS - 1);
        let tick = if !due.is_after(first) {
            first
        } else if due.is_after(last) {
            last
        } else {
            due
        };
        let tick = if tick == Tick::NEVER {
            first.plus(1)
        } else {
            tick
        };
        let bucket = bucket(tick);
        self.buckets[bucket].push(id);
        self.filled[bucket / 64] |= 1 << (bucket % 64);
        self.entries += 1;
        tick
    }

    /// Takes out the next bucket whose tick has passed, with the tick.
    pub(crate) fn expire(&mut self, now: Tick) -> Option<(Tick, Vec<ConnId>)> {
        while now.is_after(self.done) {
            if self.entries == 0 {
                self.done = now;
                return None;
            }
            self.done = self.done.plus(1);
            let bucket = bucket(self.done);
            if self.filled[bucket / 64] & 1 << (bucket % 64) != 0 {
                self.filled[bucket / 64] &= !(1 << (bucket % 64));
                // Taken with its memory: an empty bucket keeps none.
                let ids = std::mem::take(&mut self.buckets[bucket]);
                self.entries -= ids.len();
                return Some((self.done, ids));
            }
        }
        None
    }

    /// When the next bucket that holds anything has passed.
    pub(crate) fn next(&self) -> Option<Instant> {
        if self.entries == 0 {
            return None;
        }
        let first = bucket(self.done.plus(1));
        let words = self.filled.len();
        // The word of the first bucket comes twice: first what is behind it, last what is before it.
        let found = (0..=words).find_map(|step| {
            let number = (first / 64 + step) % words;
            let behind = u64::MAX << (first % 64);
            let word = match step {
                0 => self.filled[number] & behind,
                _ if step == words => self.filled[number] & !behind,
                _ => self.filled[number],
            };
            (word != 0).then(|| number * 64 + word.trailing_zeros() as usize)
        })?;
        let ahead = (found as u32).wrapping_sub(first as u32) % BUCKETS;
        Some(self.began + TICK * self.done.plus(1 + ahead).0)
    }
}

fn bucket(tick: Tick) -> usize {
    (tick.0 % BUCKETS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_comes_out_at_its_tick_and_not_before() {
        let mut wheel = Wheel::new(Instant::now());
        assert_eq!(wheel.insert(id(7), Tick(5)), Tick(5));

        assert_eq!(wheel.expire(Tick(4)), None);
        assert_eq!(wheel.expire(Tick(9)), Some((Tick(5), vec![id(7)])));
        assert_eq!(wheel.expire(Tick(9)), None);
    }

    #[test]
    fn what_is_far_away_is_looked_at_early() {
        let mut wheel = Wheel::new(Instant::now());

        assert_eq!(wheel.insert(id(7), Tick(1_000_000)), Tick(BUCKETS - 1));
    }

    #[test]
    fn what_is_overdue_comes_out_next() {
        let mut wheel = Wheel::new(Instant::now());
        assert_eq!(wheel.expire(Tick(100)), None);

        assert_eq!(wheel.insert(id(7), Tick(3)), Tick(101));
        assert_eq!(wheel.expire(Tick(101)), Some((Tick(101), vec![id(7)])));
    }

    #[test]
    fn the_wheel_knows_when_to_wake() {
        let began = Instant::now();
        let mut wheel = Wheel::new(began);
        assert_eq!(wheel.next(), None);

        wheel.insert(id(7), Tick(3));

        assert_eq!(wheel.next(), Some(began + 3 * TICK));
        assert_eq!(wheel.tick(began + 3 * TICK), Tick(3));
    }

    #[test]
    fn the_wheel_wakes_for_the_nearest_entry_wherever_the_wheel_stands() {
        let began = Instant::now();
        for done in [0, 1, 63, 64, 100, 2047, 2048, 5000] {
            for ahead in [1, 2, 63, 64, 65, 500, 2047] {
                let mut wheel = Wheel::new(began);
                assert_eq!(wheel.expire(Tick(done)), None);
                wheel.insert(id(1), Tick(done + 2047));
                wheel.insert(id(2), Tick(done + ahead));

                assert_eq!(
                    wheel.next(),
                    Some(began + TICK * (done + ahead)),
                    "{done} + {ahead}"
                );
            }
        }
    }

    fn id(index: u32) -> ConnId {
        ConnId {
            generation: 0,
            index,
        }
    }
}
