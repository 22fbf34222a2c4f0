//! The lab's own load balancer, in a process of its own so that its descriptors are not the lab's.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, anyhow};
use lab_adc::engine::{MemberChange, Stats};
use lab_adc::faults::{Ending, Fault};
use lab_adc::health::Condition;
use lab_adc::serve::ReadyLine;
use tempfile::TempDir;

use super::rest::Rest;
use super::served::ServedChild;
use super::{descriptors, model};
use crate::interrupt::Interrupt;
use crate::leash::{leashed, own_binary};
use crate::provider::{
    Adc, AdcSetup, MemberCount, MemberState, ProviderError, Refusal, RefusalKind,
};
use crate::scenario::step::Action;
use crate::scenario::step::faults::AdcFault;
use crate::stage::{PortModel, Stage};

/// From the first connection to a verdict on every member.
const TO_CHECK: Duration = Duration::from_secs(60);

/// The lab's own load balancer.
#[derive(Debug, Default)]
pub(crate) struct Builtin {
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    child: ServedChild,
    rest: Rest,
    /// Holds the model it reads; removed with the process.
    _directory: TempDir,
}

impl Adc for Builtin {
    fn refuses(&self, stage: &Stage) -> Option<Refusal> {
        model::refuses_what_only_bigip_has(stage)
            .or_else(|| refuses_ports(stage.adc.snat_ports))
            .or_else(|| descriptors::refusal(stage))
    }

    fn start(
        &mut self,
        setup: &AdcSetup,
        interrupt: &Interrupt,
    ) -> Result<SocketAddr, ProviderError> {
        let directory = tempfile::Builder::new()
            .prefix("lab-adc-")
            .tempdir()
            .context("cannot make a directory for the load balancer")?;
        let config = directory.path().join("model.json");
        let text = serde_json::to_string_pretty(&model::of(setup))
            .context("cannot write the load balancer's model")?;
        fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))?;

        let mut command = leashed(own_binary()?)?;
        command
            .args([
                "adc",
                "serve",
                "builtin",
                "--rest",
                "127.0.0.1:0",
                "--config",
            ])
            .arg(&config);
        let (child, ready): (_, ReadyLine) =
            ServedChild::start(command, "the builtin load balancer", interrupt)?;
        let running = self.running.insert(Running {
            child,
            rest: Rest(ready.rest),
            _directory: directory,
        });
        let address = ready
            .virtual_servers
            .first()
            .context("the builtin load balancer listens nowhere")?
            .address;
        await_verdicts(running.rest, interrupt)?;
        Ok(address)
    }

    fn set_member(&mut self, member: SocketAddr, wish: MemberState) -> Result<(), ProviderError> {
        let change = MemberChange {
            state: Some(model::state(wish)),
            end_connections: (wish == MemberState::Down).then_some(Ending::Reset),
            ..MemberChange::default()
        };
        let _ended: serde_json::Value =
            self.rest()?
                .ask("PATCH", &format!("/members/{member}"), &change)?;
        Ok(())
    }

    fn refuses_step(&self, _action: &Action) -> Option<Refusal> {
        None
    }

    fn inflict(
        &mut self,
        fault: AdcFault,
        member: Option<SocketAddr>,
    ) -> Result<(), ProviderError> {
        let fault = match fault {
            AdcFault::Cut => Fault::KillAll {
                member,
                how: Ending::Reset,
            },
            AdcFault::BlackHole => Fault::BlackHole { member },
            AdcFault::Reset => Fault::Reset,
            AdcFault::FailOver => Fault::FailOver,
            AdcFault::Heal => Fault::Heal,
        };
        let _report: serde_json::Value = self.rest()?.ask("POST", "/fault", &fault)?;
        Ok(())
    }

    fn set_weight(&mut self, member: SocketAddr, weight: u32) -> Result<(), ProviderError> {
        let change = MemberChange {
            state: Some(match weight {
                0 => model::state(MemberState::Draining),
                _ => model::state(MemberState::Enabled),
            }),
            weight: (weight > 0).then_some(weight),
            ..MemberChange::default()
        };
        let _ended: serde_json::Value =
            self.rest()?
                .ask("PATCH", &format!("/members/{member}"), &change)?;
        Ok(())
    }

    fn members(&mut self) -> Result<Vec<MemberCount>, ProviderError> {
        let stats: Stats = self.rest()?.get("/stats")?;
        let count = |member: lab_adc::engine::MemberStats| MemberCount {
            address: member.address,
            up: member.takes_new,
            current: member.connections.into(),
            total: member.total,
        };
        Ok(stats.members.into_iter().map(count).collect())
    }

    fn log(&mut self) -> Result<Vec<String>, ProviderError> {
        let lines: Vec<lab_adc::engine::LogLine> = self.rest()?.get("/log")?;
        Ok(lines.into_iter().map(|line| line.line).collect())
    }

    fn processes(&self) -> Vec<u32> {
        self.running
            .iter()
            .map(|running| running.child.id())
            .collect()
    }

    fn version(&self) -> String {
        format!("builtin {}", env!("CARGO_PKG_VERSION"))
    }

    fn stop(&mut self) -> Result<(), ProviderError> {
        self.running = None;
        Ok(())
    }
}

impl Builtin {
    fn rest(&self) -> Result<Rest, ProviderError> {
        Ok(self
            .running
            .as_ref()
            .context("the builtin load balancer is not running")?
            .rest)
    }
}

fn refuses_ports(ports: PortModel) -> Option<Refusal> {
    match ports {
        PortModel::HomeNat | PortModel::Ipv6Privacy => Some(Refusal {
            kind: RefusalKind::ByNature,
            reason: format!(
                "{ports} says where devices come from, a load balancer has its own few addresses"
            ),
            remedy: format!(
                "use it as fleet.ports, and range, stride-8 or linux-connect as adc.snat-ports instead of {ports}"
            ),
        }),
        _ => None,
    }
}

/// Waits until every monitor has seen every member once.
fn await_verdicts(rest: Rest, interrupt: &Interrupt) -> Result<(), ProviderError> {
    let all_checked = interrupt.wait_until(TO_CHECK, || {
        let stats: Stats = rest.get("/stats")?;
        Ok(stats
            .members
            .iter()
            .all(|member| member.condition != Condition::Checking))
    })?;
    if all_checked {
        Ok(())
    } else {
        Err(anyhow!("the load balancer's probes came to no verdict in {TO_CHECK:?}").into())
    }
}
