//! The loop itself.

mod reading;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::app::App;
use crate::compress::Inflater;
use crate::config::{Backend, Endpoint, LoopConfig};
use crate::connection::{ConnId, Ending, Phase};
use crate::driver::{self, Driver, Lanes, Readiness};
use crate::ending::{Closed, Failure};
use crate::mailbox::{Inbox, Mailbox, mailbox};
use crate::net::Net;

/// Commands taken in one turn, so that a full mailbox does not keep the sockets waiting.
const COMMANDS: usize = 1024;

/// Memory kept for what TLS decrypts, in bytes; one read of epoll's brings as much.
const PLAIN: usize = 64 * 1024;

/// One event loop: connections, an app, a mailbox. Make it anywhere, run it on a thread of its own.
#[derive(Debug)]
pub struct EventLoop<A: App> {
    config: LoopConfig,
    app: A,
    inbox: Inbox<A::Command>,
    report: BackendReport,
}

/// Which back end a loop runs on, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendReport {
    /// What was chosen: never [`Backend::Auto`].
    pub chosen: Backend,
    /// Why `Auto` did not take io_uring.
    pub fallback: Option<String>,
}

/// Why a loop did not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum LoopError {
    /// io_uring was asked for and the kernel does not offer what it takes.
    #[error("io_uring cannot be used here: {0}; choose the back end `epoll` or `auto`")]
    NoIoUring(String),
    /// The kernel refused something a loop cannot do without.
    #[error("{what}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

impl<A: App> EventLoop<A> {
    /// A loop that is ready to run, and its mailbox. The back end is probed here.
    ///
    /// # Errors
    /// The wanted back end cannot be used, or there is no descriptor left.
    pub fn new(config: LoopConfig, app: A) -> Result<(Self, Mailbox<A::Command>), LoopError> {
        let (sender, inbox) = mailbox(config.mailbox).map_err(|source| LoopError::Io {
            what: "no eventfd for the mailbox",
            source,
        })?;
        let report = choose(config.backend)?;
        Ok((
            Self {
                config,
                app,
                inbox,
                report,
            },
            sender,
        ))
    }

    /// Which back end the loop will run on, and why.
    #[must_use]
    pub fn backend(&self) -> &BackendReport {
        &self.report
    }

    /// Runs until [`Mailbox::stop`] or [`Net::stop`](crate::Net::stop); the app comes back.
    ///
    /// # Errors
    /// The kernel refuses what a loop cannot do without.
    pub fn run(self) -> Result<A, LoopError> {
        let driver =
            Driver::new(self.report.chosen, self.inbox.bell()).map_err(|source| LoopError::Io {
                what: "the back end does not start",
                source,
            })?;
        let lanes = driver.lanes();
        let endpoints = Arc::from(self.config.endpoints.as_slice());
        let net = Net::new(self.config, driver, Instant::now());
        let mut running = Running {
            app: self.app,
            net,
            inbox: self.inbox,
            lanes,
            inflater: Inflater::default(),
            plain: Vec::new(),
            endpoints,
            ready: Vec::new(),
            wants: Vec::new(),
            app_deadline: None,
            behind: false,
        };
        running.app.on_start(&mut running.net);
        while !running.net.stopping {
            running.turn().map_err(|source| LoopError::Io {
                what: "waiting for events failed",
                source,
            })?;
        }
        running.end();
        Ok(running.app)
    }
}

fn choose(wanted: Backend) -> Result<BackendReport, LoopError> {
    let io_uring = BackendReport {
        chosen: Backend::IoUring,
        fallback: None,
    };
    match wanted {
        Backend::Epoll => Ok(BackendReport {
            chosen: Backend::Epoll,
            fallback: None,
        }),
        Backend::IoUring => driver::probe_uring()
            .map(|()| io_uring)
            .map_err(LoopError::NoIoUring),
        Backend::Auto => Ok(match driver::probe_uring() {
            Ok(()) => io_uring,
            Err(reason) => BackendReport {
                chosen: Backend::Epoll,
                fallback: Some(reason),
            },
        }),
    }
}

/// A loop on its thread.
struct Running<A: App> {
    app: A,
    net: Net<A::Session>,
    inbox: Inbox<A::Command>,
    lanes: Lanes,
    inflater: Inflater,
    /// Memory for what TLS decrypts.
    plain: Vec<u8>,
    /// Shared, so that a request can be read while the app has the net.
    endpoints: Arc<[Endpoint]>,
    /// Memory for the turn: what is ready, and which sockets are to be read.
    ready: Vec<Readiness>,
    wants: Vec<(ConnId, bool)>,
    app_deadline: Option<Instant>,
    /// Commands were left in the mailbox.
    behind: bool,
}

impl<A: App> Running<A> {
    /// One turn: sleep, take in, let time pass, give out.
    fn turn(&mut self) -> io::Result<()> {
        let patience = self.patience();
        self.net.driver.wait(patience, &mut self.net.ready)?;
        let now = Instant::now();
        self.net.advance_clock(now);
        self.net.counters.turns += 1;

        // In: commands first, as they bring connections whose bytes may be waiting.
        self.take_commands();
        self.take_bytes();

        // Time: deadlines that have passed.
        self.net.pass_time();
        self.app_deadline = self.app.on_turn(&mut self.net, now);

        // Out: everything that was sent to a connection leaves in one write.
        self.settle();
        Ok(())
    }

    /// How long nothing but an event can matter.
    fn patience(&mut self) -> Option<Duration> {
        let net = &mut self.net;
        let busy =
            self.behind || net.stopping || !net.ready.is_empty() || !net.leftovers.is_empty();
        if busy {
            return Some(Duration::ZERO);
        }
        let deadline = [net.next_deadline(), self.app_deadline]
            .into_iter()
            .flatten()
            .min()?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    fn take_commands(&mut self) {
        self.inbox.quiet();
        self.behind = true;
        for _ in 0..COMMANDS {
            let Some(command) = self.inbox.take() else {
                self.behind = false;
                break;
            };
            self.app.on_command(&mut self.net, command);
        }
        self.net.stopping |= self.inbox.stop_asked();
    }

    /// Writes what was sent and tells the app who is gone, until neither brings about the other.
    fn settle(&mut self) {
        loop {
            self.net.flush();
            let doomed = std::mem::take(&mut self.net.doomed);
            if doomed.is_empty() {
                return;
            }
            for (conn, ending) in doomed {
                self.tell_end(conn, &ending);
                self.net.bury(conn, &ending);
            }
            // What the app learnt after its turn may change when it wants the next one.
            self.app_deadline = Some(self.net.now());
        }
    }

    fn tell_end(&mut self, conn: ConnId, ending: &Ending) {
        match ending {
            Ending::Closed(closed) => self.app.on_close(&mut self.net, conn, closed),
            Ending::Failed(failure) => self.app.on_failed(&mut self.net, conn, failure),
        }
    }

    /// The loop ends: so does every connection.
    fn end(&mut self) {
        let conns: Vec<_> = self.net.connections().collect();
        for conn in conns {
            let Some(connection) = self.net.connections.get(conn) else {
                continue;
            };
            let ending = match connection.phase {
                Phase::Handshake => Ending::Failed(Failure::Stopped),
                Phase::Open | Phase::Closing | Phase::Lingering => Ending::Closed(Closed::Stopped),
                Phase::Doomed => continue,
            };
            self.net.doom(conn, ending);
        }
        self.settle();
    }
}
