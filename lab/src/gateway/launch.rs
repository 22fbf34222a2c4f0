//! How the gateways of a stage are started, the first time and again.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;

use anyhow::Context;

use super::Gateway;
use super::config::GatewayConfig;
use crate::certificate::Certificate;
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
    /// What their listeners show, if they speak TLS.
    pub(crate) certificate: Option<Certificate>,
    /// Key of the placement hash.
    pub(crate) hash_key: [u8; 16],
    /// A known-bad hash instead of the real one.
    pub(crate) control_hash: Option<&'a str>,
    /// Where the load balancer needs them to be, and whom to believe.
    pub(crate) surroundings: Surroundings,
    /// Where the gateways listen, where that is decided beforehand.
    pub(crate) seats: Option<Vec<SocketAddr>>,
}

impl Launch<'_> {
    /// Starts gateway `number` on free ports, and waits for its sockets.
    pub(crate) fn first(
        &self,
        number: u32,
        cluster: &Cluster,
        interrupt: &Interrupt,
    ) -> Result<Gateway, ProviderError> {
        let seat = self
            .seats
            .as_ref()
            .and_then(|seats| seats.get(number as usize));
        let listen = seat.copied().unwrap_or((self.address(), 0).into());
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
            certificate: self.certificate.as_ref(),
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

/// One port on each of these addresses: a name leads to addresses and says nothing of ports.
pub(crate) fn one_port(addresses: &[IpAddr]) -> anyhow::Result<Vec<SocketAddr>> {
    /// Ports are handed out to everybody, so that one that is free on one address is hardly ever taken on another.
    const TRIES: u32 = 32;

    let mut last = None;
    for _ in 0..TRIES {
        let mut seats: Vec<TcpListener> = vec![];
        for ip in addresses {
            let port = seats.first().map_or(Ok(0), |first| {
                Ok::<_, std::io::Error>(first.local_addr()?.port())
            })?;
            match TcpListener::bind((*ip, port)) {
                Ok(seat) => seats.push(seat),
                Err(error) => last = Some(error),
            }
        }
        if seats.len() == addresses.len() {
            let addresses = seats.iter().map(TcpListener::local_addr);
            return Ok(addresses.collect::<Result<_, _>>()?);
        }
    }
    Err(last.map_or_else(|| anyhow::anyhow!("no gateway needs a port"), Into::into))
        .context("no port is free on the address of every gateway")
}
