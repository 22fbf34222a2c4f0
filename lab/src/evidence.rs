//! What was seen while a cell was played; [`crate::judge`] turns it into expectations.

mod moments;

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::serialization::{Serializer as _, V2Serializer};
use lab_record::balancing::Balancing;
use lab_record::ledger::Account;
use lab_record::recovery::Recovery;
use lab_record::run::{Histogram, PoolMember, Workgroup};
use lab_record::statistics::Residues;

use crate::gateway::admin::{ConnectionEntry, WorkgroupCount};
use crate::gateway::metrics::Metrics;
use crate::knock::Answer;
use crate::pacing::Closest;
use crate::provider::{DeviceAddress, FleetCounts, Latencies, MemberCount};
use crate::run::Dropped;

pub(crate) use moments::{Moments, Window};

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
    /// The load balancer's log.
    pub(crate) adc_log: Vec<String>,
    /// What strangers got.
    pub(crate) knocks: Vec<Answer>,
    /// Gateways that ended on their own.
    pub(crate) exits: Vec<Exit>,
    /// What the ledger found, when messages were moved.
    pub(crate) account: Option<Account>,
    /// How long messages took.
    pub(crate) latencies: Option<Latencies>,
    /// The device that got the updates of a subject closest together, where the stage conflates.
    pub(crate) closest_updates: Option<Closest>,
    /// When things were seen for the first time, and how it went in between.
    pub(crate) moments: Moments,
    /// Messages that relays were told to tamper with.
    pub(crate) mischief_ordered: u64,
    /// Messages that they tampered with.
    pub(crate) mischief_done: u64,
    /// Devices come back by themselves after a loss.
    pub(crate) comes_back: bool,
    /// Devices that were connected at the end of the last step.
    pub(crate) connected_at_end: u64,
    /// Devices that were told to leave.
    pub(crate) left: u64,
    /// What faults did, and how devices came back.
    pub(crate) recovery: Option<Recovery>,
    /// Connection requests dropped by the kernel.
    pub(crate) dropped: Option<Dropped>,
    /// Records that each gateway read and gave to nobody because they repeat a publish: its number, and how many.
    pub(crate) passed_over: Vec<(u32, u64)>,
    /// Publishes that were refused for good, by code.
    pub(crate) publishes_refused: BTreeMap<&'static str, u64>,
    /// The way to balance, where the stage names one.
    pub(crate) balancing_way: Option<crate::stage::Balancing>,
    /// What it cost.
    pub(crate) balancing: Option<Balancing>,
    /// Members that the load balancer's monitor held for down.
    pub(crate) failed_members: Vec<FailedMember>,
    /// How far the lab's own producer was behind its schedule at worst.
    pub(crate) worst_lag: Duration,
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

/// A pool member that a monitor has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FailedMember {
    /// Its gateway.
    pub(crate) gateway: u32,
    /// Connections that had been opened to it when it was first seen down.
    pub(crate) before: u64,
    /// Connections opened since then, while it was down.
    pub(crate) new: u64,
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

    /// The pool, by the gateways' numbers.
    pub(crate) fn pool(&self) -> Vec<PoolMember> {
        let members = self.members.iter().zip(0..);
        members
            .map(|(member, gateway)| PoolMember {
                gateway,
                up: member.up,
                current: member.current,
                total: member.total,
            })
            .collect()
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

    /// How long things took, for the record; what never happened is left out.
    pub(crate) fn histograms(&self) -> Vec<Histogram> {
        let Some(latencies) = &self.latencies else {
            return vec![];
        };
        let named = [
            ("delivered", &latencies.deliveries),
            ("published", &latencies.acknowledgements),
            ("generator-lag", &latencies.lags),
        ];
        let happened = named.into_iter().filter(|(_, times)| !times.is_empty());
        happened
            .filter_map(|(name, times)| histogram(name, times))
            .collect()
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

/// A distribution as the record keeps it.
fn histogram(name: &str, times: &hdrhistogram::Histogram<u64>) -> Option<Histogram> {
    let mut bytes = vec![];
    V2Serializer::new().serialize(times, &mut bytes).ok()?;
    Some(Histogram {
        name: name.to_owned(),
        unit: "us".to_owned(),
        count: times.len(),
        p50: times.value_at_quantile(0.5),
        p99: times.value_at_quantile(0.99),
        max: times.max(),
        hdr: BASE64.encode(bytes),
    })
}
