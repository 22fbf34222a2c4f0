//! What one cell asks to be built: the stage of a scenario with every value decided.
//!
//! These are the words of `[stage]`. Nothing here starts anything; providers read it, the plan counts it.

mod balancing;
mod conflation;
mod gateway;
mod tls;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// How source ports (and, for NAT models, addresses) are chosen.
pub use lab_ports::Model as PortModel;

pub use balancing::{AddressOrder, Balancing, DnsStage};
pub use conflation::Conflation;
pub use gateway::{CacheStage, DrainStage, LimitsStage};
pub use tls::TlsEnd;

use crate::units::Span;

/// The whole stage of one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Stage {
    /// How many gateway processes.
    pub gateways: u32,
    /// How devices are spread over them; decides `fleet.via`, and lets the record say what that cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balancing: Option<Balancing>,
    /// Where the TLS of devices ends; decides `listener.tls` and `adc.tls`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsEnd>,
    /// The weight of each gateway for whoever balances, 0 to 100; all alike when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gateways_weights: Vec<u32>,
    /// The lab's name server, where devices ask for names.
    pub dns: DnsStage,
    /// Workgroups (event loops) in each gateway.
    pub workgroups: u32,
    /// `X.ConnectionOffload`: place clients by address and port instead of by address alone.
    pub connection_offload: bool,
    /// What decides a client's workgroup.
    pub placement: Placement,
    /// The listener for devices on each gateway.
    pub listener: Listener,
    /// A relay of the lab stands before each gateway, so that steps can make the line worse.
    pub relay: bool,
    /// Subjects of which the gateways send at most one update per interval; none by default.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conflation: Vec<Conflation>,
    /// What each gateway remembers.
    pub cache: CacheStage,
    /// How each gateway leaves.
    pub drain: DrainStage,
    /// What each gateway refuses.
    pub limits: LimitsStage,
    /// The log behind the gateways.
    pub kafka: KafkaStage,
    /// The devices.
    pub fleet: FleetStage,
    /// The load balancer between them.
    pub adc: AdcStage,
}

impl Default for Stage {
    fn default() -> Self {
        Self {
            gateways: 1,
            balancing: None,
            tls: None,
            gateways_weights: vec![],
            dns: DnsStage::default(),
            workgroups: 4,
            connection_offload: true,
            placement: Placement::ByOffload,
            listener: Listener::default(),
            relay: false,
            conflation: vec![],
            cache: CacheStage::default(),
            drain: DrainStage::default(),
            limits: LimitsStage::default(),
            kafka: KafkaStage::default(),
            fleet: FleetStage::default(),
            adc: AdcStage::default(),
        }
    }
}

impl Stage {
    /// What one value decides about another.
    pub(crate) fn settle(&mut self) {
        if let Some(balancing) = self.balancing {
            self.fleet.via = balancing.via();
        }
        if let Some(end) = self.tls {
            self.listener.tls = end == TlsEnd::Gateway;
            self.adc.tls = end == TlsEnd::Adc;
        }
    }

    /// The weight of each gateway.
    pub(crate) fn weights(&self) -> Vec<u32> {
        match self.gateways_weights.as_slice() {
            [] => vec![1; self.gateways as usize],
            weights => weights.to_vec(),
        }
    }

    /// Whether devices ask a name server for the gateways' addresses.
    pub(crate) fn asks_names(&self) -> bool {
        self.balancing.is_some_and(Balancing::asks_names)
    }

    /// Whether devices begin with a PROXY header that tells the address their NAT gives them: to a gateway that requires one, or to a load balancer
    /// that passes it on because no socket of this machine can have such addresses.
    pub(crate) fn devices_tell_addresses(&self) -> bool {
        match self.fleet.via {
            Via::Direct => self.listener.proxy_protocol == ProxyRule::Required,
            Via::Adc => !self.fleet.fits_loopback() && self.adc.proxy_protocol != SendProxy::Off,
        }
    }
}

/// What decides a client's workgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// A hash of what `connection-offload` says.
    ByOffload,
    /// The workgroups themselves: the one with the fewest connections gets the next.
    LeastLoaded,
}

/// What each gateway expects on its listener.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Listener {
    /// Whether connections must begin with a PROXY header or must not.
    pub proxy_protocol: ProxyRule,
    /// Peers whose header is believed, as CIDRs.
    pub trusted: Vec<String>,
    /// Whether the gateways speak TLS themselves, with a certificate that the lab makes and the devices verify.
    pub tls: bool,
    /// Lets updates wait so that several leave in one write.
    pub batching: Option<Batching>,
}

/// How long updates may wait for company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Batching {
    /// An update waits this long at most.
    pub max_delay: Span,
    /// With this many bytes together for a device nothing waits.
    pub max_bytes: u32,
}

impl Default for Listener {
    fn default() -> Self {
        Self {
            proxy_protocol: ProxyRule::Forbidden,
            trusted: vec!["127.0.0.0/8".to_owned(), "::1/128".to_owned()],
            tls: false,
            batching: None,
        }
    }
}

/// A listener's rule on the PROXY header; presence is never guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyRule {
    /// Every connection begins with a PROXY header.
    Required,
    /// No connection begins with one.
    Forbidden,
}

/// The log behind the gateways.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct KafkaStage {
    /// Topics created before the gateways start. On a shared cluster each gets a suffix of its own run, see [`crate::provider::Kafka`].
    pub topics: Vec<String>,
    /// Partitions of each topic.
    pub partitions: u32,
    /// Brokers in the cluster.
    pub brokers: u32,
    /// Brokers that hold each partition; all of them, three at most, when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
    /// The largest record that the topics take, in bytes; Kafka's own limit when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_record_bytes: Option<u32>,
}

