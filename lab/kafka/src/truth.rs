//! What the log really holds, read independently of everything under test.
//!
//! The reader assigns itself every partition, reads while the run goes on (logs get trimmed), and ends at a *barrier*: one record per
//! partition, written after everything that matters was acknowledged. What lies before the barrier is the truth; no clock decides.

mod barrier;
mod positions;
mod reader;

use std::ffi::CStr;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};

use crate::settings::{self, Access};
use barrier::BarrierWriter;
use positions::Positions;
use reader::{Order, Reader};

/// How long the reader may take to look around in a changed log: it asks the cluster about each partition, and some answers wait for a leader.
const TO_LOOK_AROUND: Duration = Duration::from_secs(60);

/// Records that carry this header are barriers; their payload is for people.
pub const BARRIER_HEADER: &str = "tidegate-lab-barrier";

/// The header that carries a device's `publish_id`.
pub const PUBLISH_ID_HEADER: &CStr = c"tidegate-publish-id";

/// Where a reader begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record of each partition.
    Beginning,
    /// At the end, as it is when the reader opens.
    End,
}

/// What the reader tells, in the order of each partition.
#[derive(Debug)]
pub enum Event<'a> {
    /// A record.
    Record(Seen<'a>),
    /// Records that the log lost before they were read.
    Hole(Hole),
}

/// A record of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// How often the topic had been deleted and created again when it was read; such a topic has another id in Kafka.
    pub incarnation: u32,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// The leader epoch under which it was written, if the broker tells.
    pub leader_epoch: Option<i32>,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its payload; none for a tombstone.
    pub payload: Option<&'a [u8]>,
    /// The publish id of the device that published it.
    pub publish_id: Option<Vec<u8>>,
    /// Whether it is one of the lab's own barriers, which subscribers of the whole topic see as well.
    pub barrier: bool,
}

/// A jump of the log's offsets that was not the log's own doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hole {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset that should have come.
    pub expected: i64,
    /// The offset at which reading goes on: above `expected` when retention was faster, below it when a new leader had less.
    pub found: i64,
}

/// A barrier in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The barrier's offset.
    pub offset: i64,
}

/// How much was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records, without barriers.
    pub records: u64,
    /// Holes.
    pub holes: u64,
}

/// An independent reader of some topics, on a thread of its own.
pub struct TruthReader {
    orders: mpsc::Sender<Order>,
    thread: JoinHandle<Tally>,
    barriers: BarrierWriter,
}

impl TruthReader {
    /// Starts to read every partition of `topics`. `sink` is called on the reader's thread; a slow sink slows only the reader.
    pub fn open(
        access: &Access,
        topics: &[String],
        start: Start,
        sink: impl FnMut(Event<'_>) + Send + 'static,
    ) -> anyhow::Result<Self> {
        let positions = Positions::look_up(access, topics, start)?;
        let barriers = BarrierWriter::connect(access)?;
        let (orders, inbox) = mpsc::channel();
        let reader = Reader::new(access, positions, inbox, Box::new(sink))?;
        let thread = thread::Builder::new()
            .name("lab-truth".to_owned())
            .spawn(move || reader.run())
            .context("cannot start the thread that reads the truth")?;
        Ok(Self {
            orders,
            thread,
            barriers,
        })
    }

    /// Writes a barrier into every partition and waits until the reader has passed all of them.
    ///
    /// Everything that Kafka acknowledged before this call has then gone to the sink. Answers where the barriers are.
    pub fn barrier(&mut self, patience: Duration) -> anyhow::Result<Vec<Mark>> {
        let deadline = Instant::now() + patience;
        let partitions = self.ask(|reply| Order::Partitions { reply }, deadline)?;
        let marks = self.barriers.write(partitions, deadline)?;
        let targets = marks.clone();
        self.ask(|reply| Order::Pass { targets, reply }, deadline)?;
        Ok(marks)
    }

    /// Reads `topic` from its beginning again, as a new incarnation: it was deleted and created again.
    ///
    /// Records of the old one that were not read are lost to the truth: put a [`barrier`](Self::barrier) before the deletion.
    pub fn topic_recreated(&mut self, topic: &str) -> anyhow::Result<()> {
        self.barriers.begin_anew()?;
        let topic = topic.to_owned();
        self.ask(
            |reply| Order::Recreated { topic, reply },
            Instant::now() + TO_LOOK_AROUND,
        )?
    }

    /// Reads partitions of `topic` that were added since, from their beginning.
    pub fn partitions_added(&mut self, topic: &str) -> anyhow::Result<()> {
        self.barriers.begin_anew()?;
        let topic = topic.to_owned();
        self.ask(
            |reply| Order::Added { topic, reply },
            Instant::now() + TO_LOOK_AROUND,
        )?
    }

    /// Looks where the log ends now: a new leader may have had less than was read. What it has instead is read as another history.
    ///
    /// To be called before anything more is written, or the cut could not be told from a log that just goes on.
    pub fn log_cut(&mut self) -> anyhow::Result<()> {
        self.barriers.begin_anew()?;
        let deadline = Instant::now() + TO_LOOK_AROUND;
        self.ask(
            |reply| Order::Cut { deadline, reply },
            deadline + settings::QUESTION,
        )?
        .context("cannot see where the log ends now")
    }

    /// A last barrier, and the end of reading.
    pub fn close(mut self, patience: Duration) -> anyhow::Result<Tally> {
        self.barrier(patience)?;
        drop(self.orders);
        self.thread
            .join()
            .map_err(|_| anyhow!("the thread that reads the truth panicked"))
    }

    fn ask<T>(
        &self,
        order: impl FnOnce(mpsc::Sender<T>) -> Order,
        deadline: Instant,
    ) -> anyhow::Result<T> {
        let (reply, answer) = mpsc::channel();
        self.orders
            .send(order(reply))
            .map_err(|_| anyhow!("the reader of the truth has stopped"))?;
        let left = deadline.saturating_duration_since(Instant::now());
        answer.recv_timeout(left).map_err(|error| match error {
            mpsc::RecvTimeoutError::Timeout => {
                anyhow!("the reader of the truth did not reach the barrier in time")
            }
            mpsc::RecvTimeoutError::Disconnected => anyhow!("the reader of the truth has stopped"),
        })
    }
}
