//! Barriers: a record per partition that tells the reader "everything before this".

use std::time::Instant;

use super::positions::Partition;
use super::{BARRIER_HEADER, Mark};
use crate::publisher::{Publisher, Record};
use crate::settings::Access;

/// The client's name, for the brokers' logs.
const CLIENT: &str = "tidegate-lab-barrier";

/// Writes barriers, each round with a number of its own.
pub(crate) struct BarrierWriter {
    access: Access,
    publisher: Publisher,
    round: u64,
}

impl BarrierWriter {
    pub(crate) fn connect(access: &Access) -> anyhow::Result<Self> {
        Ok(Self {
            access: access.clone(),
            publisher: Publisher::connect(access, CLIENT)?,
            round: 0,
        })
    }

    /// Goes on with a client that knows nothing: an old one refuses partitions that it has not heard of, and counts on records that a new leader lacks.
    pub(crate) fn begin_anew(&mut self) -> anyhow::Result<()> {
        self.publisher = Publisher::connect(&self.access, CLIENT)?;
        Ok(())
    }

    /// Writes one barrier into each of `partitions` and answers where they are.
    pub(crate) fn write(
        &mut self,
        partitions: Vec<Partition>,
        deadline: Instant,
    ) -> anyhow::Result<Vec<Mark>> {
        self.round += 1;
        let records: Vec<Record> = partitions
            .iter()
            .map(|partition| self.record(partition))
            .collect();
        let patience = deadline.saturating_duration_since(Instant::now());
        let placed = self.publisher.publish_all(&records, patience)?;
        let marks = partitions.into_iter().zip(placed);
        Ok(marks
            .map(|((topic, partition), placed)| Mark {
                topic,
                partition,
                offset: placed.offset,
            })
            .collect())
    }

    fn record(&self, (topic, partition): &Partition) -> Record {
        let round = self.round.to_string();
        Record {
            topic: topic.clone(),
            partition: Some(*partition),
            // A compacted topic takes no record without a key. The newest of a partition stays, and a later one proves an earlier one passed.
            key: Some(BARRIER_HEADER.as_bytes().to_vec()),
            payload: Some(format!("barrier {round} of the lab").into_bytes()),
            headers: vec![(BARRIER_HEADER.to_owned(), round.into_bytes())],
        }
    }
}
