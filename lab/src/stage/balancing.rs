//! How devices find their gateway, and what they ask for it.

use serde::{Deserialize, Serialize};

use super::Via;
use crate::units::Span;

/// The way devices are spread over gateways. It decides `fleet.via`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Balancing {
    /// The device library chooses by weight from a list of servers.
    Api,
    /// One name with an address per gateway, used as the device library does it.
    Dns,
    /// The same, but each device uses only the first address of an answer.
    DnsFirstAddressOnly,
    /// The same, but each device asks once in its life.
    DnsCacheForEver,
    /// The same, but each device asks again only when every address it knows has failed.
    DnsIgnoreTtl,
    /// A load balancer in front of the gateways.
    Adc,
}

impl Balancing {
    /// The word in scenarios.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Dns => "dns",
            Self::DnsFirstAddressOnly => "dns-first-address-only",
            Self::DnsCacheForEver => "dns-cache-for-ever",
            Self::DnsIgnoreTtl => "dns-ignore-ttl",
            Self::Adc => "adc",
        }
    }

    /// Whether devices ask a name server.
    pub(crate) fn asks_names(self) -> bool {
        match self {
            Self::Dns | Self::DnsFirstAddressOnly | Self::DnsCacheForEver | Self::DnsIgnoreTtl => {
                true
            }
            Self::Api | Self::Adc => false,
        }
    }

    /// The way to the gateways.
    pub(crate) fn via(self) -> Via {
        match self {
            Self::Adc => Via::Adc,
            _ => Via::Direct,
        }
    }
}

/// The lab's name server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct DnsStage {
    /// How long an answer holds; whole seconds, as the protocol has it.
    pub ttl: Span,
    /// The order of addresses in an answer.
    pub order: AddressOrder,
    /// A resolver on the way keeps answers for so long, whatever their time to live; none when absent.
    pub cache_keeps: Option<Span>,
}

impl Default for DnsStage {
    fn default() -> Self {
        Self {
            ttl: Span(std::time::Duration::from_secs(2)),
            order: AddressOrder::RoundRobin,
            cache_keeps: None,
        }
    }
}

/// The order of addresses in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressOrder {
    /// Each answer begins with the next one.
    RoundRobin,
    /// Drawn for each answer.
    Random,
    /// Always that of the gateways.
    Fixed,
}
