//! What a stage sets in every gateway beside its listener.

use serde::{Deserialize, Serialize};

use crate::units::{Rate, Span};

/// How much of the log each gateway remembers; devices resume from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct CacheStage {
    /// Messages per subject and partition.
    pub messages: u32,
    /// Messages per partition, for subscriptions to a whole topic.
    pub topic_messages: u32,
    /// Older messages are forgotten.
    pub max_age: Span,
}

impl Default for CacheStage {
    fn default() -> Self {
        Self {
            messages: 1_000,
            topic_messages: 100_000,
            max_age: Span(std::time::Duration::from_secs(180)),
        }
    }
}

/// What each gateway refuses.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct LimitsStage {
    /// Connections that it takes within any second, a whole number of them; the others are told when to come back. No limit when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handshakes_per_second: Option<Rate>,
}

/// How each gateway takes its leave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct DrainStage {
    /// From "not ready" until nothing more is accepted: time for the load balancer's monitor to notice.
    pub monitor_wait: Span,
    /// Connections closed per second, a whole number of them.
    pub rate: Rate,
    /// Devices are told to come back within this time, each after its own share of it.
    pub jitter: Span,
}

impl Default for DrainStage {
    fn default() -> Self {
        Self {
            monitor_wait: Span(std::time::Duration::ZERO),
            rate: Rate::a_second(1_000),
            jitter: Span(std::time::Duration::from_secs(2)),
        }
    }
}
