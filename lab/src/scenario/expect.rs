//! The bounds of a scenario: what must hold at its end.

pub mod balancing;
pub mod linear;
pub mod offload;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::units::Span;

/// `[expect]`. What is absent is not judged, but for `connected`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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
    /// Records that repeat a publish, so many at least, and passed over by every gateway; undecided where the plot made fewer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeated_publishes_min: Option<u64>,
    /// Publishes that are refused for good, by code; exact, and no other code occurs. None of them may be in Kafka.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publishes_refused: Option<BTreeMap<String, u64>>,
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
    /// Lines of the load balancer's log by the number they begin with (`01010201`); at least so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adc_log: Option<BTreeMap<String, u64>>,
    /// Pool members that the ADC holds for healthy at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members_up: Option<u32>,
    /// On every device, updates of one subject come at least so far apart on average; one more than that is forgiven.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updates_apart: Option<Span>,
    /// Messages that gateways left out and said so, at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out_min: Option<u64>,
    /// Gaps that a device noticed and no gateway had told of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsignalled_gaps_max: Option<u64>,
    /// 99 of 100 devices that a fault touched are connected again within this, counted from the fault; for each fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconnected_within: Option<Span>,
    /// 99 of 100 devices that a fault touched have everything they had missed within this, counted from the fault; for each fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caught_up_within: Option<Span>,
    /// How many times slower 99 of 100 messages may reach the devices that a fault does not touch, while it lasts; for each fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub survivors_slower_max: Option<f64>,
    /// Connections that end with a reset while gateways drain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resets_max: Option<u64>,
    /// Each drain takes at most so long, from SIGTERM to the exit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drained_within: Option<Span>,
    /// How every subscription that goes on after a loss is answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Resumed>,
    /// Subscriptions answered "resynced", by reason; at least so many, and no other reason occurs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resynced: Option<BTreeMap<String, u64>>,
    /// Connection requests that the kernel dropped because a listener's queue was full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen_overflows_max: Option<u64>,
    /// The most memory of a gateway after a fault over what it took when the fault began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_grows_max: Option<f64>,
    /// What balancing may cost, by its way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balancing: Option<balancing::BalancingBounds>,
    /// What the fleet may cost on more gateways than the fewest of the matrix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linear: Option<linear::Linear>,
    /// What ending TLS at the load balancer must spare the gateways.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offload: Option<offload::Offload>,
    /// Reads from Kafka begun after the first fault by gateways that live through all of them: what devices that come back cost the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetches_max: Option<u64>,
}

impl Expect {
    /// Whether cells are held against each other, so that only all of them together have a verdict.
    #[must_use]
    pub fn compares_cells(&self) -> bool {
        self.linear.is_some() || self.offload.is_some()
    }
}

/// How many devices must have been connected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Connected {
    /// Every one, to the end; where devices come back by themselves, at the end.
    #[default]
    All,
    /// Not one: the gateways must refuse them.
    None,
    /// As many as `on-gateways` says.
    AsOnGateways,
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

/// How subscriptions that go on are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resumed {
    /// Everything that was missed follows.
    Synced,
}
