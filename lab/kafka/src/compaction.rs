//! What compaction has done to a topic, as far as a reader can see.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Message as _, Offset, TopicPartitionList};

use crate::metadata::Metadata;
use crate::settings::{self, Access, QUESTION};

/// The offset of the first record in each partition of `topic`, in the order of partitions; each must have one.
///
/// Compaction moves no watermark, so only a record tells.
pub fn first_offsets(access: &Access, topic: &str) -> anyhow::Result<Vec<i64>> {
    let partitions = Metadata::connect(access)?.partitions(topic)?;
    let consumer: BaseConsumer = settings::reader(access, "tidegate-lab-compaction")
        .create()
        .context("cannot make a Kafka client")?;
    let mut places = TopicPartitionList::new();
    for state in &partitions {
        places.add_partition_offset(topic, state.partition, Offset::Beginning)?;
    }
    consumer.assign(&places)?;
    let deadline = Instant::now() + QUESTION;
    let mut first = BTreeMap::new();
    while first.len() < partitions.len() {
        let left = deadline.saturating_duration_since(Instant::now());
        ensure!(
            !left.is_zero(),
            "only {} of {} partitions of {topic} have a record",
            first.len(),
            partitions.len()
        );
        if let Some(Ok(record)) = consumer.poll(left) {
            first.entry(record.partition()).or_insert(record.offset());
        }
    }
    Ok(first.into_values().collect())
}
