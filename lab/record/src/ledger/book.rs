//! The ledger itself: takes everything in, keeps what waits, gives the account.

mod close;
mod judge;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};

use super::account::{Account, Flaw};
use super::content::Content;
use super::events::{Answer, Arrival, Position, Record};
use super::lane::{Lane, Pardon};
use super::publishes::{Placed, Publishes};
use super::subject::read;
use super::truth::{Duty, Entry, Filter, Log, TopicId, TrackId};

/// What the log holds against what devices received.
#[derive(Debug, Default)]
pub struct Ledger {
    /// The time of what is told next.
    now_ms: Option<i64>,
    log: Log,
    publishes: Publishes,
    account: Account,
    subscriptions: Vec<Subscription>,
    subscription_ids: HashMap<String, u32>,
    /// By device and subscription.
    holdings: BTreeMap<(u32, u32), Holding>,
    strands: HashMap<StrandId, Strand>,
    waiting: HashMap<(TopicId, i32), Sleepers>,
    fences: Vec<HashMap<TrackId, i64>>,
    epochs: HashMap<String, Epoch>,
    /// The topics' ids that epochs name.
    topic_ids: HashMap<String, u32>,
    /// Which incarnation of a topic such an id stands for.
    incarnations: HashMap<(TopicId, u32), u32>,
}

/// Strands whose first waiting message is ahead of the truth, by the offset it waits for.
type Sleepers = BinaryHeap<Reverse<(i64, StrandId)>>;

/// A subject that somebody subscribed to.
#[derive(Debug)]
struct Subscription {
    subject: String,
    /// None when the subject is none.
    filter: Option<Filter>,
}

/// What a device holds in a subscription.
#[derive(Debug, Default)]
struct Holding {
    /// The fence that stands behind everything before the subscription was confirmed.
    fence: Option<usize>,
    left: bool,
    /// Messages that the gateway said it dropped.
    dropped: u64,
    /// From which something arrived.
    partitions: Vec<i32>,
}

/// Device, subscription, partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct StrandId {
    device: u32,
    subscription: u32,
    partition: i32,
}

/// What arrived on a device from one partition for one subscription.
#[derive(Debug, Default)]
struct Strand {
    /// One per history; hardly ever more than one.
    lanes: BTreeMap<TrackId, Lane>,
    /// What cannot be judged yet, in the order of arrival.
    waiting: VecDeque<Event>,
}

/// What can wait in a strand.
#[derive(Debug)]
enum Event {
    Arrival(Message),
    Pardon(Pardon),
}

/// An epoch, taken apart: `<topic-id>.<partition>.<leader-epoch>`.
#[derive(Debug, Clone, Copy)]
struct Epoch {
    /// The ledger's own number for the whole.
    number: u32,
    topic_id: u32,
    partition: i32,
    leader_epoch: i32,
}

/// An arrival, taken apart.
#[derive(Debug, Clone, Copy)]
struct Message {
    seq: i64,
    epoch: Epoch,
    /// The key told under a wildcard.
    key: Option<Option<u32>>,
    snapshot: bool,
    content: Content,
}

impl Ledger {
    /// An empty ledger.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is told from now on happened at this moment of the run, in milliseconds. Without it the account does not know when things broke.
    pub fn at(&mut self, ms: i64) {
        self.now_ms = Some(ms);
    }

    /// The log has this record. Records of a partition come in their order.
    pub fn record(&mut self, record: &Record<'_>) {
        let placed = Placed {
            partition: record.partition,
            offset: record.offset,
        };
        let repeated = record.publish_id.is_some_and(|id| {
            self.publishes
                .seen(id, placed, record.content, &mut self.account, self.now_ms)
        });
        let topic = self.log.topic(record.topic);
        let entry = Entry {
            offset: record.offset,
            key: record.key.map(|key| self.log.key(key)),
            content: record.content,
            leader_epoch: record.leader_epoch,
            read_ms: self.now_ms,
            epoch: None,
            duty: match (record.barrier, repeated) {
                (true, _) => Duty::Barrier,
                (false, true) => Duty::Repeated,
                (false, false) => Duty::Owed,
            },
        };
        self.log
            .push(topic, record.partition, record.incarnation, entry);
        self.wake(topic, record.partition, record.offset);
    }

    /// The log's offsets jumped by no doing of its own: `expected` should have come and `found` did.
    pub fn hole(&mut self, topic: &str, partition: i32, expected: i64, found: i64) {
        let topic = self.log.topic(topic);
        self.log.hole(topic, partition, expected, found);
    }

    /// A device's subscription was confirmed.
    pub fn subscribed(&mut self, device: u32, subject: &str, answer: Answer) {
        let subscription = self.subscription(subject);
        self.holdings
            .entry((device, subscription))
            .or_default()
            .left = false;
        match answer {
            Answer::Synced => {}
            Answer::Fresh => self.pardon(device, subscription, Pardon::Unasked),
            Answer::Resynced => self.pardon(device, subscription, Pardon::Signalled),
        }
    }

