//! What a device missed since the positions it names, or why nobody can tell.

use std::collections::BTreeMap;

use super::cache::Cache;
use super::partition::{PartitionMemory, Reach};
use super::record::PartitionId;
use super::subjects::SubjectId;
use super::track::{Kept, Track};

/// A position that a device names, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// In a partition of the subscribed topic, as it is now.
    Here {
        partition: i32,
        leader_epoch: i32,
        offset: i64,
    },
    /// In another topic, or in one that was deleted since.
    Foreign,
}

/// Why what was missed cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Lost {
    /// This gateway has not read that far back.
    NotLoaded,
    /// It has, and forgot.
    Evicted,
    /// The position belongs to a history that Kafka gave up.
    Diverged,
}

/// The answer to a device that names positions.
#[derive(Debug)]
pub(crate) struct Recovered<'a> {
    /// What was missed and is still here, per partition in order.
    pub(crate) missed: Vec<(i32, &'a Kept)>,
    /// The gravest reason for a gap; `None` if there is none.
    pub(crate) lost: Option<Lost>,
}

/// What was missed on `subject` since `claims`.
///
/// A device names a position for each partition it knows of. A partition it does not name had no record when it
/// subscribed, so everything there is news. Of several positions in one partition the latest counts: a device to which
/// an epoch is opaque cannot tell that its first message took the place of the position it began with.
pub(crate) fn recover<'a>(cache: &'a Cache, subject: SubjectId, claims: &[Claim]) -> Recovered<'a> {
    let mut recovered = Recovered {
        missed: Vec::new(),
        lost: None,
    };
    let Some(topic) = cache.name(subject).map(|name| name.topic) else {
        recovered.lost = Some(Lost::NotLoaded);
        return recovered;
    };
    if claims.contains(&Claim::Foreign) {
        recovered.lose(Lost::Diverged);
    }
    let claimed = latest(claims);
    for (&partition, &(leader_epoch, offset)) in &claimed {
        let memory = cache.partition(PartitionId { topic, partition });
        let track = track_of(cache, subject, partition);
        recovered.add(partition, since(memory, track, leader_epoch, offset));
    }
    for (partition, track) in cache.tracks(subject) {
        if track.last().is_some() && !claimed.contains_key(partition) {
            let memory = cache.partition(PartitionId {
                topic,
                partition: *partition,
            });
            recovered.add(*partition, since_the_beginning(memory, track));
        }
    }
    recovered
}

/// The latest leader epoch, and the latest offset under it, of each partition that is named.
fn latest(claims: &[Claim]) -> BTreeMap<i32, (i32, i64)> {
    let mut latest = BTreeMap::new();
    for claim in claims {
        if let Claim::Here {
            partition,
            leader_epoch,
            offset,
        } = *claim
        {
            let known = latest.entry(partition).or_insert((leader_epoch, offset));
            *known = (leader_epoch, offset).max(*known);
        }
    }
    latest
}

impl<'a> Recovered<'a> {
    fn add(&mut self, partition: i32, missed: Result<Vec<&'a Kept>, Lost>) {
        match missed {
            Ok(missed) => self
                .missed
                .extend(missed.into_iter().map(|kept| (partition, kept))),
            Err(lost) => self.lose(lost),
        }
    }

    fn lose(&mut self, lost: Lost) {
        self.lost = self.lost.max(Some(lost));
    }
}

fn since<'a>(
    memory: Option<&PartitionMemory>,
    track: Option<&'a Track>,
    leader_epoch: i32,
    offset: i64,
) -> Result<Vec<&'a Kept>, Lost> {
    let memory = memory.ok_or(Lost::NotLoaded)?;
    match memory.reaches(leader_epoch, offset) {
        Reach::Complete => {}
        Reach::NotLoaded => return Err(Lost::NotLoaded),
        Reach::Diverged => return Err(Lost::Diverged),
    }
    match track.filter(|track| track.last().is_some()) {
        Some(track) => Ok(track.after(offset).ok_or(Lost::Evicted)?.collect()),
        None if offset < memory.forgotten_through => Err(Lost::Evicted),
        None => Ok(Vec::new()),
    }
}

fn since_the_beginning<'a>(
    memory: Option<&PartitionMemory>,
    track: &'a Track,
) -> Result<Vec<&'a Kept>, Lost> {
    if memory.is_none_or(|memory| memory.loaded_from > 0) {
        return Err(Lost::NotLoaded);
    }
    Ok(track.after(-1).ok_or(Lost::Evicted)?.collect())
}

fn track_of(cache: &Cache, subject: SubjectId, partition: i32) -> Option<&Track> {
    cache
        .tracks(subject)
        .iter()
        .find(|(number, _)| *number == partition)
        .map(|(_, track)| track)
}

#[cfg(test)]
mod tests;
