//! Waiting for publishes that devices repeat.

use serde::{Deserialize, Serialize};

use super::patience;
use crate::units::Span;

/// `do.await-repeats`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AwaitRepeats {
    /// How many records, counted from the begin of the cell, repeat a publish that was in the log before.
    pub count: u32,
    /// How long that may take.
    #[serde(default = "patience")]
    pub within: Span,
}
