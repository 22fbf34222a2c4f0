//! The plot of a scenario: what happens, in order.

pub mod balancing;
pub mod faults;
pub mod kafka;
pub mod repeats;

use serde::{Deserialize, Serialize};

use balancing::{Names, Weights};
use faults::{AdcFault, InTime, OnAdc, OnGateway, OnLine, Settle, Tamper};
use kafka::{KafkaFault, Oddity, StartWaiting, Transaction};
use repeats::AwaitRepeats;

use crate::stage::Subjects;
use crate::units::{Rate, Span};

/// One `[[step]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// For the reader; shown while the step runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What happens: the key after `do.`.
    #[serde(rename = "do")]
    pub action: Action,
}

/// What a step does. A step ends when what it ordered is done, or has failed to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Devices connect.
    Connect(Crowd),
    /// Connected devices close their connections.
    Disconnect(Crowd),
    /// Connected devices subscribe.
    Subscribe(Subscribe),
    /// The lab writes records to Kafka and waits until every subscriber has them; or goes on to the next step meanwhile.
    Produce(Produce),
    /// Connected devices publish and wait for the acknowledgements; or the next step begins meanwhile.
    Publish(Publish),
    /// What goes on meanwhile comes to its end: the last message is sent, every device is back, nobody misses anything.
    Settle(Settle),
    /// A gateway is killed, without a chance to say a word.
    Kill(OnGateway),
    /// A gateway is asked to leave and has left.
    Drain(InTime),
    /// A gateway is stopped in the middle of what it does; its sockets stay open.
    Freeze(OnGateway),
    /// A frozen gateway goes on.
    Thaw(OnGateway),
    /// A gateway that was killed or drained is started again, at its old addresses.
    Start(InTime),
    /// Something happens to the load balancer.
    Adc(OnAdc),
    /// The line before a gateway gets better or worse.
    Line(OnLine),
    /// The line before a gateway changes messages: to see the ledger find it.
    Tamper(Tamper),
    /// The same while Kafka is away: the step ends when the gateway says why it is not ready.
    StartWaiting(StartWaiting),
    /// Something happens to Kafka.
    Kafka(KafkaFault),
    /// Connected devices stop to read: what is sent to them piles up.
    StopReading(Slow),
    /// They read again, as fast as they can.
    ReadOn(Slow),
    /// The load balancer's operator takes a gateway out of the pool, or back in.
    Member(MemberWish),
    /// Whoever balances is told what share each gateway shall have from now on.
    Weights(Weights),
    /// The name server answers in another way from now on.
    Names(Names),
    /// A stranger opens raw connections to the gateways and notes what comes back.
    Knock(Knock),
    /// The gateways' health checks are given time until each gateway has counted this many probes.
    AwaitProbes(AwaitProbes),
    /// Devices that sent a publish again are given time until the log has this many twice, and every gateway has passed over the repetitions.
    AwaitRepeats(AwaitRepeats),
    /// Nothing is ordered for a while.
    Wait(Wait),
}

impl Action {
    /// The word after `do.`.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Connect(_) => "connect",
            Self::Disconnect(_) => "disconnect",
            Self::Subscribe(_) => "subscribe",
            Self::Produce(_) => "produce",
            Self::Publish(_) => "publish",
            Self::Settle(_) => "settle",
            Self::Kill(_) => "kill",
            Self::Drain(_) => "drain",
            Self::Freeze(_) => "freeze",
            Self::Thaw(_) => "thaw",
            Self::Start(_) => "start",
            Self::Adc(_) => "adc",
            Self::Line(_) => "line",
            Self::Tamper(_) => "tamper",
            Self::StartWaiting(_) => "start-waiting",
            Self::Kafka(_) => "kafka",
            Self::StopReading(_) => "stop-reading",
            Self::ReadOn(_) => "read-on",
            Self::Member(_) => "member",
            Self::Weights(_) => "weights",
            Self::Names(_) => "names",
            Self::Knock(_) => "knock",
            Self::AwaitProbes(_) => "await-probes",
            Self::AwaitRepeats(_) => "await-repeats",
            Self::Wait(_) => "wait",
        }
    }
}

impl Action {
    /// The gateway that the step names.
    pub(crate) fn gateway(&self) -> Option<u32> {
        match self {
            Self::Member(wish) => Some(wish.gateway),
            Self::Kill(on) | Self::Freeze(on) | Self::Thaw(on) => Some(on.gateway),
            Self::Drain(order) | Self::Start(order) => Some(order.gateway),
            Self::Adc(on) => on.gateway,
            Self::Line(on) => Some(on.gateway),
            Self::Tamper(order) => Some(order.gateway),
            Self::StartWaiting(order) => Some(order.gateway),
            _ => None,
        }
    }

