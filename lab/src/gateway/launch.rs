//! How the gateways of a stage are started, the first time and again.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use anyhow::Context;

use super::Gateway;
use super::config::GatewayConfig;
use crate::interrupt::Interrupt;
use crate::provider::{Cluster, ProviderError, Surroundings};
use crate::stage::{Stage, Via};

/// What all gateways of a stage have in common.
#[derive(Debug)]
pub(crate) struct Launch<'a> {
    /// The stage.
    pub(crate) stage: &'a Stage,
    /// The program.
    pub(crate) binary: PathBuf,
    /// Where configurations and logs go.
    pub(crate) folder: PathBuf,
    /// Key of the placement hash.
    pub(crate) hash_key: [u8; 16],
    /// A known-bad hash instead of the real one.
    pub(crate) control_hash: Option<&'a str>,
    /// Where the load balancer needs them to be, and whom to believe.
    pub(crate) surroundings: Surroundings,
}

impl Launch<'_> {
    /// Starts gateway `number` on free ports, and waits for its sockets.
    pub(crate) fn first(
        &self,
        number: u32,
        cluster: &Cluster,
        interrupt: &Interrupt,
    ) -> Result<Gateway, ProviderError> {
        let listen = SocketAddr::new(self.address(), 0);
        let admin = SocketAddr::new(self.surroundings.gateways, 0);
        self.at(number, cluster, [listen, admin], interrupt)
    }

    /// Starts a gateway that is gone once more, at the addresses it had, and waits for its sockets.
    pub(crate) fn again(
        &self,
        gone: &Gateway,
        cluster: &Cluster,
        interrupt: &Interrupt,
    ) -> Result<Gateway, ProviderError> {
        self.at(
            gone.number,
            cluster,
            [gone.listener, gone.admin.0],
            interrupt,
        )
    }

    fn at(
        &self,
        number: u32,
        cluster: &Cluster,
        [listen, admin]: [SocketAddr; 2],
        interrupt: &Interrupt,
    ) -> Result<Gateway, ProviderError> {
        let text = GatewayConfig {
            stage: self.stage,
            cluster,
            listen,
            admin,
            hash_key: self.hash_key,
            control_hash: self.control_hash,
            trusted: &self.surroundings.trusted,
        }
        .text();
        let config = self.folder.join(format!("gateway-{number}.toml"));
        std::fs::write(&config, text).context("cannot write a gateway's configuration")?;
        let log = self.folder.join(format!("gateway-{number}.log"));
        Gateway::start(number, &self.binary, &config, &log, interrupt)
    }

    fn address(&self) -> IpAddr {
        match self.stage.fleet.via {
            Via::Adc => self.surroundings.gateways,
            Via::Direct => self.stage.fleet.addresses.loopback(),
        }
    }
}
