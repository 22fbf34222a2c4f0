//! Which source addresses and ports members see.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Source address translation of a virtual server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Snat {
    /// The translation addresses, used in turn. Empty: the address that this machine uses towards the member (F5: automap).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpAddr>,
    /// How a source port is chosen for each connection.
    #[serde(default)]
    pub ports: SnatPorts,
}

/// How a source port is chosen, per translation address and member: a port may be used towards each member at once, so that
/// one address carries up to about 64,000 connections *per member*.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SnatPorts {
    /// The kernel's own choice at `connect()`: one parity, in small random steps. What HAProxy and every other program on
    /// Linux does.
    #[default]
    LinuxConnect,
    /// The kernel's own choice at `bind(0)`, before it knows the member: the other parity.
    BindFirst,
    /// The client's own port if it is free, else any (F5: `source-port preserve`).
    Preserve,
    /// The client's own port or none at all (F5: `source-port preserve-strict`).
    PreserveStrict,
    /// One after the other (HAProxy: `source address:first-last`).
    Range {
        /// The first port.
        first: u16,
        /// The last port, included.
        last: u16,
    },
    /// Every `by`-th port, as an appliance does whose traffic units share the ports among themselves.
    Stride {
        /// From one port to the next.
        by: u16,
    },
}
