//! Sends a [`Schedule`] into Kafka on a thread of its own, and owns up when it was late.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::names;
use crate::payload::{Stamp, now_us};
use crate::publisher::{Outcome, Publisher, Record, SendError};
use crate::schedule::Schedule;
use crate::settings::Access;
use crate::shape::Shape;
use crate::transaction::{self, End};
use crate::truth::BARRIER_HEADER;

/// What to send, and where.
#[derive(Debug, Clone)]
pub struct LoadPlan {
    /// The topic.
    pub topic: String,
    /// The keys that take turns; [`Schedule::keys`] is their number.
    pub keys: Vec<Vec<u8>>,
    /// Bytes of each payload, at least.
    pub payload_bytes: usize,
    /// When.
    pub schedule: Schedule,
    /// What is unusual about them.
    pub shape: Shape,
    /// How the transaction ends that all of them are in; none when absent.
    pub transaction: Option<End>,
}

/// Records on their way into Kafka.
pub struct Load {
    thread: JoinHandle<anyhow::Result<Sent>>,
    progress: Arc<Progress>,
}

/// What a load did.
#[derive(Debug, Clone, Default)]
pub struct Sent {
    /// What became of each record, by number.
    pub outcomes: Vec<Outcome>,
    /// The longest time a record left after it was due. Longer than the scenario allows means that the lab could not keep up.
    pub worst_lag: Duration,
}

impl Sent {
    /// How many records Kafka acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> usize {
        self.outcomes
            .iter()
            .filter(|outcome| outcome.placed.is_ok())
            .count()
    }
}

#[derive(Default)]
struct Progress {
    sent: AtomicU64,
    stop: AtomicBool,
}

impl Load {
    /// Starts sending to the cluster. The schedule begins as soon as the producer is warm: an idempotent one waits half a second for its id, which
    /// would count as somebody else's delay.
    pub fn start(access: &Access, plan: LoadPlan) -> anyhow::Result<Self> {
        anyhow::ensure!(
            plan.keys.len() as u64 == plan.schedule.keys.get(),
            "the schedule has {} keys, the load {}",
            plan.schedule.keys,
            plan.keys.len()
        );
        let publisher = match plan.transaction {
            None => Publisher::connect(access, "tidegate-lab-load")?,
            Some(_) => transaction::begin(access, &names::unique("load"), LAST_ANSWERS)?,
        };
        let progress = Arc::new(Progress::default());
        let shared = Arc::clone(&progress);
        let thread = thread::Builder::new()
            .name("lab-load".to_owned())
            .spawn(move || {
                Sender {
                    publisher,
                    plan,
                    progress: shared,
                }
                .run()
            })
            .context("cannot start the thread that sends records")?;
        Ok(Self { thread, progress })
    }

    /// How many records have left so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.progress.sent.load(Ordering::Relaxed)
    }

    /// Whether the last record has left and every answer is in.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Sends no more; [`finish`](Self::finish) then answers soon.
    pub fn stop(&self) {
        self.progress.stop.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
    }

    /// Waits until the schedule is over and Kafka has answered for every record.
    pub fn finish(self) -> anyhow::Result<Sent> {
        self.thread
            .join()
            .map_err(|_| anyhow::anyhow!("the thread that sends records panicked"))?
    }
}

/// How long Kafka may take to answer for the last records; a little longer than librdkafka's own `message.timeout.ms`.
const LAST_ANSWERS: Duration = Duration::from_secs(65);

/// How long a producer may take until its first record is acknowledged.
const TO_WARM_UP: Duration = Duration::from_secs(2);

/// The number of that record; no load has so many.
const WARMING: u64 = u64::MAX;

/// How long to wait for room when librdkafka's queue is full.
const QUEUE_FULL: Duration = Duration::from_millis(5);

struct Sender {
    publisher: Publisher,
    plan: LoadPlan,
    progress: Arc<Progress>,
}

impl Sender {
    fn run(self) -> anyhow::Result<Sent> {
        self.warm_up();
        let started = Instant::now();
        let started_us = now_us();
        let mut worst_lag = Duration::ZERO;
        let mut number = 0;
        while let Some(due) = self.plan.schedule.due(number) {
            self.sleep_until(started + due.after);
            if self.stopped() {
                break;
            }
            let intended_us = started_us + u64::try_from(due.after.as_micros()).unwrap_or(u64::MAX);
            let record = self.record(
                Stamp {
                    intended_us,
                    number,
                },
                due.key,
            );
            self.send(number, &record)?;
            worst_lag = worst_lag.max(started.elapsed().saturating_sub(due.after));
            number += 1;
            self.progress.sent.store(number, Ordering::Relaxed);
        }
        let mut outcomes = self.publisher.drain(Instant::now() + LAST_ANSWERS)?;
        outcomes.retain(|outcome| outcome.number != WARMING);
        outcomes.sort_by_key(|outcome| outcome.number);
        if let Some(end) = self.plan.transaction {
            transaction::end(&self.publisher, end, LAST_ANSWERS)?;
        }
        Ok(Sent {
            outcomes,
            worst_lag,
        })
    }

    /// One record of no meaning, marked as the lab's own. Kafka may be away on purpose; then the schedule begins all the same.
    fn warm_up(&self) {
        let record = Record {
            topic: self.plan.topic.clone(),
            partition: Some(0),
            key: Some(BARRIER_HEADER.as_bytes().to_vec()),
            payload: Some(b"the lab warms up".to_vec()),
            headers: vec![(BARRIER_HEADER.to_owned(), b"0".to_vec())],
        };
        if self.publisher.send(WARMING, &record).is_ok() {
            let _answered = self.publisher.drain(Instant::now() + TO_WARM_UP);
        }
    }

    fn record(&self, stamp: Stamp, key: u64) -> Record {
        let key = usize::try_from(key)
            .ok()
            .and_then(|key| self.plan.keys.get(key))
            .cloned();
        self.plan.shape.apply(Record {
            topic: self.plan.topic.clone(),
            key,
            payload: Some(stamp.payload(self.plan.payload_bytes)),
            ..Record::default()
        })
    }

    /// A full queue makes us late, which `worst_lag` shows; it never makes us skip a record.
    fn send(&self, number: u64, record: &Record) -> anyhow::Result<()> {
        loop {
            match self.publisher.send(number, record) {
                Ok(()) => return Ok(()),
                Err(SendError::Full) => thread::park_timeout(QUEUE_FULL),
                Err(refused @ SendError::Refused(_)) => {
                    return Err(refused).with_context(|| format!("cannot send record {number}"));
                }
            }
            if self.stopped() {
                return Ok(());
            }
        }
    }

    fn sleep_until(&self, due: Instant) {
        while let Some(left) = due.checked_duration_since(Instant::now()) {
            if left.is_zero() || self.stopped() {
                return;
            }
            thread::park_timeout(left);
        }
    }

    fn stopped(&self) -> bool {
        self.progress.stop.load(Ordering::Relaxed)
    }
}
