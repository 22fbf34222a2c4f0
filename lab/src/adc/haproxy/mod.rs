//! The real HAProxy: the program on this machine, or the public image where there is none.
//!
//! - `install`: which of the two, and what to type when neither is to be had.
//! - `config`: the neutral model as `haproxy.cfg`.
//! - `child`, `container`: the two ways to run it.
//! - `statistics`: its socket for operators.

mod child;
mod config;
mod container;
mod install;
mod listener;
mod statistics;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use tempfile::TempDir;

use self::child::ChildProcess;
use self::config::{Bind, Config, backend_server};
use self::container::ContainerProcess;
use self::install::{Form, Found};
use self::statistics::{Row, StatisticsSocket};
use super::{descriptors, model};
use crate::interrupt::Interrupt;
use crate::provider::{
    Adc, AdcSetup, MemberCount, MemberState, ProviderError, Refusal, RefusalKind,
};
use crate::scenario::step::Action;
use crate::scenario::step::faults::AdcFault;
use crate::stage::{PortModel, Stage};

/// From start to an answer on the statistics socket.
const TO_START: Duration = Duration::from_secs(20);
/// From the start to a verdict on every server.
const TO_CHECK: Duration = Duration::from_secs(60);

/// The real HAProxy.
#[derive(Debug, Default)]
pub(crate) struct Haproxy {
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    process: Process,
    version: String,
    statistics: StatisticsSocket,
    /// The gateways, in the order of the configuration's server names.
    members: Vec<SocketAddr>,
    /// Lines of configuration per gateway: one for each source address.
    lanes: usize,
    /// Holds configuration, socket and complaints; removed after the process.
    _directory: TempDir,
}

/// A HAProxy that was started; it ends when it is dropped.
#[derive(Debug)]
enum Process {
    Child(ChildProcess),
    Container(Box<ContainerProcess>),
}

/// A configuration that lacks only where to listen, and the folder for its files.
struct Order {
    config: Config,
    directory: PathBuf,
}

impl Order {
    /// Writes the configuration for this place to listen, and says where it is.
    fn write(&self, bind: Bind) -> anyhow::Result<PathBuf> {
        let file = self.directory.join("haproxy.cfg");
        let config = Config {
            bind,
            ..self.config.clone()
        };
        std::fs::write(&file, config.render())
            .with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }
}

impl Adc for Haproxy {
    fn refuses(&self, stage: &Stage) -> Option<Refusal> {
        model::refuses_what_only_bigip_has(stage)
            .or_else(|| refuses_ports(stage.adc.snat_ports))
            .or_else(|| refuses_few_ports(stage))
            .or_else(|| install::find().err())
            .or_else(|| descriptors::refusal(stage))
    }

    fn start(
        &mut self,
        setup: &AdcSetup,
        interrupt: &Interrupt,
    ) -> Result<SocketAddr, ProviderError> {
        let found = install::find().map_err(|refusal| ProviderError::Unfit {
            what: refusal.reason,
            remedy: refusal.remedy,
        })?;
        let directory = tempfile::Builder::new()
            .prefix("lab-haproxy-")
            .tempdir()
            .context("cannot make a directory for HAProxy")?;
        let statistics = StatisticsSocket(directory.path().join("stats.sock"));
        let order = Order {
            config: Config {
                model: model::of(setup),
                bind: Bind::Address((setup.listen, 0).into()),
                certificate: pem(setup, directory.path())?,
                statistics: statistics.0.clone(),
                connections: setup.connections,
            },
            directory: directory.path().to_owned(),
        };
        let lanes = order.config.lanes();
        let (process, address) = launch(&found, &order, setup)?;
        let running = self.running.insert(Running {
            process,
            version: found.version,
            statistics,
            members: setup.members.iter().map(|member| member.address).collect(),
            lanes,
            _directory: directory,
        });
        running.await_verdicts(interrupt)?;
        Ok(address)
    }

    fn set_member(&mut self, member: SocketAddr, wish: MemberState) -> Result<(), ProviderError> {
        let running = self.running()?;
        let state = match wish {
            MemberState::Enabled => "ready",
            MemberState::Draining => "drain",
            MemberState::Down => "maint",
        };
        for server in running.servers_of(member)? {
            running
                .statistics
                .order(&format!("set server {server} state {state}"))?;
            if wish == MemberState::Down {
                running
                    .statistics
                    .order(&format!("shutdown sessions server {server}"))?;
            }
        }
        Ok(())
    }

    fn refuses_step(&self, action: &Action) -> Option<Refusal> {
        let Action::Adc(on) = action else {
            return None;
        };
        let reason = match on.fault {
            AdcFault::Cut | AdcFault::Heal => return None,
            AdcFault::BlackHole => "HAProxy has no order to fall silent",
            AdcFault::Reset => "HAProxy closes its listener in order, it does not reset who comes",
            AdcFault::FailOver => "HAProxy has no twin here that takes its address",
        };
        Some(Refusal {
            kind: RefusalKind::ByNature,
            reason: reason.to_owned(),
            remedy: "use --adc builtin".to_owned(),
        })
    }

    fn inflict(
        &mut self,
        fault: AdcFault,
        member: Option<SocketAddr>,
    ) -> Result<(), ProviderError> {
        if fault != AdcFault::Cut {
            return Ok(());
        }
        let running = self.running()?;
        let cut: Vec<SocketAddr> = match member {
            Some(member) => vec![member],
            None => running.members.clone(),
        };
        for member in cut {
            for server in running.servers_of(member)? {
                running
                    .statistics
                    .order(&format!("shutdown sessions server {server}"))?;
            }
        }
        Ok(())
    }