    /// Whether the step breaks something.
    pub(crate) fn is_fault(&self) -> bool {
        match self {
            Self::Kill(_) | Self::Drain(_) | Self::Freeze(_) | Self::Tamper(_) => true,
            Self::Adc(on) => on.fault != AdcFault::Heal,
            Self::Line(on) => !on.is_clear(),
            Self::Kafka(_) => true,
            _ => false,
        }
    }

    /// Whether what it orders goes on while the next steps are played.
    pub(crate) fn goes_on(&self) -> bool {
        match self {
            Self::Produce(order) => order.meanwhile,
            Self::Publish(order) => order.meanwhile,
            _ => false,
        }
    }
}

/// Whether a plot takes brokers away, so that its cluster can be nobody else's.
pub(crate) fn takes_brokers(steps: &[Step]) -> bool {
    steps
        .iter()
        .any(|step| matches!(&step.action, Action::Kafka(fault) if fault.takes_brokers()))
}

/// Devices, all or the next so many, over a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Crowd {
    /// How many, counted from the first that fits; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devices: Option<u32>,
    /// The time they are spread over.
    pub over: Span,
}

/// `do.stop-reading` and `do.read-on`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Slow {
    /// How many devices, from the first.
    pub devices: u32,
}

/// `do.subscribe`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Subscribe {
    /// How many devices, from the first; all that are connected when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devices: Option<u32>,
    /// To what, where it differs from the stage's `fleet.subjects`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subjects: Option<Subjects>,
    /// The time they are spread over.
    pub over: Span,
}

/// `do.produce`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Produce {
    /// How many records in all; they go round the subjects in turn.
    pub records: u32,
    /// How fast.
    pub rate: Rate,
    /// Bytes of each value, at least 32.
    #[serde(default = "bytes")]
    pub bytes: u32,
    /// What is odd about them; nothing when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub odd: Option<Oddity>,
    /// All of them are in one transaction, which ends like this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<Transaction>,
    /// The next steps are played while this goes on; a later `do.settle` waits for its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub meanwhile: bool,
    /// How long stragglers may take after the last record.
    #[serde(default = "patience")]
    pub within: Span,
}

/// `do.publish`: every device publishes `/topic/device-N`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Publish {
    /// Messages of each device.
    pub messages: u32,
    /// The time over which all are sent, evenly.
    pub over: Span,
    /// Bytes of each message, at least 32.
    #[serde(default = "bytes")]
    pub bytes: u32,
    /// The next steps are played while this goes on; a later `do.settle` waits for its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub meanwhile: bool,
    /// How long acknowledgements may take after the last message.
    #[serde(default = "patience")]
    pub within: Span,
}

/// `do.member`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MemberWish {
    /// Which gateway, from 0.
    pub gateway: u32,
    /// What it shall be.
    pub state: MemberState,
}

/// What an operator wants of a pool member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemberState {
    /// Gets new connections.
    Enabled,
    /// Keeps what it has, gets nothing new.
    Draining,
    /// Gets nothing new and what it has is cut.
    Down,
}

/// `do.knock`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Knock {
    /// What is said before anything else.
    pub says: Greeting,
    /// The stranger's own address, a local one.
    #[serde(default = "stranger")]
    pub from: std::net::IpAddr,
    /// How many times on each gateway.
    #[serde(default = "once")]
    pub times: u32,
}

/// What a stranger says first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Greeting {
    /// A perfect PROXY v1 line, then a WebSocket upgrade.
    ProxyV1,
    /// A perfect PROXY v2 header, then a WebSocket upgrade.
    ProxyV2,
    /// A WebSocket upgrade at once.
    Upgrade,
    /// Bytes of a TLS ClientHello.
    Tls,
    /// A PROXY v1 line cut in the middle, then silence.
    HalfHeader,
}

/// `do.await-probes`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AwaitProbes {
    /// How many, of any kind, on every gateway.
    pub count: u32,
    /// How long that may take.
    #[serde(default = "patience")]
    pub within: Span,
}

/// `do.wait`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Wait {
    /// How long.
    #[serde(rename = "for")]
    pub time: Span,
}

fn bytes() -> u32 {
    128
}

pub(super) fn patience() -> Span {
    Span(std::time::Duration::from_secs(20))
}

fn once() -> u32 {
    1
}

fn stranger() -> std::net::IpAddr {
    std::net::Ipv4Addr::new(127, 66, 6, 6).into()
}
