//! What the bench asks of the program it is part of.

use std::net::SocketAddr;
use std::path::PathBuf;
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

    /// A certificate for whoever is to speak TLS; always the same.
    ///
    /// # Errors
    /// It cannot be made or written.
    fn certificate(&self) -> anyhow::Result<Certificate>;

    /// Whether the user wants out.
    fn interrupted(&self) -> bool;
}

/// What a server shows that speaks TLS, and what devices believe.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate, as PEM.
    pub file: PathBuf,
    /// Its private key, as PEM.
    pub key: PathBuf,
    /// The certificate, as DER.
    pub der: Vec<u8>,
    /// Whom it names.
    pub name: &'static str,
}

/// A running gateway; it ends when this is dropped.
pub trait Process {
    /// Its process id.
    fn pid(&self) -> u32;

    /// Where devices connect.
    fn listener(&self) -> SocketAddr;

    /// What it has counted under the name of a metric, all labels together.
    ///
    /// # Errors
    /// Its admin port does not answer.
    fn counted(&self, metric: &str) -> anyhow::Result<u64>;
}
