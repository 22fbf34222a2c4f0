//! Limits, keep-alive, back end.

use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;

/// How a loop runs.
#[derive(Debug, Clone)]
pub struct LoopConfig {
    /// Which kernel interface carries the sockets.
    pub backend: Backend,
    /// What the listeners offer; [`Accepted::endpoint`](crate::Accepted::endpoint) is an index into it.
    pub endpoints: Vec<Endpoint>,
    /// What a peer can make the loop hold.
    pub limits: Limits,
    /// Pings to peers that are silent; `None` never pings.
    pub keepalive: Option<Keepalive>,
    /// How hard the loop compresses what is sent message by message: 1 (fast) to 9 (small).
    pub deflate_level: u32,
    /// Commands the mailbox holds.
    pub mailbox: usize,
}

impl Default for LoopConfig {
    fn default() -> Self {
        Self {
            backend: Backend::Auto,
            endpoints: vec![Endpoint::default()],
            limits: Limits::default(),
            keepalive: Some(Keepalive::default()),
            deflate_level: 4,
            mailbox: 1024,
        }
    }
}

/// Which kernel interface carries the sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backend {
    /// io_uring where the kernel allows it, else epoll.
    #[default]
    Auto,
    /// epoll and one system call per read and write.
    Epoll,
    /// io_uring; the loop does not start where the kernel forbids it.
    IoUring,
}

/// What one listener offers to those who ask for the upgrade.
#[derive(Debug, Clone, Default)]
pub struct Endpoint {
    /// The path a request must name (its query is ignored); `None` accepts every path.
    pub path: Option<String>,
    /// The subprotocols spoken, the preferred first.
    pub subprotocols: Vec<String>,
    /// Refuse, with 400, whoever offers none of `subprotocols`.
    pub subprotocol_required: bool,
    /// Agree to permessage-deflate (RFC 7692) with those who offer it.
    pub deflate: bool,
    /// How long what [`Net::send_batched`](crate::Net::send_batched) sends may wait for company; `None` for not at all.
    pub batching: Option<Batching>,
    /// Speak TLS, from the first byte that is handed over; `None` speaks plainly.
    pub tls: Option<Arc<ServerConfig>>,
}

/// How long frames may wait so that more of them leave in one write.
///
/// All connections of an endpoint share one window: it begins with the first frame that waits, and at its end
/// everything leaves. So a frame waits `max_delay` at most and half of it on average, and a loop has one timer for
/// all its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batching {
    /// How long a window is.
    pub max_delay: Duration,
    /// A connection for which this many bytes wait does not wait for the window's end.
    pub max_bytes: usize,
}

/// What a peer can make the loop hold. Sizes are in bytes.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections of this loop, whatever their state. One more is answered 503.
    pub connections: usize,
    /// An HTTP request or response head.
    pub head: usize,
    /// The payload of one frame from the peer; more is closed with 1009.
    pub frame: usize,
    /// One message from the peer, all its fragments together; more is closed with 1009.
    pub message: usize,
    /// What waits in the send queue of one connection. A queue that is empty takes any one item.
    pub send_queue: usize,
    /// What waits in the send queues of all connections of this loop together. It is passed by an eighth at most, for
    /// the last words to connections that have to go; those are closed with 1013.
    pub total_queue: usize,
    /// Control frames (ping, pong) from one peer within about a second; more is closed with 1008.
    pub control_frames: u16,
    /// From adoption, or from the start of a dial, to the open connection.
    pub handshake_timeout: Duration,
    /// From our Close frame to the peer's, and from there to the end of the stream.
    pub close_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1 << 24,
            head: 8 * 1024,
            frame: 1024 * 1024,
            message: 1024 * 1024,
            send_queue: 1024 * 1024,
            total_queue: 256 * 1024 * 1024,
            control_frames: 1000,
            handshake_timeout: Duration::from_secs(5),
            close_timeout: Duration::from_secs(5),
        }
    }
}

/// When a silent peer is asked whether it still lives, and when it is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// A peer that has sent nothing for this long, or a little less, is pinged. The "little less"
    /// differs from connection to connection, so that pings spread over time.
    pub interval: Duration,
    /// A peer that sends nothing for this long after the ping is gone.
    pub timeout: Duration,
}

impl Default for Keepalive {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(25),
            timeout: Duration::from_secs(10),
        }
    }
}
