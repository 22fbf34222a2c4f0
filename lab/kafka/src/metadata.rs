//! What a cluster says about itself.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::metadata::{MetadataBroker, MetadataTopic};

use crate::error::StartError;
use crate::settings::{self, Access};

/// How often a wait asks again.
const AGAIN: Duration = Duration::from_millis(50);

/// How long one answer may take within a wait.
const ONE_ANSWER: Duration = Duration::from_secs(2);

/// A client that only asks.
pub(crate) struct Metadata {
    access: Access,
    consumer: BaseConsumer,
}

/// A partition as the cluster describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartitionState {
    pub(crate) partition: i32,
    /// -1 while it has none.
    pub(crate) leader: i32,
    pub(crate) replicas: Vec<i32>,
    pub(crate) in_sync: Vec<i32>,
}

impl Metadata {
    pub(crate) fn connect(access: &Access) -> anyhow::Result<Self> {
        let consumer = settings::client(access, "tidegate-lab-metadata")
            .create()
            .context("cannot make a Kafka client")?;
        Ok(Self {
            access: access.clone(),
            consumer,
        })
    }

    /// The brokers that are up, by id.
    pub(crate) fn brokers(&self) -> anyhow::Result<Vec<i32>> {
        let metadata = self.consumer.fetch_metadata(None, ONE_ANSWER)?;
        let mut ids: Vec<i32> = metadata
            .brokers()
            .iter()
            .map(|broker| broker.id())
            .collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// A client of each broker that is up, and of that broker alone: news spreads from broker to broker, and any of them may be asked next.
    pub(crate) fn of_each_broker(&self) -> anyhow::Result<Vec<Self>> {
        let metadata = self.consumer.fetch_metadata(None, ONE_ANSWER)?;
        let address = |broker: &MetadataBroker| format!("{}:{}", broker.host(), broker.port());
        metadata
            .brokers()
            .iter()
            .map(|broker| {
                Self::connect(&Access {
                    bootstrap: address(broker),
                    ..self.access.clone()
                })
            })
            .collect()
    }

    /// The partitions of `topic`; none when there is no such topic.
    pub(crate) fn partitions(&self, topic: &str) -> anyhow::Result<Vec<PartitionState>> {
        let metadata = self.consumer.fetch_metadata(Some(topic), ONE_ANSWER)?;
        let mut partitions: Vec<_> = metadata
            .topics()
            .iter()
            .filter(|found| found.error().is_none())
            .flat_map(states)
            .collect();
        partitions.sort_by_key(|state| state.partition);
        Ok(partitions)
    }

    /// The first offset of a partition and the one after its last.
    pub(crate) fn watermarks(&self, topic: &str, partition: i32) -> anyhow::Result<(i64, i64)> {
        Ok(self
            .consumer
            .fetch_watermarks(topic, partition, ONE_ANSWER)?)
    }

    /// Waits until `holds`; an error of the cluster counts as "not yet".
    pub(crate) fn wait_until(
        &self,
        what: &str,
        patience: Duration,
        cancelled: &dyn Fn() -> bool,
        mut holds: impl FnMut(&Self) -> anyhow::Result<bool>,
    ) -> Result<(), StartError> {
        let deadline = Instant::now() + patience;
        loop {
            if cancelled() {
                return Err(StartError::Cancelled);
            }
            let last = match holds(self) {
                Ok(true) => return Ok(()),
                Ok(false) => "not yet".to_owned(),
                Err(error) => format!("{error:#}"),
            };
            if Instant::now() >= deadline {
                return Err(anyhow::anyhow!(
                    "waited {} s for Kafka: {what} ({last})",
                    patience.as_secs()
                )
                .into());
            }
            std::thread::sleep(AGAIN);
        }
    }
}

fn states(topic: &MetadataTopic) -> Vec<PartitionState> {
    topic
        .partitions()
        .iter()
        .map(|partition| PartitionState {
            partition: partition.id(),
            leader: partition.leader(),
            replicas: partition.replicas().to_vec(),
            in_sync: partition.isr().to_vec(),
        })
        .collect()
}
