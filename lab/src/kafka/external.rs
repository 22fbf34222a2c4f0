//! A cluster of the user's own. The lab's topics there have names of their own and are removed again.

use anyhow::Context as _;
use lab_kafka::external::ExternalCluster;
use lab_kafka::fault::{Breakable as _, Fault, external_refuses};
use lab_kafka::{Access, names};

use super::or_failed;
use super::orders::{as_pairs, faults_of, refusal, replicas, topic_config};
use crate::interrupt::Interrupt;
use crate::provider::{Cluster, Kafka, ProviderError, Refusal};
use crate::scenario::step::Action;
use crate::stage::{KafkaStage, Stage};

/// The provider `--kafka HOST:PORT`.
pub(crate) struct External {
    bootstrap: String,
    cluster: Option<ExternalCluster>,
    topics: Vec<String>,
}

impl External {
    pub(crate) fn new(bootstrap: &str) -> Self {
        Self {
            bootstrap: bootstrap.to_owned(),
            cluster: None,
            topics: Vec::new(),
        }
    }
}

impl Kafka for External {
    fn refuses(&self, _: &Stage) -> Option<Refusal> {
        // How many brokers it has, and whether it answers, is seen when the run connects; a plan must not wait for a network.
        None
    }

    fn refuses_step(&self, action: &Action) -> Option<Refusal> {
        faults_of(action)
            .iter()
            .find_map(external_refuses)
            .map(refusal)
    }

    fn start(
        &mut self,
        wanted: &KafkaStage,
        _alone: bool,
        interrupt: &Interrupt,
    ) -> Result<Cluster, ProviderError> {
        let cluster = ExternalCluster::connect(Access::from(self.bootstrap.as_str()), &|| {
            interrupt.is_raised()
        })
        .map_err(or_failed)?;
        let partitions = i32::try_from(wanted.partitions).context("too many partitions")?;
        let brokers = cluster.brokers();
        if brokers < i32::try_from(wanted.brokers).context("too many brokers")? {
            return Err(ProviderError::Unfit {
                what: format!(
                    "the cluster at {} has {brokers} brokers, the stage wants {}",
                    self.bootstrap, wanted.brokers
                ),
                remedy: "name a larger cluster, or use --kafka container".to_owned(),
            });
        }
        let replicas = replicas(wanted, brokers)?;
        let config = topic_config(wanted);
        for topic in &wanted.topics {
            interrupt.check()?;
            let name = names::unique(topic);
            cluster
                .admin()
                .create_topic(&name, partitions, replicas, &as_pairs(&config))?;
            self.topics.push(name);
        }
        let running = Cluster {
            bootstrap: self.bootstrap.clone(),
            topics: self.topics.clone(),
            topic_identity: "id",
            properties: cluster.access().properties.clone(),
            version: format!("the cluster at {}, {brokers} brokers", self.bootstrap),
        };
        self.cluster = Some(cluster);
        Ok(running)
    }

    fn inject(&mut self, fault: &Fault, interrupt: &Interrupt) -> Result<(), ProviderError> {
        let cluster = self.cluster.as_ref().context("Kafka is not connected")?;
        cluster
            .inject(fault, &|| interrupt.is_raised())
            .map_err(or_failed)
    }

    fn processes(&self) -> Vec<u32> {
        Vec::new()
    }

    fn stop(&mut self) -> Result<(), ProviderError> {
        let topics: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        let deleted = self
            .cluster
            .take()
            .map_or(Ok(()), |cluster| cluster.admin().delete_topics(&topics));
        self.topics.clear();
        Ok(deleted?)
    }
}

impl Drop for External {
    fn drop(&mut self) {
        // A run that ended early still leaves nothing behind; its own error is the one to tell.
        let _ = self.stop();
    }
}
