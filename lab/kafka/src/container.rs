//! Apache Kafka in containers, in KRaft mode: one broker, or several that can be stopped one by one.
//!
//! Several brokers share the network of a *pod*, a container that does nothing else. It holds the published ports, so that a broker keeps its
//! address while it is down, and `127.0.0.1:PORT` means the same broker to clients on this machine and to the other brokers.

mod environment;
mod ports;
mod request;

use std::time::Duration;

use anyhow::Context as _;
use testcontainers::core::error::TestcontainersError;
use testcontainers::{ContainerAsync, GenericImage, ImageExt as _};
use tokio::runtime::Runtime;

use crate::admin::Admin;
use crate::engine;
use crate::error::StartError;
use crate::metadata::Metadata;
use crate::names;
use crate::settings::Access;
use environment::Node;
use request::{broker, holder, is_port_taken, published, start};

/// The image, as its publisher names it.
pub const IMAGE: (&str, &str) = ("apache/kafka", "3.9.1");

/// How long brokers may take until they answer, on a machine that has other things to do.
const READY: Duration = Duration::from_secs(90);

/// How long a broker that is asked to stop may take before it is killed.
const STOP_SECONDS: i32 = 20;

/// Three copies survive the loss of one and can still agree; more only cost time.
const MOST_REPLICAS: i32 = 3;

/// How often a start is tried when another program takes a port in between.
const ATTEMPTS: u32 = 5;

type Container = ContainerAsync<GenericImage>;

/// A running cluster; dropping it removes its containers.
pub struct ContainerCluster {
    runtime: &'static Runtime,
    access: Access,
    metadata: Metadata,
    // The pod goes last: the brokers live in its network.
    brokers: Vec<Container>,
    pod: Option<Container>,
}

impl ContainerCluster {
    /// Starts `brokers` brokers, numbered from 1, and waits until all of them answer.
    ///
    /// Pulls the image if the engine does not have it. `cancelled` is asked often, and ends the start.
    pub fn start(brokers: u16, cancelled: &dyn Fn() -> bool) -> Result<Self, StartError> {
        let runtime = engine::runtime()?;
        engine::answers()?;
        runtime.block_on(engine::prepare())?;
        let mut attempt = 1;
        let cluster = loop {
            let name = names::unique("kafka");
            match runtime.block_on(or_cancelled(
                Self::launch(runtime, brokers, &name),
                cancelled,
            )) {
                Ok(cluster) => break cluster,
                Err(error) => {
                    // A container that was made and not started has no handle yet that would remove it.
                    let _ =
                        runtime.block_on(engine::remove_labelled(request::CLUSTER_LABEL, &name));
                    if attempt == ATTEMPTS || !is_port_taken(&error) {
                        return Err(error);
                    }
                    attempt += 1;
                }
            }
        };
        cluster.wait_for_all(cancelled)?;
        Ok(cluster)
    }

    /// How clients on this machine reach it.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// How many brokers there are, running or not.
    #[must_use]
    pub fn brokers(&self) -> i32 {
        i32::try_from(self.brokers.len()).unwrap_or(i32::MAX)
    }

    /// How many brokers hold a partition, unless a topic says otherwise.
    #[must_use]
    pub fn replicas(&self) -> i32 {
        self.brokers().min(MOST_REPLICAS)
    }

    /// An admin client of the cluster.
    pub fn admin(&self) -> anyhow::Result<Admin> {
        Admin::connect(&self.access)
    }

    /// The ids that the engine gave the containers, brokers first.
    #[must_use]
    pub fn containers(&self) -> Vec<&str> {
        self.brokers
            .iter()
            .chain(&self.pod)
            .map(|container| container.id())
            .collect()
    }

    /// Asks a broker to stop; it hands its partitions over first.
    pub fn stop_broker(&self, broker: i32) -> anyhow::Result<()> {
        self.order(broker, "stop", async |container| {
            container.stop_with_timeout(Some(STOP_SECONDS)).await
        })
    }

    /// Ends a broker without a word.
    pub fn kill_broker(&self, broker: i32) -> anyhow::Result<()> {
        self.order(broker, "kill", async |container| {
            container.stop_with_timeout(Some(0)).await
        })
    }

