//! Judging arrivals: finding the record each one stands for, now or when the truth has come so far.

use std::cmp::Reverse;

use super::{Epoch, Event, Ledger, Message, Strand, StrandId};
use crate::ledger::account::{Finding, Flaw};
use crate::ledger::events::{Arrival, Kind};
use crate::ledger::lane::{Lane, Pardon, Verdict};
use crate::ledger::subject::decoded;
use crate::ledger::truth::{Duty, Filter, TopicId, TrackId};

/// Where the record of a message is.
enum Found {
    At(TrackId, u32),
    /// The truth has not come so far.
    Ahead,
    /// The log lost it before it was read.
    Trimmed,
    Nowhere,
}

impl Ledger {
    /// Takes an arrival apart; none if its epoch or key cannot be.
    pub(super) fn message(&mut self, arrival: &Arrival<'_>) -> Option<(i32, Message)> {
        let epoch = self.epoch(arrival.epoch)?;
        let wildcard = arrival.subject.ends_with("/*");
        let key = match (wildcard, arrival.key) {
            (false, _) => None,
            (true, None) => Some(None),
            (true, Some(key)) => Some(Some(self.log.key(&decoded(key)?))),
        };
        let message = Message {
            seq: arrival.seq,
            epoch,
            key,
            snapshot: arrival.kind == Kind::Snapshot,
            content: arrival.content,
        };
        Some((epoch.partition, message))
    }

    fn epoch(&mut self, text: &str) -> Option<Epoch> {
        if let Some(known) = self.epochs.get(text) {
            return Some(*known);
        }
        // Read from the back, because topic names have dots.
        let mut parts = text.rsplitn(3, '.');
        let leader_epoch = parts.next()?.parse().ok()?;
        let partition = parts.next()?.parse().ok()?;
        let topic_id = parts.next()?;
        let fresh = self.topic_ids.len() as u32;
        let epoch = Epoch {
            number: self.epochs.len() as u32,
            topic_id: *self.topic_ids.entry(topic_id.to_owned()).or_insert(fresh),
            partition,
            leader_epoch,
        };
        self.epochs.insert(text.to_owned(), epoch);
        Some(epoch)
    }

    pub(super) fn is_ahead(&self, id: StrandId, message: &Message) -> bool {
        self.filter_of(id).is_some_and(|filter| {
            matches!(self.find(filter.topic, id.partition, message), Found::Ahead)
        })
    }

    /// Keeps an event until the truth has come so far.
    pub(super) fn wait(&mut self, id: StrandId, event: Event) {
        let strand = self.strand(id);
        let first = strand.waiting.is_empty();
        let seq = match &event {
            Event::Arrival(message) => message.seq,
            Event::Pardon(_) => 0,
        };
        strand.waiting.push_back(event);
        if let (true, Some(filter)) = (first, self.filter_of(id)) {
            self.waiting
                .entry((filter.topic, id.partition))
                .or_default()
                .push(Reverse((seq, id)));
        }
    }

    /// The truth has read `offset`: judges what waited for it.
    pub(super) fn wake(&mut self, topic: TopicId, partition: i32, offset: i64) {
        let Some(heap) = self.waiting.get_mut(&(topic, partition)) else {
            return;
        };
        let mut woken = Vec::new();
        while heap.peek().is_some_and(|Reverse((seq, _))| *seq <= offset) {
            woken.extend(heap.pop().map(|Reverse((_, id))| id));
        }
        for id in woken {
            if let Some(seq) = self.work_off(id)
                && let Some(heap) = self.waiting.get_mut(&(topic, partition))
            {
                heap.push(Reverse((seq, id)));
            }
        }
    }

    /// Judges what waits in a strand; answers the first sequence that is still ahead.
    fn work_off(&mut self, id: StrandId) -> Option<i64> {
        loop {
            match self.strands.get_mut(&id)?.waiting.pop_front()? {
                Event::Pardon(pardon) => self.pardon_strand(id, pardon),
                Event::Arrival(message) if self.is_ahead(id, &message) => {
                    let seq = message.seq;
                    self.strands
                        .get_mut(&id)?
                        .waiting
                        .push_front(Event::Arrival(message));
                    return Some(seq);
                }
                Event::Arrival(message) => self.judge(id, &message),
            }
        }
    }

