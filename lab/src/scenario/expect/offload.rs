//! `[expect.offload]`: what ending TLS at the load balancer must spare the gateways.

use serde::{Deserialize, Serialize};

/// A bound on the cell where the load balancer ends TLS, against the one where the gateways do; the file's matrix lists that one first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Offload {
    /// How many times the processor time per handshake the gateways may still take, all together.
    pub handshake_max: f64,
}
