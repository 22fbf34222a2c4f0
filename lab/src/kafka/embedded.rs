//! Kafka that is part of the lab: librdkafka's mock cluster. Nothing to install, gone with the run.

use anyhow::Context as _;
use lab_kafka::embedded::EmbeddedCluster;
use lab_kafka::fault::{Breakable as _, Fault, embedded_refuses};

use super::or_failed;
use super::orders::{faults_of, refusal, replicas};
use crate::interrupt::Interrupt;
use crate::provider::{Cluster, Kafka, ProviderError, Refusal, RefusalKind};
use crate::scenario::step::Action;
use crate::stage::{KafkaStage, Stage};

/// The most brokers that a mock cluster gets; more proves nothing.
const MOST_BROKERS: u32 = 16;

/// The provider `--kafka embedded`.
#[derive(Default)]
pub(crate) struct Embedded {
    cluster: Option<EmbeddedCluster>,
}

impl Embedded {
    pub(crate) fn new() -> Self {
        Self::default()
    }
}

impl Kafka for Embedded {
    fn refuses(&self, stage: &Stage) -> Option<Refusal> {
        if stage.kafka.max_record_bytes.is_some() {
            return Some(Refusal {
                kind: RefusalKind::ByNature,
                reason: "the embedded Kafka takes records of any size".to_owned(),
                remedy: "use --kafka container".to_owned(),
            });
        }
        (stage.kafka.brokers > MOST_BROKERS).then(|| Refusal {
            kind: RefusalKind::ByNature,
            reason: format!(
                "the embedded Kafka has at most {MOST_BROKERS} brokers, the stage wants {}",
                stage.kafka.brokers
            ),
            remedy: "use --kafka HOST:PORT with a cluster of your own".to_owned(),
        })
    }

    fn refuses_step(&self, action: &Action) -> Option<Refusal> {
        if matches!(action, Action::Produce(order) if order.transaction.is_some()) {
            return Some(refusal(
                "the embedded Kafka shows aborted records to everybody".to_owned(),
            ));
        }
        faults_of(action)
            .iter()
            .find_map(embedded_refuses)
            .map(refusal)
    }

    fn start(
        &mut self,
        wanted: &KafkaStage,
        _alone: bool,
        interrupt: &Interrupt,
    ) -> Result<Cluster, ProviderError> {
        interrupt.check()?;
        let cluster =
            EmbeddedCluster::start(i32::try_from(wanted.brokers).context("too many brokers")?)?;
        let partitions = i32::try_from(wanted.partitions).context("too many partitions")?;
        let replicas = replicas(wanted, cluster.brokers())?;
        for topic in &wanted.topics {
            cluster.create_replicated(topic, partitions, replicas)?;
        }
        let running = Cluster {
            bootstrap: cluster.access().bootstrap.clone(),
            topics: wanted.topics.clone(),
            // The mock has no topic ids to ask for.
            topic_identity: "name",
            // A consumer that waits at the end of quiet topics is ready only when its wait ends.
            properties: vec![("fetch.wait.max.ms".to_owned(), "50".to_owned())],
            version: format!(
                "librdkafka mock cluster {}",
                lab_kafka::librdkafka_version()
            ),
        };
        self.cluster = Some(cluster);
        Ok(running)
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
        self.cluster = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_topics_take_records_as_soon_as_it_has_started() {
        let mut kafka = Embedded::new();
        let stage = KafkaStage::default();

        let cluster = kafka.start(&stage, false, &Interrupt::default()).unwrap();
        let publisher =
            lab_kafka::publisher::Publisher::connect(&cluster.bootstrap.as_str().into(), "test")
                .unwrap();
        let record = lab_kafka::publisher::Record {
            topic: cluster.topics[0].clone(),
            partition: Some(2),
            ..Default::default()
        };
        let placed = publisher
            .publish_all(&[record], std::time::Duration::from_secs(20))
            .unwrap();

        assert_eq!((placed[0].partition, placed[0].offset), (2, 0));
        assert_eq!(
            (cluster.topics, cluster.topic_identity),
            (stage.topics, "name")
        );
    }
}
