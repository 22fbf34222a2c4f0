//! The real HAProxy, as a child process.
//!
//! - `install`: where it is, and what to type when it is nowhere.
//! - `config`: the neutral model as `haproxy.cfg`.
//! - `statistics`: its socket for operators.
//! - `listener`: the socket it inherits, so that the kernel chooses its port and nobody else can have it.

mod config;
mod install;
mod listener;
mod statistics;

use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, anyhow};
use tempfile::TempDir;

use self::config::{Config, backend_server};
use self::listener::Listener;
use self::statistics::{Row, StatisticsSocket};
use super::{descriptors, model};
use crate::interrupt::Interrupt;
use crate::leash::leashed;
use crate::provider::{
    Adc, AdcSetup, MemberCount, MemberState, ProviderError, Refusal, RefusalKind,
};
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
    child: Child,
    version: String,
    statistics: StatisticsSocket,
    /// The gateways, in the order of the configuration's server names.
    members: Vec<SocketAddr>,
    /// Lines of configuration per gateway: one for each source address.
    lanes: usize,
    /// Holds configuration, socket and complaints; removed with the process.
    _directory: TempDir,
}

impl Adc for Haproxy {
    fn refuses(&self, stage: &Stage) -> Option<Refusal> {
        refuses_ports(stage.adc.snat_ports)
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
        let listener = Listener::open(setup.listen)?;
        let statistics = StatisticsSocket(directory.path().join("stats.sock"));
        let config = Config {
            model: model::of(setup),
            listener: listener.descriptor(),
            statistics: statistics.0.clone(),
            connections: setup.connections,
        };
        let files = Files::write(directory.path(), &config.render())?;
        let child = listener.lend(|| {
            check(&found.binary, &files)?;
            launch(&found.binary, &files)
        })?;
        let running = self.running.insert(Running {
            child,
            version: found.version,
            statistics,
            members: setup.members.iter().map(|member| member.address).collect(),
            lanes: config.lanes(),
            _directory: directory,
        });
        running.await_verdicts(&files, interrupt)?;
        Ok(listener.address())
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
        self.running
            .iter()
            .map(|running| running.child.id())
            .collect()
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
    fn await_verdicts(
        &mut self,
        files: &Files,
        interrupt: &Interrupt,
    ) -> Result<(), ProviderError> {
        let answering = interrupt.wait_until(TO_START, || {
            if let Some(status) = self.child.try_wait().context("cannot wait for HAProxy")? {
                return Err(anyhow!(
                    "HAProxy ended ({status}) instead of starting: {}",
                    files.complaint()
                )
                .into());
            }
            Ok(self.statistics.servers().is_ok())
        })?;
        if !answering {
            return Err(anyhow!(
                "HAProxy did not answer within {TO_START:?}: {}",
                files.complaint()
            )
            .into());
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

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; it holds nothing that needs an orderly end.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
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

/// What HAProxy reads and writes.
struct Files {
    config: PathBuf,
    complaints: PathBuf,
}

impl Files {
    fn write(directory: &Path, config: &str) -> anyhow::Result<Self> {
        let files = Self {
            config: directory.join("haproxy.cfg"),
            complaints: directory.join("stderr"),
        };
        fs::write(&files.config, config)
            .with_context(|| format!("cannot write {}", files.config.display()))?;
        Ok(files)
    }

    fn complaint(&self) -> String {
        let text = fs::read_to_string(&self.complaints).unwrap_or_default();
        install::essence(&text)
    }
}

/// Lets HAProxy judge its configuration before it runs it.
fn check(binary: &Path, files: &Files) -> anyhow::Result<()> {
    let mut child = Command::new(binary)
        .args(["-c", "-f"])
        .arg(&files.config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", binary.display()))?;
    let mut complaint = String::new();
    if let Some(stderr) = &mut child.stderr {
        stderr.read_to_string(&mut complaint)?;
    }
    let status = child.wait()?;
    if status.success() {
        return Ok(());
    }
    let config = fs::read_to_string(&files.config).unwrap_or_default();
    Err(anyhow!(
        "HAProxy refuses its configuration: {}; this version may be too old or too new for the lab, which knows 2.4 to 3.2\n{config}",
        install::essence(&complaint)
    ))
}

fn launch(binary: &Path, files: &Files) -> anyhow::Result<Child> {
    let complaints = fs::File::create(&files.complaints)
        .with_context(|| format!("cannot write {}", files.complaints.display()))?;
    leashed(binary)?
        .args(["-db", "-f"])
        .arg(&files.config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(complaints)
        .spawn()
        .with_context(|| format!("cannot start {}", binary.display()))
}
