//! Where connections go: a pool and its members.

use std::{net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Monitor, span};

/// Members that serve the same thing, and how one of them is chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pool {
    /// Its name; virtual servers and rules refer to it.
    pub name: String,
    /// The servers, in the order in which a round begins.
    pub members: Vec<Member>,
    /// How a member is chosen.
    #[serde(default)]
    pub balance: Balance,
    /// What every member must pass; with none, members are taken to be up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub monitors: Vec<Monitor>,
    /// What becomes of a member's connections when its monitors find it down.
    #[serde(default)]
    pub service_down_action: ServiceDownAction,
    /// For how long a member that just came up gets less than its share. Zero: it gets its share at once.
    #[serde(default, with = "span")]
    pub slow_ramp: Duration,
}

impl Pool {
    /// A pool without monitors, balanced round-robin.
    pub fn new(name: impl Into<String>, members: Vec<Member>) -> Self {
        Self {
            name: name.into(),
            members,
            balance: Balance::RoundRobin,
            monitors: Vec::new(),
            service_down_action: ServiceDownAction::None,
            slow_ramp: Duration::ZERO,
        }
    }
}

/// One server of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Member {
    /// Where it listens; also its name.
    pub address: SocketAddr,
    /// Its share relative to the others (F5: ratio). At least 1.
    #[serde(default = "one")]
    pub weight: u32,
    /// Most connections at once. Absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_limit: Option<u32>,
    /// What the operator has decided about it.
    #[serde(default)]
    pub state: MemberState,
    /// Where its monitors ask, if not at the address that is balanced: the gateway's admin port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitor_address: Option<SocketAddr>,
}

impl Member {
    /// An enabled member of weight 1.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            weight: 1,
            connection_limit: None,
            state: MemberState::Enabled,
            monitor_address: None,
        }
    }
}

fn one() -> u32 {
    1
}

/// What an operator decides about a member. Existing connections survive all three.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemberState {
    /// It gets connections while its monitors pass.
    #[default]
    Enabled,
    /// It gets only connections that persistence binds to it (F5: `user-disabled`).
    Disabled,
    /// It gets none at all (F5: `user-disabled` and `user-down`).
    ForcedOffline,
}

/// How a member is chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Balance {
    /// In turn, in proportion to weight.
    #[default]
    RoundRobin,
    /// The one with the fewest connections per weight.
    LeastConnections,
    /// By a hash of the client's address, so that a client meets the same member while the pool stays as it is.
    SourceAddress,
}

/// What becomes of a member's connections when its monitors find it down.
///
/// BIG-IP's `reselect` is missing because it cannot work for TCP: the new member does not know the connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceDownAction {
    /// They live on: right when a monitor flaps.
    #[default]
    None,
    /// Both sides get a reset, so that clients connect elsewhere at once.
    Reset,
    /// They are forgotten and nobody is told.
    Drop,
}
