//! What came out of Kafka in one turn.

use rdkafka::types::RDKafkaErrorCode;
use tracing::warn;

use super::desk::Desk;
use super::reading::Step;
use crate::kafka::native::Fetched;
use crate::log::record::{Moment, PartitionId};

/// See the module.
pub(super) struct Poll {
    now: Moment,
    wall_clock: i64,
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) steps: Vec<Step>,
    pub(super) failures: Vec<Failure>,
}

/// A partition that cannot be read, for now or as it is.
pub(super) struct Failure {
    pub(super) place: PartitionId,
    pub(super) code: RDKafkaErrorCode,
    pub(super) text: String,
}

impl Poll {
    /// `wall_clock` is in milliseconds since 1970, as records are stamped.
    pub(super) fn at(now: Moment, wall_clock: i64) -> Self {
        Self {
            now,
            wall_clock,
            records: 0,
            bytes: 0,
            steps: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Passes one thing on to the desk.
    pub(super) fn take(&mut self, desk: &mut Desk, fetched: Fetched<'_>) {
        match fetched {
            Fetched::Record(record) => {
                let sizes = [record.key, record.value].map(|bytes| bytes.map_or(0, <[u8]>::len));
                self.records += 1;
                self.bytes += sizes.iter().sum::<usize>() as u64;
                let age = (self.wall_clock - record.timestamp).max(0);
                let written = Moment(self.now.0 - age);
                self.steps.extend(desk.record(&record, self.now, written));
            }
            Fetched::End {
                topic,
                partition,
                offset,
            } => {
                if let Some(topic) = desk.topic_number(topic) {
                    let place = PartitionId { topic, partition };
                    self.steps.extend(desk.end(place, offset));
                }
            }
            Fetched::Failed {
                topic,
                partition,
                code,
                text,
            } => match desk.topic_number(topic) {
                Some(topic) => {
                    let place = PartitionId { topic, partition };
                    self.failures.push(Failure { place, code, text });
                }
                None => warn!(%code, text, "Kafka reports an error"),
            },
        }
    }
}
