//! `[expect.linear]`: what a fleet may cost on more gateways.

use serde::{Deserialize, Serialize};

/// Bounds on a cell against the one with the fewest gateways; the file's matrix lists them, the fewest first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Linear {
    /// How many times the processor time all gateways together may take per device.
    pub processor_max: f64,
    /// How many times the memory.
    pub memory_max: f64,
}
