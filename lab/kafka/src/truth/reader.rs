//! The thread that reads: takes orders, polls, tells the sink.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;

use super::positions::{Partition, Positions};
use super::{Event, Mark, PUBLISH_ID_HEADER, Seen, Start, Tally};
use crate::settings::Access;
use crate::{raw, settings};

/// How long a poll waits when there is nothing to read; orders wait as long at most.
const POLL: Duration = Duration::from_millis(10);

/// How long to wait before the log is looked at again that could not be looked at.
const AGAIN: Duration = Duration::from_millis(250);

/// `BARRIER_HEADER` as librdkafka wants it.
const BARRIER: &std::ffi::CStr = c"tidegate-lab-barrier";

/// What the owner asks of the reader.
pub(crate) enum Order {
    /// Which partitions are read?
    Partitions { reply: mpsc::Sender<Vec<Partition>> },
    /// Tell me when all of these were read.
    Pass {
        targets: Vec<Mark>,
        reply: mpsc::Sender<()>,
    },
    /// The topic was deleted and created again.
    Recreated {
        topic: String,
        reply: mpsc::Sender<anyhow::Result<()>>,
    },
    /// The topic has more partitions.
    Added {
        topic: String,
        reply: mpsc::Sender<anyhow::Result<()>>,
    },
    /// The log may end earlier than it did; `deadline` ends the looking around.
    Cut {
        deadline: Instant,
        reply: mpsc::Sender<anyhow::Result<()>>,
    },
}

/// A barrier that was written and not yet read.
struct Awaited {
    targets: Vec<Mark>,
    reply: mpsc::Sender<()>,
}

/// A log that was cut and not yet looked at.
struct Cut {
    deadline: Instant,
    reply: mpsc::Sender<anyhow::Result<()>>,
}

