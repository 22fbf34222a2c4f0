//! The steps that break what lies between devices and gateways: the load balancer, and the lab's own relays.

use std::net::SocketAddr;

use anyhow::Context;
use lab_adc::relay::line::Line;
use lab_adc::relay::{Conditions, Relay};
use serde_json::Value;

use super::theatre::Theatre;
use crate::provider::ProviderError;
use crate::scenario::step::faults::{AdcFault, OnAdc, OnLine, Tamper};

/// The whole load balancer, as the target of a fault.
const EVERYTHING: &str = "the load balancer";

/// Faults of a load balancer that last.
const LASTING: [&str; 2] = ["black-hole", "reset"];

/// A relay before each of these addresses, where the stage wants them.
pub(super) fn relays(
    wanted: bool,
    before: &[SocketAddr],
    seed: u64,
) -> Result<Vec<Relay>, ProviderError> {
    let targets = before.iter().filter(|_| wanted);
    let relays = targets.map(|target| {
        let any_port = SocketAddr::new(target.ip(), 0);
        Relay::start(any_port, *target, Conditions::default(), seed)
            .with_context(|| format!("cannot start a relay before {target}"))
    });
    Ok(relays.collect::<anyhow::Result<_>>()?)
}

impl Theatre<'_> {
    /// Where connections to a gateway go: its listener, or the relay before it.
    pub(super) fn door(&self, gateway: u32) -> Option<SocketAddr> {
        let index = gateway as usize;
        let relay = self.relays.get(index).map(Relay::address);
        relay.or_else(|| self.gateways.get(index).map(|gateway| gateway.listener))
    }

    pub(super) fn break_adc(&mut self, on: &OnAdc) -> Result<(), ProviderError> {
        let name = on.fault.name();
        self.progress.phase(format!("load balancer: {name}"));
        let member = on.gateway.and_then(|gateway| self.door(gateway));
        let target = match on.gateway {
            Some(gateway) => format!("gateway {gateway}"),
            None => EVERYTHING.to_owned(),
        };
        match on.fault {
            AdcFault::Heal => {
                for lasting in self.recoveries.lasting(&LASTING) {
                    self.fault_is_over(&LASTING, &lasting);
                }
            }
            AdcFault::BlackHole | AdcFault::Reset => {
                self.fault_begins(name, target);
            }
            AdcFault::Cut | AdcFault::FailOver => {
                // Done in a moment; what follows is the devices' way back.
                self.fault_begins(name, target.clone());
                self.cast.adc.inflict(on.fault, member)?;
                self.fault_is_over(&[name], &target);
                return Ok(());
            }
        }
        self.cast.adc.inflict(on.fault, member)
    }

    pub(super) fn set_line(&mut self, on: &OnLine) -> Result<(), ProviderError> {
        let target = line_to(on.gateway);
        // One condition ends where the next begins.
        self.fault_is_over(&["line"], &target);
        if !on.is_clear() {
            self.fault_begins("line", target);
        }
        let line = Line {
            delay: on.delay.get(),
            jitter: on.jitter.get(),
            bandwidth: on.bytes_per_second,
        };
        // The rules let no scenario work a relay that no cell has.
        if let Some(relay) = self.relays.get(on.gateway as usize) {
            relay.set_conditions(Conditions {
                up: line,
                down: line,
                silent: on.silent,
            });
        }
        Ok(())
    }

    pub(super) fn tamper(&mut self, order: &Tamper) -> Result<(), ProviderError> {
        self.fault_begins("tamper", line_to(order.gateway));
        if let Some(relay) = self.relays.get(order.gateway as usize) {
            relay.plan(order.mischief.iter().copied());
            self.evidence.mischief_ordered += order.mischief.len() as u64;
        }
        Ok(())
    }

    /// What the relays did to messages, as events.
    pub(super) fn confess(&mut self) {
        let deeds: Vec<_> = self.relays.iter().flat_map(Relay::deeds).collect();
        self.evidence.mischief_done = deeds.len() as u64;
        for deed in deeds {
            let mischief = serde_json::to_value(deed.mischief).unwrap_or(Value::Null);
            self.event(
                "tampered",
                [("mischief", mischief), ("message", deed.message.into())],
            );
        }
    }
}

fn line_to(gateway: u32) -> String {
    format!("to gateway {gateway}")
}