    /// A device ended its subscriptions, or its connection, of its own will: nothing more is owed.
    pub fn left(&mut self, device: u32) {
        for ((_, subscription), holding) in
            self.holdings.range_mut((device, 0)..=(device, u32::MAX))
        {
            holding.left = true;
            holding.fence = None;
            for partition in &holding.partitions {
                let id = StrandId {
                    device,
                    subscription: *subscription,
                    partition: *partition,
                };
                if let Some(strand) = self.strands.get_mut(&id) {
                    strand.lanes.values_mut().for_each(Lane::close);
                }
            }
        }
    }

    /// A message reached a device. Messages of a device come in their order.
    pub fn arrived(&mut self, arrival: &Arrival<'_>) {
        self.account.deliveries += 1;
        let subscription = self.subscription(arrival.subject);
        let Some((partition, message)) = self.message(arrival) else {
            let id = StrandId {
                device: arrival.device,
                subscription,
                partition: -1,
            };
            return self.find_fault(id, arrival.seq, Flaw::Foreign);
        };
        let id = StrandId {
            device: arrival.device,
            subscription,
            partition,
        };
        let waits = self
            .strands
            .get(&id)
            .is_some_and(|strand| !strand.waiting.is_empty());
        if waits || self.is_ahead(id, &message) {
            self.wait(id, Event::Arrival(message));
        } else {
            self.judge(id, &message);
        }
    }

    /// A gateway told a device that it dropped messages of a subscription.
    pub fn dropped(&mut self, device: u32, subject: &str, count: u64) {
        let subscription = self.subscription(subject);
        self.holdings
            .entry((device, subscription))
            .or_default()
            .dropped += count;
    }

    /// A device publishes: its `number`-th message, to `subject`, with this publish id.
    pub fn sent(
        &mut self,
        device: u32,
        number: u64,
        publish_id: &str,
        subject: &str,
        content: Content,
    ) {
        self.publishes
            .sent(device, number, publish_id, subject, content);
    }

    /// A publish was acknowledged as being at this position.
    pub fn acknowledged(&mut self, publish_id: &str, partition: i32, offset: i64) {
        self.publishes
            .acknowledged(publish_id, Placed { partition, offset }, self.now_ms);
    }

    /// A device was told that a publish is at this position, and none of its publishes waited for an answer.
    pub fn acknowledged_unasked(&mut self, device: u32, partition: i32, offset: i64) {
        self.publishes
            .acknowledged_unasked(device, Placed { partition, offset }, self.now_ms);
    }

    /// Records read so far that repeat a publish.
    #[must_use]
    pub fn repeated(&self) -> u64 {
        self.account.repeated
    }

    /// A publish was refused for good: it must not be in the log.
    pub fn refused(&mut self, publish_id: &str) {
        self.publishes.refused(publish_id, self.now_ms);
    }

    /// From behind these positions on, everything is owed to whoever is subscribed now. The truth must have reached them; a barrier in
    /// every partition, written after the subscriptions were confirmed and read by the truth, is such a fence.
    pub fn fence(&mut self, positions: &[Position]) {
        let mut fence = HashMap::new();
        for position in positions {
            let topic = self.log.topic(&position.topic);
            if let Some(track) = self.log.histories(topic, position.partition).last() {
                fence.insert(*track, position.offset);
            }
        }
        let number = self.fences.len();
        for holding in self.holdings.values_mut().filter(|holding| !holding.left) {
            holding.fence.get_or_insert(number);
        }
        for (id, strand) in &mut self.strands {
            let Some(filter) = self
                .subscriptions
                .get(id.subscription as usize)
                .and_then(|subscription| subscription.filter)
            else {
                continue;
            };
            for (track, lane) in &mut strand.lanes {
                if let (Some(offset), Some(track)) = (fence.get(track), self.log.track(*track)) {
                    lane.owe_from(track.course_behind(filter.key, *offset));
                }
            }
        }
        self.fences.push(fence);
    }

    /// A lane on which nothing arrived yet. A history that began later is owed from the first fence that it has.
    fn fresh_lane(&self, fence: Option<usize>, filter: Filter, track_id: TrackId) -> Lane {
        let mut lane = Lane::default();
        let since = fence.and_then(|number| self.fences.get(number..));
        let fence = since.and_then(|fences| fences.iter().find_map(|fence| fence.get(&track_id)));
        if let (Some(offset), Some(track)) = (fence, self.log.track(track_id)) {
            lane.owe_from(track.course_behind(filter.key, *offset));
        }
        lane
    }

    fn subscription(&mut self, subject: &str) -> u32 {
        if let Some(known) = self.subscription_ids.get(subject) {
            return *known;
        }
        let fresh = self.subscriptions.len() as u32;
        let filter = read(subject).map(|wanted| self.log.filter(&wanted));
        self.subscriptions.push(Subscription {
            subject: subject.to_owned(),
            filter,
        });
        self.subscription_ids.insert(subject.to_owned(), fresh);
        fresh
    }
}
