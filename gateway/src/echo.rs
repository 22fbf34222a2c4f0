//! A bare WebSocket echo through the same engine, without Kafka, for conformance suites.

use std::net::SocketAddr;

use anyhow::bail;

/// Serves until killed.
pub(crate) fn serve(_address: SocketAddr, _deflate: bool) -> anyhow::Result<()> {
    bail!("not here yet")
}
