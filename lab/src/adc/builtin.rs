//! The lab's own load balancer, in a process of its own so that its descriptors are not the lab's.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, ChildStdout, Stdio};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::time::Duration;

use anyhow::{Context, anyhow};
use lab_adc::engine::{MemberChange, Stats};
use lab_adc::faults::Ending;
use lab_adc::health::Condition;
use lab_adc::serve::ReadyLine;
use tempfile::TempDir;

use super::rest::Rest;
use super::{descriptors, model};
use crate::interrupt::Interrupt;
use crate::leash::{leashed, own_binary};
use crate::provider::{
    Adc, AdcSetup, MemberCount, MemberState, ProviderError, Refusal, RefusalKind,
};
use crate::stage::{PortModel, Stage};

/// From start to the first connection.
const TO_LISTEN: Duration = Duration::from_secs(20);
/// From the first connection to a verdict on every member.
const TO_CHECK: Duration = Duration::from_secs(60);
/// As much of the child's complaint as is shown.
const LONGEST_COMPLAINT: u64 = 16 * 1024;

/// The lab's own load balancer.
#[derive(Debug, Default)]
pub(crate) struct Builtin {
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    rest: Rest,
    /// Holds the model it reads; removed with the process.
    _directory: TempDir,
}

impl Adc for Builtin {
    fn refuses(&self, stage: &Stage) -> Option<Refusal> {
        refuses_ports(stage.adc.snat_ports).or_else(|| descriptors::refusal(stage))
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

        let mut child = leashed(own_binary()?)?
            .args([
                "adc",
                "serve",
                "builtin",
                "--rest",
                "127.0.0.1:0",
                "--config",
            ])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start the builtin load balancer")?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(anyhow!("the builtin load balancer's output is not piped").into());
        };
        // Until it is known where it answers, dropping `running` must still end it.
        let nowhere = Rest(SocketAddr::from(([0, 0, 0, 0], 0)));
        let running = self.running.insert(Running {
            child,
            rest: nowhere,
            _directory: directory,
        });
        let ready = await_ready(&mut running.child, stdout, stderr, interrupt)?;
        running.rest = Rest(ready.rest);
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

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; it holds nothing that needs an orderly end.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
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

/// Waits for the line that says where it listens.
fn await_ready(
    child: &mut Child,
    stdout: ChildStdout,
    stderr: ChildStderr,
    interrupt: &Interrupt,
) -> Result<ReadyLine, ProviderError> {
    let lines = first_line(stdout);
    let mut line = None;
    interrupt.wait_until(TO_LISTEN, || {
        line = match lines.try_recv() {
            Ok(line) => Some(line),
            Err(TryRecvError::Empty) => return Ok(false),
            Err(TryRecvError::Disconnected) => None,
        };
        Ok(true)
    })?;
    let Some(line) = line else {
        // It must be at its end before its complaint can be read to the end.
        let _ended = child.kill();
        return Err(anyhow!(
            "the builtin load balancer did not start: {}",
            complaint(stderr)
        )
        .into());
    };
    // What it says later goes where the lab's own words go, and no pipe fills up.
    std::thread::spawn(move || std::io::copy(&mut BufReader::new(stderr), &mut std::io::stderr()));
    Ok(serde_json::from_str(&line)
        .with_context(|| format!("the builtin load balancer said `{line}`"))?)
}

fn first_line(stdout: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        if BufReader::new(stdout)
            .read_line(&mut line)
            .is_ok_and(|bytes| bytes > 0)
        {
            // Who waited may have been interrupted.
            let _unheard = sender.send(line);
        }
    });
    receiver
}

fn complaint(stderr: ChildStderr) -> String {
    let mut text = String::new();
    match stderr.take(LONGEST_COMPLAINT).read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "it gave no reason".to_owned(),
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