    /// The next message of each lane of a subscription may leave a gap, behind what waits there.
    pub(super) fn pardon(&mut self, device: u32, subscription: u32, pardon: Pardon) {
        let partitions = self
            .holdings
            .get(&(device, subscription))
            .map(|holding| holding.partitions.clone());
        for partition in partitions.unwrap_or_default() {
            let id = StrandId {
                device,
                subscription,
                partition,
            };
            let waits = self
                .strands
                .get(&id)
                .is_some_and(|strand| !strand.waiting.is_empty());
            if waits {
                self.wait(id, Event::Pardon(pardon));
            } else {
                self.pardon_strand(id, pardon);
            }
        }
    }

    fn pardon_strand(&mut self, id: StrandId, pardon: Pardon) {
        if let Some(strand) = self.strands.get_mut(&id) {
            strand
                .lanes
                .values_mut()
                .for_each(|lane| lane.pardon(pardon));
        }
    }

    pub(super) fn judge(&mut self, id: StrandId, message: &Message) {
        let Some(filter) = self.filter_of(id) else {
            return self.find_fault(id, message.seq, Flaw::Foreign);
        };
        match self.find(filter.topic, id.partition, message) {
            Found::At(track, place) => self.judge_record(id, filter, track, place, message),
            Found::Nowhere => self.find_fault(id, message.seq, Flaw::Foreign),
            Found::Trimmed | Found::Ahead => self.account.unjudged += 1,
        }
    }

    fn judge_record(
        &mut self,
        id: StrandId,
        filter: Filter,
        track_id: TrackId,
        place: u32,
        message: &Message,
    ) {
        let Some(track) = self.log.track_mut(track_id) else {
            return;
        };
        let incarnation = track.incarnation;
        let Some(entry) = track.entry_mut(place) else {
            return;
        };
        // An epoch is right if it names the leader that wrote the record, and every gateway has to write the same.
        let other_leader = entry.leader_epoch.is_some_and(|known| {
            message.epoch.leader_epoch >= 0 && known != message.epoch.leader_epoch
        });
        let other_epoch = !other_leader
            && *entry.epoch.get_or_insert(message.epoch.number) != message.epoch.number;
        let entry = *entry;
        self.incarnations
            .entry((filter.topic, message.epoch.topic_id))
            .or_insert(incarnation);
        let wrong_key = match message.key {
            None => entry.key != filter.key,
            Some(key) => entry.key != key,
        };
        if wrong_key {
            return self.find_fault(id, message.seq, Flaw::Foreign);
        }
        if entry.content != message.content {
            self.find_fault(id, message.seq, Flaw::Corrupted);
        }
        if other_leader || other_epoch {
            self.find_fault(id, message.seq, Flaw::Disagreeing);
        }
        match entry.duty {
            Duty::Barrier => {}
            Duty::Repeated => self.find_fault(id, message.seq, Flaw::Doubled),
            Duty::Owed => self.judge_order(id, filter, track_id, place, message),
        }
    }

    fn judge_order(
        &mut self,
        id: StrandId,
        filter: Filter,
        track_id: TrackId,
        place: u32,
        message: &Message,
    ) {
        let Some(place) = self
            .log
            .track(track_id)
            .and_then(|track| track.on_course(filter.key, place))
        else {
            return;
        };
        let verdict = self
            .lane(id, filter, track_id)
            .arrive(place, message.snapshot);
        match verdict {
            Verdict::Fine { signalled } => self.account.signalled += u64::from(signalled),
            Verdict::Known => {}
            Verdict::Swapped => self.find_fault(id, message.seq, Flaw::Swapped),
            Verdict::Doubled => self.find_fault(id, message.seq, Flaw::Doubled),
        }
    }

