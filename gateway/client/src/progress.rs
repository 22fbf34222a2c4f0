//! How far a subscription has got, per partition: duplicates are behind it, gaps are before it.

use gateway_protocol::message::{Delivery, Kind, ResyncReason};
use gateway_protocol::position::{Epoch, Position};

use crate::event::Gap;

/// The last position of each partition of a subject. Under an exact subject there is nearly always one.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    streams: Vec<Stream>,
}

/// One partition's messages of a subject.
#[derive(Debug)]
struct Stream {
    /// Told under wildcards only. Otherwise a stream is recognised by its epoch, or by the sequence number that a new
    /// epoch continues.
    partition: Option<i32>,
    position: Position,
    /// A gap before the next message is known already: the gateway said *resynced*.
    resynced: bool,
}

/// What a message is to a subscription.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was delivered before.
    Duplicate,
    /// It is new.
    New(Option<Gap>),
}

impl Progress {
    /// A subscription goes on from where an earlier session ended.
    pub(crate) fn from_positions(positions: Vec<Position>) -> Self {
        let stream = |position| Stream {
            partition: None,
            position,
            resynced: false,
        };
        Self {
            streams: positions.into_iter().map(stream).collect(),
        }
    }

    /// The positions to resume from.
    pub(crate) fn positions(&self) -> Vec<Position> {
        self.streams
            .iter()
            .map(|stream| stream.position.clone())
            .collect()
    }

    /// The subscription begins from nothing.
    pub(crate) fn restart(&mut self) {
        self.streams.clear();
    }

    /// The gateway cannot give everything that was missed, and said so.
    pub(crate) fn resync(&mut self, reason: ResyncReason) {
        match reason {
            // The positions are in a history that did not last; a new one may even bear the same numbers.
            ResyncReason::Diverged | ResyncReason::Other => self.restart(),
            ResyncReason::HistoryEvicted | ResyncReason::HistoryNotLoaded => {
                self.streams
                    .iter_mut()
                    .for_each(|stream| stream.resynced = true);
            }
        }
    }

    /// Takes note of a message and says what it is.
    pub(crate) fn accept(&mut self, message: &Delivery<'_>) -> Verdict {
        let partition = message.record.as_ref().map(|record| record.partition);
        match self.find(message, partition) {
            Some(stream) => stream.accept(message, partition),
            None => {
                let gap = self.gap_before_unknown(message, partition);
                self.add(message, partition);
                Verdict::New(gap)
            }
        }
    }

    fn find(&mut self, message: &Delivery<'_>, partition: Option<i32>) -> Option<&mut Stream> {
        let streams = &mut self.streams;
        let by_partition = streams
            .iter()
            .position(|stream| partition.is_some() && stream.partition == partition);
        let by_epoch = || {
            streams
                .iter()
                .position(|stream| stream.may_be(partition) && stream.has_epoch(message))
        };
        // A coincidence of numbers could name the wrong partition where there are several.
        let by_prev = || {
            streams
                .iter()
                .position(|stream| partition.is_none() && message.prev == Some(stream.position.seq))
        };
        let index = by_partition.or_else(by_epoch).or_else(by_prev)?;
        streams.get_mut(index)
    }

    /// A message in a partition of which nothing is known yet begins a stream. It only tells of a gap where it names a
    /// message before it that this subscription should have got.
    fn gap_before_unknown(&self, message: &Delivery<'_>, partition: Option<i32>) -> Option<Gap> {
        let begins = self.streams.is_empty()
            || partition.is_some()
            || message.kind == Kind::Snapshot
            || message.prev.is_none();
        let announced = self.streams.iter().any(|stream| stream.resynced);
        (!begins && !announced).then(|| Gap {
            after: self.only_seq(),
            expected: message.prev,
        })
    }

    fn only_seq(&self) -> Option<i64> {
        match self.streams.as_slice() {
            [only] => Some(only.position.seq),
            _ => None,
        }
    }

    fn add(&mut self, message: &Delivery<'_>, partition: Option<i32>) {
        /// Epochs without a partition accumulate only if partitions are added or histories break, again and again.
        const MAX_UNNAMED: usize = 64;

        let unnamed = self
            .streams
            .iter()
            .filter(|stream| stream.partition.is_none())
            .count();
        if unnamed >= MAX_UNNAMED
            && let Some(oldest) = self
                .streams
                .iter()
                .position(|stream| stream.partition.is_none())
        {
            self.streams.remove(oldest);
        }
        let position = Position::new(Epoch::from_wire(&message.epoch), message.seq);
        self.streams.push(Stream {
            partition,
            position,
            resynced: false,
        });
    }
}

impl Stream {
    fn may_be(&self, partition: Option<i32>) -> bool {
        self.partition.is_none() || self.partition == partition
    }

    fn has_epoch(&self, message: &Delivery<'_>) -> bool {
        self.position.epoch.as_str() == message.epoch
    }

    fn accept(&mut self, message: &Delivery<'_>, partition: Option<i32>) -> Verdict {
        let same_epoch = self.has_epoch(message);
        if same_epoch && message.seq <= self.position.seq {
            return Verdict::Duplicate;
        }
        let announced = self.resynced || message.kind == Kind::Snapshot;
        let unbroken = match message.prev {
            // The log may have lost messages to compaction, but none that was not delivered.
            Some(prev) if same_epoch => prev <= self.position.seq,
            // A new history goes on exactly here, or something of ours did not last.
            Some(prev) => prev == self.position.seq,
            None => false,
        };
        let gap = (!announced && !unbroken).then_some(Gap {
            after: Some(self.position.seq),
            expected: message.prev,
        });
        if !same_epoch {
            self.position.epoch = Epoch::from_wire(&message.epoch);
        }
        self.position.seq = message.seq;
        self.partition = self.partition.or(partition);
        self.resynced = false;
        Verdict::New(gap)
    }
}