    fn set_weight(&mut self, member: SocketAddr, weight: u32) -> Result<(), ProviderError> {
        let running = self.running()?;
        for server in running.servers_of(member)? {
            // A weight of 0 takes no new connections and keeps what there is.
            running
                .statistics
                .order(&format!("set server {server} weight {weight}"))?;
        }
        Ok(())
    }

    fn members(&mut self) -> Result<Vec<MemberCount>, ProviderError> {
        let running = self.running()?;
        let rows = running.statistics.servers()?;
        let count = |(number, address): (usize, &SocketAddr)| {
            let lanes: Vec<&Row> = rows
                .iter()
                .filter(|row| running.is_of(row, number))
                .collect();
            MemberCount {
                address: *address,
                up: lanes.iter().any(|row| row.takes_new()),
                current: lanes.iter().map(|row| row.current).sum(),
                total: lanes.iter().map(|row| row.total).sum(),
            }
        };
        Ok(running.members.iter().enumerate().map(count).collect())
    }

    fn processes(&self) -> Vec<u32> {
        match &self.running {
            Some(Running {
                process: Process::Child(child),
                ..
            }) => vec![child.id()],
            // The engine's own; its numbers mean nothing where the engine is on another machine.
            Some(Running {
                process: Process::Container(_),
                ..
            })
            | None => vec![],
        }
    }

    fn version(&self) -> String {
        match &self.running {
            Some(running) => running.version.clone(),
            None => install::find().map_or_else(|_| "HAProxy".to_owned(), |found| found.version),
        }
    }

    fn stop(&mut self) -> Result<(), ProviderError> {
        self.running = None;
        Ok(())
    }
}

impl Haproxy {
    fn running(&self) -> Result<&Running, ProviderError> {
        Ok(self.running.as_ref().context("HAProxy is not running")?)
    }
}

impl Running {
    /// The names of a gateway's servers, as orders want them: `backend/server`.
    fn servers_of(&self, member: SocketAddr) -> anyhow::Result<Vec<String>> {
        let number = self.members.iter().position(|known| *known == member);
        let number = number.with_context(|| format!("HAProxy has no server at {member}"))?;
        Ok((0..self.lanes)
            .map(|lane| format!("{}/{}", model::POOL, backend_server(number, lane)))
            .collect())
    }

    fn is_of(&self, row: &Row, number: usize) -> bool {
        (0..self.lanes).any(|lane| row.server == backend_server(number, lane))
    }

    /// Waits until it answers and every check has been made once.
    fn await_verdicts(&mut self, interrupt: &Interrupt) -> Result<(), ProviderError> {
        let answering = interrupt.wait_until(TO_START, || {
            if let Some(complaint) = self.process.ended()? {
                return Err(anyhow!("HAProxy ended instead of starting: {complaint}").into());
            }
            Ok(self.statistics.servers().is_ok())
        })?;
        if !answering {
            return Err(anyhow!("HAProxy did not answer within {TO_START:?}").into());
        }
        let checked = interrupt.wait_until(TO_CHECK, || {
            Ok(self.statistics.servers()?.iter().all(Row::is_checked))
        })?;
        if checked {
            Ok(())
        } else {
            Err(anyhow!("HAProxy's checks came to no verdict in {TO_CHECK:?}").into())
        }
    }
}

impl Process {
    /// Its complaint, once it has ended.
    fn ended(&mut self) -> anyhow::Result<Option<String>> {
        match self {
            Self::Child(child) => child.ended(),
            Self::Container(container) => container.ended(),
        }
    }
}

/// Certificate and key as HAProxy wants them: in one file, in the folder that a container sees as well.
fn pem(setup: &AdcSetup, folder: &Path) -> anyhow::Result<Option<PathBuf>> {
    let Some(shown) = &setup.certificate else {
        return Ok(None);
    };
    let mut text = String::new();
    for part in [&shown.file, &shown.key] {
        text += &std::fs::read_to_string(part)
            .with_context(|| format!("cannot read {}", part.display()))?;
    }
    let file = folder.join("devices.pem");
    std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(Some(file))
}

fn launch(
    found: &Found,
    order: &Order,
    setup: &AdcSetup,
) -> Result<(Process, SocketAddr), ProviderError> {
    match &found.form {
        Form::Binary(binary) => {
            let (child, address) = ChildProcess::start(binary, order, setup.listen)?;
            Ok((Process::Child(child), address))
        }
        Form::Container => {
            let (container, address) = ContainerProcess::start(order, setup.listen)?;
            Ok((Process::Container(Box::new(container)), address))
        }
    }
}

fn refuses_few_ports(stage: &Stage) -> Option<Refusal> {
    stage.adc.snat_ports_each.map(|_| Refusal {
        kind: RefusalKind::ByNature,
        reason: "HAProxy tells nobody that its source ports have run out".to_owned(),
        remedy: "use --adc builtin or bigip-standin, or leave adc.snat-ports-each out".to_owned(),
    })
}

fn refuses_ports(ports: PortModel) -> Option<Refusal> {
    match ports {
        PortModel::LinuxConnect | PortModel::Range => None,
        other => Some(Refusal {
            kind: RefusalKind::ByNature,
            reason: format!(
                "HAProxy takes source ports from the kernel or from a range, it cannot do {other}"
            ),
            remedy: "use --adc builtin for this cell, or adc.snat-ports = linux-connect or range"
                .to_owned(),
        }),
    }
}
