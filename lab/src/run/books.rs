//! The ledger at work: the log as the truth reader sees it on one side, what devices saw on the other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lab_kafka::truth::{Event, Seen, Start, TruthReader};
use lab_record::ledger::{Account, Arrival, Content, Kind, Ledger, Position, Record};

use crate::kafka;
use crate::provider::{Cluster, Delivery, DeliveryKind, Observation, ProviderError};

/// How long Kafka and the truth reader may take to pass a barrier.
const TO_PASS: Duration = Duration::from_secs(30);

/// Both sides of the books, while the run goes on.
pub(super) struct Books {
    /// Shared by the truth reader's thread and the orchestrator.
    ledger: Arc<Mutex<Ledger>>,
    /// The run's zero, from which the ledger's clock counts.
    zero: Instant,
    truth: TruthReader,
}

impl Books {
    /// Starts to read the topics from their first offset.
    pub(super) fn open(cluster: &Cluster, zero: Instant) -> Result<Self, ProviderError> {
        let ledger = Arc::new(Mutex::new(Ledger::new()));
        let shared = Arc::clone(&ledger);
        let truth = TruthReader::open(
            &kafka::access(cluster),
            &cluster.topics,
            Start::Beginning,
            move |event| {
                let mut ledger = lock(&shared);
                ledger.at(super::since(zero));
                take(&mut ledger, &event);
            },
        )?;
        Ok(Self {
            ledger,
            zero,
            truth,
        })
    }

    /// Enters what devices saw.
    pub(super) fn enter(&self, observations: &[Observation]) {
        let mut ledger = lock(&self.ledger);
        ledger.at(super::since(self.zero));
        for observation in observations {
            enter(&mut ledger, observation);
        }
    }

    /// These devices left on their own: nothing more is owed to them.
    pub(super) fn left(&self, devices: std::ops::Range<u32>) {
        let mut ledger = lock(&self.ledger);
        devices.for_each(|device| ledger.left(device));
    }

    /// Waits until the truth has reached everything that Kafka has acknowledged.
    pub(super) fn catch_up(&mut self) -> Result<(), ProviderError> {
        self.truth.barrier(TO_PASS)?;
        Ok(())
    }

    /// From here on everything is owed to whoever is subscribed now.
    pub(super) fn fence(&mut self) -> Result<(), ProviderError> {
        let barriers = self.truth.barrier(TO_PASS)?;
        let positions: Vec<Position> = barriers
            .into_iter()
            .map(|mark| Position {
                topic: mark.topic,
                partition: mark.partition,
                offset: mark.offset,
            })
            .collect();
        lock(&self.ledger).fence(&positions);
        Ok(())
    }

    /// The topic was deleted and created again; see [`Self::catch_up`] before.
    pub(super) fn topic_recreated(&mut self, topic: &str) -> Result<(), ProviderError> {
        Ok(self.truth.topic_recreated(topic)?)
    }

    /// The topic has more partitions.
    pub(super) fn partitions_added(&mut self, topic: &str) -> Result<(), ProviderError> {
        Ok(self.truth.partitions_added(topic)?)
    }

    /// The log ends earlier than it did, and nothing was written since.
    pub(super) fn log_cut(&mut self) -> Result<(), ProviderError> {
        Ok(self.truth.log_cut()?)
    }

    /// Messages that are owed and have not come yet, as far as the truth was read.
    pub(super) fn outstanding(&self) -> u64 {
        lock(&self.ledger).outstanding()
    }

    /// Records that repeat a publish, as far as the truth was read.
    pub(super) fn repeated(&self) -> u64 {
        lock(&self.ledger).repeated()
    }

    /// Reads the truth to its end and closes the books.
    pub(super) fn close(self) -> Result<Account, ProviderError> {
        self.truth.close(TO_PASS)?;
        Ok(std::mem::take(&mut *lock(&self.ledger)).close())
    }
}

fn take(ledger: &mut Ledger, event: &Event<'_>) {
    match event {
        Event::Record(seen) => ledger.record(&record(seen)),
        Event::Hole(hole) => ledger.hole(&hole.topic, hole.partition, hole.expected, hole.found),
    }
}

/// A thread that panicked leaves entries that are still true.
fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

fn record<'a>(seen: &'a Seen<'_>) -> Record<'a> {
    Record {
        topic: seen.topic,
        incarnation: seen.incarnation,
        partition: seen.partition,
        offset: seen.offset,
        leader_epoch: seen.leader_epoch,
        key: seen.key,
        content: Content::of(seen.payload),
        publish_id: seen.publish_id.as_deref(),
        barrier: seen.barrier,
    }
}

fn enter(ledger: &mut Ledger, observation: &Observation) {
    match observation {
        Observation::Delivered(delivery) => ledger.arrived(&arrival(delivery)),
        Observation::Subscribed {
            device,
            subject,
            answer,
            ..
        } => ledger.subscribed(*device, subject, answer.answer),
        Observation::Sent {
            device,
            number,
            publish_id,
            subject,
            content,
        } => ledger.sent(*device, *number, publish_id, subject, *content),
        Observation::Published {
            publish_id,
            partition,
            offset,
            ..
        } => ledger.acknowledged(publish_id, *partition, *offset),
        Observation::PublishedUnasked {
            device,
            partition,
            offset,
        } => ledger.acknowledged_unasked(*device, *partition, *offset),
        Observation::Dropped {
            device,
            subject,
            count,
            ..
        } => ledger.dropped(*device, subject, *count),
        Observation::Refused { publish_id, .. } => ledger.refused(publish_id),
        // Connections come and go without a change to what is owed, and gaps are the ledger's own to find.
        Observation::Tried { .. }
        | Observation::Failed { .. }
        | Observation::Connected { .. }
        | Observation::Gap { .. }
        | Observation::Lost { .. } => {}
    }
}

fn arrival(delivery: &Delivery) -> Arrival<'_> {
    Arrival {
        device: delivery.device,
        subject: &delivery.subject,
        key: delivery.key.as_deref(),
        epoch: &delivery.epoch,
        seq: delivery.seq,
        kind: match delivery.kind {
            DeliveryKind::Snapshot => Kind::Snapshot,
            DeliveryKind::Update | DeliveryKind::Recovered => Kind::Message,
        },
        content: Content::of(delivery.data.as_deref()),
    }
}
