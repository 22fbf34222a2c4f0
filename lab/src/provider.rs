//! The parts of a stage that can be had in several ways, each behind one short trait.
//!
//! Calls block and return when the thing is done; the orchestrator is one plain thread. What takes long takes the [`Interrupt`]
//! and ends early with [`ProviderError::Interrupted`]. A provider that owns an async runtime or a `!Send` handle keeps it on a thread of its own.
//! Dropping a provider stops what it started; `stop` does the same and reports.
//!
//! What cannot be had is said before anything starts: [`Refusal`] is asked for while planning.

mod choice;
mod observation;

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

use hdrhistogram::Histogram;
use lab_kafka::fault::Fault;
use rustls::pki_types::CertificateDer;

use crate::certificate::Certificate;
pub(crate) use crate::fleet::Habit;
use crate::interrupt::Interrupt;
pub(crate) use crate::recovery::Answered;
use crate::scenario::step::Action;
pub(crate) use crate::scenario::step::MemberState;
use crate::scenario::step::faults::AdcFault;
use crate::stage::{Balance, Check, Family, KafkaStage, PortModel, SendProxy, Stage, Subjects};
use crate::units::Span;

pub(crate) use choice::{AdcChoice, KafkaChoice};
pub(crate) use observation::{Delivery, DeliveryKind, Observation};

/// Why a provider will not play a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Whose shortcoming it is.
    pub(crate) kind: RefusalKind,
    /// What cannot be had, as a clause: "HAProxy chooses source ports itself, it cannot stride them".
    pub(crate) reason: String,
    /// What to do instead, as an order: "use --adc builtin".
    pub(crate) remedy: String,
}

/// Whose shortcoming a [`Refusal`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusalKind {
    /// The provider can never do it, anywhere.
    ByNature,
    /// This machine lacks something (a binary, a container engine, descriptors).
    Machine,
}

/// What can go wrong inside a provider.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProviderError {
    /// The machine cannot do it, now; exit status 3.
    #[error("{what}; {remedy}")]
    Unfit {
        /// What is missing, as a clause.
        what: String,
        /// What to do, as an order.
        remedy: String,
    },
    /// The gateway under test failed; exit status 1.
    #[error("{0}")]
    Gateway(String),
    /// The provider, which is part of the lab, failed; exit status 5.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
    /// The user wants out; exit status 130.
    #[error("interrupted")]
    Interrupted,
}

/// The log behind the gateways. Records are written and read back through [`crate::kafka`]'s own clients, whatever the provider.
pub(crate) trait Kafka {
    /// Whether this stage can be had, asked before anything starts. May look at the machine, must be quick.
    fn refuses(&self, stage: &Stage) -> Option<Refusal>;
    /// Whether it can do its part of a step, asked likewise.
    fn refuses_step(&self, action: &Action) -> Option<Refusal>;
    /// Starts brokers and creates the topics. Returns when a client can produce to and fetch from every partition.
    /// `alone`: steps take brokers away, so nobody else may need them.
    fn start(
        &mut self,
        wanted: &KafkaStage,
        alone: bool,
        interrupt: &Interrupt,
    ) -> Result<Cluster, ProviderError>;
    /// Does something to the running cluster, and returns when the cluster says that it is done.
    fn inject(&mut self, fault: &Fault, interrupt: &Interrupt) -> Result<(), ProviderError>;
    /// The process ids whose resources the record should follow; none for what runs in the lab or elsewhere.
    fn processes(&self) -> Vec<u32>;
    /// Removes the topics it made and stops what it started.
    fn stop(&mut self) -> Result<(), ProviderError>;
}

/// A running cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cluster {
    /// `host:port[,host:port]`, reachable from this machine.
    pub(crate) bootstrap: String,
    /// The stage's topics under their real names, in the stage's order. On a cluster that outlives the run they carry a suffix, so that runs do not meet.
    pub(crate) topics: Vec<String>,
    /// The gateway's `kafka.topic-identity`: `id` where the broker knows topic ids, else `name`.
    pub(crate) topic_identity: &'static str,
    /// Further librdkafka properties for every client, the gateway's as well.
    pub(crate) properties: Vec<(String, String)>,
    /// What runs, for the record: "librdkafka mock cluster 2.12.1".
    pub(crate) version: String,
}

