//! What a session wants done, and what it has to tell.

use std::borrow::Cow;
use std::time::Duration;

use gateway_protocol::message::{Delivery, DropReason, ErrorCode, Recovery};

use crate::server_list::ServerId;

/// Names one attempt to connect, and the connection that comes of it. Everything that is handed to a session says
/// which attempt it belongs to, so that what is left of an earlier one is ignored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Attempt(pub(crate) u32);

/// What the transport has to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Open a WebSocket with the subprotocol `tidegate.v1.json`, then call `handle_connected`, or `handle_lost`.
    Connect {
        /// Which server of the list.
        server: ServerId,
        /// The name of the attempt.
        attempt: Attempt,
    },
    /// Send a text frame.
    Send(String),
    /// Send a ping frame; call `handle_alive` when the pong arrives.
    Ping,
    /// Close the connection, or give up the attempt. No answer is expected; the session has forgotten it.
    Disconnect {
        /// The WebSocket close code.
        code: u16,
    },
}

/// Names a publish from [`crate::Session::publish`] until it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// What the application may want to know, besides messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A connection is up. It has yet to prove that it works.
    Connected {
        /// The server.
        server: ServerId,
        /// The attempt.
        attempt: Attempt,
    },
    /// An attempt failed, or a connection is lost. The session goes on by itself.
    Lost {
        /// The server; [`ServerId::GONE`] if it left the list meanwhile.
        server: ServerId,
        /// Why.
        lost: Lost,
        /// Whether the connection had been up.
        was_connected: bool,
        /// How long it waits until the next attempt.
        retry_in: Duration,
    },
    /// The gateway announced that it leaves; the session will move to another.
    Leaving {
        /// How long the gateway asked to wait.
        after: Duration,
    },
    /// Connections are lost so often that something may be wrong with this device, its network or the gateways.
    LostOften {
        /// How many were lost.
        count: u32,
        /// In how long.
        within: Duration,
    },
    /// A subscription begins or goes on, and what becomes of the messages that were missed.
    Subscribed {
        /// The subscription.
        subject: Box<str>,
        /// `Synced`: nothing was missed, or it follows. `Resynced`: something is missing. `None`: there was nothing to go on from.
        recovery: Recovery,
    },
    /// A subscription is refused.
    SubscriptionRefused {
        /// The subscription.
        subject: Box<str>,
        /// Why, as a word of a closed list.
        code: ErrorCode,
        /// Why, for people.
        reason: Box<str>,
        /// Whether the session tries again; otherwise the subscription is gone.
        retried: bool,
    },
    /// The gateway left out messages because this device was too slow.
    Dropped {
        /// The subscription.
        subject: Box<str>,
        /// How many.
        count: u64,
        /// Why.
        reason: DropReason,
    },
    /// A publish is in the log.
    Published {
        /// The publish.
        ticket: Ticket,
        /// The partition that holds the record.
        partition: i32,
        /// The record's offset in its partition.
        seq: i64,
    },
    /// A publish is acknowledged that does not wait for it: on this connection it was answered before, or never sent. A gateway never does that.
    PublishedUnasked {
        /// The partition that is said to hold the record.
        partition: i32,
        /// The record's offset there, likewise.
        seq: i64,
    },
    /// A publish is refused for good.
    PublishRefused {
        /// The publish.
        ticket: Ticket,
        /// Why, as a word of a closed list.
        code: ErrorCode,
        /// Why, for people.
        reason: Box<str>,
    },
    /// The gateway complains about something that is no open request.
    Complaint {
        /// Why, as a word of a closed list.
        code: ErrorCode,
        /// Why, for people.
        reason: Box<str>,
    },
}

/// A message for the application, borrowed from the frame it came in. It is new: duplicates are filtered out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received<'a> {
    /// The message.
    pub message: Delivery<'a>,
    /// What is missing right before it, if anything.
    pub gap: Option<Gap>,
}

/// Messages are missing on a subject, and no gateway said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The sequence number of the last message before the gap, in the partition of the message after it.
    pub after: Option<i64>,
    /// The sequence number that the gateway says came right before the message; `None` if it says that none did.
    pub expected: Option<i64>,
}

/// Why an attempt failed, or a connection was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Why, as a word of a closed list.
    pub cause: Cause,
    /// Why, for people; may be empty.
    pub detail: Cow<'static, str>,
    /// How long the server asked to be left alone: `Retry-After`.
    pub retry_after: Option<Duration>,
    /// The same server has another address that is worth an attempt now, so it is not set aside.
    pub another_address: bool,
}

impl Lost {
    /// A plain loss.
    #[must_use]
    pub fn new(cause: Cause) -> Self {
        Self {
            cause,
            detail: Cow::Borrowed(""),
            retry_after: None,
            another_address: false,
        }
    }

    /// The same, with words for people.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = detail.into();
        self
    }

    /// The same, with the time that the server asked for.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }
}

/// Why an attempt failed, or a connection was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The server's name could not be resolved.
    Unresolvable,
    /// Nothing listens there, or nothing is reachable.
    Unreachable,
    /// TCP, TLS or the handshake took too long.
    ConnectTimeout,
    /// TLS failed; a certificate for another name, for example.
    Tls,
    /// The server answered with an HTTP error.
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// The server answered with a redirect, which is never followed: a server list should name servers.
    Redirected,
    /// The server's answer is no WebSocket of this subprotocol.
    NotAGateway,
    /// The gateway closed the connection properly.
    Closed {
        /// The WebSocket close code.
        code: u16,
    },
    /// The connection broke.
    Broken,
    /// Nothing was heard, not even an answer to a ping.
    Silent,
    /// A request was not answered in time.
    NoAnswer,
    /// The gateway sent something that is no message.
    BadMessage,
    /// The session moves to another server, as the gateway asked.
    Moved,
}
