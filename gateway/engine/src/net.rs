//! What an app may do with the connections of its loop.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use crate::connection::ConnId;
use crate::counters::Counters;
use crate::dial::{Accepted, Dial};
use crate::queue::{Outgoing, SendQueue};

/// The connections of one loop, handed to every method of [`App`](crate::App). Whatever is called
/// with the id of a connection that is gone does nothing and says so.
#[derive(Debug)]
pub struct Net<S> {
    now: Instant,
    counters: Counters,
    stopping: bool,
    _sessions: Vec<S>,
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
}

impl<S: Default> Net<S> {
    /// When this turn began.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Takes a connection over from an acceptor. Its request is read, and `App::on_upgrade` and
    /// `App::on_open` are called, later in this turn at the earliest.
    ///
    /// # Errors
    /// The loop is full, or the kernel refuses; the socket is closed in any case.
    pub fn adopt(&mut self, accepted: Accepted, session: S) -> Result<ConnId, AdoptError> {
        let _ = (accepted, session);
        Err(AdoptError::Full)
    }

    /// Opens a connection as a client. Whether it came to be is told later by `App::on_open` or `App::on_failed`.
    ///
    /// # Errors
    /// The kernel refuses at once: no descriptor, no free port, the local address is taken.
    pub fn connect(&mut self, dial: Dial, session: S) -> io::Result<ConnId> {
        let _ = (dial, session);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Sends frames to a device. They leave at the end of the turn, in one write with whatever else
    /// this turn has for the connection.
    ///
    /// For connections in the server's role; a dialled one sends by [`send_text`](Self::send_text)
    /// and [`send_binary`](Self::send_binary), which mask.
    ///
    /// # Errors
    /// Nothing is sent, and nothing is queued, if the connection is not open or its queue is full.
    pub fn send(&mut self, conn: ConnId, outgoing: impl Into<Outgoing>) -> Result<(), SendError> {
        let _ = (conn, outgoing.into());
        Err(SendError::NotOpen)
    }

    /// Sends one text message, framed and masked as the role of the connection demands.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_text(&mut self, conn: ConnId, payload: &str) -> Result<(), SendError> {
        let _ = (conn, payload);
        Err(SendError::NotOpen)
    }

    /// Sends one binary message, framed and masked as the role of the connection demands.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_binary(&mut self, conn: ConnId, payload: &[u8]) -> Result<(), SendError> {
        let _ = (conn, payload);
        Err(SendError::NotOpen)
    }

    /// What waits for a slow connection, to make room in it; `None` if nothing waits.
    pub fn queue(&mut self, conn: ConnId) -> Option<SendQueue<'_>> {
        let _ = conn;
        None
    }

    /// Bytes that wait for a slow connection.
    #[must_use]
    pub fn queued_bytes(&self, conn: ConnId) -> usize {
        let _ = conn;
        0
    }

    /// Bytes that wait for all slow connections together. What many share counts for each.
    #[must_use]
    pub fn total_queued_bytes(&self) -> usize {
        0
    }

    /// Begins the close handshake, behind what is already queued. Messages that still arrive are
    /// discarded. `reason` is cut to the 123 bytes a Close frame has room for.
    pub fn close(&mut self, conn: ConnId, code: u16, reason: &str) {
        let _ = (conn, code, reason);
    }

    /// Ends the connection at once, with a reset. What is queued is lost.
    pub fn abort(&mut self, conn: ConnId) {
        let _ = conn;
    }

    /// Reads no more from a connection until [`resume`](Self::resume). Messages that the loop has read
    /// already still come: at most one read buffer of 64 KiB.
    pub fn pause(&mut self, conn: ConnId) {
        let _ = conn;
    }

    /// Reads from a connection again.
    pub fn resume(&mut self, conn: ConnId) {
        let _ = conn;
    }

    /// What the app keeps for a connection.
    #[must_use]
    pub fn session(&self, conn: ConnId) -> Option<&S> {
        let _ = conn;
        None
    }

    /// What the app keeps for a connection, to change it.
    #[must_use]
    pub fn session_mut(&mut self, conn: ConnId) -> Option<&mut S> {
        let _ = conn;
        None
    }

    /// Where the connection comes from and goes to.
    #[must_use]
    pub fn addresses(&self, conn: ConnId) -> Option<Addresses> {
        let _ = conn;
        None
    }

    /// The listener a connection was accepted on, as an index into the configured endpoints.
    #[must_use]
    pub fn endpoint(&self, conn: ConnId) -> Option<u8> {
        let _ = conn;
        None
    }

    /// Whether messages can be sent.
    #[must_use]
    pub fn is_open(&self, conn: ConnId) -> bool {
        let _ = conn;
        false
    }

    /// Every connection, open or on its way, in no particular order.
    pub fn connections(&self) -> impl Iterator<Item = ConnId> + '_ {
        std::iter::empty()
    }

    /// How many connections there are, open or on their way.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        0
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
