//! The program on this machine, as a child that dies with the lab.

use std::fs;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};

use super::Order;
use super::config::Bind;
use super::install::essence;
use super::listener::Listener;
use crate::leash::leashed_with;

/// A running HAProxy.
#[derive(Debug)]
pub(super) struct ChildProcess {
    child: Child,
    /// Where its standard error goes.
    complaints: PathBuf,
}

impl ChildProcess {
    /// Lets HAProxy judge its configuration, then run it.
    pub(super) fn start(
        binary: &Path,
        order: &Order,
        listen: IpAddr,
    ) -> anyhow::Result<(Self, SocketAddr)> {
        let listener = Listener::open(listen)?;
        let config = order.write(Bind::Inherited(listener.descriptor()))?;
        let complaints = order.directory.join("stderr");
        let child = listener.lend(|| {
            check(binary, &config)?;
            launch(binary, &config, &complaints, listener.descriptor())
        })?;
        Ok((Self { child, complaints }, listener.address()))
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its complaint, once it has ended.
    pub(super) fn ended(&mut self) -> anyhow::Result<Option<String>> {
        let status = self.child.try_wait().context("cannot wait for HAProxy")?;
        Ok(status.map(|_| essence(&fs::read_to_string(&self.complaints).unwrap_or_default())))
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        // It may have ended by itself; it holds nothing that needs an orderly end.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn check(binary: &Path, config: &Path) -> anyhow::Result<()> {
    let mut child = Command::new(binary)
        .args(["-c", "-f"])
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", binary.display()))?;
    let mut complaint = String::new();
    if let Some(stderr) = &mut child.stderr {
        stderr.read_to_string(&mut complaint)?;
    }
    if child.wait()?.success() {
        return Ok(());
    }
    bail!(
        "HAProxy refuses its configuration: {}; is {} older than 2.4? The configuration was\n{}",
        essence(&complaint),
        binary.display(),
        fs::read_to_string(config).unwrap_or_default()
    )
}

fn launch(binary: &Path, config: &Path, complaints: &Path, keep: RawFd) -> anyhow::Result<Child> {
    let complaints = fs::File::create(complaints)
        .with_context(|| format!("cannot write {}", complaints.display()))?;
    leashed_with(binary, keep)?
        .args(["-db", "-f"])
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(complaints)
        .spawn()
        .with_context(|| format!("cannot start {}", binary.display()))
}
