//! The steps that break something, or undo it.

use lab_adc::relay::tamper::Mischief;
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

/// `do.adc`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OnAdc {
    /// What happens.
    pub fault: AdcFault,
    /// Only to what goes to this gateway, from 0; to everything when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<u32>,
}

/// What can happen to a load balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdcFault {
    /// Its connections are reset; new ones are served.
    Cut,
    /// Nothing passes any more and nobody is told, health checks included; lasts.
    BlackHole,
    /// Its connections are reset, and every new one; lasts.
    Reset,
    /// A twin without its memory takes over: connections are forgotten.
    FailOver,
    /// What lasts ends.
    Heal,
}

impl AdcFault {
    /// As events and figures name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::BlackHole => "black-hole",
            Self::Reset => "reset",
            Self::FailOver => "fail-over",
            Self::Heal => "heal",
        }
    }
}

/// `do.line`: how the lab's relay before a gateway passes on what it gets. What is absent is as on a clear line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OnLine {
    /// Which gateway, from 0.
    pub gateway: u32,
    /// How long every byte travels, each way.
    #[serde(default = "at_once")]
    pub delay: Span,
    /// How much longer it may travel.
    #[serde(default = "at_once")]
    pub jitter: Span,
    /// How many pass each way on each connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<u32>,
    /// Nothing passes, and nobody is told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub silent: bool,
}

impl OnLine {
    /// Whether everything passes at once.
    pub(crate) fn is_clear(&self) -> bool {
        self.delay == at_once()
            && self.jitter == at_once()
            && self.bytes_per_second.is_none()
            && !self.silent
    }
}

/// `do.tamper`: what the lab's relay before a gateway does to the next messages of that gateway, one each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Tamper {
    /// Which gateway, from 0.
    pub gateway: u32,
    /// One mischief for each message.
    pub mischief: Vec<Mischief>,
}

/// `do.settle`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settle {
    /// How long it may take, counted from the last message of what goes on meanwhile.
    #[serde(default = "patience")]
    pub within: Span,
}

fn at_once() -> Span {
    Span(std::time::Duration::ZERO)
}

fn half_a_minute() -> Span {
    Span(std::time::Duration::from_secs(30))
}
