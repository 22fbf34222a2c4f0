//! What a subscription is told before its first live message.

use gateway_protocol::message::{Kind, Recovery, ResyncReason, ServerMessage};
use gateway_protocol::position::{PartitionPosition, Position};

use super::face::{Frames, Sent};
use super::reading::Reading;
use super::request::Subscribe;
use crate::kafka::partitioner::partition_of;
use crate::log::cache::Cache;
use crate::log::record::PartitionId;
use crate::log::recovery::{Claim, Lost, recover};
use crate::log::subjects::SubjectId;
use crate::log::track::Kept;

/// Answers for one subject, from memory alone.
pub(super) struct Answer<'a> {
    pub(super) cache: &'a Cache,
    pub(super) reading: &'a mut Reading,
    pub(super) subject: SubjectId,
    /// As devices spell it.
    pub(super) name: &'a str,
    pub(super) topic: u16,
    /// `None` is the whole topic.
    pub(super) key: Option<&'a [u8]>,
}

impl Answer<'_> {
    /// The answer to a request to subscribe, and how it went.
    pub(super) fn answer(&mut self, subscribe: &Subscribe) -> (Frames, Recovery) {
        if subscribe.from.is_empty() {
            return (
                self.for_newcomer(subscribe.id, subscribe.history),
                Recovery::None,
            );
        }
        let claims = self.claims(&subscribe.from);
        let recovered = recover(self.cache, self.subject, &claims);
        match recovered.lost {
            // What is known of a single key is its last value; of a whole topic, what its other partitions have.
            Some(lost) => {
                let recovery = Recovery::Resynced(reason(lost));
                let missed = if self.key.is_some() {
                    Vec::new()
                } else {
                    owned(recovered.missed)
                };
                (
                    self.for_lost(Some(subscribe.id), recovery, &missed),
                    recovery,
                )
            }
            None => {
                let missed = owned(recovered.missed);
                let mut frames = Frames::default();
                frames.push_subscribed(Some(subscribe.id), self.name, Recovery::Synced);
                self.push_all(&mut frames, &missed);
                if self.key.is_none() {
                    self.push_position(&mut frames);
                }
                (frames, Recovery::Synced)
            }
        }
    }

    /// Tells a running subscription that it begins anew.
    pub(super) fn anew(&mut self, reason: ResyncReason) -> Frames {
        self.for_lost(None, Recovery::Resynced(reason), &[])
    }

    fn for_newcomer(&mut self, id: u64, history: Option<u32>) -> Frames {
        let mut frames = Frames::default();
        frames.push_subscribed(Some(id), self.name, Recovery::None);
        let learnt = match history {
            Some(count) => {
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                let newest = self.cache.newest(self.subject, count);
                self.push_all(&mut frames, &newest);
                !newest.is_empty()
            }
            None => self.push_last_value(&mut frames),
        };
        // Who got a message has its position; of a whole topic only that of one partition.
        if !learnt || self.key.is_none() {
            self.push_position(&mut frames);
        }
        frames
    }

    fn for_lost(&mut self, id: Option<u64>, recovery: Recovery, missed: &[(i32, Kept)]) -> Frames {
        let mut frames = Frames::default();
        frames.push_subscribed(id, self.name, recovery);
        let learnt = self.push_last_value(&mut frames);
        self.push_all(&mut frames, missed);
        if !learnt {
            self.push_position(&mut frames);
        }
        frames
    }

    /// The positions a device names, taken apart.
    fn claims(&self, from: &[Position]) -> Vec<Claim> {
        let topic_id = self.reading.topic_id(self.topic);
        from.iter()
            .map(|position| match position.epoch.history() {
                Some(history) if Some(history.topic_id) == topic_id => Claim::Here {
                    partition: history.partition,
                    leader_epoch: history.leader_epoch,
                    offset: position.seq,
                },
                Some(_) | None => Claim::Foreign,
            })
            .collect()
    }

    fn push_last_value(&mut self, frames: &mut Frames) -> bool {
        let Some((partition, kept)) = self.cache.last_value(self.subject) else {
            return false;
        };
        let kept = kept.clone();
        self.push(frames, partition, &kept, Kind::Snapshot);
        true
    }

    fn push_all(&mut self, frames: &mut Frames, messages: &[(i32, Kept)]) {
        for (partition, kept) in messages {
            self.push(frames, *partition, kept, Kind::Recovered);
        }
    }

    fn push(&mut self, frames: &mut Frames, partition: i32, kept: &Kept, kind: Kind) {
        let place = self.place(partition);
        let Some(epoch) = self.reading.epoch(place, kept.record.leader_epoch) else {
            return;
        };
        frames.push_record(&Sent {
            subject: self.name,
            whole_topic: self.key.is_none(),
            partition,
            epoch: epoch.as_str(),
            prev: kept.prev,
            kind,
            record: &kept.record,
        });
    }

    /// Says how far the subscription has got in every partition that counts: without a message to learn it from, a
    /// device could not resume.
    fn push_position(&mut self, frames: &mut Frames) {
        let at: Vec<PartitionPosition> = self
            .partitions_that_count()
            .into_iter()
            .filter_map(|partition| {
                let place = self.place(partition);
                let (leader_epoch, offset) = self.cache.partition(place)?.end();
                let epoch = self.reading.epoch(place, leader_epoch)?;
                Some(PartitionPosition {
                    partition,
                    position: Position::new(epoch, offset),
                })
            })
            .collect();
        if !at.is_empty() {
            let subject = self.name.into();
            frames.push(&ServerMessage::Position { subject, at });
        }
    }

    /// All partitions of a whole topic; of a key, those it was found in and the one it is published to.
    fn partitions_that_count(&self) -> Vec<i32> {
        let partitions = self.reading.partitions(self.topic);
        let Some(key) = self.key else {
            return (0..i32::try_from(partitions).unwrap_or(i32::MAX)).collect();
        };
        let mut counting = self.cache.partitions_with(self.subject);
        counting.extend(partition_of(key, partitions));
        counting.sort_unstable();
        counting.dedup();
        counting
    }

    fn place(&self, partition: i32) -> PartitionId {
        PartitionId {
            topic: self.topic,
            partition,
        }
    }
}

fn owned(missed: Vec<(i32, &Kept)>) -> Vec<(i32, Kept)> {
    missed
        .into_iter()
        .map(|(partition, kept)| (partition, kept.clone()))
        .collect()
}

fn reason(lost: Lost) -> ResyncReason {
    match lost {
        Lost::NotLoaded => ResyncReason::HistoryNotLoaded,
        Lost::Evicted => ResyncReason::HistoryEvicted,
        Lost::Diverged => ResyncReason::Diverged,
    }
}