/// The load balancer in front of the gateways.
pub(crate) trait Adc {
    /// Whether this stage can be had, asked before anything starts. May look at the machine, must be quick.
    fn refuses(&self, stage: &Stage) -> Option<Refusal>;
    /// Whether it can do its part of a step, asked likewise.
    fn refuses_step(&self, action: &Action) -> Option<Refusal> {
        let Action::Adc(on) = action else {
            return None;
        };
        Some(Refusal {
            kind: RefusalKind::ByNature,
            reason: format!("this load balancer does not {} on order", on.fault.name()),
            remedy: "use --adc builtin".to_owned(),
        })
    }
    /// Where its neighbours must be for it to reach them.
    fn surroundings(&self) -> Surroundings {
        Surroundings::default()
    }
    /// Starts it. Returns the address devices use once it accepts connections (and, with a monitor, once every member that is ready is up).
    fn start(
        &mut self,
        setup: &AdcSetup,
        interrupt: &Interrupt,
    ) -> Result<SocketAddr, ProviderError>;
    /// Takes a member out, or back in.
    fn set_member(&mut self, member: SocketAddr, state: MemberState) -> Result<(), ProviderError>;
    /// Breaks it, or heals it; `member` says of which member alone. Asked only for what [`Self::refuses_step`] does not refuse.
    fn inflict(
        &mut self,
        fault: AdcFault,
        _member: Option<SocketAddr>,
    ) -> Result<(), ProviderError> {
        Err(anyhow::anyhow!("this load balancer does not {} on order", fault.name()).into())
    }
    /// Gives a member this share of new connections from now on; 0 is none at all.
    fn set_weight(&mut self, member: SocketAddr, weight: u32) -> Result<(), ProviderError>;
    /// What the ADC itself counts, per member.
    fn members(&mut self) -> Result<Vec<MemberCount>, ProviderError>;
    /// The lines of its log, where the lab can read one.
    fn log(&mut self) -> Result<Vec<String>, ProviderError> {
        Ok(vec![])
    }
    /// The process ids whose resources the record should follow.
    fn processes(&self) -> Vec<u32>;
    /// What runs, for the record: "HAProxy 2.6.12".
    fn version(&self) -> String;
    /// Stops it; connections through it end.
    fn stop(&mut self) -> Result<(), ProviderError>;
}

/// The addresses around an ADC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Surroundings {
    /// The gateways listen here.
    pub(crate) gateways: IpAddr,
    /// Whom the gateways believe, besides whom the stage names.
    pub(crate) trusted: Vec<IpAddr>,
    /// Devices come from here; from any loopback address when there are none.
    pub(crate) devices: Vec<IpAddr>,
}

impl Default for Surroundings {
    /// Everything on this machine's loopback; gateways always IPv4, whatever the devices use: a header tells their addresses.
    fn default() -> Self {
        Self {
            gateways: Family::Ipv4.loopback(),
            trusted: vec![],
            devices: vec![],
        }
    }
}

/// What an ADC is started with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AdcSetup {
    /// Where it listens, port 0 meaning any. Loopback of the fleet's family.
    pub(crate) listen: IpAddr,
    /// Devices put a PROXY header in front, because their addresses cannot be had on this machine; the ADC believes it.
    pub(crate) accept_proxy: bool,
    /// What devices are shown where it ends their TLS; it passes bytes as they are without one.
    pub(crate) certificate: Option<Certificate>,
    /// The gateways, each with the address its monitor asks.
    pub(crate) members: Vec<Member>,
    /// Addresses used towards the gateways (`adc.snat-addresses` of them, all local).
    pub(crate) snat_addresses: Vec<IpAddr>,
    /// Ports used towards the gateways.
    pub(crate) snat_ports: PortModel,
    /// How many ports each of these addresses has, where they are to run out.
    pub(crate) snat_ports_each: Option<u16>,
    /// PROXY header towards the gateways.
    pub(crate) proxy_protocol: SendProxy,
    /// The route domain of all addresses.
    pub(crate) route_domain: u16,
    /// How members are chosen.
    pub(crate) balance: Balance,
    /// How long a member that comes up takes to get its share.
    pub(crate) slow_ramp: Duration,
    /// The health check.
    pub(crate) monitor: Option<MonitorSetup>,
    /// Connections to be prepared for at once.
    pub(crate) connections: u32,
    /// Seed of everything random.
    pub(crate) seed: u64,
}

