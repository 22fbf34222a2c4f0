//! How connections end, in the words of the metrics.

use gateway_engine::{Closed, Failure};

/// The reason that `tidegate_closed_total` counts.
pub(super) fn closing(closed: &Closed) -> &'static str {
    match closed {
        Closed::ByPeer { .. } => "by-device",
        Closed::ByUs { .. } => "by-gateway",
        Closed::Unanswered { .. } => "unanswered",
        Closed::NoRoom => "no-room",
        Closed::Violation(_) => "violation",
        Closed::Tls(_) => "tls",
        Closed::EndOfStream => "end-of-stream",
        Closed::Reset => "reset",
        Closed::Silent => "silent",
        Closed::Network(_) => "network",
        Closed::Aborted => "aborted",
        Closed::Stopped => "stopped",
    }
}

/// The reason that `tidegate_refused_total` counts for a connection that never opened.
pub(super) fn failing(failure: &Failure) -> &'static str {
    match failure {
        Failure::BadRequest { .. } => "bad-request",
        Failure::RefusedByApp { .. } => "origin",
        Failure::Tls(_) => "tls",
        Failure::Timeout => "handshake-timeout",
        Failure::EndOfStream => "handshake-eof",
        Failure::Reset => "handshake-reset",
        Failure::Network(_) | Failure::Connect(_) => "network",
        Failure::Answered { .. } | Failure::BadAnswer(_) | Failure::Aborted => "aborted",
        Failure::Stopped => "stopped",
    }
}
