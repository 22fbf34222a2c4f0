//! What can be broken on purpose while traffic flows.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// One fault. Those that last do so until [`Fault::Heal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// All connections end, or those of one member; new ones are served.
    KillAll {
        /// Only the connections of this member.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        member: Option<SocketAddr>,
        /// How both sides learn of it.
        #[serde(default)]
        how: Ending,
    },
    /// Nothing passes any more, and nobody is told; lasts. What was sent meanwhile arrives after healing, as TCP repeats it.
    BlackHole {
        /// Only the connections and probes of this member. Absent: everything, and new connections hang as well.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        member: Option<SocketAddr>,
    },
    /// All connections are reset, and so is every new one; lasts.
    Reset,
    /// A twin takes the virtual address over without mirrored state: connections are forgotten (who sends gets a reset, who
    /// waits waits), persistence and monitor results are lost, source ports begin anew.
    FailOver,
    /// Faults that last end.
    Heal,
}

/// How a connection is ended by the load balancer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Both sides get a reset.
    #[default]
    Reset,
    /// Both sides get an orderly end.
    Close,
    /// Nobody is told.
    Forget,
}
