//! The bounds of a scenario: what must hold at its end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::units::Span;

/// `[expect]`. What is absent is not judged, but for `connected`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expect {
    /// How many of the devices told to connect must have been connected.
    pub connected: Connected,
    /// How connections lie over the workgroups of each gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread: Option<Spread>,
    /// The fullest workgroup over the mean that this scenario tolerates; the statistical limit applies where it is higher.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread_headroom: Option<f64>,
    /// Device connections on each gateway after the last step that connected devices, exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_gateways: Option<Vec<u64>>,
    /// Whose addresses the gateways report as their clients'.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_addresses: Option<Whose>,
    /// Messages that no subscriber's connection brought although Kafka has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_max: Option<u64>,
    /// Messages that came more than once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doubled_max: Option<u64>,
    /// Messages that came before an earlier one of the same subject and partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swapped_max: Option<u64>,
    /// Acknowledged publishes that are not in Kafka exactly once, in the device's order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub misplaced_publishes_max: Option<u64>,
    /// 99 of 100 messages arrive within this, counted from when the record was meant to be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_within: Option<Span>,
    /// 99 of 100 publishes are acknowledged within this, counted from when they were meant to be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_within: Option<Span>,
    /// Connections refused by all gateways together, by reason; exact, and no other reason occurs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<BTreeMap<String, u64>>,
    /// Probes counted by all gateways together, by kind; at least so many, and no other kind occurs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probes: Option<BTreeMap<String, u64>>,
    /// What strangers got for an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub knocks: Option<KnockAnswer>,
    /// Pool members that the ADC holds for healthy at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members_up: Option<u32>,
}

impl Default for Expect {
    fn default() -> Self {
        Self {
            connected: Connected::All,
            spread: None,
            spread_headroom: None,
            on_gateways: None,
            client_addresses: None,
            lost_max: None,
            doubled_max: None,
            swapped_max: None,
            misplaced_publishes_max: None,
            delivered_within: None,
            published_within: None,
            refused: None,
            probes: None,
            knocks: None,
            members_up: None,
        }
    }
}

/// How many devices must have been connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Connected {
    /// Every one.
    All,
    /// Not one: the gateways must refuse them.
    None,
}

/// How connections lie over workgroups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spread {
    /// As fair dice would fall.
    Even,
    /// All in one, and the same one.
    OneWorkgroup,
}

/// Whose addresses a gateway reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whose {
    /// Each device's own address and port.
    Devices,
    /// The load balancer's.
    Adc,
}

/// What a stranger got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KnockAnswer {
    /// The connection was closed without a byte.
    ClosedSilently,
    /// A WebSocket upgrade was granted.
    Upgraded,
}
