//! `[expect.balancing]`: what each way of balancing may cost.

use serde::{Deserialize, Serialize};

use crate::stage::Balancing;
use crate::units::Span;

/// Bounds by way, since each has its own weakness; `every` is for whatever way the cell has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct BalancingBounds {
    /// For every way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Bounds>,
    /// For `api`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<Bounds>,
    /// For `dns`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns: Option<Bounds>,
    /// For `dns-first-address-only`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_first_address_only: Option<Bounds>,
    /// For `dns-cache-for-ever`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_cache_for_ever: Option<Bounds>,
    /// For `dns-ignore-ttl`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_ignore_ttl: Option<Bounds>,
    /// For `adc`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adc: Option<Bounds>,
}

/// What may be. A lower bound is for a fault that is expected to show.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Bounds {
    /// Before anything changes, each gateway has the share of its weight, as dice would give it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fair_at_rest: Option<bool>,
    /// Connections that came since the last change have the shares of the weights from then on, as dice would give them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fair_newcomers: Option<bool>,
    /// The fullest gateway over its share at the end, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imbalance_max: Option<f64>,
    /// The same, at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imbalance_min: Option<f64>,
    /// Gateways are balanced this long after the first change at the latest, and stay so to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balanced_within: Option<Span>,
    /// Every device that is cut makes its next attempt within this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retried_within: Option<Span>,
    /// Nobody starves: the last device that was cut is away for at most twice the median and this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stragglers_within: Option<Span>,
    /// Attempts at gateways that are not there, at most; through a load balancer: attempts that fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wasted_max: Option<u64>,
    /// The same, at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wasted_min: Option<u64>,
    /// The most of those that one device may make.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wasted_by_one_device_max: Option<u64>,
    /// Attempts at a gateway that failed this very device before, although another had not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_dead_max: Option<u64>,
    /// Handshakes that gateways complete within any one second after the first change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handshakes_per_second_max: Option<u64>,
    /// Connections that a load balancer opens to a member after its monitor has failed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_at_failed_members_max: Option<u64>,
}

impl BalancingBounds {
    /// The bounds of one way.
    pub(crate) fn of(&self, way: Balancing) -> Option<&Bounds> {
        match way {
            Balancing::Api => self.api.as_ref(),
            Balancing::Dns => self.dns.as_ref(),
            Balancing::DnsFirstAddressOnly => self.dns_first_address_only.as_ref(),
            Balancing::DnsCacheForEver => self.dns_cache_for_ever.as_ref(),
            Balancing::DnsIgnoreTtl => self.dns_ignore_ttl.as_ref(),
            Balancing::Adc => self.adc.as_ref(),
        }
    }

    /// The ways that have bounds of their own.
    pub(crate) fn ways(&self) -> impl Iterator<Item = Balancing> {
        [
            Balancing::Api,
            Balancing::Dns,
            Balancing::DnsFirstAddressOnly,
            Balancing::DnsCacheForEver,
            Balancing::DnsIgnoreTtl,
            Balancing::Adc,
        ]
        .into_iter()
        .filter(|way| self.of(*way).is_some())
    }
}
