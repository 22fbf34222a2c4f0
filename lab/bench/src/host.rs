//! What the bench asks of the program it is part of.

use std::net::SocketAddr;
use std::process::Command;

use crate::error::BenchError;

/// Starts processes that die with this one.
pub trait Host {
    /// A command that becomes one of [`crate::parts`] and dies with this thread. Arguments are still to be added.
    ///
    /// # Errors
    /// The program cannot find itself.
    fn part(&self) -> anyhow::Result<Command>;

    /// Starts a gateway with this configuration and waits until it is ready.
    ///
    /// # Errors
    /// There is no binary, or it does not get ready.
    fn gateway(&self, config: &str) -> Result<Box<dyn Process>, BenchError>;

    /// Whether the user wants out.
    fn interrupted(&self) -> bool;
}

/// A running gateway; it ends when this is dropped.
pub trait Process {
    /// Its process id.
    fn pid(&self) -> u32;

    /// Where devices connect.
    fn listener(&self) -> SocketAddr;
}
