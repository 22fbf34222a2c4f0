//! Where the TLS of devices ends.

use serde::{Deserialize, Serialize};

/// Who ends it. It decides `listener.tls` and `adc.tls`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsEnd {
    /// Nobody: devices speak in the clear.
    None,
    /// Each gateway; a load balancer passes it through.
    Gateway,
    /// The load balancer, which speaks in the clear to gateways.
    Adc,
}
