//! Puts records into Kafka and remembers where each one landed.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rdkafka::Message as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, ClientContext};

use crate::settings::{self, Access};
use crate::transaction::End;

/// A record to put into Kafka.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// The topic.
    pub topic: String,
    /// The partition; `None` lets the key decide, as Java's clients do.
    pub partition: Option<i32>,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The payload; `None` is a tombstone.
    pub payload: Option<Vec<u8>>,
    /// Headers, in order.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The number under which it was sent.
    pub number: u64,
    /// Where Kafka says it is, or why it is nowhere.
    pub placed: Result<Placed, String>,
}

/// Where an acknowledged record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Placed {
    /// The partition.
    pub partition: i32,
    /// The offset in it.
    pub offset: i64,
}

/// Why [`Publisher::send`] did not take a record.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Records wait for Kafka and the queue has no room; try again once some are acknowledged.
    #[error("500000 records wait for Kafka already")]
    Full,
    /// librdkafka refuses the record.
    #[error("librdkafka refuses the record: {0}")]
    Refused(#[source] KafkaError),
}

/// A producer whose acknowledgements are kept.
pub struct Publisher {
    producer: ThreadedProducer<Outcomes>,
    outcomes: Arc<Shared>,
}

impl Publisher {
    /// A producer for the cluster; connects when the first record is sent.
    pub fn connect(access: &Access, name: &str) -> anyhow::Result<Self> {
        Self::create(&settings::producer(access, name), access)
    }

    /// A producer of transactions under `id`; an earlier one of that id is fenced off.
    pub(crate) fn transactional(access: &Access, id: &str) -> anyhow::Result<Self> {
        Self::create(
            settings::producer(access, id).set("transactional.id", id),
            access,
        )
    }

    /// Begins a transaction.
    pub(crate) fn begin(&self, patience: Duration) -> anyhow::Result<()> {
        self.producer.init_transactions(patience)?;
        Ok(self.producer.begin_transaction()?)
    }

    /// Ends the transaction.
    pub(crate) fn end(&self, end: End, patience: Duration) -> anyhow::Result<()> {
        match end {
            End::Commit => self.producer.commit_transaction(patience)?,
            End::Abort => self.producer.abort_transaction(patience)?,
        }
        Ok(())
    }

    fn create(config: &ClientConfig, access: &Access) -> anyhow::Result<Self> {
        let outcomes = Arc::new(Shared::default());
        let producer = config
            .create_with_context(Outcomes(Arc::clone(&outcomes)))
            .with_context(|| format!("cannot make a producer for {}", access.bootstrap))?;
        Ok(Self { producer, outcomes })
    }

    /// Hands `record` to librdkafka; its outcome will carry `number`. Does not wait.
    pub fn send(&self, number: u64, record: &Record) -> Result<(), SendError> {
        let opaque = Box::new(number);
        let mut base = BaseRecord::<[u8], [u8], Box<u64>>::with_opaque_to(&record.topic, opaque);
        if let Some(partition) = record.partition {
            base = base.partition(partition);
        }
        if let Some(key) = &record.key {
            base = base.key(key);
        }
        if let Some(payload) = &record.payload {
            base = base.payload(payload);
        }
        if !record.headers.is_empty() {
            base = base.headers(headers(&record.headers));
        }
        self.outcomes.lock().sent += 1;
        self.producer.send(base).map_err(|(error, _)| {
            self.outcomes.lock().sent -= 1;
            match error {
                KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) => SendError::Full,
                other => SendError::Refused(other),
            }
        })
    }

    /// Sends all of `records` and waits until each has an outcome; answers their places in the order given.
    ///
    /// Fails with the first record that Kafka did not take, or when `patience` is over.
    pub fn publish_all(
        &self,
        records: &[Record],
        patience: Duration,
    ) -> anyhow::Result<Vec<Placed>> {
        let deadline = Instant::now() + patience;
        for (number, record) in (0u64..).zip(records) {
            self.send(number, record)?;
        }
        let mut outcomes = self.drain(deadline)?;
        outcomes.sort_by_key(|outcome| outcome.number);
        outcomes
            .into_iter()
            .map(|outcome| {
                outcome.placed.map_err(|why| {
                    anyhow::anyhow!("record {} did not reach Kafka: {why}", outcome.number)
                })
            })
            .collect()
    }

    /// Waits until every record sent has an outcome, and takes the outcomes.
    pub fn drain(&self, deadline: Instant) -> anyhow::Result<Vec<Outcome>> {
        let mut state = self.outcomes.lock();
        while state.outcomes.len() < state.sent {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                bail!(
                    "{} of {} records still wait for Kafka's answer",
                    state.sent - state.outcomes.len(),
                    state.sent
                );
            };
            state = self.outcomes.wait(state, left);
        }
        state.sent = 0;
        Ok(std::mem::take(&mut state.outcomes))
    }

    /// How many records Kafka has answered for since the last [`drain`](Self::drain).
    #[must_use]
    pub fn answered(&self) -> usize {
        self.outcomes.lock().outcomes.len()
    }

    /// How many records wait for Kafka's answer.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        usize::try_from(self.producer.in_flight_count()).unwrap_or(0)
    }
}

/// Collects outcomes as librdkafka's thread reports them.
struct Outcomes(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    sent: usize,
    outcomes: Vec<Outcome>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, patience: Duration) -> MutexGuard<'a, State> {
        self.arrived
            .wait_timeout(state, patience)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}

impl ClientContext for Outcomes {}

impl ProducerContext for Outcomes {
    type DeliveryOpaque = Box<u64>;

    fn delivery(&self, result: &DeliveryResult<'_>, number: Box<u64>) {
        let placed = match result {
            Ok(message) => Ok(Placed {
                partition: message.partition(),
                offset: message.offset(),
            }),
            Err((error, _)) => Err(error.to_string()),
        };
        let mut state = self.0.lock();
        state.outcomes.push(Outcome {
            number: *number,
            placed,
        });
        if state.outcomes.len() == state.sent {
            self.0.arrived.notify_all();
        }
    }
}

fn headers(pairs: &[(String, Vec<u8>)]) -> OwnedHeaders {
    pairs.iter().fold(
        OwnedHeaders::new_with_capacity(pairs.len()),
        |headers, (key, value)| {
            headers.insert(Header {
                key,
                value: Some(value),
            })
        },
    )
}
