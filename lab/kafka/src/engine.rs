//! The container engine: whether one answers, and that nothing of ours stays behind in it.
//!
//! A container is not a child process: it outlives whoever started it. So each one carries the label of its owner, and goes three ways:
//! by its owner, orderly; by a *reaper*, a child that waits for its owner's end however it comes; and by the next lab's sweep, should
//! somebody kill even the reaper.

mod owner;
mod reaper;

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Context as _;
use testcontainers::bollard::Docker;
use testcontainers::bollard::query_parameters::{
    ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
};
use tokio::runtime::Runtime;

pub(crate) use owner::OWNER_LABEL;
use owner::Owner;

use crate::error::StartError;

/// How long an engine may take to say that it is there. It is asked while planning, and planning is quick.
const PING: Duration = Duration::from_secs(3);

/// The runtime of everything that talks to the engine. One for the process, since testcontainers shares its client within the process.
pub fn runtime() -> anyhow::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let built = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("lab-containers")
        .enable_all()
        .build()
        .context("cannot start the thread that talks to the container engine")?;
    Ok(RUNTIME.get_or_init(|| built))
}

/// Asks the engine for its version; the error says why none answers and what to type.
pub fn answers() -> Result<String, StartError> {
    runtime()?.block_on(async {
        let docker = connect().await?;
        let version = tokio::time::timeout(PING, docker.version()).await;
        match version {
            Ok(Ok(version)) => Ok(version.version.unwrap_or_else(|| "unknown".to_owned())),
            Ok(Err(error)) => Err(silent(&error.to_string())),
            Err(_) => Err(silent(&format!("no answer within {} s", PING.as_secs()))),
        }
    })
}

/// Removes containers whose owners are gone, and makes sure that ours go with this process. Cheap when called again.
pub async fn prepare() -> Result<(), StartError> {
    static PREPARED: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    PREPARED
        .get_or_try_init(async || {
            reaper::start();
            sweep(&connect().await?).await
        })
        .await
        .copied()
}

/// The label that every container of this process carries.
pub fn owner_label() -> (String, String) {
    (OWNER_LABEL.to_owned(), Owner::this_process().to_string())
}

async fn connect() -> Result<Docker, StartError> {
    testcontainers::core::client::docker_client_instance()
        .await
        .map_err(|error| silent(&error.to_string()))
}

async fn sweep(docker: &Docker) -> Result<(), StartError> {
    for (id, label) in labelled(docker, OWNER_LABEL).await? {
        if label.parse::<Owner>().is_ok_and(|owner| !owner.is_alive()) {
            remove(docker, &id).await;
        }
    }
    Ok(())
}

/// Removes containers that carry `label=value`, whoever holds a handle of them.
pub(crate) async fn remove_labelled(label: &str, value: &str) -> Result<(), StartError> {
    let docker = connect().await?;
    for (id, found) in labelled(&docker, label).await? {
        if found == value {
            remove(&docker, &id).await;
        }
    }
    Ok(())
}

/// Containers that carry `label`: their ids and its value.
async fn labelled(docker: &Docker, label: &str) -> Result<Vec<(String, String)>, StartError> {
    let filter = HashMap::from([("label", vec![label])]);
    let list = ListContainersOptionsBuilder::new()
        .all(true)
        .filters(&filter)
        .build();
    let found = docker
        .list_containers(Some(list))
        .await
        .map_err(|error| silent(&error.to_string()))?;
    Ok(found
        .into_iter()
        .filter_map(|container| Some((container.id?, container.labels?.remove(label)?)))
        .collect())
}

/// Somebody else may be removing it too; whoever is second finds nothing.
async fn remove(docker: &Docker, id: &str) {
    let force = RemoveContainerOptionsBuilder::new()
        .force(true)
        .v(true)
        .build();
    let _ = docker.remove_container(id, Some(force)).await;
}

fn silent(reason: &str) -> StartError {
    StartError::Unfit {
        what: format!("no container engine answers ({reason})"),
        remedy: remedy().to_owned(),
    }
}

fn remedy() -> &'static str {
    let socket = Path::new("/var/run/docker.sock");
    match std::os::unix::net::UnixStream::connect(socket) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            "allow yourself to use Docker: sudo usermod -aG docker $USER, then log in again"
        }
        _ if std::env::var_os("DOCKER_HOST").is_some() => {
            "check DOCKER_HOST, it names the engine to use"
        }
        _ if Path::new("/usr/sbin/dockerd").exists() || Path::new("/usr/bin/dockerd").exists() => {
            "start Docker: sudo systemctl start docker, or without a service manager: sudo dockerd &"
        }
        _ => "install Docker: sudo apt-get install docker.io",
    }
}
