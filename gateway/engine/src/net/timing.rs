//! Deadlines: of handshakes, of silent peers, of the last words.

use std::time::Instant;

use bytes::Bytes;

use super::Net;
use crate::connection::{ConnId, Connection, Ending, Flags, Phase};
use crate::ending::{Closed, Failure};
use crate::frame::{FrameError, Opcode};
use crate::queue::Kind;
use crate::wheel::{TICK, Tick};

/// Ticks in about a second.
const SECOND: u32 = 32;

/// Pings are due together in slots of this many ticks, a quarter of a second, or of a 64th of the interval where that is
/// less. They leave in batches then, and answers come in batches.
const LONGEST_SLOT: u32 = 8;

/// Connections looked at in one turn, so that a slot with very many does not keep everyone else waiting.
const LOOKS: usize = 512;

impl<S> Net<S> {
    pub(crate) fn advance_clock(&mut self, now: Instant) {
        self.now = now;
        self.tick = self.wheel.tick(now);
    }

    /// When the loop has to turn although nothing happens.
    pub(crate) fn next_deadline(&mut self) -> Option<Instant> {
        let mut spare = None;
        let mut window = None;
        for outbox in &mut self.outboxes {
            if outbox.give_back(self.tick) {
                spare = Some(self.now + TICK * (SECOND + 2));
            }
            window = window.into_iter().chain(outbox.window_end()).min();
        }
        let late = self.late.as_ref().map(|_| self.now);
        [self.wheel.next(), spare, window, late]
            .into_iter()
            .flatten()
            .min()
    }

    /// Any byte from the peer proves that it lives.
    pub(crate) fn heard(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        if connection.phase == Phase::Open {
            if connection.mark.since(Tick(0)) / SECOND != self.tick.since(Tick(0)) / SECOND {
                connection.controls = 0;
            }
            connection.mark = self.tick;
            connection.flags.clear(Flags::PINGED);
        }
    }

    /// A control frame came. Answering them costs us more than sending them costs the peer.
    pub(crate) fn count_control(&mut self, conn: ConnId) -> Result<(), FrameError> {
        let limit = self.config.limits.control_frames;
        let Some(connection) = self.connections.get_mut(conn) else {
            return Ok(());
        };
        connection.controls = connection.controls.saturating_add(1);
        if connection.controls > limit {
            Err(FrameError::TooManyControls { limit })
        } else {
            Ok(())
        }
    }

    pub(crate) fn pong(&mut self, conn: ConnId, payload: &[u8]) {
        let frame = self.frame(conn, Opcode::Pong, payload, false);
        self.enqueue_own(conn, frame, Kind::Pong);
    }

    /// Acts on deadlines that have passed: on all of them, or on as many as a turn may take.
    pub(crate) fn pass_time(&mut self) {
        self.end_windows();
        for _ in 0..LOOKS {
            let Some((tick, conn)) = self.next_expired() else {
                return;
            };
            let Some(connection) = self.connections.get_mut(conn) else {
                continue;
            };
            if connection.entry == tick {
                connection.entry = Tick::NEVER;
                self.look_at(conn);
            }
        }
    }

    /// The next entry of the wheel whose tick has passed, with the tick.
    fn next_expired(&mut self) -> Option<(Tick, ConnId)> {
        loop {
            if let Some((tick, conns)) = &mut self.late {
                if let Some(conn) = conns.next() {
                    return Some((*tick, conn));
                }
                self.late = None;
            }
            let (tick, conns) = self.wheel.expire(self.tick)?;
            self.late = Some((tick, conns.into_iter()));
        }
    }

    fn look_at(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get(conn) else {
            return;
        };
        match self.due(conn, connection) {
            None => return,
            Some(due) if due.is_after(self.tick) => return self.arm(conn),
            Some(_) => {}
        }
        match connection.phase {
            Phase::Handshake => self.doom(conn, Ending::Failed(Failure::Timeout)),
            Phase::Open if connection.flags.has(Flags::PINGED) => {
                self.counters.silent += 1;
                self.doom(conn, Ending::Closed(Closed::Silent));
            }
            Phase::Open => self.ping(conn),
            Phase::Closing | Phase::Lingering => {
                let ending = self
                    .decided(conn)
                    .unwrap_or(Ending::Closed(Closed::EndOfStream));
                self.doom(conn, ending);
            }
            Phase::Doomed => {}
        }
    }

    fn ping(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        connection.mark = self.tick;
        if !connection.flags.has(Flags::PAUSED) {
            connection.flags.set(Flags::PINGED);
            connection.flags.clear(Flags::UNPINGED);
            self.counters.pings += 1;
            let ping = match self.connections.get(conn) {
                Some(connection) if connection.flags.has(Flags::DIALLED) => {
                    self.frame(conn, Opcode::Ping, &[], false)
                }
                _ => Bytes::from_static(&[0x80 | Opcode::Ping as u8, 0]),
            };
            self.enqueue_own(conn, ping, Kind::Own);
        }
        self.arm(conn);
    }

    /// Makes sure that the connection is looked at when it is due. An entry that comes earlier
    /// serves: it finds nothing due and arms again.
    pub(super) fn arm(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get(conn) else {
            return;
        };
        let Some(due) = self.due(conn, connection) else {
            return;
        };
        let look = self.look(connection, due);
        if connection.entry == Tick::NEVER || connection.entry.is_after(look) {
            let entry = self.wheel.insert(conn, look);
            if let Some(connection) = self.connections.get_mut(conn) {
                connection.entry = entry;
            }
        }
    }

    /// When to look at a connection whose present wait ends at `due`. An answered ping moves the end, to where the next
    /// ping is due; that is earlier if the timeout is longer than the interval, and hearing a peer arms nothing.
    fn look(&self, connection: &Connection<S>, due: Tick) -> Tick {
        let waits_for_pong = connection.phase == Phase::Open && connection.flags.has(Flags::PINGED);
        match self.patience.keepalive {
            Some((interval, _)) if waits_for_pong => {
                let next_ping = interval - interval / 16 - slot(interval);
                let soon = self.tick.plus(next_ping.max(1));
                if due.is_after(soon) { soon } else { due }
            }
            _ => due,
        }
    }

    /// When the present wait of a connection is over.
    fn due(&self, conn: ConnId, connection: &Connection<S>) -> Option<Tick> {
        let mark = connection.mark;
        match connection.phase {
            Phase::Handshake => Some(mark.plus(self.patience.handshake)),
            Phase::Closing | Phase::Lingering => Some(mark.plus(self.patience.close)),
            Phase::Doomed => None,
            Phase::Open => {
                let (interval, timeout) = self.patience.keepalive?;
                if connection.flags.has(Flags::PINGED) {
                    return Some(mark.plus(timeout));
                }
                // Devices that came together are pinged apart: the first ping anywhere in the second
                // half of the interval, later ones a little early.
                let unpinged = connection.flags.has(Flags::UNPINGED);
                let range = if unpinged {
                    interval / 2
                } else {
                    interval / 16
                };
                let due = mark.plus(interval - spread(conn.index, mark) % (range + 1));
                Some(due.down_to(slot(interval)))
            }
        }
    }
}

/// Over how many ticks pings are gathered, a power of two.
fn slot(interval: u32) -> u32 {
    1 << (interval / 64).clamp(1, LONGEST_SLOT).ilog2()
}

/// A number that differs between neighbours and from one time to the next (Knuth's multiplicative hash).
fn spread(index: u32, mark: Tick) -> u32 {
    (index ^ mark.since(Tick(0)).rotate_left(16)).wrapping_mul(0x9E37_79B1) >> 8
}