    /// The lane of a strand on a history; a fresh one owes what the fence of its holding says.
    fn lane(&mut self, id: StrandId, filter: Filter, track: TrackId) -> &mut Lane {
        let holding = self
            .holdings
            .entry((id.device, id.subscription))
            .or_default();
        let fence = holding.fence;
        let fresh = self.fresh_lane(fence, filter, track);
        self.strand(id).lanes.entry(track).or_insert(fresh)
    }

    fn strand(&mut self, id: StrandId) -> &mut Strand {
        let holdings = &mut self.holdings;
        self.strands.entry(id).or_insert_with(|| {
            holdings
                .entry((id.device, id.subscription))
                .or_default()
                .partitions
                .push(id.partition);
            Strand::default()
        })
    }

    /// What still waits for the truth when that has ended was never in the log.
    pub(super) fn judge_phantoms(&mut self) {
        let mut waiting: Vec<(StrandId, Event)> = Vec::new();
        for (id, strand) in &mut self.strands {
            waiting.extend(strand.waiting.drain(..).map(|event| (*id, event)));
        }
        waiting.sort_by_key(|(id, _)| *id);
        for (id, event) in waiting {
            match event {
                Event::Arrival(message) if self.is_ahead(id, &message) => {
                    self.find_fault(id, message.seq, Flaw::Foreign)
                }
                // It stood behind a phantom.
                Event::Arrival(message) => self.judge(id, &message),
                Event::Pardon(pardon) => self.pardon_strand(id, pardon),
            }
        }
    }

    fn find(&self, topic: TopicId, partition: i32, message: &Message) -> Found {
        let histories = self.log.histories(topic, partition);
        let meant = self.incarnations.get(&(topic, message.epoch.topic_id));
        if meant.is_none() && self.all_have_ids(topic, histories) {
            // A topic created anew, of which the truth has read nothing yet.
            return Found::Ahead;
        }
        let tracks = || {
            histories
                .iter()
                .rev()
                .filter_map(|id| Some((*id, self.log.track(*id)?)))
        };
        let of_meant = || {
            tracks().filter(|(_, track)| {
                meant.is_none_or(|incarnation| track.incarnation == *incarnation)
            })
        };
        let holds = |(id, track): (TrackId, &crate::ledger::truth::Track)| {
            Some((id, track.find(message.seq)?))
        };
        let by_leader = of_meant().find_map(|(id, track)| {
            let place = track.find(message.seq)?;
            let leader = track.entry(place)?.leader_epoch;
            leader
                .is_none_or(|leader| leader == message.epoch.leader_epoch)
                .then_some((id, place))
        });
        if let Some((track, place)) = by_leader {
            return Found::At(track, place);
        }
        // A message of a history that the truth has not read so far must not be taken for the older record at the same offset.
        match of_meant().next() {
            None => return Found::Ahead,
            Some((_, newest)) if message.seq >= newest.end => return Found::Ahead,
            Some(_) => {}
        }
        match of_meant().find_map(holds) {
            Some((track, place)) => Found::At(track, place),
            None if of_meant().any(|(_, track)| track.is_trimmed(message.seq)) => Found::Trimmed,
            None => Found::Nowhere,
        }
    }

    /// Whether each of these histories is known under some id.
    fn all_have_ids(&self, topic: TopicId, histories: &[TrackId]) -> bool {
        let known = |incarnation: u32| {
            self.incarnations
                .iter()
                .any(|((of, _), known)| *of == topic && *known == incarnation)
        };
        histories
            .iter()
            .filter_map(|id| self.log.track(*id))
            .all(|track| known(track.incarnation))
    }

    pub(super) fn find_fault(&mut self, id: StrandId, seq: i64, flaw: Flaw) {
        let subscriptions = &self.subscriptions;
        let finding = || Finding {
            flaw,
            device: id.device,
            subject: subscriptions
                .get(id.subscription as usize)
                .map_or_else(String::new, |subscription| subscription.subject.clone()),
            partition: id.partition,
            seq,
        };
        self.account.note(finding, flaw, self.now_ms);
    }

    fn filter_of(&self, id: StrandId) -> Option<Filter> {
        self.subscriptions.get(id.subscription as usize)?.filter
    }
}
