//! Which partitions are read, and which offset each waits for.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};

use super::{Hole, Mark, Start};
use crate::settings::{self, Access};

/// A partition of a topic.
pub(crate) type Partition = (String, i32);

/// For each partition the next offset that has not been read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Positions {
    topics: BTreeMap<String, Topic>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Topic {
    /// How often it was created again.
    incarnation: u32,
    next: BTreeMap<i32, i64>,
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

    /// Takes up the partitions of `name` that are not yet read.
    pub(crate) fn add(
        &mut self,
        consumer: &BaseConsumer,
        name: &str,
        start: Start,
    ) -> anyhow::Result<()> {
        let topic = self.topics.entry(name.to_owned()).or_default();
        for partition in partitions(consumer, name)? {
            let (low, high) = watermarks(consumer, name, partition)?;
            let next = match start {
                Start::Beginning => low,
                Start::End => high,
            };
            topic.next.entry(partition).or_insert(next);
        }
        Ok(())
    }

    /// Forgets a topic that was deleted; what is read of that name from now on is its next incarnation.
    pub(crate) fn forget(&mut self, name: &str) {
        let topic = self.topics.entry(name.to_owned()).or_default();
        topic.next.clear();
        topic.incarnation += 1;
    }

    /// The record at `offset` was read.
    pub(crate) fn advance(&mut self, topic: &str, partition: i32, offset: i64) {
        if let Some(next) = self
            .topics
            .get_mut(topic)
            .and_then(|topic| topic.next.get_mut(&partition))
        {
            *next = offset + 1;
        }
    }

    /// How often `topic` was created again.
    pub(crate) fn incarnation(&self, topic: &str) -> u32 {
        self.topics.get(topic).map_or(0, |topic| topic.incarnation)
    }

    /// The partitions, in order.
    pub(crate) fn partitions(&self) -> Vec<Partition> {
        self.all()
            .map(|(topic, partition, _)| (topic.to_owned(), partition))
            .collect()
    }

    /// Whether a barrier was read, or its partition is no longer there to be read.
    pub(crate) fn passed(&self, mark: &Mark) -> bool {
        let next = self
            .topics
            .get(&mark.topic)
            .and_then(|topic| topic.next.get(&mark.partition));
        next.is_none_or(|&next| next > mark.offset)
    }

    /// What to assign to a consumer.
    pub(crate) fn assignment(&self) -> anyhow::Result<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        for (topic, partition, next) in self.all() {
            list.add_partition_offset(topic, partition, Offset::Offset(next))?;
        }
        Ok(list)
    }

    /// Moves every position that the log no longer has into the log, and tells which. An error moves none.
    pub(crate) fn mend(&mut self, consumer: &BaseConsumer) -> anyhow::Result<Vec<Hole>> {
        let mut holes = Vec::new();
        for (topic, partition, expected) in self.all() {
            let (low, high) = watermarks(consumer, topic, partition)?;
            let found = expected.clamp(low, high.max(low));
            if found != expected {
                holes.push(Hole {
                    topic: topic.to_owned(),
                    partition,
                    expected,
                    found,
                });
            }
        }
        for hole in &holes {
            self.advance(&hole.topic, hole.partition, hole.found - 1);
        }
        Ok(holes)
    }

    fn all(&self) -> impl Iterator<Item = (&str, i32, i64)> {
        self.topics.iter().flat_map(|(name, topic)| {
            topic
                .next
                .iter()
                .map(move |(&partition, &next)| (name.as_str(), partition, next))
        })
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
