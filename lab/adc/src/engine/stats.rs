//! What the engine counts.

use std::{collections::BTreeMap, fmt, net::SocketAddr};

use serde::{Deserialize, Serialize};

use crate::{
    engine::core::{Core, Virtual},
    health::Condition,
    model::MemberState,
    roster::{Entry, Roster},
};

/// Why a client got no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The virtual server is full.
    ConnectionLimit,
    /// No member is up, enabled and has room.
    NoMember,
    /// The members that were chosen did not answer.
    MemberUnreachable,
    /// No source port was left towards the member.
    PortExhaustion,
    /// A translation address is not this machine's.
    NoSuchSourceAddress,
    /// No PROXY header where one was to be.
    ProxyHeader,
    /// No TLS could be agreed on.
    Tls,
    /// A rule said so.
    Rule,
    /// A fault was in force.
    Fault,
    /// The client was gone before it had a member.
    ClientGone,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ConnectionLimit => "connection-limit",
            Self::NoMember => "no-member",
            Self::MemberUnreachable => "member-unreachable",
            Self::PortExhaustion => "port-exhaustion",
            Self::NoSuchSourceAddress => "no-such-source-address",
            Self::ProxyHeader => "proxy-header",
            Self::Tls => "tls",
            Self::Rule => "rule",
            Self::Fault => "fault",
            Self::ClientGone => "client-gone",
        })
    }
}

/// Why a connection that had a member ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Both sides ended it in good order.
    Closed,
    /// The client reset it, or would take nothing more.
    ClientReset,
    /// The member reset it, or would take nothing more.
    MemberReset,
    /// It was silent for too long.
    IdleTimeout,
    /// Its member's monitors failed.
    ServiceDown,
    /// An operator or a fault.
    Order,
    /// A rule.
    Rule,
}

/// How often each reason occurred.
#[derive(Debug, Clone)]
pub(crate) struct Counts<K>(BTreeMap<K, u64>);

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord> Counts<K> {
    /// Counts one more; how often it has been now.
    pub(crate) fn count(&mut self, why: K) -> u64 {
        let times = self.0.entry(why).or_default();
        *times += 1;
        *times
    }
}

/// Everything that is counted, at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Stats {
    /// Per virtual server, in the model's order.
    pub virtual_servers: Vec<VirtualServerStats>,
    /// Per pool and member, in the model's order.
    pub members: Vec<MemberStats>,
}

/// What is counted about a virtual server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct VirtualServerStats {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Clients now, those without a member yet included.
    pub connections: u32,
    /// Clients since the start.
    pub accepted: u64,
    /// Clients that got no connection.
    pub refused: BTreeMap<Refusal, u64>,
    /// Connections that had a member and ended.
    pub ended: BTreeMap<Cause, u64>,
}

/// What is counted about a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MemberStats {
    /// The pool.
    pub pool: String,
    /// The member.
    pub address: SocketAddr,
    /// The operator's wish.
    pub state: MemberState,
    /// What the monitors say.
    pub condition: Condition,
    /// Whether it gets connections that nothing binds to it.
    pub takes_new: bool,
    /// Its weight.
    pub weight: u32,
    /// Connections now.
    pub connections: u32,
    /// Connections since the start.
    pub total: u64,
    /// Handshakes that it did not answer.
    pub connect_failures: u64,
}

/// One connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ConnectionStats {
    /// Counts connections since the start.
    pub id: u64,
    /// The virtual server.
    pub virtual_server: String,
    /// The client.
    pub client: SocketAddr,
    /// Source address and port towards the member.
    pub source: SocketAddr,
    /// The member.
    pub member: SocketAddr,
    /// Bytes from client to member.
    pub bytes_up: u64,
    /// Bytes from member to client.
    pub bytes_down: u64,
    /// Its age.
    pub age_ms: u64,
}

pub(crate) fn of(core: &Core) -> Stats {
    let members = core
        .pools
        .iter()
        .flat_map(|pool| of_pool(&pool.borrow()))
        .collect();
    Stats {
        virtual_servers: core.virtuals.iter().map(of_virtual).collect(),
        members,
    }
}

fn of_virtual(server: &Virtual) -> VirtualServerStats {
    VirtualServerStats {
        name: server.model.name.clone(),
        address: server.address,
        connections: server.current.get(),
        accepted: server.accepted.get(),
        refused: server.refused.borrow().0.clone(),
        ended: server.ended.borrow().0.clone(),
    }
}

fn of_pool(roster: &Roster) -> Vec<MemberStats> {
    let of_member = |entry: &Entry| MemberStats {
        pool: roster.pool().name.clone(),
        address: entry.member.address,
        state: entry.member.state,
        condition: entry.condition(),
        takes_new: entry.takes_new(),
        weight: entry.member.weight,
        connections: entry.connections,
        total: entry.total,
        connect_failures: entry.connect_failures,
    };
    roster.entries().iter().map(of_member).collect()
}

/// Every connection, oldest first.
pub(crate) fn connections(core: &Core) -> Vec<ConnectionStats> {
    let mut all: Vec<_> = core
        .flows
        .borrow()
        .values()
        .map(|flow| ConnectionStats {
            id: flow.id,
            virtual_server: core.virtuals[flow.server].model.name.clone(),
            client: flow.client,
            source: flow.source,
            member: flow.member,
            bytes_up: flow.up.get(),
            bytes_down: flow.down.get(),
            age_ms: u64::try_from(flow.opened.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
        .collect();
    all.sort_unstable_by_key(|connection| connection.id);
    all
}
