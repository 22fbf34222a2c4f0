//! A part as a child process: orders go in, answers come out, and nothing is waited for without end.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};

use crate::error::BenchError;
use crate::host::Host;
use crate::parts::Part;
use crate::parts::words::{Answer, Order, read};

/// How often a wait looks whether the user wants out.
const LOOK: Duration = Duration::from_millis(50);

/// A running part.
pub(crate) struct ChildPart<'a> {
    part: Part,
    host: &'a dyn Host,
    child: Child,
    orders: ChildStdin,
    answers: Receiver<anyhow::Result<Answer>>,
}

impl<'a> ChildPart<'a> {
    pub(crate) fn start(host: &'a dyn Host, part: Part, setting: &str) -> anyhow::Result<Self> {
        let mut child = host
            .part()?
            .args([part.name(), setting])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", part.name()))?;
        let orders = child.stdin.take().context("standard input is not piped")?;
        let output = child
            .stdout
            .take()
            .context("standard output is not piped")?;
        let (tell, answers) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if tell.send(read(&line)).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            part,
            host,
            child,
            orders,
            answers,
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn order(&mut self, order: &Order) -> anyhow::Result<()> {
        let mut line = serde_json::to_string(order)?;
        line.push('\n');
        let written = self.orders.write_all(line.as_bytes());
        written.with_context(|| format!("{} takes no orders any more", self.part.name()))
    }

    /// Waits for the next answer.
    ///
    /// # Errors
    /// The part says that it cannot go on, or says nothing for as long as `patience`.
    pub(crate) fn answer(&self, patience: Duration) -> Result<Answer, BenchError> {
        let deadline = Instant::now() + patience;
        loop {
            if self.host.interrupted() {
                return Err(BenchError::Interrupted);
            }
            match self.answers.recv_timeout(LOOK) {
                Ok(Ok(Answer::Failed { reason })) => {
                    return Err(anyhow!("{}: {reason}", self.part.name()).into());
                }
                Ok(answer) => return Ok(answer?),
                Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {}
                Err(RecvTimeoutError::Timeout) => {
                    let seconds = patience.as_secs();
                    return Err(
                        anyhow!("{} did not answer within {seconds} s", self.part.name()).into(),
                    );
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(anyhow!("{} ended", self.part.name()).into());
                }
            }
        }
    }

    pub(crate) fn unexpected(&self, answer: &Answer) -> BenchError {
        anyhow!("{} answered {answer:?}, out of turn", self.part.name()).into()
    }
}

impl Drop for ChildPart<'_> {
    fn drop(&mut self) {
        // It holds nothing that has to be put in order.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
