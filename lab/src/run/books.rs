//! The ledger at work: the log as the truth reader sees it on one side, what devices saw on the other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lab_kafka::truth::{Event, Seen, Start, TruthReader};
use lab_record::ledger::{Account, Arrival, Content, Kind, Ledger, Position, Record};

use crate::kafka;
use crate::provider::{Cluster, Delivery, DeliveryKind, Observation, ProviderError};

/// How long Kafka and the truth reader may take to pass a barrier.
const TO_PASS: Duration = Duration::from_secs(30);

/// Both sides of the books, while the run goes on.
pub(super) struct Books {
    pages: Arc<Mutex<Pages>>,
    truth: TruthReader,
}

/// What the truth reader's thread and the orchestrator share.
#[derive(Default)]
struct Pages {
    ledger: Ledger,
    /// The last offset read, by topic and partition.
    read: HashMap<(String, i32), i64>,
}

impl Books {
    /// Starts to read the topics from their first offset.
    pub(super) fn open(cluster: &Cluster) -> Result<Self, ProviderError> {
        let pages = Arc::new(Mutex::new(Pages::default()));
        let shared = Arc::clone(&pages);
        let truth = TruthReader::open(
            &kafka::access(cluster),
            &cluster.topics,
            Start::Beginning,
            move |event| {
                lock(&shared).take(&event);
            },
        )?;
        Ok(Self { pages, truth })
    }

    /// Enters what devices saw.
    pub(super) fn enter(&self, observations: &[Observation]) {
        let mut pages = lock(&self.pages);
        for observation in observations {
            enter(&mut pages.ledger, observation);
        }
    }

    /// These devices left on their own: nothing more is owed to them.
    pub(super) fn left(&self, devices: std::ops::Range<u32>) {
        let mut pages = lock(&self.pages);
        devices.for_each(|device| pages.ledger.left(device));
    }

    /// Waits until the truth has reached everything that Kafka has acknowledged.
    pub(super) fn catch_up(&mut self) -> Result<(), ProviderError> {
        Ok(self.truth.barrier(TO_PASS)?)
    }

    /// From here on everything is owed to whoever is subscribed now.
    pub(super) fn fence(&mut self) -> Result<(), ProviderError> {
        self.catch_up()?;
        let mut pages = lock(&self.pages);
        let positions: Vec<Position> = pages
            .read
            .iter()
            .map(|((topic, partition), offset)| Position {
                topic: topic.clone(),
                partition: *partition,
                offset: *offset,
            })
            .collect();
        pages.ledger.fence(&positions);
        Ok(())
    }

    /// Messages that are owed and have not come yet, as far as the truth was read.
    pub(super) fn outstanding(&self) -> u64 {
        lock(&self.pages).ledger.outstanding()
    }

    /// Reads the truth to its end and closes the books.
    pub(super) fn close(self) -> Result<Account, ProviderError> {
        self.truth.close(TO_PASS)?;
        Ok(std::mem::take(&mut lock(&self.pages).ledger).close())
    }
}

impl Pages {
    fn take(&mut self, event: &Event<'_>) {
        match event {
            Event::Record(seen) => {
                self.read
                    .insert((seen.topic.to_owned(), seen.partition), seen.offset);
                self.ledger.record(&record(seen));
            }
            Event::Hole(hole) => {
                self.ledger
                    .hole(&hole.topic, hole.partition, hole.expected, hole.found)
            }
        }
    }
}

/// A thread that panicked leaves pages that are still true.
fn lock(pages: &Mutex<Pages>) -> MutexGuard<'_, Pages> {
    pages.lock().unwrap_or_else(PoisonError::into_inner)
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
            recovery,
            ..
        } => ledger.subscribed(*device, subject, *recovery),
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
        Observation::Dropped {
            device,
            subject,
            count,
            ..
        } => ledger.dropped(*device, subject, *count),
        // Connections come and go without a change to what is owed, and gaps are the ledger's own to find.
        Observation::Connected { .. } | Observation::Gap { .. } | Observation::Lost { .. } => {}
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
