//! What an app may do with the connections of its loop.

mod arrive;
mod dial_socket;
mod leave;
mod room;
mod sealed;
mod timing;
mod write;

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::compress::Deflater;
use crate::config::{Keepalive, LoopConfig};
use crate::connection::{ConnId, Connection, Ending, Flags, Phase};
use crate::counters::Counters;
use crate::driver::{Driver, Readiness};
use crate::frame::{FrameHeader, Opcode};
use crate::mask;
use crate::outbox::{Haste, Outbox};
use crate::queue::{Item, Kind, Outgoing, SendQueue};
use crate::slab::Slab;
use crate::wheel::{Tick, Wheel, ticks};

/// The connections of one loop, handed to every method of [`App`](crate::App). Whatever is called
/// with the id of a connection that is gone does nothing and says so.
#[derive(Debug)]
pub struct Net<S> {
    pub(crate) connections: Slab<Connection<S>>,
    pub(crate) driver: Driver,
    pub(crate) config: LoopConfig,
    pub(crate) counters: Counters,
    /// To be looked at in this turn: told by the kernel, or left over from the turn before.
    pub(crate) ready: Vec<Readiness>,
    /// What acceptors read too much.
    pub(crate) leftovers: Vec<(ConnId, Bytes)>,
    /// Connections that have ended and whose end the app has not been told.
    pub(crate) doomed: Vec<(ConnId, Ending)>,
    pub(crate) stopping: bool,
    /// Some connection speaks TLS, or did.
    speaks_tls: bool,
    /// One per endpoint.
    outboxes: Vec<Outbox>,
    wheel: Wheel,
    /// What the wheel gave out and nobody has looked at yet, with its tick.
    late: Option<(Tick, std::vec::IntoIter<ConnId>)>,
    patience: Patience,
    now: Instant,
    tick: Tick,
    /// Bytes in all backlogs.
    queued: usize,
    dice: StdRng,
    /// One for each window that a connection agreed on.
    deflaters: Vec<Deflater>,
}

/// The configured durations, in ticks.
#[derive(Debug, Clone, Copy)]
struct Patience {
    handshake: u32,
    close: u32,
    /// Silence before a ping, and after it.
    keepalive: Option<(u32, u32)>,
}

/// Where a connection comes from and goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// The other end of the socket.
    pub peer: SocketAddr,
    /// Accepted: whom the PROXY header named, else the peer. Dialled: our own end of the socket.
    pub client: SocketAddr,
}

/// Why a connection was not adopted.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// The loop has as many connections as its limit allows; the device was answered 503.
    #[error("the loop is full")]
    Full,
    /// No such endpoint was configured; the socket was closed.
    #[error("endpoint {0} is not configured")]
    UnknownEndpoint(u8),
    /// The endpoint's TLS cannot be used; the socket was closed.
    #[error("TLS cannot be spoken")]
    Tls(#[from] rustls::Error),
    /// The kernel refused; the socket was closed.
    #[error("the socket cannot be watched")]
    Io(#[from] io::Error),
}

/// Why something was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The connection is not open (yet, or any more).
    #[error("the connection is not open")]
    NotOpen,
    /// The peer is slow and its send queue, or all queues of the loop together, would pass the limit.
    /// [`Net::queue`] lets the app make room.
    #[error("the send queue is full")]
    Full,
    /// Ready frames are a server's; a dialled connection must mask.
    #[error("frames to a server must be masked")]
    Unmasked,
}

impl<S> Net<S> {
    pub(crate) fn new(config: LoopConfig, driver: Driver, now: Instant) -> Self {
        let wheel = Wheel::new(now);
        let tick = wheel.tick(now);
        let keepalive =
            |keepalive: Keepalive| (ticks(keepalive.interval), ticks(keepalive.timeout));
        let patience = Patience {
            handshake: ticks(config.limits.handshake_timeout),
            close: ticks(config.limits.close_timeout),
            keepalive: config.keepalive.map(keepalive),
        };
        let outboxes = config
            .endpoints
            .iter()
            .map(|endpoint| Outbox::new(endpoint.batching));
        Self {
            connections: Slab::new(),
            driver,
            // Dialled connections use the first, whether it was configured or not.
            outboxes: outboxes.chain([Outbox::default()]).collect(),
            config,
            counters: Counters::default(),
            ready: Vec::new(),
            leftovers: Vec::new(),
            doomed: Vec::new(),
            stopping: false,
            speaks_tls: false,
            wheel,
            late: None,
            patience,
            now,
            tick,
            queued: 0,
            dice: StdRng::from_os_rng(),
            deflaters: Vec::new(),
        }
    }

