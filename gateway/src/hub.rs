//! The hub: one thread that reads Kafka, remembers, encodes, and tells each workgroup what its devices want to know.
//!
//! - [`request`]: what workgroups ask and are told.
//! - [`subscriptions`]: which workgroups want which subjects.
//! - [`reading`]: which partitions are read, and from where.
//! - [`conflation`]: which updates are left out because a later one takes their place.
//! - [`face`]: records as frames.
//! - [`answer`]: what a subscription is told first.
//! - [`poll`]: what came out of Kafka in one turn.
//! - [`desk`]: the decisions, free of threads and clients.
//!
//! A workgroup that is behind pauses the hub; nothing is dropped between Kafka and a workgroup. Absent: a timer on the
//! way of a record that is not conflated, and any question to Kafka caused by a device.

mod answer;
pub(crate) mod conflation;
pub(crate) mod desk;
pub(crate) mod face;
mod poll;
pub(crate) mod reading;
pub(crate) mod request;
pub(crate) mod subscriptions;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gateway_engine::{Mailbox, SendCommandError};
use gateway_protocol::message::ResyncReason;
use rdkafka::Offset;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaErrorCode;
use tracing::{error, info, warn};

use crate::kafka::consumer::Consumer;
use crate::kafka::native::{FetchQueue, Taken};
use crate::kafka::scout::{Errand, Finding};
use crate::log::record::{Moment, PartitionId};
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::topics::Topics;
use crate::waker::Waker;
use crate::workgroup::Command;
use desk::Desk;
use poll::{Failure, Poll};
use reading::Step;
use request::Request;

/// What the hub is connected to.
pub(crate) struct Wires {
    pub(crate) topics: Topics,
    pub(crate) consumer: Arc<Consumer>,
    pub(crate) queue: FetchQueue,
    pub(crate) requests: Receiver<Request>,
    pub(crate) findings: Receiver<Finding>,
    pub(crate) errands: SyncSender<Errand>,
    pub(crate) mailboxes: Vec<Mailbox<Command>>,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) metrics: Metrics,
    pub(crate) waker: Waker,
    pub(crate) stop: Arc<AtomicBool>,
}

/// See the module.
pub(crate) struct Hub {
    desk: Desk,
    wires: Wires,
    assigned: HashSet<PartitionId>,
    clock: Clock,
    evict_at: Instant,
    /// The number of the last look that was asked for.
    looks: u64,
}

/// Bytes that one turn may read before it gives out what it has.
const TURN_BYTES: u64 = 4 << 20;
/// The longest sleep; the hub is woken by Kafka, by requests and by findings.
const LONGEST_SLEEP: Duration = Duration::from_millis(200);
/// Between two attempts to reach a workgroup that is behind.
const BEHIND: Duration = Duration::from_millis(1);
const EVICT_EVERY: Duration = Duration::from_millis(200);

impl Hub {
    pub(crate) fn new(desk: Desk, wires: Wires) -> Self {
        Self {
            desk,
            wires,
            assigned: HashSet::new(),
            clock: Clock::start(),
            evict_at: Instant::now(),
            looks: 0,
        }
    }

    /// Runs until told to stop.
    pub(crate) fn run(mut self) {
        self.wires.waker.wakes_me();
        while !self.wires.stop.load(Ordering::Acquire) {
            self.turn();
        }
    }

    /// One turn: take in, let time pass, give out, sleep.
    fn turn(&mut self) {
        // In: what the scout found, what devices want, what Kafka has. Records go last: those who just subscribed get them.
        let mut busy = self.take_findings();
        busy |= self.take_requests();
        busy |= self.take_records();

        // Time.
        self.evict();
        self.tell_readiness();
        self.desk.end_windows(self.clock.now());

        // Out. While a workgroup is behind nothing more is taken in.
        self.desk.flush();
        if !self.deliver() {
            self.wires.metrics.kafka_pauses.inc();
            while !self.deliver() && !self.wires.stop.load(Ordering::Acquire) {
                std::thread::park_timeout(BEHIND);
            }
        }
        if !busy {
            std::thread::park_timeout(self.longest_sleep());
        }
    }

    /// Until a conflated update is due, if one is.
    fn longest_sleep(&self) -> Duration {
        let Some(due) = self.desk.next_due() else {
            return LONGEST_SLEEP;
        };
        let left = u64::try_from(due.0 - self.clock.now().0).unwrap_or(0);
        Duration::from_millis(left).min(LONGEST_SLEEP)
    }

    fn take_findings(&mut self) -> bool {
        let mut busy = false;
        while let Ok(finding) = self.wires.findings.try_recv() {
            busy = true;
            let steps = match finding {
                Finding::Topic { look, topic, found } => match self.desk.topic_number(&topic) {
                    Some(number) => self.desk.reading.topic_found(number, look, found),
                    None => Vec::new(),
                },
                Finding::Start {
                    topic,
                    partition,
                    found,
                } => match self.desk.topic_number(&topic) {
                    Some(topic) => self
                        .desk
                        .reading
                        .start_found(PartitionId { topic, partition }, found),
                    None => Vec::new(),
                },
            };
            self.take_steps(steps);
        }
        busy
    }

    /// A topic may have been created again. Nothing more is read until it is known which topic it is; what was fetched
    /// meanwhile is thrown away.
    fn hold(&mut self) {
        info!("a topic's id changed: asking which topic it is before anything more is read");
        for place in self.assigned.clone() {
            self.unassign(place);
        }
        self.look();
        self.desk.reading.hold(self.looks);
    }

    fn look(&mut self) {
        self.looks += 1;
        self.errand(Errand::Look(self.looks));
    }

