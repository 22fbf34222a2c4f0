//! What a loop has done so far.

/// Totals since the loop started. Plain numbers, written by the loop's thread only; an app that
/// exports them copies them out in [`on_turn`](crate::App::on_turn).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections handed over by an acceptor.
    pub adopted: u64,
    /// Connections dialled.
    pub dialled: u64,
    /// TLS handshakes that succeeded, in either role.
    pub tls_established: u64,
    /// Connections that opened.
    pub opened: u64,
    /// Connections that ended before they opened.
    pub failed: u64,
    /// Open connections that ended.
    pub closed: u64,
    /// Connections refused because the loop was full.
    pub refused_full: u64,
    /// Whole messages received.
    pub messages_in: u64,
    /// Bytes received, as read from the sockets.
    pub bytes_in: u64,
    /// Messages that left the process completely, as the app counted them in
    /// [`Outgoing::messages`](crate::Outgoing::messages).
    pub messages_out: u64,
    /// Bytes sent, as taken by the sockets.
    pub bytes_out: u64,
    /// Writes: `send` calls or their io_uring kin.
    pub writes: u64,
    /// Writes that the socket did not take, or not wholly, so that a queue was needed.
    pub blocked: u64,
    /// Refused sends and closed connections because all send queues together had no room.
    pub total_queue_full: u64,
    /// Pings sent by the keep-alive.
    pub pings: u64,
    /// Peers given up because a ping was not answered.
    pub silent: u64,
    /// Connections closed for a breach of RFC 6455 or of TLS, or a limit.
    pub violations: u64,
    /// Turns of the loop.
    pub turns: u64,
}