/// Where records go.
pub(crate) type Sink = Box<dyn FnMut(Event<'_>) + Send>;

pub(crate) struct Reader {
    access: Access,
    consumer: BaseConsumer,
    positions: Positions,
    orders: mpsc::Receiver<Order>,
    awaited: Vec<Awaited>,
    sink: Sink,
    tally: Tally,
    /// The log no longer had an offset; look again where it starts.
    out_of_range: bool,
    /// Who waits until that was looked at because the log was cut.
    cut: Vec<Cut>,
    /// No look at the log before this moment: each takes a client of its own.
    not_before: Option<Instant>,
}

impl Reader {
    pub(crate) fn new(
        access: &Access,
        positions: Positions,
        orders: mpsc::Receiver<Order>,
        sink: Sink,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            access: access.clone(),
            consumer: assigned(access, &positions)?,
            positions,
            orders,
            awaited: Vec::new(),
            sink,
            tally: Tally::default(),
            out_of_range: false,
            cut: Vec::new(),
            not_before: None,
        })
    }

    /// Reads until the owner is gone.
    pub(crate) fn run(mut self) -> Tally {
        loop {
            match self.orders.try_recv() {
                Ok(order) => self.obey(order),
                Err(mpsc::TryRecvError::Empty) => {}
                Err(mpsc::TryRecvError::Disconnected) => return self.tally,
            }
            self.read();
            let may_look = self
                .not_before
                .is_none_or(|moment| moment <= Instant::now());
            if may_look && (self.out_of_range || !self.cut.is_empty()) {
                let mended = self.mend();
                self.out_of_range &= mended.is_err();
                self.not_before = mended.is_err().then(|| Instant::now() + AGAIN);
                self.answer_cut(mended);
            }
            self.answer_awaited();
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            // Whoever asked may have lost patience; the reader reads on.
            Order::Partitions { reply } => drop(reply.send(self.positions.partitions())),
            Order::Pass { targets, reply } => self.awaited.push(Awaited { targets, reply }),
            Order::Recreated { topic, reply } => {
                self.positions.forget(&topic);
                drop(reply.send(self.take_up(&topic)));
            }
            Order::Added { topic, reply } => drop(reply.send(self.take_up(&topic))),
            Order::Cut { deadline, reply } => self.cut.push(Cut { deadline, reply }),
        }
    }

    /// A fresh client: one that knew the topic under its old id may go on asking for that.
    fn take_up(&mut self, topic: &str) -> anyhow::Result<()> {
        let fresh: BaseConsumer = settings::reader(&self.access, "tidegate-lab-truth").create()?;
        self.positions.add(&fresh, topic, Start::Beginning)?;
        fresh.assign(&self.positions.assignment()?)?;
        self.consumer = fresh;
        Ok(())
    }

    fn read(&mut self) {
        match self.consumer.poll(POLL) {
            None => {}
            Some(Ok(message)) => tell(
                &message,
                &mut self.positions,
                &mut self.tally,
                &mut self.sink,
            ),
            Some(Err(error)) => self.out_of_range |= is_out_of_range(&error),
        }
    }

    /// Puts every position back into the log and reads on from there.
    ///
    /// A fresh client: one that has a connection to a leader which stopped answering goes on asking that one for its whole patience.
    fn mend(&mut self) -> anyhow::Result<()> {
        let fresh: BaseConsumer = settings::reader(&self.access, "tidegate-lab-truth").create()?;
        for hole in self.positions.mend(&fresh)? {
            self.tally.holes += 1;
            (self.sink)(Event::Hole(hole));
        }
        fresh.assign(&self.positions.assignment()?)?;
        self.consumer = fresh;
        Ok(())
    }

    /// After an error (a leader that is not known yet) a later turn tries again, until the deadline of who asked.
    fn answer_cut(&mut self, mended: anyhow::Result<()>) {
        // Whoever asked may have lost patience.
        let answer = |Cut { reply, .. }: Cut, result| drop(reply.send(result));
        match mended {
            Ok(()) => self.cut.drain(..).for_each(|cut| answer(cut, Ok(()))),
            Err(error) => {
                let now = Instant::now();
                let late = self.cut.extract_if(.., |cut| cut.deadline <= now);
                late.for_each(|cut| answer(cut, Err(anyhow!("{error:#}"))));
            }
        }
    }

    fn answer_awaited(&mut self) {
        let positions = &self.positions;
        self.awaited.retain(|Awaited { targets, reply }| {
            let passed = targets.iter().all(|mark| positions.passed(mark));
            if passed {
                let _ = reply.send(());
            }
            !passed
        });
    }
}

fn assigned(access: &Access, positions: &Positions) -> anyhow::Result<BaseConsumer> {
    let consumer: BaseConsumer = settings::reader(access, "tidegate-lab-truth")
        .create()
        .context("cannot make a Kafka client")?;
    consumer
        .assign(&positions.assignment()?)
        .context("cannot assign the partitions")?;
    Ok(consumer)
}

fn tell(
    message: &BorrowedMessage<'_>,
    positions: &mut Positions,
    tally: &mut Tally,
    sink: &mut Sink,
) {
    let barrier = raw::header(message, BARRIER).is_some();
    tally.records += u64::from(!barrier);
    positions.advance(message.topic(), message.partition(), message.offset());
    sink(Event::Record(Seen {
        topic: message.topic(),
        incarnation: positions.incarnation(message.topic()),
        partition: message.partition(),
        offset: message.offset(),
        leader_epoch: raw::leader_epoch(message),
        key: message.key(),
        payload: message.payload(),
        publish_id: raw::header(message, PUBLISH_ID_HEADER),
        barrier,
    }));
}

/// Other errors (a broker gone, a leader moving) pass; librdkafka goes on by itself.
fn is_out_of_range(error: &KafkaError) -> bool {
    let code = match error {
        KafkaError::MessageConsumption(code) | KafkaError::MessageConsumptionFatal(code) => *code,
        _ => return false,
    };
    matches!(
        code,
        RDKafkaErrorCode::AutoOffsetReset
            | RDKafkaErrorCode::OffsetOutOfRange
            | RDKafkaErrorCode::LogTruncation
    )
}
