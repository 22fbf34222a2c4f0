//! Which partitions are read, and which offset each waits for.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};

use super::{Hole, Start};
use crate::settings::{self, Access};

/// A partition of a topic.
pub(crate) type Partition = (String, i32);

/// For each partition the next offset that has not been read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Positions {
    next: BTreeMap<Partition, i64>,
    incarnations: BTreeMap<String, u32>,
}

impl Positions {
    /// Asks the cluster for the partitions of `topics` and where they start.
    pub(crate) fn look_up(
        access: &Access,
        topics: &[String],
        start: Start,
    ) -> anyhow::Result<Self> {
        let consumer: BaseConsumer = settings::reader(access, "tidegate-lab-positions")
            .create()
            .context("cannot make a Kafka client")?;
        let mut positions = Self::default();
        for topic in topics {
            positions.add(&consumer, topic, start)?;
        }
        Ok(positions)
    }

    /// Takes up the partitions of `topic` that are not yet read.
    pub(crate) fn add(
        &mut self,
        consumer: &BaseConsumer,
        topic: &str,
        start: Start,
    ) -> anyhow::Result<()> {
        for partition in partitions(consumer, topic)? {
            let (low, high) = watermarks(consumer, topic, partition)?;
            let next = match start {
                Start::Beginning => low,
                Start::End => high,
            };
            self.next
                .entry((topic.to_owned(), partition))
                .or_insert(next);
        }
        self.incarnations.entry(topic.to_owned()).or_default();
        Ok(())
    }

    /// Forgets a topic that was deleted; what is read of that name from now on is its next incarnation.
    pub(crate) fn forget(&mut self, topic: &str) {
        self.next.retain(|(name, _), _| name != topic);
        *self.incarnations.entry(topic.to_owned()).or_default() += 1;
    }

    /// The record at `offset` was read.
    pub(crate) fn advance(&mut self, topic: &str, partition: i32, offset: i64) {
        if let Some(next) = self.next.get_mut(&(topic.to_owned(), partition)) {
            *next = offset + 1;
        }
    }

    /// How often `topic` was created again.
    pub(crate) fn incarnation(&self, topic: &str) -> u32 {
        self.incarnations.get(topic).copied().unwrap_or(0)
    }

    /// The partitions, in order.
    pub(crate) fn partitions(&self) -> Vec<Partition> {
        self.next.keys().cloned().collect()
    }

    /// Whether the record at `offset` was read, or its partition is no longer there to be read.
    pub(crate) fn passed(&self, partition: &Partition, offset: i64) -> bool {
        self.next.get(partition).is_none_or(|&next| next > offset)
    }

    /// What to assign to a consumer.
    pub(crate) fn assignment(&self) -> anyhow::Result<TopicPartitionList> {
        let mut list = TopicPartitionList::with_capacity(self.next.len());
        for ((topic, partition), next) in &self.next {
            list.add_partition_offset(topic, *partition, Offset::Offset(*next))?;
        }
        Ok(list)
    }

    /// Moves every position that the log no longer has into the log, and tells which.
    pub(crate) fn mend(&mut self, consumer: &BaseConsumer) -> anyhow::Result<Vec<Hole>> {
        let mut holes = Vec::new();
        for ((topic, partition), next) in &mut self.next {
            let (low, high) = watermarks(consumer, topic, *partition)?;
            let found = (*next).clamp(low, high.max(low));
            if found != *next {
                holes.push(Hole {
                    topic: topic.clone(),
                    partition: *partition,
                    expected: *next,
                    found,
                });
                *next = found;
            }
        }
        Ok(holes)
    }
}

fn partitions(consumer: &BaseConsumer, topic: &str) -> anyhow::Result<Vec<i32>> {
    let metadata = consumer
        .fetch_metadata(Some(topic), settings::QUESTION)
        .with_context(|| format!("cannot ask Kafka for the partitions of {topic}"))?;
    let partitions: Vec<i32> = metadata
        .topics()
        .iter()
        .flat_map(|topic| topic.partitions())
        .map(|partition| partition.id())
        .collect();
    ensure!(!partitions.is_empty(), "Kafka has no topic {topic}");
    Ok(partitions)
}

fn watermarks(consumer: &BaseConsumer, topic: &str, partition: i32) -> anyhow::Result<(i64, i64)> {
    consumer
        .fetch_watermarks(topic, partition, settings::QUESTION)
        .with_context(|| {
            format!("cannot ask Kafka for the first and last offset of {topic} [{partition}]")
        })
}
