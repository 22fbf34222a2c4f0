//! What was seen while a cell was played; [`crate::judge`] turns it into expectations.

use std::collections::HashSet;
use std::net::SocketAddr;

use lab_record::run::Workgroup;
use lab_record::statistics::Residues;

use crate::gateway::admin::{ConnectionEntry, WorkgroupCount};
use crate::gateway::metrics::Metrics;
use crate::knock::Answer;
use crate::provider::{DeviceAddress, FleetCounts, MemberCount};

/// Everything that was seen.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// Where the fleet stood at the end of the last step.
    pub(crate) counts: FleetCounts,
    /// The most devices that were connected at once.
    pub(crate) most_connected: u64,
    /// The gateways, after the last step that connected devices.
    pub(crate) sightings: Vec<Sighting>,
    /// The devices then, as they know themselves.
    pub(crate) devices: Vec<DeviceAddress>,
    /// Every gateway's counters at the end.
    pub(crate) metrics: Vec<Metrics>,
    /// The pool at the end, as the load balancer sees it.
    pub(crate) members: Vec<MemberCount>,
    /// What strangers got.
    pub(crate) knocks: Vec<Answer>,
    /// Gateways that ended on their own.
    pub(crate) exits: Vec<Exit>,
}

/// One gateway with its devices connected.
#[derive(Debug, Clone)]
pub(crate) struct Sighting {
    /// Its number.
    pub(crate) gateway: u32,
    /// What it says of its workgroups.
    pub(crate) workgroups: Vec<WorkgroupCount>,
    /// What it says of its connections.
    pub(crate) connections: Vec<ConnectionEntry>,
    /// What the kernel says of its connections: their remote ends.
    pub(crate) kernel_peers: HashSet<SocketAddr>,
}

/// A gateway that ended on its own.
#[derive(Debug, Clone)]
pub(crate) struct Exit {
    /// Its number.
    pub(crate) gateway: u32,
    /// How, in words.
    pub(crate) status: String,
    /// The end of its standard error.
    pub(crate) last_words: Vec<String>,
}

impl Evidence {
    /// The bars of the distribution.
    pub(crate) fn workgroups(&self) -> Vec<Workgroup> {
        let bars = self.sightings.iter().flat_map(|sighting| {
            sighting.workgroups.iter().map(|group| Workgroup {
                gateway: sighting.gateway,
                workgroup: group.workgroup,
                connections: group.connections,
            })
        });
        bars.collect()
    }

    /// The source ports that placement saw, by residue.
    pub(crate) fn residues(&self) -> Option<Residues> {
        let clients = || {
            self.sightings
                .iter()
                .flat_map(|sighting| &sighting.connections)
        };
        clients().next()?;
        Some(Residues::of(
            clients().map(|connection| connection.client.port()),
        ))
    }
}

impl Sighting {
    /// Whether the gateway's two lists and the kernel's say the same.
    pub(crate) fn is_coherent(&self) -> bool {
        let own: HashSet<SocketAddr> = self
            .connections
            .iter()
            .map(|connection| connection.peer)
            .collect();
        own == self.kernel_peers && self.placed() == own.len() as u64
    }

    /// Connections that its workgroups count.
    pub(crate) fn placed(&self) -> u64 {
        self.workgroups.iter().map(|group| group.connections).sum()
    }
}