    /// When this turn began.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Sends frames to a device. They leave at the end of the turn, in one write with whatever else
    /// this turn has for the connection.
    ///
    /// # Errors
    /// Nothing is sent, and nothing is queued, if the connection is not open, if its queue is full,
    /// or if it is a dialled one: that sends by [`send_text`](Self::send_text) and
    /// [`send_binary`](Self::send_binary), which mask.
    pub fn send(&mut self, conn: ConnId, outgoing: impl Into<Outgoing>) -> Result<(), SendError> {
        self.send_ready(conn, outgoing.into(), Haste::Now)
    }

    /// Sends frames to a device that may wait for company, as long as the endpoint's
    /// [`Batching`](crate::Batching) allows. Whatever is sent otherwise takes what waits along, in its order.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_batched(
        &mut self,
        conn: ConnId,
        outgoing: impl Into<Outgoing>,
    ) -> Result<(), SendError> {
        self.send_ready(conn, outgoing.into(), Haste::Batched)
    }

    fn send_ready(
        &mut self,
        conn: ConnId,
        outgoing: Outgoing,
        haste: Haste,
    ) -> Result<(), SendError> {
        let Outgoing {
            frames,
            messages,
            tag,
        } = outgoing;
        if self.sendable(conn)?.flags.has(Flags::DIALLED) {
            return Err(SendError::Unmasked);
        }
        self.enqueue(
            conn,
            Item {
                frames,
                messages,
                tag,
                kind: Kind::Data,
            },
            haste,
        )
    }

    /// Sends one text message, framed and masked as the role of the connection demands.
    ///
    /// # Errors
    /// The connection is not open, or its queue is full.
    pub fn send_text(&mut self, conn: ConnId, payload: &str) -> Result<(), SendError> {
        self.send_message(conn, Opcode::Text, payload.as_bytes())
    }

    /// Sends one binary message, framed and masked as the role of the connection demands.
    ///
    /// # Errors
    /// The connection is not open, or its queue is full.
    pub fn send_binary(&mut self, conn: ConnId, payload: &[u8]) -> Result<(), SendError> {
        self.send_message(conn, Opcode::Binary, payload)
    }

    fn send_message(
        &mut self,
        conn: ConnId,
        opcode: Opcode,
        payload: &[u8],
    ) -> Result<(), SendError> {
        let window_bits = self.sendable(conn)?.window_bits;
        let deflated = if window_bits == 0 {
            None
        } else {
            self.deflate(window_bits, payload)
        };
        let frames = match deflated {
            Some(deflated) => self.frame(conn, opcode, &deflated, true),
            None => self.frame(conn, opcode, payload, false),
        };
        self.enqueue(
            conn,
            Item {
                frames,
                messages: 1,
                tag: 0,
                kind: Kind::Data,
            },
            Haste::Now,
        )
    }

    fn deflate(&mut self, window_bits: u8, payload: &[u8]) -> Option<Vec<u8>> {
        let known = self
            .deflaters
            .iter()
            .position(|deflater| deflater.window_bits() == window_bits);
        let place = known.unwrap_or_else(|| {
            self.deflaters
                .push(Deflater::new(self.config.deflate_level, window_bits));
            self.deflaters.len() - 1
        });
        self.deflaters[place].deflate(payload).map(<[u8]>::to_vec)
    }

    /// A frame in the role of the connection.
    fn frame(&mut self, conn: ConnId, opcode: Opcode, payload: &[u8], compressed: bool) -> Bytes {
        let mask = self.mask_for(conn);
        let header = FrameHeader {
            mask,
            compressed,
            ..FrameHeader::whole(opcode, payload.len())
        };
        let header = header.encode();
        let mut frame = Vec::with_capacity(header.as_slice().len() + payload.len());
        frame.extend_from_slice(header.as_slice());
        let start = frame.len();
        frame.extend_from_slice(payload);
        if let Some(mask) = mask {
            mask::apply(&mut frame[start..], mask, 0);
        }
        frame.into()
    }

    fn mask_for(&mut self, conn: ConnId) -> Option<[u8; 4]> {
        self.is_dialled(conn).then(|| self.dice.random())
    }

    fn is_dialled(&self, conn: ConnId) -> bool {
        self.connections
            .get(conn)
            .is_some_and(|connection| connection.flags.has(Flags::DIALLED))
    }

    /// What waits for a slow connection, to make room in it; `None` if nothing waits.
    pub fn queue(&mut self, conn: ConnId) -> Option<SendQueue<'_>> {
        let rare = self.connections.get_mut(conn)?.rare.as_mut()?;
        Some(SendQueue {
            backlog: rare.backlog.as_mut()?,
            total: &mut self.queued,
        })
    }

    /// Bytes that wait for a slow connection.
    #[must_use]
    pub fn queued_bytes(&self, conn: ConnId) -> usize {
        let backlog = self.connections.get(conn).and_then(Connection::backlog);
        backlog.map_or(0, |backlog| backlog.bytes())
    }

    /// Bytes that wait for all slow connections together. What many share counts for each.
    #[must_use]
    pub fn total_queued_bytes(&self) -> usize {
        self.queued
    }

    /// Reads no more from a connection until [`resume`](Self::resume). Messages that the loop has read
    /// already still come: at most one read buffer of 64 KiB. The keep-alive spares a paused connection.
    pub fn pause(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.get_mut(conn) {
            connection.flags.set(Flags::PAUSED);
        }
    }

    /// Reads from a connection again.
    pub fn resume(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.get_mut(conn)
            && connection.flags.clear(Flags::PAUSED)
            && connection.flags.clear(Flags::UNREAD)
        {
            // Whatever came meanwhile was told once and will not be told again.
            self.look_again(conn);
        }
    }

    /// Has a connection read until its socket is empty or at its end, in this turn or the next.
    pub(crate) fn look_again(&mut self, conn: ConnId) {
        self.ready.push(Readiness {
            conn,
            readable: true,
            writable: false,
            ended: true,
        });
    }

    /// What the app keeps for a connection.
    #[must_use]
    pub fn session(&self, conn: ConnId) -> Option<&S> {
        self.connections
            .get(conn)
            .map(|connection| &connection.session)
    }

    /// What the app keeps for a connection, to change it.
    #[must_use]
    pub fn session_mut(&mut self, conn: ConnId) -> Option<&mut S> {
        self.connections
            .get_mut(conn)
            .map(|connection| &mut connection.session)
    }

    /// Where the connection comes from and goes to.
    #[must_use]
    pub fn addresses(&self, conn: ConnId) -> Option<Addresses> {
        self.connections
            .get(conn)
            .map(|connection| connection.addresses.unpack())
    }

    /// The listener a connection was accepted on, as an index into the configured endpoints.
    #[must_use]
    pub fn endpoint(&self, conn: ConnId) -> Option<u8> {
        self.connections
            .get(conn)
            .map(|connection| connection.endpoint)
    }

    /// The window of permessage-deflate (RFC 7692) if it was agreed on: frames from a [`Deflater`]
    /// made for it may be sent, whoever else gets them too. Plain frames may be sent in any case.
    #[must_use]
    pub fn window_bits(&self, conn: ConnId) -> Option<u8> {
        let window_bits = self.connections.get(conn)?.window_bits;
        (window_bits != 0).then_some(window_bits)
    }

    /// Whether messages can be sent.
    #[must_use]
    pub fn is_open(&self, conn: ConnId) -> bool {
        self.sendable(conn).is_ok()
    }

    fn sendable(&self, conn: ConnId) -> Result<&Connection<S>, SendError> {
        match self.connections.get(conn) {
            Some(connection)
                if connection.phase == Phase::Open && !connection.flags.has(Flags::BROKEN) =>
            {
                Ok(connection)
            }
            Some(_) | None => Err(SendError::NotOpen),
        }
    }

    /// Every connection, open or on its way in or out, in no particular order.
    pub fn connections(&self) -> impl Iterator<Item = ConnId> + '_ {
        self.connections.iter().map(|(conn, _)| conn)
    }

    /// How many connections there are, open or on their way in or out.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        self.connections.len()
    }

    /// What the loop has done so far.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Ends the loop after this turn, as [`Mailbox::stop`](crate::Mailbox::stop) does.
    pub fn stop(&mut self) {
        self.stopping = true;
    }
}