    fn take_requests(&mut self) -> bool {
        // Between two looks at Kafka, so that a storm of devices does not hold up the log.
        const AT_ONCE: usize = 4_096;
        let mut taken = 0;
        while taken < AT_ONCE
            && let Ok(request) = self.wires.requests.try_recv()
        {
            taken += 1;
            self.desk.request(request);
        }
        taken > 0
    }

    fn take_records(&mut self) -> bool {
        let mut poll = Poll::at(self.clock.now(), wall_clock());
        loop {
            let desk = &mut self.desk;
            match self.wires.queue.take(|fetched| poll.take(desk, fetched)) {
                Taken::All => break,
                Taken::Full if poll.bytes > TURN_BYTES => break,
                Taken::Full => {}
                Taken::Disbelieved => {
                    self.hold();
                    break;
                }
            }
        }
        self.wires.metrics.kafka_records.inc_by(poll.records);
        self.wires.metrics.kafka_bytes.inc_by(poll.bytes);
        let busy = poll.records > 0 || !poll.steps.is_empty() || !poll.failures.is_empty();
        self.take_steps(poll.steps);
        for failure in poll.failures {
            self.take_failure(failure);
        }
        busy
    }

    fn take_failure(&mut self, failure: Failure) {
        let Failure { place, code, text } = failure;
        let PartitionId { topic, partition } = place;
        let name = self.wires.topics.name(topic);
        if code != RDKafkaErrorCode::AutoOffsetReset {
            warn!(topic = name, partition, %code, text, "a partition cannot be read");
            self.look();
            return;
        }
        warn!(
            topic = name,
            partition, text, "a partition cannot be read on from where it was"
        );
        let Some(memory) = self.desk.cache.partition(place).cloned() else {
            return;
        };
        let steps = self.desk.reading.lost_place(place, &memory);
        self.take_steps(steps);
    }

    fn take_steps(&mut self, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::FindStart(place) => {
                    let topic = self.wires.topics.name(place.topic).to_owned();
                    self.errand(Errand::FindStart {
                        topic,
                        partition: place.partition,
                    });
                }
                Step::ReadFrom { place, offset } => {
                    self.desk.cache.start_partition(place, offset);
                    self.read_from(place, offset);
                }
                Step::ReadOn(place) => {
                    if let Some(next) = self.desk.cache.partition(place).map(|memory| memory.next) {
                        self.read_from(place, next);
                    }
                }
                Step::Stop(place) => self.unassign(place),
                Step::Diverged { topic } => self.desk.resync_topic(topic, ResyncReason::Diverged),
                Step::Skipped { topic } => {
                    self.desk
                        .resync_topic(topic, ResyncReason::HistoryNotLoaded);
                }
                Step::Loaded { topic } => {
                    let partitions = self.desk.reading.partitions(topic);
                    info!(
                        topic = self.wires.topics.name(topic),
                        partitions, "the recent past is loaded"
                    );
                    self.desk.answer_waiting(topic);
                }
            }
        }
    }

    fn read_from(&mut self, place: PartitionId, offset: i64) {
        self.unassign(place);
        self.wires.metrics.kafka_fetches.inc();
        let topic = self.wires.topics.name(place.topic);
        let assigned = one_partition(topic, place.partition, offset)
            .and_then(|partition| self.wires.consumer.incremental_assign(&partition));
        match assigned {
            Ok(()) => {
                self.assigned.insert(place);
            }
            Err(error) => {
                error!(topic, partition = place.partition, %error, "a partition cannot be assigned")
            }
        }
    }

    fn unassign(&mut self, place: PartitionId) {
        if !self.assigned.remove(&place) {
            return;
        }
        let topic = self.wires.topics.name(place.topic);
        let unassigned = one_partition(topic, place.partition, 0)
            .and_then(|partition| self.wires.consumer.incremental_unassign(&partition));
        if let Err(error) = unassigned {
            warn!(topic, partition = place.partition, %error, "a partition cannot be unassigned");
        }
    }

    fn errand(&self, errand: Errand) {
        // The scout is only ever behind by as many errands as there are partitions; its queue holds more.
        if self.wires.errands.try_send(errand).is_err() {
            warn!("too many questions to Kafka are open");
        }
    }

    fn evict(&mut self) {
        let now = Instant::now();
        if now >= self.evict_at {
            self.evict_at = now + EVICT_EVERY;
            self.desk.evict(self.clock.now(), wall_clock());
        }
    }

    fn tell_readiness(&self) {
        let missing = self.desk.reading.missing();
        let text = missing.clone();
        if self.wires.readiness.set_missing(missing) {
            match text {
                Some(missing) => warn!(missing, "not ready"),
                None => info!("ready"),
            }
        }
    }

    /// Hands over what waits; whether all of it was taken.
    fn deliver(&mut self) -> bool {
        let mut delivered = true;
        for (outbox, mailbox) in self.desk.outboxes().iter_mut().zip(&self.wires.mailboxes) {
            while let Some(news) = outbox.pop_front() {
                match mailbox.try_send(Command::News(news)) {
                    // A workgroup that has ended needs no news.
                    Ok(()) | Err(SendCommandError::Ended(_)) => {}
                    Err(SendCommandError::Full(command)) => {
                        if let Command::News(news) = command {
                            outbox.push_front(news);
                        }
                        delivered = false;
                        break;
                    }
                }
            }
        }
        delivered
    }
}

fn one_partition(
    topic: &str,
    partition: i32,
    offset: i64,
) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(offset))?;
    Ok(list)
}

/// Milliseconds that never go back.
struct Clock(Instant);

impl Clock {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn now(&self) -> Moment {
        Moment(i64::try_from(self.0.elapsed().as_millis()).unwrap_or(i64::MAX))
    }
}

/// Milliseconds since 1970, as records are stamped.
fn wall_clock() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
