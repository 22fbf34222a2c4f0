//! The result of a ledger.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Findings of each kind that are kept with their place; all are counted.
const EXAMPLES: u64 = 20;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Records in the log.
    pub records: u64,
    /// Messages that devices received, after their own filtering.
    pub deliveries: u64,
    /// Deliveries that could not be judged, because the log lost the records before they were read.
    pub unjudged: u64,
    /// Messages that were owed and never came, without a word from the gateway.
    pub lost: u64,
    /// Messages that came twice.
    pub doubled: u64,
    /// Messages that came after a later one.
    pub swapped: u64,
    /// Messages whose bytes are not the log's.
    pub corrupted: u64,
    /// Messages that the log does not have, or not for this subject.
    pub foreign: u64,
    /// Messages whose epoch differs from the one that another delivery of the record had.
    pub disagreeing: u64,
    /// Messages that were owed and did not come, as the gateway said.
    pub signalled: u64,
    /// Publishes that were acknowledged and are not in the log.
    pub vanished: u64,
    /// Publishes that were acknowledged with a position they do not have.
    pub misplaced: u64,
    /// Publishes of one device that are in another order in the log.
    pub disordered: u64,
    /// Publishes that were refused for good and are in the log.
    #[serde(default)]
    pub contradicted: u64,
    /// Publishes that were answered, and then acknowledged once more.
    #[serde(default)]
    pub reanswered: u64,
    /// Publishes that were acknowledged.
    pub acknowledged: u64,
    /// Records that repeat a publish: legal, and suppressed on delivery.
    pub repeated: u64,
    /// When each kind was first met, in milliseconds of the ledger's clock: when the record was read that never came, when the message
    /// came, when the publish was answered. Kinds that were not met are not there, nor are any without a clock.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub first_ms: BTreeMap<Flaw, i64>,
    /// The first findings of each kind.
    pub examples: Vec<Finding>,
}

/// One thing that should not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What.
    pub flaw: Flaw,
    /// The device.
    pub device: u32,
    /// Its subscription, or the subject it published.
    pub subject: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub seq: i64,
}

/// What can be wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flaw {
    /// It was owed and never came.
    Lost,
    /// It came twice.
    Doubled,
    /// It came after a later one.
    Swapped,
    /// Its bytes are not the log's.
    Corrupted,
    /// The log does not have it, or not for this subject.
    Foreign,
    /// Another delivery of the same record had another epoch.
    Disagreeing,
    /// It was acknowledged and is not in the log.
    Vanished,
    /// It was acknowledged with a position it does not have.
    Misplaced,
    /// The device's publishes are in another order in the log.
    Disordered,
    /// It was refused for good and is in the log.
    Contradicted,
    /// It was answered, and then acknowledged once more.
    Reanswered,
}

impl Account {
    /// Whether nothing is wrong. Signalled gaps and repeated publishes are not.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        Flaw::ALL.iter().all(|flaw| self.count(*flaw) == 0)
    }

    /// How often this is wrong.
    #[must_use]
    pub fn count(&self, flaw: Flaw) -> u64 {
        match flaw {
            Flaw::Lost => self.lost,
            Flaw::Doubled => self.doubled,
            Flaw::Swapped => self.swapped,
            Flaw::Corrupted => self.corrupted,
            Flaw::Foreign => self.foreign,
            Flaw::Disagreeing => self.disagreeing,
            Flaw::Vanished => self.vanished,
            Flaw::Misplaced => self.misplaced,
            Flaw::Disordered => self.disordered,
            Flaw::Contradicted => self.contradicted,
            Flaw::Reanswered => self.reanswered,
        }
    }

    /// When the first finding of one of these kinds was met.
    #[must_use]
    pub fn first_ms(&self, flaws: &[Flaw]) -> Option<i64> {
        flaws
            .iter()
            .filter_map(|flaw| self.first_ms.get(flaw))
            .min()
            .copied()
    }

    /// Counts a finding, of the moment `at` if that is known.
    pub(super) fn note(&mut self, finding: impl FnOnce() -> Finding, flaw: Flaw, at: Option<i64>) {
        if let Some(at) = at {
            let first = self.first_ms.entry(flaw).or_insert(at);
            *first = at.min(*first);
        }
        let count = self.count_mut(flaw);
        *count += 1;
        if *count <= EXAMPLES {
            self.examples.push(finding());
        }
    }

    fn count_mut(&mut self, flaw: Flaw) -> &mut u64 {
        match flaw {
            Flaw::Lost => &mut self.lost,
            Flaw::Doubled => &mut self.doubled,
            Flaw::Swapped => &mut self.swapped,
            Flaw::Corrupted => &mut self.corrupted,
            Flaw::Foreign => &mut self.foreign,
            Flaw::Disagreeing => &mut self.disagreeing,
            Flaw::Vanished => &mut self.vanished,
            Flaw::Misplaced => &mut self.misplaced,
            Flaw::Disordered => &mut self.disordered,
            Flaw::Contradicted => &mut self.contradicted,
            Flaw::Reanswered => &mut self.reanswered,
        }
    }
}

impl Flaw {
    /// All of them, messages first.
    pub const ALL: [Self; 11] = [
        Self::Lost,
        Self::Doubled,
        Self::Swapped,
        Self::Corrupted,
        Self::Foreign,
        Self::Disagreeing,
        Self::Vanished,
        Self::Misplaced,
        Self::Disordered,
        Self::Contradicted,
        Self::Reanswered,
    ];

    /// As a clause about a message.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Lost => "never came",
            Self::Doubled => "came twice",
            Self::Swapped => "came after a later one",
            Self::Corrupted => "came with other bytes than the log has",
            Self::Foreign => "came although the log has no such record for the subject",
            Self::Disagreeing => "came with another epoch than elsewhere",
            Self::Vanished => "was acknowledged and is not in the log",
            Self::Misplaced => "was acknowledged with a position it does not have",
            Self::Disordered => "is in the log behind a later publish of the device",
            Self::Contradicted => "was refused for good and is in the log",
            Self::Reanswered => "was acknowledged although its publish had its answer",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            flaw,
            device,
            subject,
            partition,
            seq,
        } = self;
        write!(
            f,
            "device {device}: message {seq} of {subject} (partition {partition}) {}",
            flaw.words()
        )
    }
}
