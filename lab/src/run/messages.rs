//! The steps that move messages: subscribe, produce, publish; and the end, when the books are closed.

use std::num::NonZeroU64;
use std::time::Duration;

use anyhow::{Context, anyhow};
use lab_kafka::load::{Load, LoadPlan, Sent};
use lab_kafka::schedule::Schedule;

use super::books::Books;
use super::steps::TO_CONNECT;
use super::theatre::Theatre;
use crate::kafka;
use crate::provider::{ProviderError, PublishOrder};
use crate::scenario::step::{Produce, Publish, Subscribe};
use crate::stage::Subjects;

/// Time between two looks at what is still owed; each goes through every subscription.
const LOOK: Duration = Duration::from_millis(100);

/// How long all devices together may take to leave.
const TO_LEAVE: Duration = Duration::from_secs(20);

/// Keys that take turns when nobody subscribed to single ones.
const MOST_KEYS: u32 = 1_000;

impl Theatre<'_> {
    pub(super) fn subscribe(&mut self, order: &Subscribe) -> Result<(), ProviderError> {
        self.open_books()?;
        let devices = 0..order.devices.unwrap_or(self.stage.fleet.devices);
        self.subjects = order.subjects.unwrap_or(self.stage.fleet.subjects);
        self.progress.phase("subscribing");
        self.cast
            .fleet
            .subscribe(devices, self.subjects, order.over.get())?;
        self.until(
            order.over.get() + TO_CONNECT,
            "subscriptions confirmed",
            |counts| (counts.subscribed, counts.subscribes_ordered),
        )?;
        self.books()?.fence()
    }

    /// Records go into Kafka on schedule; the step ends when every subscriber has them, or patience does.
    pub(super) fn produce(&mut self, order: &Produce) -> Result<(), ProviderError> {
        self.open_books()?;
        self.progress.phase("producing");
        let load = Load::start(&kafka::access(&self.cluster), self.load_plan(order)?)?;
        let due = order.rate.time_for(order.records.into());
        if order.meanwhile {
            self.meanwhile.goes_on(load, due);
            return Ok(());
        }
        let total = u64::from(order.records);
        let finished = self.watch(due + order.within.get(), |theatre| {
            theatre
                .progress
                .count(load.sent(), total, "records written");
            Ok(load.is_finished())
        })?;
        if !finished {
            load.stop();
        }
        self.settle_load(load.finish()?)?;
        self.settle(order.within.get())
    }

    /// Devices publish on schedule; the step ends when all is acknowledged and delivered, or patience ends.
    pub(super) fn publish(&mut self, order: &Publish) -> Result<(), ProviderError> {
        self.open_books()?;
        self.progress.phase("publishing");
        // Who was never told to connect has nothing to say.
        let ordered = self.cast.fleet.counts().connects_ordered;
        let connected = u32::try_from(ordered).unwrap_or(u32::MAX);
        self.cast.fleet.publish(&PublishOrder {
            devices: 0..connected.min(self.stage.fleet.devices),
            messages: order.messages,
            bytes: order.bytes,
            over: order.over.get(),
        })?;
        if order.meanwhile {
            self.meanwhile.publishes_go_on(order.over.get());
            return Ok(());
        }
        self.until(
            order.over.get() + order.within.get(),
            "publishes acknowledged",
            |counts| {
                (
                    counts.published + counts.publish_errors,
                    counts.publishes_ordered,
                )
            },
        )?;
        self.settle(order.within.get())
    }

    /// Everybody leaves, so that nothing can come any more; then the books are closed.
    pub(super) fn close_books(&mut self) -> Result<(), ProviderError> {
        if self.books.is_none() {
            return Ok(());
        }
        self.progress.phase("closing the books");
        let devices = 0..self.stage.fleet.devices;
        self.cast.fleet.disconnect(devices, Duration::ZERO)?;
        let latencies = self.cast.fleet.latencies()?;
        self.watch(TO_LEAVE, |theatre| {
            Ok(theatre.cast.fleet.counts().connected == 0)
        })?;
        let books = self.books.take().context("the books are not open")?;
        self.evidence.account = Some(books.close()?);
        self.evidence.latencies = Some(latencies);
        Ok(())
    }

    /// Waits until nobody is owed anything that Kafka has.
    pub(super) fn settle(&mut self, within: Duration) -> Result<(), ProviderError> {
        self.progress.phase("waiting for the last messages");
        self.drain();
        self.books()?.catch_up()?;
        let mut looked = None::<std::time::Instant>;
        self.watch(within, |theatre| {
            if looked.is_some_and(|at| at.elapsed() < LOOK) {
                return Ok(false);
            }
            let owed = theatre.books()?.outstanding();
            looked = Some(std::time::Instant::now());
            let delivered = theatre.evidence.counts.delivered;
            theatre
                .progress
                .count(delivered, delivered + owed, "messages delivered");
            Ok(owed == 0)
        })?;
        Ok(())
    }

    /// A record that Kafka did not take is the stage's failure, not the gateway's.
    pub(super) fn settle_load(&mut self, sent: Sent) -> Result<(), ProviderError> {
        self.evidence.worst_lag = self.evidence.worst_lag.max(sent.worst_lag);
        let refused = sent
            .outcomes
            .iter()
            .find_map(|outcome| outcome.placed.as_ref().err());
        match refused {
            None => Ok(()),
            Some(error) => Err(ProviderError::Failed(anyhow!(
                "Kafka did not take a record of the lab: {error}"
            ))),
        }
    }

    fn load_plan(&self, order: &Produce) -> Result<LoadPlan, ProviderError> {
        let devices = self.stage.fleet.devices;
        let keys: Vec<Vec<u8>> = match self.subjects {
            Subjects::Shared => vec![b"all".to_vec()],
            Subjects::Own => (0..devices).map(device_key).collect(),
            Subjects::Wildcard => (0..devices.min(MOST_KEYS)).map(device_key).collect(),
        };
        Ok(LoadPlan {
            topic: self
                .cluster
                .topics
                .first()
                .cloned()
                .context("the stage has no topic")?,
            schedule: Schedule {
                rate: order.rate.per_second(),
                count: order.records.into(),
                keys: NonZeroU64::new(keys.len() as u64).context("the stage has no devices")?,
            },
            keys,
            payload_bytes: order.bytes as usize,
            shape: kafka::shape(order.odd),
            transaction: order.transaction.map(kafka::transaction_end),
        })
    }

    fn open_books(&mut self) -> Result<(), ProviderError> {
        if self.books.is_none() {
            self.books = Some(Books::open(&self.cluster, self.began)?);
        }
        Ok(())
    }

    pub(super) fn books(&mut self) -> Result<&mut Books, ProviderError> {
        Ok(self.books.as_mut().context("the books are not open")?)
    }
}

fn device_key(device: u32) -> Vec<u8> {
    format!("device-{device}").into_bytes()
}