impl AdcSetup {
    /// What a stage asks for, before these members, from these addresses.
    pub(crate) fn new(
        stage: &Stage,
        members: Vec<Member>,
        snat_addresses: Vec<IpAddr>,
        certificate: Option<Certificate>,
        seed: u64,
    ) -> Self {
        Self {
            listen: stage.fleet.addresses.loopback(),
            accept_proxy: stage.devices_tell_addresses(),
            certificate: certificate.filter(|_| stage.adc.tls),
            members,
            snat_addresses,
            snat_ports: stage.adc.snat_ports,
            snat_ports_each: stage.adc.snat_ports_each,
            proxy_protocol: stage.adc.proxy_protocol,
            route_domain: stage.adc.route_domain,
            balance: stage.adc.balance,
            slow_ramp: stage.adc.slow_ramp.map_or(Duration::ZERO, Span::get),
            monitor: stage.adc.monitor.as_ref().map(|monitor| MonitorSetup {
                check: monitor.check,
                interval: monitor.interval.get(),
                rise: monitor.rise,
                fall: monitor.fall,
            }),
            connections: stage.fleet.devices + half_closed(stage),
            seed,
        }
    }
}

/// Connections that a load balancer still holds towards a gateway that hangs when their devices have given up and come back.
fn half_closed(stage: &Stage) -> u32 {
    /// Beside a large fleet there is no room for as many again, and no gateway may hang there.
    const MOST: u32 = 200;

    if stage.fleet.reconnect {
        stage.fleet.devices.min(MOST)
    } else {
        0
    }
}

/// A pool member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member {
    /// Its listener for devices.
    pub(crate) address: SocketAddr,
    /// Its admin port.
    pub(crate) admin: SocketAddr,
}

/// A health check with its times decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MonitorSetup {
    /// What is checked.
    pub(crate) check: Check,
    /// Time between two checks of one member.
    pub(crate) interval: Duration,
    /// Good checks in a row that bring a member up.
    pub(crate) rise: u32,
    /// Bad checks in a row that take it down.
    pub(crate) fall: u32,
}

/// What an ADC counts about one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MemberCount {
    /// The member's listener.
    pub(crate) address: SocketAddr,
    /// Whether it gets new connections now.
    pub(crate) up: bool,
    /// Connections open now.
    pub(crate) current: u64,
    /// Connections since the start.
    pub(crate) total: u64,
}

/// The devices. Orders return at once; progress is read from [`Fleet::counts`], so that one place waits, shows progress and can be interrupted.
pub(crate) trait Fleet {
    /// Whether this stage can be had, asked before anything starts.
    fn refuses(&self, stage: &Stage) -> Option<Refusal>;
    /// Decides every device's addresses and gets ready; nothing connects yet.
    fn start(&mut self, setup: &FleetSetup) -> Result<(), ProviderError>;
    /// Opens these devices' connections, spread evenly over the time (open model: a late connection does not delay the next).
    fn connect(&mut self, devices: Range<u32>, over: Duration) -> Result<(), ProviderError>;
    /// Subscribes these devices once, over the time.
    fn subscribe(
        &mut self,
        devices: Range<u32>,
        subjects: Subjects,
        over: Duration,
    ) -> Result<(), ProviderError>;
    /// Lets these devices publish.
    fn publish(&mut self, order: &PublishOrder) -> Result<(), ProviderError>;
    /// Closes these devices' connections, spread over the time.
    fn disconnect(&mut self, devices: Range<u32>, over: Duration) -> Result<(), ProviderError>;
    /// Tells all devices other weights of their servers; connections stay.
    fn set_weights(&mut self, weights: &[u32]) -> Result<(), ProviderError>;
    /// Lets these devices' sockets fill up, or reads them again.
    fn set_reading(&mut self, devices: Range<u32>, reading: bool) -> Result<(), ProviderError>;
    /// Where everything stands.
    fn counts(&self) -> FleetCounts;
    /// The connected devices' addresses, as the devices know them.
    fn addresses(&self) -> Vec<DeviceAddress>;
    /// What arrived since the last call: messages, acknowledgements, closes. Called often; the caller keeps what it needs.
    fn take_observations(&mut self) -> Vec<Observation>;
    /// How long things took so far, each counted from its intended time.
    fn latencies(&self) -> Result<Latencies, ProviderError>;
    /// Ends all connections and threads.
    fn stop(&mut self) -> Result<(), ProviderError>;
}