impl Default for KafkaStage {
    fn default() -> Self {
        Self {
            topics: vec!["telemetry".to_owned()],
            partitions: 3,
            brokers: 1,
            replicas: None,
            max_record_bytes: None,
        }
    }
}

/// The devices and where they seem to come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct FleetStage {
    /// How many devices.
    pub devices: u32,
    /// Source ports that NATs give the devices.
    pub ports: PortModel,
    /// The address family the devices use.
    pub addresses: Family,
    /// What each device subscribes to.
    pub subjects: Subjects,
    /// The way to the gateways.
    pub via: Via,
    /// Whether devices come back by themselves, as real ones do, after their connection was lost or refused.
    pub reconnect: bool,
    /// Silence after which a device pings its gateway; after half as long again without an answer it gives the connection up.
    pub keepalive: Span,
    /// How long an attempt to connect may take, WebSocket handshake included.
    pub connect_timeout: Span,
}

impl Default for FleetStage {
    fn default() -> Self {
        Self {
            devices: 100,
            ports: PortModel::LinuxConnect,
            addresses: Family::Ipv4,
            subjects: Subjects::Own,
            via: Via::Adc,
            reconnect: false,
            keepalive: Span(std::time::Duration::from_secs(10)),
            // A listener that is short of accepts drops requests; TCP asks again after 1, 3 and 7 seconds.
            connect_timeout: Span(std::time::Duration::from_secs(20)),
        }
    }
}

impl FleetStage {
    /// Whether sockets on this machine's loopback can have these addresses and ports. IPv6 loopback is one address, IPv4 loopback 2^24.
    pub(crate) fn fits_loopback(&self) -> bool {
        let needs_many = matches!(self.ports, PortModel::CgnatBlocks | PortModel::HomeNat);
        self.ports.fits_loopback() && !(needs_many && self.addresses == Family::Ipv6)
    }
}

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl Family {
    /// The loopback address of this family.
    pub fn loopback(self) -> IpAddr {
        match self {
            Self::Ipv4 => Ipv4Addr::LOCALHOST.into(),
            Self::Ipv6 => Ipv6Addr::LOCALHOST.into(),
        }
    }
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        })
    }
}

/// What each device subscribes to; the topic is the first of the stage unless a step names another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subjects {
    /// `/topic/device-N`, one key per device.
    Own,
    /// `/topic/all`, one key for everybody.
    Shared,
    /// `/topic/*`, the whole topic.
    Wildcard,
}

/// The way devices take to the gateways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// Through the load balancer.
    Adc,
    /// Straight to the gateways, round robin; where the listener requires a PROXY header, the device writes it and it carries the model's address.
    Direct,
}

/// The load balancer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct AdcStage {
    /// Source ports the ADC uses towards the gateways. `linux-connect`, the default, is what an ADC does by itself: the kernel's choice, or a BIG-IP's
    /// own, by the stride of its TMMs.
    pub snat_ports: PortModel,
    /// How many addresses it uses towards the gateways.
    pub snat_addresses: u32,
    /// How many ports of the range each of them has towards a gateway: a few, to see them run out. All of the habit's when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snat_ports_each: Option<u16>,
    /// The PROXY header it sends to the gateways, and in its health checks.
    pub proxy_protocol: SendProxy,
    /// Whether it ends the devices' TLS, with a certificate that the lab makes and the devices verify.
    pub tls: bool,
    /// The route domain of its addresses, which BIG-IP writes behind them, `10.0.0.1%7`; 0 is the default one, and the only one elsewhere.
    pub route_domain: u16,
    /// Whether it closes the WebSockets of a gateway that is draining, as the shipped iRule does where TLS ends on a BIG-IP.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub drain_closes: bool,
    /// How it chooses a member.
    pub balance: Balance,
    /// The time over which a gateway that comes up, or back, gets its share; at once when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_ramp: Option<Span>,
    /// Its health check; none when absent.
    pub monitor: Option<Monitor>,
}

impl Default for AdcStage {
    fn default() -> Self {
        Self {
            snat_ports: PortModel::LinuxConnect,
            snat_addresses: 1,
            snat_ports_each: None,
            proxy_protocol: SendProxy::Off,
            tls: false,
            route_domain: 0,
            drain_closes: false,
            balance: Balance::RoundRobin,
            slow_ramp: None,
            monitor: None,
        }
    }
}

/// Which PROXY header an ADC sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SendProxy {
    /// None.
    Off,
    /// The text line.
    V1,
    /// The binary header.
    V2,
    /// The binary header with a CRC32C TLV, in health checks as well.
    V2Crc32c,
}

/// How an ADC chooses a member for a new connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Balance {
    /// In turn.
    RoundRobin,
    /// The member with the fewest connections.
    LeastConnections,
    /// By a hash of the device's address.
    Source,
}

/// An ADC's health check of a member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Monitor {
    /// What is checked.
    pub check: Check,
    /// Time between two checks of one member.
    pub interval: Span,
    /// Good checks in a row that bring a member up.
    #[serde(default = "two")]
    pub rise: u32,
    /// Bad checks in a row that take it down.
    #[serde(default = "three")]
    pub fall: u32,
}

/// What a health check does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Connects to the listener, with the PROXY header the ADC uses for itself, and closes.
    Connect,
    /// `GET /ready` at the admin port, up on 200.
    Ready,
}

fn two() -> u32 {
    2
}

fn three() -> u32 {
    3
}
