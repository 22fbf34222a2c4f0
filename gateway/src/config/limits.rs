//! What a stranger can make the gateway hold.

use std::time::Duration;

use toml::Spanned;

use super::section::Section;
use super::value::{Rate, Size};

/// Every limit refuses early, is counted by reason, and shows in `/metrics`.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Connections in all.
    pub(crate) connections: usize,
    /// Connections per client address; none by default, as a carrier's NAT hides thousands behind one.
    pub(crate) connections_per_client: Option<usize>,
    /// New connections per second.
    pub(crate) handshakes_per_second: Option<u32>,
    /// From a connection's first byte to its last of the WebSocket handshake.
    pub(crate) handshake_timeout: Duration,
    /// Connections that have not finished their PROXY header.
    pub(crate) pending_headers: usize,
    /// Subscriptions of one connection.
    pub(crate) subscriptions: usize,
    /// One message of a device, in bytes.
    pub(crate) message_bytes: usize,
    /// What may wait for one slow connection, in bytes.
    pub(crate) queue_bytes: usize,
    /// What may wait for all slow connections together, in bytes.
    pub(crate) total_queue_bytes: usize,
    /// Publishes of all devices that Kafka has not acknowledged.
    pub(crate) publishes_in_flight: usize,
    /// Publishes of one connection that Kafka has not acknowledged.
    pub(crate) publishes_per_connection: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2_000_000,
            connections_per_client: None,
            handshakes_per_second: None,
            handshake_timeout: Duration::from_secs(10),
            pending_headers: 10_000,
            subscriptions: 1_000,
            message_bytes: 256 << 10,
            queue_bytes: 1 << 20,
            total_queue_bytes: 256 << 20,
            publishes_in_flight: 50_000,
            publishes_per_connection: 1_000,
        }
    }
}

impl Limits {
    pub(super) fn read(mut section: Section<'_, '_>) -> Self {
        let usual = Self::default();
        let rate = section.take("handshakes-per-second");
        let limits = Self {
            connections: section.or("connections", usual.connections),
            connections_per_client: section
                .take("connections-per-client")
                .map(Spanned::into_inner),
            handshakes_per_second: rate.map(|rate: Spanned<Rate>| rate.into_inner().0),
            handshake_timeout: section.or("handshake-timeout", usual.handshake_timeout),
            pending_headers: section.or("pending-headers", usual.pending_headers),
            subscriptions: section.or("subscriptions", usual.subscriptions),
            message_bytes: section.or("message-bytes", Size(usual.message_bytes)).0,
            queue_bytes: section.or("queue-bytes", Size(usual.queue_bytes)).0,
            total_queue_bytes: section
                .or("total-queue-bytes", Size(usual.total_queue_bytes))
                .0,
            publishes_in_flight: section.or("publishes-in-flight", usual.publishes_in_flight),
            publishes_per_connection: section
                .or("publishes-per-connection", usual.publishes_per_connection),
        };
        section.finish();
        limits
    }
}
