//! The steps that break gateways, and what is noted around every fault.

use std::collections::BTreeMap;
use std::time::Instant;

use lab_record::recovery::Memory;

use super::theatre::Theatre;
use crate::evidence::Exit;
use crate::provider::ProviderError;
use crate::recovery::FaultId;
use crate::resources;
use crate::scenario::step::faults::InTime;

/// What was noted when faults began, to be compared later.
#[derive(Debug, Default)]
pub(super) struct Before {
    /// Memory of each gateway at the latest fault: number, process, bytes.
    memory: Vec<(u32, u32, u64)>,
    /// The most memory a process ever took, where the kernel's own mark was set back since.
    pub(super) peaks: BTreeMap<u32, u64>,
    /// Reads from Kafka that each gateway had begun at the first fault, by number and process.
    fetches: Option<BTreeMap<(u32, u32), u64>>,
}

impl Theatre<'_> {
    /// A fault begins: `kind` is the step's word, `target` says upon whom. Events, memory and counters are noted.
    pub(super) fn fault_begins(&mut self, kind: &'static str, target: String) -> FaultId {
        self.drain();
        self.note_memory();
        self.note_fetches();
        self.event("fault", [("name", named(kind, &target).into())]);
        if let Some(balance) = &mut self.balance {
            balance.changed();
        }
        self.recoveries.begin(kind, target, Instant::now())
    }

    /// A fault of one of these kinds upon this target is undone.
    pub(super) fn fault_is_over(&mut self, kinds: &[&str], target: &str) {
        if let Some(kind) = self.recoveries.end_of(kinds, target, Instant::now()) {
            self.event("fault-over", [("name", named(kind, target).into())]);
        }
    }

    pub(super) fn kill(&mut self, number: u32) -> Result<(), ProviderError> {
        self.progress.phase(format!("killing gateway {number}"));
        self.keep_resources(number);
        self.keep_drops(number);
        self.look_at_shares_now()?;
        self.fault_begins("kill", target(number));
        self.gateway_goes(number);
        let interrupt = self.interrupt;
        match self.gateways.get_mut(number as usize) {
            Some(gateway) => gateway.kill(interrupt),
            // The rules let no scenario name a gateway that no cell has.
            None => Ok(()),
        }
    }

    /// Asks a gateway to leave, and waits until it has; one that takes too long is made to end and counts as having failed.
    pub(super) fn leave(&mut self, order: &InTime) -> Result<(), ProviderError> {
        let number = order.gateway;
        self.progress.phase(format!("draining gateway {number}"));
        self.keep_resources(number);
        self.keep_drops(number);
        self.look_at_shares_now()?;
        let fault = self.fault_begins("drain", target(number));
        self.gateway_goes(number);
        let index = number as usize;
        let Some(gateway) = self.gateways.get_mut(index) else {
            return Ok(());
        };
        let asked = Instant::now();
        gateway.ask_to_leave()?;
        let mut status = None;
        self.watch(order.within.get(), |theatre| {
            status = theatre
                .gateways
                .get_mut(index)
                .and_then(|gateway| gateway.has_left());
            Ok(status.is_some())
        })?;
        let took = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.recoveries.took(fault, took);
        self.event(
            "drained",
            [("gateway", number.into()), ("took_ms", took.into())],
        );
        let end = match status {
            Some(status) if status.success() => return Ok(()),
            Some(status) => status.to_string(),
            None => format!("it had not left {} after SIGTERM", order.within),
        };
        let interrupt = self.interrupt;
        if let Some(gateway) = self.gateways.get_mut(index) {
            self.evidence.exits.push(Exit {
                gateway: number,
                status: end,
                last_words: gateway.last_words(),
            });
            if status.is_none() {
                gateway.kill(interrupt)?;
            }
        }
        Ok(())
    }

    pub(super) fn freeze(&mut self, number: u32) -> Result<(), ProviderError> {
        self.progress.phase(format!("freezing gateway {number}"));
        self.look_at_shares_now()?;
        self.fault_begins("freeze", target(number));
        self.gateway_goes(number);
        self.gateways
            .get_mut(number as usize)
            .map_or(Ok(()), |gateway| gateway.freeze())
    }

    pub(super) fn thaw(&mut self, number: u32) -> Result<(), ProviderError> {
        self.progress.phase(format!("thawing gateway {number}"));
        self.fault_is_over(&["freeze"], &target(number));
        self.gateway_is_back(number);
        self.gateways
            .get_mut(number as usize)
            .map_or(Ok(()), |gateway| gateway.thaw())
    }

    /// Starts a gateway that is gone, at its old addresses, and waits until it is ready.
    pub(super) fn start_again(&mut self, order: &InTime) -> Result<(), ProviderError> {
        let index = order.gateway as usize;
        self.progress
            .phase(format!("starting gateway {} again", order.gateway));
        let Some(gone) = self.gateways.get(index) else {
            return Ok(());
        };
        let mut back = self.launch.again(gone, &self.cluster, self.interrupt)?;
        let mut last = None;
        let ready = self.watch(order.within.get(), |_| {
            last = Some(back.admin.readiness());
            Ok(back.exited().is_some() || matches!(last, Some(Ok(Ok(())))))
        })?;
        if !ready || back.exited().is_some() {
            return Err(ProviderError::Gateway(format!(
                "gateway {} was not ready {} after it was started again: {last:?}",
                order.gateway, order.within
            )));
        }
        if let Some(place) = self.gateways.get_mut(index) {
            *place = back;
        }
        self.fault_is_over(&["kill", "drain"], &target(order.gateway));
        self.gateway_is_back(order.gateway);
        Ok(())
    }

    /// What a gateway used goes into the record although it will be gone at the end.
    fn keep_resources(&mut self, number: u32) {
        if let Some(gateway) = self.gateways.get(number as usize) {
            let used = resources::of(&format!("gateway-{number}"), gateway.pid());
            self.gone.extend(used);
        }
    }

    /// The memory of the last fault is complete; that of the next one begins.
    fn note_memory(&mut self) {
        self.close_memory();
        let serving = self.gateways.iter().filter(|gateway| gateway.serves());
        for (number, pid) in serving.map(|gateway| (gateway.number, gateway.pid())) {
            let Some((now, peak)) = resources::memory(pid) else {
                continue;
            };
            // Where the kernel does not let us set its mark back, no figure is better than a wrong one.
            if resources::forget_peak(pid).is_ok() {
                let most = self.before.peaks.entry(pid).or_default();
                *most = peak.max(*most);
                self.before.memory.push((number, pid, now));
            }
        }
    }

    /// The most that each gateway took since the latest fault.
    pub(super) fn close_memory(&mut self) {
        let Some(fault) = self.recoveries.latest() else {
            return;
        };
        let before = std::mem::take(&mut self.before.memory);
        let grown = before
            .into_iter()
            .filter_map(|(gateway, pid, before_bytes)| {
                let (_, peak_bytes) = resources::memory(pid)?;
                Some(Memory {
                    gateway,
                    before_bytes,
                    peak_bytes,
                })
            });
        self.recoveries.remember_memory(fault, grown.collect());
    }

    fn note_fetches(&mut self) {
        if self.before.fetches.is_none() {
            self.before.fetches = Some(self.fetches());
        }
    }

    /// Reads begun since the first fault by gateways that lived through everything.
    pub(super) fn fetches_since(&self) -> Option<u64> {
        let before = self.before.fetches.as_ref()?;
        let now = self.fetches();
        let begun = now.iter().filter_map(|(gateway, count)| {
            before.get(gateway).map(|then| count.saturating_sub(*then))
        });
        Some(begun.sum())
    }

    fn fetches(&self) -> BTreeMap<(u32, u32), u64> {
        let serving = self.gateways.iter().filter(|gateway| gateway.serves());
        serving
            .filter_map(|gateway| {
                let metrics = gateway.admin.metrics().ok()?;
                let count = metrics.sum("tidegate_kafka_fetches_total");
                Some(((gateway.number, gateway.pid()), count))
            })
            .collect()
    }
}

/// A fault as events name it.
fn named(kind: &str, target: &str) -> String {
    format!("{kind} {target}")
}

/// A gateway as the target of a fault.
fn target(gateway: u32) -> String {
    format!("gateway {gateway}")
}