    /// Starts a broker that was stopped or killed, with its data and its address, and waits until the cluster has it back.
    pub fn start_broker(
        &self,
        broker: i32,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<(), StartError> {
        self.order(broker, "start", async |container| container.start().await)?;
        self.metadata.wait_until(
            &format!("broker {broker} to be back"),
            READY,
            cancelled,
            |metadata| Ok(metadata.brokers()?.contains(&broker)),
        )
    }

    /// Ends every broker without a word.
    pub fn kill_all(&self) -> anyhow::Result<()> {
        (1..=self.brokers()).try_for_each(|broker| self.kill_broker(broker))
    }

    /// Starts every broker that was stopped or killed, and waits until the cluster is whole.
    pub fn start_all(&self, cancelled: &dyn Fn() -> bool) -> Result<(), StartError> {
        // One alone may have to wait for others until there are enough controllers, so all are started before any is waited for.
        for broker in 1..=self.brokers() {
            self.order(broker, "start", async |container| container.start().await)?;
        }
        self.wait_for_all(cancelled)
    }

    /// Freezes a broker: its connections stay open and nothing is answered.
    pub fn pause_broker(&self, broker: i32) -> anyhow::Result<()> {
        self.order(broker, "pause", async |container| container.pause().await)
    }

    /// Lets a frozen broker go on.
    pub fn resume_broker(&self, broker: i32) -> anyhow::Result<()> {
        self.order(broker, "resume", async |container| {
            container.unpause().await
        })
    }

    /// Waits for something that the cluster shall come to say; see [`Metadata::wait_until`].
    pub(crate) fn wait_until(
        &self,
        what: &str,
        patience: Duration,
        cancelled: &dyn Fn() -> bool,
        mut holds: impl FnMut() -> anyhow::Result<bool>,
    ) -> Result<(), StartError> {
        self.metadata
            .wait_until(what, patience, cancelled, |_| holds())
    }

    async fn launch(
        runtime: &'static Runtime,
        brokers: u16,
        name: &str,
    ) -> Result<Self, StartError> {
        let ports =
            ports::free(usize::from(brokers)).context("cannot find free ports for Kafka")?;
        let pod = match brokers {
            1 => None,
            _ => Some(start(published(holder(name), &ports)).await?),
        };
        let mut running = Vec::new();
        for node in Node::cluster(&ports) {
            let request = node
                .environment()
                .into_iter()
                .fold(broker(name), |request, (key, value)| {
                    request.with_env_var(key, value)
                });
            let request = match &pod {
                Some(pod) => request.with_network(format!("container:{}", pod.id())),
                None => published(request, &ports),
            };
            running.push(start(request).await?);
        }
        let addresses: Vec<String> = ports
            .iter()
            .map(|port| format!("127.0.0.1:{port}"))
            .collect();
        let access = Access::from(addresses.join(",").as_str());
        Ok(Self {
            runtime,
            metadata: Metadata::connect(&access)?,
            access,
            brokers: running,
            pod,
        })
    }

    fn wait_for_all(&self, cancelled: &dyn Fn() -> bool) -> Result<(), StartError> {
        let wanted: Vec<i32> = (1..=self.brokers()).collect();
        let waited =
            self.metadata
                .wait_until("all brokers to answer", READY, cancelled, |metadata| {
                    self.ensure_running()?;
                    Ok(metadata.brokers()? == wanted)
                });
        match waited {
            Err(StartError::Failed(error)) => {
                Err(StartError::Failed(error.context(self.last_words())))
            }
            other => other,
        }
    }

    fn ensure_running(&self) -> anyhow::Result<()> {
        for (number, container) in self.brokers.iter().enumerate() {
            anyhow::ensure!(
                self.runtime.block_on(container.is_running())?,
                "broker {} ended",
                number + 1
            );
        }
        Ok(())
    }

    /// The end of the brokers' logs, for whoever has to find out.
    fn last_words(&self) -> String {
        let tail = |container: &Container| {
            let log = self
                .runtime
                .block_on(container.stdout_to_vec())
                .unwrap_or_default();
            let log = String::from_utf8_lossy(&log).into_owned();
            let lines: Vec<&str> = log.lines().collect();
            lines[lines.len().saturating_sub(5)..].join("\n")
        };
        format!(
            "Kafka's last words:\n{}",
            self.brokers.iter().map(tail).collect::<Vec<_>>().join("\n")
        )
    }

    fn order(
        &self,
        broker: i32,
        verb: &str,
        order: impl AsyncFnOnce(&Container) -> Result<(), TestcontainersError>,
    ) -> anyhow::Result<()> {
        let found = broker
            .checked_sub(1)
            .and_then(|index| self.brokers.get(usize::try_from(index).ok()?));
        let container = found.with_context(|| {
            format!(
                "there is no broker {broker}; there are 1 to {}",
                self.brokers.len()
            )
        })?;
        self.runtime
            .block_on(order(container))
            .with_context(|| format!("cannot {verb} broker {broker}"))
    }
}

impl Drop for ContainerCluster {
    fn drop(&mut self) {
        // testcontainers removes containers from within the runtime that it finds itself in.
        let _inside = self.runtime.enter();
        self.brokers.clear();
        self.pod = None;
    }
}

/// Dropping the started half of a cluster removes it.
async fn or_cancelled<T>(
    start: impl Future<Output = Result<T, StartError>>,
    cancelled: &dyn Fn() -> bool,
) -> Result<T, StartError> {
    let cancelled = async {
        while !cancelled() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        started = start => started,
        () = cancelled => Err(StartError::Cancelled),
    }
}
