//! What the engine is asked for, and what its refusals mean.

use anyhow::anyhow;
use testcontainers::bollard::models::HostConfig;
use testcontainers::core::IntoContainerPort as _;
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{ContainerRequest, GenericImage, ImageExt as _};

use super::{Container, IMAGE, READY};
use crate::engine;
use crate::error::StartError;

/// The label that the containers of one cluster share.
pub(super) const CLUSTER_LABEL: &str = "tidegate.lab.cluster";

/// A broker that has not been told who it is.
pub(super) fn broker(cluster: &str) -> ContainerRequest<GenericImage> {
    let labels = [
        engine::owner_label(),
        (CLUSTER_LABEL.to_owned(), cluster.to_owned()),
    ];
    GenericImage::new(IMAGE.0, IMAGE.1)
        .with_labels(labels)
        .with_startup_timeout(READY)
}

/// The pod: any program that stays, from an image that is there anyway.
pub(super) fn holder(cluster: &str) -> ContainerRequest<GenericImage> {
    broker(cluster).with_cmd(["sleep", "1000000000"])
}

/// Publishes each port under the same number, on this machine only.
pub(super) fn published(
    request: ContainerRequest<GenericImage>,
    ports: &[u16],
) -> ContainerRequest<GenericImage> {
    let request = ports.iter().fold(request, |request, port| {
        request.with_mapped_port(*port, port.tcp())
    });
    request.with_host_config_modifier(only_here)
}

fn only_here(host: &mut HostConfig) {
    let bindings = host
        .port_bindings
        .iter_mut()
        .flat_map(|bindings| bindings.values_mut())
        .flatten()
        .flatten();
    for binding in bindings {
        binding.host_ip = Some("127.0.0.1".to_owned());
    }
}

/// Starts a container, pulling its image if it must.
pub(super) async fn start(
    request: ContainerRequest<GenericImage>,
) -> Result<Container, StartError> {
    let (name, tag) = IMAGE;
    request.start().await.map_err(|error| {
        let words = format!("{:#}", anyhow!(error));
        match words.contains("pull") {
            true => StartError::Unfit {
                what: format!("the image {name}:{tag} is neither here nor to be had ({words})"),
                remedy: format!("pull it where the network allows: docker pull {name}:{tag}; or build it from Debian packages: bash .ci/images/kafka/build"),
            },
            false => StartError::Failed(anyhow!(words).context("cannot start a Kafka container")),
        }
    })
}

pub(super) fn is_port_taken(error: &StartError) -> bool {
    let words = error.to_string();
    words.contains("port is already allocated") || words.contains("address already in use")
}
