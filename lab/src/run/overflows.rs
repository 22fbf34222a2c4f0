//! Connection requests that the kernel dropped at the listeners of the stage.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use lab_record::recovery::Listener;

use super::theatre::Theatre;
use crate::{kernel_counters, listeners};

/// What was noted on the way.
#[derive(Debug, Default)]
pub(super) struct Overflows {
    /// The machine's counter before the first step.
    machine_before: Option<u64>,
    /// Where devices come to the load balancer, if there is one on this machine.
    pub(super) front: Option<SocketAddr>,
    /// What was dropped at listeners that are gone, by whose they were.
    gone: BTreeMap<String, u64>,
}

/// How many were dropped, and where it was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dropped {
    /// In all.
    pub(crate) count: u64,
    /// Listener by listener; empty where the kernel tells it of the whole machine only.
    pub(crate) listeners: Vec<Listener>,
}

impl Overflows {
    /// Before the first step.
    pub(super) fn begin(&mut self) {
        self.machine_before = kernel_counters::listen_overflows();
    }
}

impl Theatre<'_> {
    /// A gateway is about to go, and its listener with it.
    pub(super) fn keep_drops(&mut self, number: u32) {
        let Some(gateway) = self.gateways.get(number as usize) else {
            return;
        };
        let drops = listeners::drops().unwrap_or_default();
        if let Some(count) = drops.get(&gateway.listener) {
            *self.overflows.gone.entry(name(number)).or_default() += count;
        }
    }

    /// What was dropped so far; none where the kernel does not say.
    pub(super) fn dropped(&self) -> Option<Dropped> {
        let Ok(drops) = listeners::drops() else {
            return self.dropped_on_the_machine();
        };
        let mut counts = self.overflows.gone.clone();
        for (name, address) in self.listeners() {
            if let Some(count) = drops.get(&address) {
                *counts.entry(name).or_default() += count;
            }
        }
        if counts.is_empty() {
            return self.dropped_on_the_machine();
        }
        Some(Dropped {
            count: counts.values().sum(),
            listeners: counts
                .into_iter()
                .map(|(name, dropped)| Listener { name, dropped })
                .collect(),
        })
    }

    fn dropped_on_the_machine(&self) -> Option<Dropped> {
        let now = kernel_counters::listen_overflows()?;
        Some(Dropped {
            count: now.saturating_sub(self.overflows.machine_before?),
            listeners: vec![],
        })
    }

    /// Where connections come in: to the load balancer, to the relays, to the gateways.
    fn listeners(&self) -> impl Iterator<Item = (String, SocketAddr)> + '_ {
        let front = self.overflows.front.into_iter();
        let relays = self.relays.iter().zip(0..);
        let gateways = self.gateways.iter().filter(|gateway| gateway.may_not_end());
        front
            .map(|address| ("load balancer".to_owned(), address))
            .chain(relays.map(|(relay, number)| (format!("relay {number}"), relay.address())))
            .chain(gateways.map(|gateway| (name(gateway.number), gateway.listener)))
    }
}

fn name(gateway: u32) -> String {
    format!("gateway {gateway}")
}
