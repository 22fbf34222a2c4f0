//! The event loop that the gateway's workgroups and the lab's fleet run on: sockets and WebSocket
//! connections (RFC 6455), over io_uring or epoll. It knows no Kafka and no subject, and opens no
//! listener: whoever accepts hands the descriptor over.
//!
//! What a user writes and calls:
//! - [`app`]: the trait [`App`], what happens on a loop's connections.
//! - [`net`]: [`Net`], what an app may do with them.
//! - [`queue`]: the bounded send queue of a slow connection, and what may be dropped from it.
//! - [`dial`]: how connections come: [`Accepted`] from an acceptor, or by [`Dial`].
//! - [`ending`]: how they go: [`Closed`], or [`Failure`] before they were open.
//! - [`config`]: limits, keep-alive, back end.
//! - [`mailbox`]: how other threads talk to a loop.
//! - [`event_loop`]: the loop itself, one thread each.
//! - [`echo`]: a server that sends everything back, for conformance suites.
//! - [`frame`]: building frames, so that a message for many is encoded once.
//! - [`compress`]: the same, compressed.
//! - [`counters`]: what a loop has done so far.
//!
//! A loop takes in (commands, bytes), lets time pass, then gives out: everything that was sent to
//! one connection in a turn leaves in one write. An idle connection owns no buffer, also where it
//! speaks TLS.

pub mod app;
mod close_code;
pub mod compress;
pub mod config;
mod connection;
pub mod counters;
mod decoder;
pub mod dial;
mod driver;
pub mod echo;
pub mod ending;
pub mod event_loop;
pub mod frame;
mod handshake;
pub mod mailbox;
mod mask;
pub mod net;
mod outbox;
mod packed_addresses;
pub mod queue;
mod slab;
mod tls;
mod wheel;

pub use app::{App, Message};
pub use compress::{DeflatedFrames, Deflater};
pub use config::{Backend, Batching, Endpoint, Keepalive, Limits, LoopConfig};
pub use connection::ConnId;
pub use counters::Counters;
pub use dial::{Accepted, Dial, DialRequest, DialTls, Refusal, Upgrade};
pub use ending::{Closed, Failure};
pub use event_loop::{BackendReport, EventLoop, LoopError};
pub use mailbox::{Mailbox, SendCommandError};
pub use net::{Addresses, AdoptError, Net, SendError};
pub use queue::{Outgoing, Queued, SendQueue};
pub use tls::REFUSAL as TLS_REFUSAL;
