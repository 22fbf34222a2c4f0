//! How connections end.

use std::io;
use std::time::Duration;

use crate::frame::FrameError;

/// Why an open connection is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// The peer began the close handshake. A Close frame without a code is `None` (1005).
    ByPeer {
        /// The peer's code.
        code: Option<u16>,
        /// The peer's reason, often empty.
        reason: String,
    },
    /// We began the close handshake and the peer answered.
    ByUs {
        /// Our code.
        code: u16,
    },
    /// We began the close handshake and the peer did not answer, or not in time.
    Unanswered {
        /// Our code.
        code: u16,
    },
    /// It turned slow when nothing more could wait for all slow peers together, and was told so with 1013 if it took
    /// that much.
    NoRoom,
    /// The peer broke RFC 6455 or a limit and was told so.
    Violation(FrameError),
    /// The peer broke TLS, or its alert says that we did; the text is for people.
    Tls(String),
    /// The stream ended without a Close frame (1006).
    EndOfStream,
    /// The peer, or something between, reset the connection.
    Reset,
    /// A ping was not answered in time.
    Silent,
    /// The network gave up: no route, a TCP timeout.
    Network(io::ErrorKind),
    /// [`Net::abort`](crate::Net::abort).
    Aborted,
    /// The loop ended with the connection still open.
    Stopped,
}

/// Why a connection never opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// We dialled and TCP did not connect: refused, unreachable.
    Connect(io::ErrorKind),
    /// We dialled and the server answered with another status than 101.
    Answered {
        /// The HTTP status.
        status: u16,
        /// `Retry-After`, where it was in seconds.
        retry_after: Option<Duration>,
    },
    /// We dialled and the answer was not the one RFC 6455 section 4.1 asks for; the text says which part.
    BadAnswer(&'static str),
    /// The request was no WebSocket upgrade for this endpoint; it was answered with the status.
    BadRequest {
        /// The HTTP status sent.
        status: u16,
        /// What was wrong.
        reason: &'static str,
    },
    /// [`App::on_upgrade`](crate::App::on_upgrade) said no.
    RefusedByApp {
        /// The HTTP status sent.
        status: u16,
    },
    /// The TLS handshake failed: no TLS at all, nothing in common, a certificate that is not believed; the text is for
    /// people.
    Tls(String),
    /// The handshake took longer than allowed.
    Timeout,
    /// The stream ended.
    EndOfStream,
    /// The peer reset the connection.
    Reset,
    /// The network gave up, or the kernel refused us a resource.
    Network(io::ErrorKind),
    /// [`Net::abort`](crate::Net::abort) or [`Net::close`](crate::Net::close).
    Aborted,
    /// The loop ended first.
    Stopped,
}
