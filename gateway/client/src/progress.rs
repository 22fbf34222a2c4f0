//! How far a subscription has got, per partition: duplicates are behind it, gaps are before it.

use gateway_protocol::message::{Delivery, Kind, MAX_POSITIONS, ResyncReason};
use gateway_protocol::position::{Epoch, PartitionPosition, Position};

use crate::event::Gap;

/// The last position of each partition of a subject. Under an exact subject there is nearly always one.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    streams: Vec<Stream>,
    /// The gateway has named every partition that counts: another one can only begin with its first message.
    complete: bool,
}

/// One partition's messages of a subject.
#[derive(Debug)]
struct Stream {
    /// Told by messages under wildcards, and by the gateway's positions. Otherwise a stream is recognised by its epoch, or by the sequence number that a new
    /// epoch continues.
    partition: Option<i32>,
    position: Position,
    basis: Basis,
}

/// What a position rests on, and so what may follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Basis {
    /// A message. The next one names it as the one before.
    Message,
    /// The gateway's word that nothing is missing up to here, or the application's. The next message names one that
    /// is not after it, or none.
    Word,
    /// The gateway said that something is missing after it. Whatever follows is no news.
    Resynced,
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
            basis: Basis::Word,
        };
        Self {
            streams: positions
                .into_iter()
                .take(MAX_POSITIONS)
                .map(stream)
                .collect(),
            complete: false,
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
        *self = Self::default();
    }

    /// The gateway cannot give everything that was missed, and said so.
    pub(crate) fn resync(&mut self, reason: ResyncReason) {
        match reason {
            // The positions are in a history that did not last; a new one may even bear the same numbers.
            ResyncReason::Diverged | ResyncReason::Other => self.restart(),
            ResyncReason::HistoryEvicted | ResyncReason::HistoryNotLoaded => {
                self.streams
                    .iter_mut()
                    .for_each(|stream| stream.basis = Basis::Resynced);
            }
        }
    }

    /// The gateway has sent everything up to these places, which are all there are.
    pub(crate) fn checkpoint(&mut self, at: Vec<PartitionPosition>) {
        let known = std::mem::take(&mut self.streams);
        self.complete = true;
        for PartitionPosition {
            partition,
            position,
        } in at.into_iter().take(MAX_POSITIONS)
        {
            // Nothing new was said if this is, or is behind, a message that was delivered.
            let delivered = known.iter().find(|stream| {
                stream.position.epoch == position.epoch && stream.position.seq >= position.seq
            });
            let (position, basis) = match delivered {
                Some(stream) => (stream.position.clone(), stream.basis),
                None => (position, Basis::Word),
            };
            self.streams.push(Stream {
                partition: Some(partition),
                position,
                basis,
            });
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

    /// A message in a partition of which nothing is known yet begins a stream. It tells of a gap where it names a message
    /// before it that this subscription should have got.
    fn gap_before_unknown(&self, message: &Delivery<'_>, partition: Option<i32>) -> Option<Gap> {
        let unknown = !self.complete && (self.streams.is_empty() || partition.is_some());
        let begins = unknown || message.kind == Kind::Snapshot || message.prev.is_none();
        let resynced = self
            .streams
            .iter()
            .any(|stream| stream.basis == Basis::Resynced);
        // Without a partition's number, any stream might be the one that a new epoch goes on.
        let explained = partition.is_none()
            && self
                .streams
                .iter()
                .any(|stream| stream.may_be_followed_by(message.prev, false));
        (!begins && !resynced && !explained).then(|| Gap {
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
        // A gateway would not take more; only a topic whose histories break again and again comes this far.
        if self.streams.len() >= MAX_POSITIONS {
            self.streams.remove(0);
        }
        let position = Position::new(Epoch::from_wire(&message.epoch), message.seq);
        self.streams.push(Stream {
            partition,
            position,
            basis: Basis::Message,
        });
    }
}

impl Stream {
    fn may_be(&self, partition: Option<i32>) -> bool {
        self.partition.is_none() || partition.is_none() || self.partition == partition
    }

    fn has_epoch(&self, message: &Delivery<'_>) -> bool {
        self.position.epoch.as_str() == message.epoch
    }

    fn accept(&mut self, message: &Delivery<'_>, partition: Option<i32>) -> Verdict {
        let same_epoch = self.has_epoch(message);
        if same_epoch && message.seq <= self.position.seq {
            return Verdict::Duplicate;
        }
        let expected =
            message.kind == Kind::Snapshot || self.may_be_followed_by(message.prev, same_epoch);
        let gap = (!expected).then_some(Gap {
            after: Some(self.position.seq),
            expected: message.prev,
        });
        if !same_epoch {
            self.position.epoch = Epoch::from_wire(&message.epoch);
        }
        self.position.seq = message.seq;
        self.partition = self.partition.or(partition);
        self.basis = Basis::Message;
        Verdict::New(gap)
    }

    fn may_be_followed_by(&self, prev: Option<i64>, same_epoch: bool) -> bool {
        match (self.basis, prev) {
            (Basis::Resynced, _) | (Basis::Word, None) => true,
            (Basis::Message, None) => false,
            (Basis::Word, Some(prev)) => prev <= self.position.seq,
            // Compaction may have taken messages out of the log, but none that was not delivered.
            (Basis::Message, Some(prev)) if same_epoch => prev <= self.position.seq,
            // A new history goes on exactly here, or something of ours did not last.
            (Basis::Message, Some(prev)) => prev == self.position.seq,
        }
    }
}
