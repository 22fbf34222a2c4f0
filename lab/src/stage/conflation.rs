//! Subjects that the gateways conflate.

use serde::{Deserialize, Serialize};

use crate::units::Span;

/// One `[[stage.conflation]]`, in the words of the gateway's own `[[conflation]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Conflation {
    /// `/topic/*` for every key of the topic, each for itself, or one `/topic/key`.
    pub subjects: String,
    /// At most one update of each subject in this time; the latest wins.
    pub interval: Span,
}

impl Conflation {
    /// The topic of the subjects, if they have one.
    pub(crate) fn topic(&self) -> Option<&str> {
        let (topic, _) = self.subjects.strip_prefix('/')?.split_once('/')?;
        Some(topic)
    }
}
