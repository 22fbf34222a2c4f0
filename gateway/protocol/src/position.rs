//! Epoch and sequence: where in the log a message stands, and so what a device missed.
//!
//! Kafka has numbered every record already, so any two gateways that read the same log compute the same positions
//! without speaking to each other, and a device can continue on either.

use std::fmt;
use std::sync::Arc;

/// Names the history that a sequence number belongs to: `<topic-id>.<partition>.<leader-epoch>`.
///
/// Devices treat it as opaque text and compare it for equality only. The gateway, which wrote it, may take it apart
/// again with [`Epoch::history`]. Cloning shares the text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(Arc<str>);

impl Epoch {
    /// The longest epoch that is accepted from a device, in bytes: a topic name of 249, and two numbers.
    pub const MAX_LEN: usize = 280;

    /// Writes an epoch. The topic id is the topic's id or name; dots in it are fine, because it is read from the back.
    #[must_use]
    pub fn new(topic_id: &str, partition: i32, leader_epoch: i32) -> Self {
        Self(format!("{topic_id}.{partition}.{leader_epoch}").into())
    }

    /// Takes the text of an epoch as it came over the wire, without looking inside.
    #[must_use]
    pub fn from_wire(text: &str) -> Self {
        Self(text.into())
    }

    /// The text as it goes over the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts of an epoch that a gateway wrote; `None` for any other text.
    #[must_use]
    pub fn history(&self) -> Option<History<'_>> {
        let (rest, leader_epoch) = self.0.rsplit_once('.')?;
        let (topic_id, partition) = rest.rsplit_once('.')?;
        let history = History {
            topic_id,
            partition: partition.parse().ok()?,
            leader_epoch: leader_epoch.parse().ok()?,
        };
        // "+1" and "01" parse as numbers too, but no gateway writes them.
        let spelled_alike = history.partition.to_string() == partition
            && history.leader_epoch.to_string() == leader_epoch;
        (spelled_alike && !topic_id.is_empty()).then_some(history)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the gateway put into an [`Epoch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct History<'a> {
    /// The topic's id, or its name where brokers have no ids.
    pub topic_id: &'a str,
    /// The partition's number.
    pub partition: i32,
    /// The leader epoch under which the record was written; -1 where the broker knows none.
    pub leader_epoch: i32,
}

/// Where a message stands: a sequence number within a history.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Position {
    /// The history.
    pub epoch: Epoch,
    /// The record's offset in its partition; [`Position::BEFORE_FIRST`] stands before the first record.
    pub seq: i64,
}

impl Position {
    /// The sequence number of a position before the first record of a partition. No position has a lower one.
    pub const BEFORE_FIRST: i64 = -1;

    /// A position.
    #[must_use]
    pub fn new(epoch: Epoch, seq: i64) -> Self {
        Self { epoch, seq }
    }
}

/// A position and the partition it is in, for those who may not look into an epoch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PartitionPosition {
    /// The partition's number.
    pub partition: i32,
    /// The position.
    pub position: Position,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.seq, self.epoch)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn epoch_is_written_as_topic_partition_and_leader_epoch() {
        assert_eq!(Epoch::new("Zm9vYmFy", 3, 7).as_str(), "Zm9vYmFy.3.7");
    }

    #[test]
    fn topic_with_dots_is_read_from_the_back() {
        let epoch = Epoch::new("plant.line.4", 12, -1);

        assert_eq!(
            epoch.history(),
            Some(History {
                topic_id: "plant.line.4",
                partition: 12,
                leader_epoch: -1
            })
        );
    }

    #[test]
    fn text_that_no_gateway_wrote_has_no_parts() {
        for text in [
            "",
            ".",
            "..",
            "a",
            "a.1",
            "a.b.1",
            "a.1.b",
            ".1.2",
            "a.+1.2",
            "a.01.2",
            "a.1.99999999999",
        ] {
            assert_eq!(Epoch::from_wire(text).history(), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_epoch_reads_back_as_written(topic_id in "[a-zA-Z0-9._-]{1,249}", partition: i32, leader_epoch: i32) {
            let epoch = Epoch::new(&topic_id, partition, leader_epoch);

            prop_assert!(epoch.as_str().len() <= Epoch::MAX_LEN);
            prop_assert_eq!(epoch.history(), Some(History { topic_id: &topic_id, partition, leader_epoch }));
        }

        #[test]
        fn arbitrary_text_never_panics(text in ".*") {
            let _ = Epoch::from_wire(&text).history();
        }
    }
}
