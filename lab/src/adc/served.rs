//! A load balancer of the lab's own in a process of its own: `lab adc serve …`.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::time::Duration;

use anyhow::{Context, anyhow};
use serde::de::DeserializeOwned;

use crate::interrupt::Interrupt;
use crate::provider::ProviderError;

/// From start to the first connection.
const TO_LISTEN: Duration = Duration::from_secs(20);
/// As much of the child's complaint as is shown.
const LONGEST_COMPLAINT: u64 = 16 * 1024;

/// It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct ServedChild(Child);

impl ServedChild {
    /// Starts it, and waits for the line of JSON that says where it listens. `what` names it in complaints.
    pub(crate) fn start<L: DeserializeOwned>(
        mut command: Command,
        what: &str,
        interrupt: &Interrupt,
    ) -> Result<(Self, L), ProviderError> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {what}"))?;
        // From here on dropping it ends it.
        let mut served = Self(child);
        let (Some(stdout), Some(stderr)) = (served.0.stdout.take(), served.0.stderr.take()) else {
            return Err(anyhow!("the output of {what} is not piped").into());
        };
        let line = served.await_ready(stdout, stderr, what, interrupt)?;
        let ready = serde_json::from_str(&line).with_context(|| format!("{what} said `{line}`"))?;
        Ok((served, ready))
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    fn await_ready(
        &mut self,
        stdout: ChildStdout,
        stderr: ChildStderr,
        what: &str,
        interrupt: &Interrupt,
    ) -> Result<String, ProviderError> {
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
            let _ended = self.0.kill();
            return Err(anyhow!("{what} did not start: {}", complaint(stderr)).into());
        };
        // What it says later goes where the lab's own words go, and no pipe fills up.
        std::thread::spawn(move || {
            std::io::copy(&mut BufReader::new(stderr), &mut std::io::stderr())
        });
        Ok(line)
    }
}

impl Drop for ServedChild {
    fn drop(&mut self) {
        // It may have ended by itself; it holds nothing that needs an orderly end.
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
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