/// What a fleet is started with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FleetSetup {
    /// How many devices.
    pub(crate) devices: u32,
    /// Where they connect to, in turn: one ADC, or every gateway.
    pub(crate) targets: Vec<SocketAddr>,
    /// This machine's addresses that they come from; any of loopback when there are none.
    pub(crate) from: Vec<IpAddr>,
    /// The weight of each target.
    pub(crate) weights: Vec<u32>,
    /// Where devices ask for the targets' addresses; without it they know them.
    pub(crate) names: Option<NamesSetup>,
    /// How source addresses and ports are chosen.
    pub(crate) ports: PortModel,
    /// The address family.
    pub(crate) family: Family,
    /// Whether each device begins with a PROXY header that carries the model's address ([`Self::ports`]); otherwise the socket itself has it.
    pub(crate) preface: SendProxy,
    /// The certificate of whoever speaks TLS with them; devices believe no other.
    pub(crate) certificate: Option<CertificateDer<'static>>,
    /// Whether devices that lost their connection, or did not get one, try again by themselves.
    pub(crate) reconnect: bool,
    /// Silence after which a device pings; it gives up after half as long again.
    pub(crate) keepalive: Duration,
    /// How long an attempt to connect may take.
    pub(crate) connect_timeout: Duration,
    /// The topic of the subjects.
    pub(crate) topic: String,
    /// Seed of everything random.
    pub(crate) seed: u64,
}

/// How devices find targets by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamesSetup {
    /// The name server.
    pub(crate) server: SocketAddr,
    /// The name of all targets; they share one port.
    pub(crate) host: &'static str,
    /// What devices do otherwise than they should.
    pub(crate) habit: Habit,
}

/// How long things took, in microseconds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Latencies {
    /// From when a record was meant to be written to its arrival at a device.
    pub(crate) deliveries: Histogram<u64>,
    /// From when a publish was meant to be sent to its acknowledgement.
    pub(crate) acknowledgements: Histogram<u64>,
    /// From when the fleet meant to do something to when it did.
    pub(crate) lags: Histogram<u64>,
}

/// Lets devices publish `/topic/device-N`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PublishOrder {
    /// Which devices.
    pub(crate) devices: Range<u32>,
    /// Messages each.
    pub(crate) messages: u32,
    /// Bytes of each message's data, at least 32.
    pub(crate) bytes: u32,
    /// The time over which all are sent, evenly.
    pub(crate) over: Duration,
}

/// Where a fleet stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FleetCounts {
    /// Devices with an open, upgraded connection.
    pub(crate) connected: u64,
    /// Connections ordered so far.
    pub(crate) connects_ordered: u64,
    /// Attempts to connect that failed or were refused.
    pub(crate) failed: u64,
    /// The first failure in words.
    pub(crate) first_failure: Option<String>,
    /// Connections that ended without the lab's wish.
    pub(crate) lost: u64,
    /// Devices that read nothing, as they were told.
    pub(crate) stalled: u64,
    /// Subscriptions ordered so far.
    pub(crate) subscribes_ordered: u64,
    /// Subscriptions confirmed.
    pub(crate) subscribed: u64,
    /// Messages received.
    pub(crate) delivered: u64,
    /// Publishes ordered so far.
    pub(crate) publishes_ordered: u64,
    /// Publishes acknowledged.
    pub(crate) published: u64,
    /// Publishes answered with an error.
    pub(crate) publish_errors: u64,
    /// How far the generator was behind its schedule at worst.
    pub(crate) worst_lag: Duration,
}

/// A device's addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeviceAddress {
    /// The device's number.
    pub(crate) device: u32,
    /// Address and port a PROXY header should tell the gateway, or the socket's own.
    pub(crate) client: SocketAddr,
    /// The socket's own address and port.
    pub(crate) socket: SocketAddr,
}
