//! A running gateway: started on a leash, heard on standard output and error, ended by SIGTERM.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use rustix::process::Signal;
use serde::Deserialize;

use super::admin::Admin;
use super::fate::Fate;
use crate::interrupt::Interrupt;
use crate::leash::leashed;
use crate::provider::ProviderError;

/// Lines of standard error kept for reports.
const TAIL: usize = 20;

/// The time from start to both sockets.
const TO_LISTEN: Duration = Duration::from_secs(20);

/// The time from both sockets to `/ready`.
const TO_READY: Duration = Duration::from_secs(60);

/// The time from SIGTERM to the end; then SIGKILL.
const TO_LEAVE: Duration = Duration::from_secs(10);

/// One gateway process.
#[derive(Debug)]
pub(crate) struct Gateway {
    /// Its number, from 0.
    pub(crate) number: u32,
    /// Where devices connect.
    pub(crate) listener: SocketAddr,
    /// Where it answers questions.
    pub(crate) admin: Admin,
    /// What the scenario has made of it.
    pub(crate) fate: Fate,
    child: Child,
    said: Tail,
}

/// The last lines of standard error, still growing.
type Tail = Arc<Mutex<VecDeque<String>>>;

/// A line of the gateway's standard output.
#[derive(Debug, Deserialize)]
struct Listening {
    listening: String,
    address: SocketAddr,
}

impl Gateway {
    /// Starts one and waits for its sockets, not for `/ready`. `log` receives all of its standard error.
    pub(crate) fn start(
        number: u32,
        binary: &Path,
        config: &Path,
        log: &Path,
        interrupt: &Interrupt,
    ) -> Result<Self, ProviderError> {
        let mut child = leashed(binary)?
            .arg("--config")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let said = keep_tail(&mut child, log)?;
        let stdout = child
            .stdout
            .take()
            .context("the gateway's standard output is not piped")?;
        let mut gateway = Self {
            number,
            listener: SocketAddr::from(([0, 0, 0, 0], 0)),
            admin: Admin(SocketAddr::from(([0, 0, 0, 0], 0))),
            fate: Fate::Serving,
            child,
            said,
        };
        gateway.await_sockets(&listening(stdout), interrupt)?;
        Ok(gateway)
    }

    /// Waits until it says that it is ready.
    pub(crate) fn await_ready(&mut self, interrupt: &Interrupt) -> Result<(), ProviderError> {
        let mut last = String::from("it did not answer");
        let ready = interrupt.wait_until(TO_READY, || {
            self.check_alive()?;
            match self.admin.readiness() {
                Ok(Ok(())) => return Ok(true),
                Ok(Err(reason)) => last = reason,
                Err(error) => last = format!("{error:#}"),
            }
            Ok(false)
        })?;
        if ready {
            return Ok(());
        }
        Err(ProviderError::Gateway(format!(
            "gateway {} was not ready after {} s: {last}",
            self.number,
            TO_READY.as_secs()
        )))
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub(crate) fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// The last lines of its standard error.
    pub(crate) fn last_words(&self) -> Vec<String> {
        self.said
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }

    /// Asks it to leave, and makes it leave when it does not.
    pub(crate) fn stop(&mut self) -> Result<ExitStatus, ProviderError> {
        if let Some(status) = self.exited() {
            return Ok(status);
        }
        // It may end on its own in between; then there is nobody to signal. One that is frozen hears nothing until it goes on.
        let _ = self.signal(Signal::TERM);
        let _ = self.signal(Signal::CONT);
        let deadline = Instant::now() + TO_LEAVE;
        while Instant::now() < deadline {
            if let Some(status) = self.exited() {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.child.kill().context("cannot kill the gateway")?;
        self.child
            .wait()
            .context("cannot wait for the gateway's end")?;
        Err(ProviderError::Gateway(format!(
            "gateway {} did not leave within {} s of SIGTERM",
            self.number,
            TO_LEAVE.as_secs()
        )))
    }

    /// Reads the announcements of both sockets.
    fn await_sockets(
        &mut self,
        heard: &mpsc::Receiver<Listening>,
        interrupt: &Interrupt,
    ) -> Result<(), ProviderError> {
        let (mut admin, mut listener) = (None, None);
        let both = interrupt.wait_until(TO_LISTEN, || {
            match heard.recv_timeout(Duration::from_millis(50)) {
                Ok(line) if line.listening == "admin" => admin = Some(line.address),
                Ok(line) => listener = Some(line.address),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(self.early_end()),
            }
            Ok(admin.is_some() && listener.is_some())
        })?;
        let (Some(admin), Some(listener), true) = (admin, listener, both) else {
            return Err(ProviderError::Gateway(format!(
                "gateway {} opened no sockets within {} s",
                self.number,
                TO_LISTEN.as_secs()
            )));
        };
        self.admin = Admin(admin);
        self.listener = listener;
        Ok(())
    }

    fn check_alive(&mut self) -> Result<(), ProviderError> {
        match self.exited() {
            None => Ok(()),
            Some(_) => Err(self.early_end()),
        }
    }

    /// It ended before it was ready: the meaning of its exit status, and its own words.
    fn early_end(&mut self) -> ProviderError {
        let status = self
            .child
            .wait()
            .map_or_else(|error| error.to_string(), |status| status.to_string());
        let words = self.last_words().join("\n  ");
        let code = self
            .child
            .try_wait()
            .ok()
            .flatten()
            .and_then(|status| status.code());
        let what = format!(
            "gateway {} ended at its start ({status}):\n  {words}\n",
            self.number
        );
        match code {
            Some(2) => ProviderError::Unfit {
                what,
                remedy: "this gateway does not know the configuration the lab writes; build both from one source".to_owned(),
            },
            Some(3) => ProviderError::Unfit {
                what,
                remedy: "free the address or let the port be 0".to_owned(),
            },
            _ => ProviderError::Failed(anyhow!(what)),
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // What `stop` did not end may not outlive us.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Follows standard output; the channel closes when the process closes it.
fn listening(stdout: ChildStdout) -> mpsc::Receiver<Listening> {
    let (tell, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Ok(listening) = serde_json::from_str(&line) {
                // Nobody listens any more once both sockets are known; the pipe must still be emptied.
                let _ = tell.send(listening);
            }
        }
    });
    heard
}

/// Follows standard error into `log`, remembering the last lines.
fn keep_tail(child: &mut Child, log: &Path) -> anyhow::Result<Tail> {
    let stderr = child
        .stderr
        .take()
        .context("the gateway's standard error is not piped")?;
    // A gateway that is started again goes on where its log ended.
    let mut log = File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write {}", log.display()))?;
    let tail = Tail::default();
    let kept = Arc::clone(&tail);
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let _ = writeln!(log, "{line}");
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() == TAIL {
                kept.pop_front();
            }
            kept.push_back(line);
        }
    });
    Ok(tail)
}
