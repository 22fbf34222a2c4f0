//! One connection, as the loop remembers it: small while idle, with what is rare in a box.

use std::sync::Arc;

use crate::decoder::Partial;
use crate::dial::DialRequest;
use crate::driver::Socket;
use crate::ending::{Closed, Failure};
use crate::net::Addresses;
use crate::outbox::NONE;
use crate::packed_addresses::PackedAddresses;
use crate::queue::Backlog;
use crate::tls::Tls;
use crate::wheel::Tick;

/// Names a connection of one loop. Never reused while the process lives: a stale id finds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId {
    pub(crate) generation: u32,
    pub(crate) index: u32,
}

impl ConnId {
    /// The place in the loop's table: small, dense, reused. Good as an index into an array of one's own.
    #[must_use]
    pub fn index(self) -> usize {
        self.index as usize
    }

    /// Both halves in one number, for logs and the admin port.
    #[must_use]
    pub fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    /// The id that [`to_bits`](Self::to_bits) wrote.
    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        Self {
            generation: (bits >> 32) as u32,
            index: bits as u32,
        }
    }
}

/// Everything kept for every connection. A million of them are held, so each byte counts.
#[derive(Debug)]
pub(crate) struct Connection<S> {
    pub(crate) socket: Socket,
    pub(crate) rare: Option<Box<Rare>>,
    pub(crate) addresses: PackedAddresses,
    /// When the present wait began: for the handshake, for the peer's next byte, for its pong, for
    /// the end of the close handshake.
    pub(crate) mark: Tick,
    /// The wheel's entry that counts; others for this connection are stale.
    pub(crate) entry: Tick,
    /// The last of what this turn sends to it.
    pub(crate) outbox: u32,
    /// Control frames from the peer since about a second.
    pub(crate) controls: u16,
    pub(crate) endpoint: u8,
    /// The window of the compression that was agreed on; 0 if none was.
    pub(crate) window_bits: u8,
    pub(crate) phase: Phase,
    pub(crate) flags: Flags,
    pub(crate) session: S,
}

impl<S> Connection<S> {
    pub(crate) fn new(socket: Socket, addresses: Addresses, mark: Tick, session: S) -> Self {
        Self {
            socket,
            rare: None,
            addresses: PackedAddresses::pack(addresses),
            mark,
            entry: Tick::NEVER,
            outbox: NONE,
            controls: 0,
            endpoint: 0,
            window_bits: 0,
            phase: Phase::Handshake,
            flags: Flags::default(),
            session,
        }
    }

    pub(crate) fn backlog(&self) -> Option<&Backlog> {
        self.rare.as_ref()?.backlog.as_ref()
    }

    pub(crate) fn backlog_mut(&mut self) -> Option<&mut Backlog> {
        self.rare.as_mut()?.backlog.as_mut()
    }

    pub(crate) fn tls(&self) -> Option<&Tls> {
        self.rare.as_ref()?.tls.as_deref()
    }

    pub(crate) fn tls_mut(&mut self) -> Option<&mut Tls> {
        self.rare.as_mut()?.tls.as_deref_mut()
    }

    pub(crate) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Lets the box go when nothing rare is left in it.
    pub(crate) fn tidy(&mut self) {
        if self.rare.as_ref().is_some_and(|rare| rare.is_empty()) {
            self.rare = None;
        }
    }
}

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not yet a WebSocket connection.
    Handshake,
    /// Messages flow.
    Open,
    /// Our Close frame is sent or queued; the peer's has not come.
    Closing,
    /// All is said. What is queued leaves, then our side ends; what arrives is discarded until the
    /// peer's side ends too, as closing over unread bytes would reset the connection and could
    /// destroy what we said last.
    Lingering,
    /// The app will be told in this turn.
    Doomed,
}

/// What is true for a connection besides its phase.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Flags(u8);

impl Flags {
    /// We dialled it: the client's role.
    pub(crate) const DIALLED: u8 = 1 << 0;
    /// Dialled and not known to be connected.
    pub(crate) const CONNECTING: u8 = 1 << 1;
    /// The app does not want to read it at present.
    pub(crate) const PAUSED: u8 = 1 << 2;
    /// Something arrived while it was paused.
    pub(crate) const UNREAD: u8 = 1 << 3;
    /// A ping is out and nothing was heard since.
    pub(crate) const PINGED: u8 = 1 << 4;
    /// The keep-alive has not pinged it yet.
    pub(crate) const UNPINGED: u8 = 1 << 5;
    /// A write failed: the peer is gone, what it said before may still be readable.
    pub(crate) const BROKEN: u8 = 1 << 6;
    /// Our side of the stream ends when all is written.
    pub(crate) const LAST_WORDS: u8 = 1 << 7;

    pub(crate) fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    pub(crate) fn set(&mut self, flag: u8) {
        self.0 |= flag;
    }

    /// Answers whether it was set.
    pub(crate) fn clear(&mut self, flag: u8) -> bool {
        let was = self.has(flag);
        self.0 &= !flag;
        was
    }
}

/// What few connections have at a time.
#[derive(Debug, Default)]
pub(crate) struct Rare {
    pub(crate) partial: Option<Box<Partial>>,
    pub(crate) backlog: Option<Backlog>,
    pub(crate) handshake: Option<Handshake>,
    /// What the app will be told, once decided and while the connection lingers on.
    pub(crate) ending: Option<Ending>,
    pub(crate) tls: Option<Box<Tls>>,
}

impl Rare {
    fn is_empty(&self) -> bool {
        self.partial.is_none()
            && self.backlog.is_none()
            && self.handshake.is_none()
            && self.ending.is_none()
            && self.tls.is_none()
    }
}

/// A handshake that needs more than one read.
#[derive(Debug)]
pub(crate) enum Handshake {
    /// The part of a request head that has come.
    Server { head: Vec<u8> },
    /// What we asked and the part of the answer that has come.
    Client {
        request: Arc<DialRequest>,
        accept: String,
        head: Vec<u8>,
    },
}

/// How a connection ended, before or after it was open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    Closed(Closed),
    Failed(Failure),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_fits_in_one_cache_line() {
        assert!(
            size_of::<Option<Connection<()>>>() <= 56,
            "{}",
            size_of::<Option<Connection<()>>>()
        );
        assert!(size_of::<Option<Connection<u64>>>() <= 64);
    }
}
