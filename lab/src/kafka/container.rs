//! Apache Kafka in containers, real and gone with the lab.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use lab_kafka::container::{ContainerCluster, IMAGE};
use lab_kafka::fault::{Breakable as _, Fault, container_refuses};
use lab_kafka::{admin::Admin, engine, names};

use super::or_failed;
use super::orders::{as_pairs, faults_of, refusal, replicas, topic_config};
use crate::interrupt::Interrupt;
use crate::provider::{Cluster, Kafka, ProviderError, Refusal, RefusalKind};
use crate::scenario::step::Action;
use crate::stage::{KafkaStage, Stage};

/// The most brokers; three lose one and go on, more only take memory.
const MOST_BROKERS: u32 = 5;

/// The broker that all cells share which want one and leave it as it is; their topics have different names.
static SHARED: Mutex<Option<Arc<ContainerCluster>>> = Mutex::new(None);

/// The provider `--kafka container`.
#[derive(Default)]
pub(crate) struct Container {
    cluster: Option<Arc<ContainerCluster>>,
    admin: Option<Admin>,
    topics: Vec<String>,
    /// The cluster is this cell's own.
    alone: bool,
}

impl Container {
    pub(crate) fn new() -> Self {
        Self::default()
    }
}

/// Removes the shared broker. What a lab that dies leaves running, a child of it removes.
pub(crate) fn dismiss_shared() {
    drop(SHARED.lock().unwrap_or_else(PoisonError::into_inner).take());
}

impl Kafka for Container {
    fn refuses(&self, stage: &Stage) -> Option<Refusal> {
        if stage.kafka.brokers > MOST_BROKERS {
            return Some(Refusal {
                kind: RefusalKind::ByNature,
                reason: format!(
                    "Kafka in containers has at most {MOST_BROKERS} brokers, the stage wants {}",
                    stage.kafka.brokers
                ),
                remedy: "use --kafka HOST:PORT with a cluster of your own".to_owned(),
            });
        }
        match engine::answers() {
            Ok(_) => None,
            Err(lab_kafka::StartError::Unfit { what, remedy }) => Some(Refusal {
                kind: RefusalKind::Machine,
                reason: what,
                remedy,
            }),
            Err(other) => Some(Refusal {
                kind: RefusalKind::Machine,
                reason: other.to_string(),
                remedy: "use --kafka embedded".to_owned(),
            }),
        }
    }

    fn refuses_step(&self, action: &Action) -> Option<Refusal> {
        faults_of(action)
            .iter()
            .find_map(container_refuses)
            .map(|reason| Refusal {
                remedy: "use --kafka embedded".to_owned(),
                ..refusal(reason)
            })
    }

    fn start(
        &mut self,
        wanted: &KafkaStage,
        alone: bool,
        interrupt: &Interrupt,
    ) -> Result<Cluster, ProviderError> {
        let brokers = u16::try_from(wanted.brokers).context("too many brokers")?;
        let cluster = match brokers {
            1 if !alone => shared(interrupt)?,
            _ => Arc::new(
                ContainerCluster::start(brokers, &|| interrupt.is_raised()).map_err(or_failed)?,
            ),
        };
        let admin = cluster.admin()?;
        let partitions = i32::try_from(wanted.partitions).context("too many partitions")?;
        let replicas = replicas(wanted, cluster.brokers())?;
        let config = topic_config(wanted);
        for topic in &wanted.topics {
            interrupt.check()?;
            let name = names::unique(topic);
            admin.create_topic(&name, partitions, replicas, &as_pairs(&config))?;
            self.topics.push(name);
        }
        self.alone = alone || brokers > 1;
        let access = cluster.access().clone();
        self.admin = Some(admin);
        self.cluster = Some(cluster);
        Ok(Cluster {
            bootstrap: access.bootstrap,
            topics: self.topics.clone(),
            topic_identity: "id",
            properties: access.properties,
            version: format!("Apache Kafka {} ({}:{})", IMAGE.1, IMAGE.0, IMAGE.1),
        })
    }

    fn inject(&mut self, fault: &Fault, interrupt: &Interrupt) -> Result<(), ProviderError> {
        let cluster = self.cluster.as_ref().context("Kafka is not up")?;
        cluster
            .inject(fault, &|| interrupt.is_raised())
            .map_err(or_failed)
    }

    fn processes(&self) -> Vec<u32> {
        Vec::new()
    }

    fn stop(&mut self) -> Result<(), ProviderError> {
        if self.alone {
            // Its topics go with it, and brokers that are away could not say that they did.
            self.topics.clear();
        }
        let topics: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        let deleted = self
            .admin
            .take()
            .map_or(Ok(()), |admin| admin.delete_topics(&topics));
        self.topics.clear();
        self.cluster = None;
        Ok(deleted?)
    }
}

fn shared(interrupt: &Interrupt) -> Result<Arc<ContainerCluster>, ProviderError> {
    // Held while it starts: who comes second waits instead of starting another.
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(cluster) = &*shared {
        return Ok(Arc::clone(cluster));
    }
    let cluster =
        Arc::new(ContainerCluster::start(1, &|| interrupt.is_raised()).map_err(or_failed)?);
    *shared = Some(Arc::clone(&cluster));
    Ok(cluster)
}
