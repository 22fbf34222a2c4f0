//! What the gateway knows about protocols. It opens no socket, reads no clock and starts no thread.
//!
//! - [`proxy_header`]: who the client is, told by the load balancer (PROXY protocol v1 and v2).
//! - [`address`]: one spelling per address, and whom to believe.
//! - [`placement`]: which workgroup a client belongs to.
//! - [`subject`]: `/topic/key`, and who asked for it.
//! - [`position`]: epoch and sequence; what a device missed.
//! - [`message`]: the words between device and gateway, as JSON.
//!
//! Decoders of byte streams answer `Ok(None)` for "need more bytes"; an error means that the peer is wrong.
//!
//! WebSocket framing is absent (it belongs to the event loop), and so is Kafka.

pub mod address;
pub mod message;
pub mod placement;
pub mod position;
pub mod proxy_header;
pub mod subject;
