//! A bare WebSocket echo through the same engine, without Kafka, for conformance suites.

use std::net::{SocketAddr, TcpListener};

use gateway_engine::echo;

use crate::listening;

/// Serves until killed.
///
/// # Errors
/// The address cannot be had, or the loop does not run.
pub(crate) fn serve(address: SocketAddr, deflate: bool) -> anyhow::Result<()> {
    let listening = listening::open(address)?;
    println!(
        "{}",
        listening::announcement("listener", 0, listening.address)
    );
    let listener = TcpListener::from(listening.socket);
    // The echo waits for connections in accept(2).
    listener.set_nonblocking(false)?;
    match echo::serve(&listener, echo::config(deflate))? {}
}
