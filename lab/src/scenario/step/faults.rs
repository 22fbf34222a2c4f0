//! The steps that break something, or undo it.

use serde::{Deserialize, Serialize};

use super::patience;
use crate::units::Span;

/// `do.kill`, `do.freeze` and `do.thaw`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OnGateway {
    /// Which gateway, from 0.
    pub gateway: u32,
}

/// `do.drain` and `do.start`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct InTime {
    /// Which gateway, from 0.
    pub gateway: u32,
    /// How long that may take; a gateway that takes longer fails the scenario.
    #[serde(default = "half_a_minute")]
    pub within: Span,
}

/// `do.settle`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settle {
    /// How long it may take, counted from the last message of what goes on meanwhile.
    #[serde(default = "patience")]
    pub within: Span,
}

fn half_a_minute() -> Span {
    Span(std::time::Duration::from_secs(30))
}
