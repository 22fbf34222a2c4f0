//! Taking leave: not ready, wait for the load balancer to notice, accept nothing more, close at a pace, exit.

use std::time::Duration;

use gateway_engine::{Mailbox, SendCommandError};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{info, warn};

use crate::acceptor::Stopper;
use crate::config;
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::workgroup::Command;
use crate::workgroup::leaving::Pace;

/// Who can ask the gateway to leave.
pub(crate) struct Reasons {
    terminate: Signal,
    interrupt: Signal,
    asked: mpsc::Receiver<()>,
}

/// How much time there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Haste {
    /// SIGTERM, `POST /drain`: nobody is to notice.
    Gentle,
    /// SIGINT: somebody sits at a terminal.
    Quick,
}

/// What is to be taken leave of.
pub(crate) struct Leave<'a> {
    pub(crate) plan: config::Drain,
    pub(crate) readiness: &'a Readiness,
    pub(crate) stopper: &'a Stopper,
    pub(crate) mailboxes: &'a [Mailbox<Command>],
    pub(crate) metrics: &'a Metrics,
}

/// What a device may take to answer a Close frame, and some more.
const LAST_WORDS: Duration = Duration::from_secs(7);
const LOOK_EVERY: Duration = Duration::from_millis(20);

impl Reasons {
    /// # Errors
    /// The kernel lets no signals be watched.
    pub(crate) fn new(asked: mpsc::Receiver<()>) -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            asked,
        })
    }

    async fn first(&mut self) -> Haste {
        tokio::select! {
            _ = self.terminate.recv() => Haste::Gentle,
            _ = self.interrupt.recv() => Haste::Quick,
            Some(()) = self.asked.recv() => Haste::Gentle,
        }
    }
}

impl Leave<'_> {
    /// Waits for a reason, then takes leave. Returns when no connection is left, or none that answers.
    pub(crate) async fn when_asked(self, mut reasons: Reasons) {
        let mut haste = reasons.first().await;
        self.readiness.drain();
        info!(?haste, connections = self.metrics.connections(), "draining");

        if haste == Haste::Gentle {
            let noticed = sleep(self.plan.monitor_wait);
            tokio::select! {
                () = noticed => {}
                _ = reasons.interrupt.recv() => haste = Haste::Quick,
            }
        }
        self.stopper.stop();
        self.close_all(haste).await;

        let deadline = Instant::now() + self.time_to_close(haste);
        tokio::select! {
            () = self.nobody_left(deadline) => {}
            _ = reasons.interrupt.recv() => {
                self.close_all(Haste::Quick).await;
                self.nobody_left(Instant::now() + LAST_WORDS).await;
            }
        }
        info!(left_open = self.metrics.connections(), "drained");
    }

    async fn close_all(&self, haste: Haste) {
        let share = f64::from(self.plan.rate) / self.mailboxes.len() as f64;
        for (number, mailbox) in (0u64..).zip(self.mailboxes) {
            let pace = Pace {
                per_second: (haste == Haste::Gentle).then_some(share),
                jitter: self.plan.jitter,
                seed: u64::from(std::process::id()) << 32 | number,
            };
            let mut command = Command::Leave(pace);
            while let Err(SendCommandError::Full(refused)) = mailbox.try_send(command) {
                command = refused;
                sleep(LOOK_EVERY).await;
            }
        }
    }

    fn time_to_close(&self, haste: Haste) -> Duration {
        let connections = self.metrics.connections().max(0) as f64;
        match haste {
            // A workgroup that got more than its share takes longer than the average; nobody is hurried for that.
            Haste::Gentle => {
                Duration::from_secs_f64(3.0 * connections / f64::from(self.plan.rate)) + LAST_WORDS
            }
            Haste::Quick => LAST_WORDS,
        }
    }

    async fn nobody_left(&self, deadline: Instant) {
        let everyone_gone = async {
            while self.metrics.connections() > 0 {
                sleep(LOOK_EVERY).await;
            }
        };
        if timeout_at(deadline, everyone_gone).await.is_err() {
            warn!(
                connections = self.metrics.connections(),
                "not every device answered the close"
            );
        }
    }
}
