//! The public image, on this machine's own network, gone with the lab.

use std::net::{IpAddr, SocketAddr, TcpListener};

use anyhow::{Context, anyhow};
use lab_kafka::engine;
use rustix::process::{getgid, getuid};
use testcontainers::core::Mount;
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ContainerRequest, GenericImage, ImageExt};
use tokio::runtime::Runtime;

use super::Order;
use super::config::Bind;
use super::install::essence;
use crate::provider::ProviderError;

/// The image, as its publisher names it.
pub(super) const IMAGE: (&str, &str) = ("haproxy", "2.6");

/// A running HAProxy.
#[derive(Debug)]
pub(super) struct ContainerProcess {
    runtime: &'static Runtime,
    container: Option<ContainerAsync<GenericImage>>,
}

impl ContainerProcess {
    /// Starts a container, pulling the image if it must.
    pub(super) fn start(
        order: &Order,
        listen: IpAddr,
    ) -> Result<(Self, SocketAddr), ProviderError> {
        let runtime = engine::runtime()?;
        runtime
            .block_on(engine::prepare())
            .map_err(crate::kafka::or_failed)?;
        // Nobody can inherit a socket into a container; whoever takes the port in between makes HAProxy end with a complaint.
        let address = free_address(listen)?;
        let request = request(order, address)?;
        let container = runtime
            .block_on(request.start())
            .map_err(|error| refused(&error.to_string()))?;
        Ok((
            Self {
                runtime,
                container: Some(container),
            },
            address,
        ))
    }

    /// Its complaint, once it has ended.
    pub(super) fn ended(&self) -> anyhow::Result<Option<String>> {
        let Some(container) = &self.container else {
            return Ok(None);
        };
        if self.runtime.block_on(container.is_running())? {
            return Ok(None);
        }
        let complaint = self.runtime.block_on(container.stderr_to_vec())?;
        Ok(Some(essence(&String::from_utf8_lossy(&complaint))))
    }
}

impl Drop for ContainerProcess {
    fn drop(&mut self) {
        // testcontainers removes containers from within the runtime that it finds itself in.
        let _inside = self.runtime.enter();
        self.container = None;
    }
}

fn request(order: &Order, address: SocketAddr) -> anyhow::Result<ContainerRequest<GenericImage>> {
    let config = order.write(Bind::Address(address))?;
    let place = |path: &std::path::Path| {
        path.to_str()
            .map(str::to_owned)
            .context("a temporary directory whose name is not UTF-8")
    };
    let directory = place(&order.directory)?;
    Ok(GenericImage::new(IMAGE.0, IMAGE.1)
        .with_labels([engine::owner_label()])
        .with_network("host")
        // The statistics socket belongs to whoever runs the lab, who must be able to open it.
        .with_user(format!("{}:{}", getuid().as_raw(), getgid().as_raw()))
        .with_mount(Mount::bind_mount(directory.clone(), directory))
        .with_cmd(["haproxy", "-db", "-f", &place(&config)?]))
}

fn free_address(listen: IpAddr) -> anyhow::Result<SocketAddr> {
    let probe = TcpListener::bind((listen, 0))
        .with_context(|| format!("cannot find a free port on {listen} for HAProxy"))?;
    Ok(probe.local_addr()?)
}

fn refused(words: &str) -> ProviderError {
    let (name, tag) = IMAGE;
    if words.contains("pull") {
        ProviderError::Unfit {
            what: format!("the image {name}:{tag} is neither here nor to be had ({words})"),
            remedy: format!(
                "pull it where the network allows: docker pull {name}:{tag}; or build it from Debian's package: bash .ci/images/haproxy/build"
            ),
        }
    } else {
        ProviderError::Failed(anyhow!("cannot start a container of {name}:{tag}: {words}"))
    }
}
