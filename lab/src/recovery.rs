//! What faults do to devices, collected while it happens. Pure: the caller brings the observations and the clock.
//!
//! - [`journeys`]: the way of each touched device from its fault until it has caught up.
//! - [`samples`]: how long messages took, and to whom, so that survivors can be told apart afterwards.
//! - [`figures`]: both, as the record keeps them.

mod figures;
mod journeys;
mod samples;

use std::collections::BTreeMap;
use std::time::Instant;

use lab_kafka::payload::Stamp;
use lab_record::ledger::Answer;
use lab_record::recovery::Memory;

use crate::provider::{Delivery, DeliveryKind, Observation};
use journeys::Journeys;
use samples::Samples;

/// Names a fault of the cell, by the order of their begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FaultId(usize);

/// A fault as it is known while the cell goes on.
#[derive(Debug)]
struct Began {
    kind: &'static str,
    target: String,
    at: Instant,
    over: Option<Instant>,
    took_ms: Option<u64>,
    memory: Vec<Memory>,
}

/// Everything about faults and recoveries of one cell.
#[derive(Debug)]
pub(crate) struct Recoveries {
    /// The zero of all times.
    zero: Instant,
    faults: Vec<Began>,
    journeys: Journeys,
    samples: Option<Samples>,
    resumes: BTreeMap<&'static str, u64>,
    gaps: u64,
}

impl Recoveries {
    /// Nothing happened yet. Message times are kept only where the plot breaks something.
    pub(crate) fn new(zero: Instant, breaks_something: bool) -> Self {
        Self {
            zero,
            faults: vec![],
            journeys: Journeys::default(),
            samples: breaks_something.then(|| Samples::new(zero)),
            resumes: BTreeMap::new(),
            gaps: 0,
        }
    }

    /// Something is broken now: what (the step's word), and upon whom.
    pub(crate) fn begin(&mut self, kind: &'static str, target: String, at: Instant) -> FaultId {
        self.faults.push(Began {
            kind,
            target,
            at,
            over: None,
            took_ms: None,
            memory: vec![],
        });
        self.journeys.begin();
        FaultId(self.faults.len() - 1)
    }

    /// Ends the latest fault of one of these kinds upon this target, if it lasts; answers which kind it was.
    pub(crate) fn end_of(
        &mut self,
        kinds: &[&str],
        target: &str,
        at: Instant,
    ) -> Option<&'static str> {
        let of_it = |fault: &&mut Began| {
            kinds.contains(&fault.kind) && fault.target == target && fault.over.is_none()
        };
        let fault = self.faults.iter_mut().rev().find(of_it)?;
        fault.over = Some(at);
        Some(fault.kind)
    }

    /// The targets of faults of these kinds that last.
    pub(crate) fn lasting(&self, kinds: &[&str]) -> Vec<String> {
        let last = self
            .faults
            .iter()
            .filter(|fault| kinds.contains(&fault.kind) && fault.over.is_none());
        last.map(|fault| fault.target.clone()).collect()
    }

    /// What was ordered took so long.
    pub(crate) fn took(&mut self, fault: FaultId, took_ms: u64) {
        if let Some(fault) = self.faults.get_mut(fault.0) {
            fault.took_ms = Some(took_ms);
        }
    }

    /// What a gateway's memory did since the fault.
    pub(crate) fn remember_memory(&mut self, fault: FaultId, memory: Vec<Memory>) {
        if let Some(fault) = self.faults.get_mut(fault.0) {
            fault.memory = memory;
        }
    }

    /// The latest fault.
    pub(crate) fn latest(&self) -> Option<FaultId> {
        self.faults.len().checked_sub(1).map(FaultId)
    }

    /// Takes in what devices saw, in the order they saw it.
    pub(crate) fn take(&mut self, observations: &[Observation]) {
        for observation in observations {
            self.note(observation);
        }
    }

    fn note(&mut self, observation: &Observation) {
        match observation {
            Observation::Lost {
                device, reset, at, ..
            } => self.journeys.lost(*device, *reset, *at),
            Observation::Connected { device, at } => self.journeys.connected(*device, *at),
            Observation::Subscribed {
                device,
                answer,
                again,
                at,
                ..
            } => {
                if *again {
                    *self.resumes.entry(answer.word).or_insert(0) += 1;
                }
                self.journeys.confirmed(*device, *at);
            }
            Observation::Delivered(delivery) => self.delivered(delivery),
            Observation::Gap { .. } => self.gaps += 1,
            Observation::Tried { .. }
            | Observation::Failed { .. }
            | Observation::Sent { .. }
            | Observation::Published { .. }
            | Observation::PublishedUnasked { .. }
            | Observation::Refused { .. }
            | Observation::Dropped { .. } => {}
        }
    }

    fn delivered(&mut self, delivery: &Delivery) {
        let missed = delivery.kind != DeliveryKind::Update;
        self.journeys.arrived(delivery.device, missed, delivery.at);
        if let (false, Some(samples)) = (missed, &mut self.samples)
            && let Some(stamp) = delivery.data.as_deref().and_then(Stamp::read)
        {
            samples.keep(delivery.device, delivery.at, stamp);
        }
    }
}

/// What a gateway answered to a subscription, in the ledger's words and in the wire's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answered {
    /// What follows from it for what is owed.
    pub(crate) answer: Answer,
    /// `none`, `synced`, or the reason of a *resynced*.
    pub(crate) word: &'static str,
}

#[cfg(test)]
mod tests;
