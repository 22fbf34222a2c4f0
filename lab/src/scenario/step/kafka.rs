//! The steps that break Kafka or undo it, and what is odd about records. The topic is the stage's first one.

use serde::{Deserialize, Serialize};

use crate::units::Span;

/// `do.kafka.…`: what happens to the cluster. A step ends when it is done and the cluster says so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KafkaFault {
    /// A broker is asked to stop; it hands over what it leads.
    StopBroker(OnBroker),
    /// A broker is killed, without a chance to say a word.
    KillBroker(OnBroker),
    /// A broker that is gone comes back, with its address and its data.
    StartBroker(OnBroker),
    /// A broker keeps its connections and answers nothing.
    PauseBroker(OnBroker),
    /// A paused broker goes on.
    ResumeBroker(OnBroker),
    /// Every answer of a broker takes longer.
    DelayBroker(Delay),
    /// All brokers are killed.
    KillAll(Plainly),
    /// All brokers that are gone come back.
    StartAll(Plainly),
    /// Another broker leads every partition.
    MoveLeaders(MoveLeaders),
    /// The topic is deleted and created again: another topic of the same name.
    RecreateTopic(Recreate),
    /// The topic gets more partitions.
    AddPartitions(AddPartitions),
    /// Retention passes every record that is there now; then it is what it was.
    ShrinkRetention(Plainly),
    /// The topic is compacted, and the step ends once records are gone from every partition.
    Compact(Plainly),
    /// The followers of the partition stop: what is written from now on, only its leader has.
    IsolateLeader(OfPartition),
    /// The isolated leader is killed, and a follower that lacks its latest records takes over.
    UncleanElection(OfPartition),
}

impl KafkaFault {
    /// The word after `do.kafka.`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::StopBroker(_) => "stop-broker",
            Self::KillBroker(_) => "kill-broker",
            Self::StartBroker(_) => "start-broker",
            Self::PauseBroker(_) => "pause-broker",
            Self::ResumeBroker(_) => "resume-broker",
            Self::DelayBroker(_) => "delay-broker",
            Self::KillAll(_) => "kill-all",
            Self::StartAll(_) => "start-all",
            Self::MoveLeaders(_) => "move-leaders",
            Self::RecreateTopic(_) => "recreate-topic",
            Self::AddPartitions(_) => "add-partitions",
            Self::ShrinkRetention(_) => "shrink-retention",
            Self::Compact(_) => "compact",
            Self::IsolateLeader(_) => "isolate-leader",
            Self::UncleanElection(_) => "unclean-election",
        }
    }

    /// The broker that the step names, and the key it stands under.
    pub(crate) fn broker(&self) -> Option<(&'static str, u32)> {
        match self {
            Self::StopBroker(on)
            | Self::KillBroker(on)
            | Self::StartBroker(on)
            | Self::PauseBroker(on)
            | Self::ResumeBroker(on) => Some(("broker", on.broker)),
            Self::DelayBroker(order) => Some(("broker", order.broker)),
            Self::MoveLeaders(order) => Some(("to", order.to)),
            _ => None,
        }
    }

    /// Whether brokers go, so that the cluster can be nobody else's meanwhile.
    pub(crate) fn takes_brokers(&self) -> bool {
        match self {
            Self::StopBroker(_)
            | Self::KillBroker(_)
            | Self::StartBroker(_)
            | Self::PauseBroker(_)
            | Self::ResumeBroker(_)
            | Self::DelayBroker(_)
            | Self::KillAll(_)
            | Self::StartAll(_)
            | Self::IsolateLeader(_)
            | Self::UncleanElection(_) => true,
            Self::MoveLeaders(_)
            | Self::RecreateTopic(_)
            | Self::AddPartitions(_)
            | Self::ShrinkRetention(_)
            | Self::Compact(_) => false,
        }
    }
}

/// Of one broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OnBroker {
    /// Which broker, from 1.
    pub broker: u32,
}

/// `do.kafka.delay-broker`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Delay {
    /// Which broker, from 1.
    pub broker: u32,
    /// By how much; `"0s"` ends it.
    pub by: Span,
}

/// Nothing more to say: `{}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plainly {}

/// `do.kafka.move-leaders`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MoveLeaders {
    /// The broker that leads from now on, from 1.
    pub to: u32,
}

/// `do.kafka.recreate-topic`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Recreate {
    /// Its partitions afterwards; as many as the stage says when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<u32>,
}

/// `do.kafka.add-partitions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AddPartitions {
    /// How many there are afterwards.
    pub total: u32,
}

/// Of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OfPartition {
    /// Which partition, from 0.
    pub partition: u32,
}

/// `do.start-waiting`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StartWaiting {
    /// Which gateway, from 0.
    pub gateway: u32,
    /// What `/ready` has to say, among other things.
    pub says: String,
    /// How long it may take until it says so.
    #[serde(default = "super::patience")]
    pub within: Span,
}

/// What is odd about records that nobody writes on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Oddity {
    /// They have no key: only who subscribed to the whole topic gets them.
    NullKeys,
    /// Their keys are not UTF-8: only who subscribed to the whole topic gets them.
    BadKeys,
    /// Their values are not UTF-8.
    BadValues,
    /// They have no value.
    Tombstones,
}

impl Oddity {
    /// Whether no subscription to a single key gets them.
    pub(crate) fn changes_keys(self) -> bool {
        matches!(self, Self::NullKeys | Self::BadKeys)
    }
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transaction {
    /// Its records are part of the log.
    Committed,
    /// Nobody ever sees its records.
    Aborted,
}
