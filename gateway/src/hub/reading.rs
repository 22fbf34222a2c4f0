//! Which partitions are read, from where, and whether their past is loaded. Pure: told what was found, it answers what
//! to do.

use gateway_protocol::position::Epoch;

use crate::kafka::scout::{Start, TopicFacts};
use crate::log::epochs::EpochRuns;
use crate::log::partition::PartitionMemory;
use crate::log::record::PartitionId;
use crate::topics::Topics;

/// All topics, as far as they are known.
#[derive(Debug)]
pub(crate) struct Reading {
    names: Topics,
    topics: Vec<Topic>,
}

#[derive(Debug)]
struct Topic {
    /// What tells the topic from others of its name, and its partitions.
    known: Option<(String, Vec<Partition>)>,
    /// What keeps the topic from being read.
    problem: Option<String>,
    /// Whether its past was loaded once; from then on devices are answered from memory.
    loaded: bool,
    /// Nothing is read until a look of this number, or a later one, has told who the topic is.
    held_until: Option<u64>,
}

#[derive(Debug)]
struct Partition {
    phase: Phase,
    /// The text of the newest epoch, so that it is written once per leader and not once per record.
    epoch: (i32, Epoch),
}

/// How far the reading of a partition is.
#[derive(Debug)]
enum Phase {
    /// The scout finds out where to begin; if it failed, it is asked again once the brokers answer.
    FindingStart { again: Option<Before>, asked: bool },
    /// The past is read up to `high`; devices do not see it as news.
    Loading { high: i64, again: Option<Again> },
    /// Every record is news.
    Live,
}

/// What was read of a partition before it had to be read again.
#[derive(Debug, Clone)]
pub(crate) struct Before {
    next: i64,
    epochs: EpochRuns,
}

#[derive(Debug)]
struct Again {
    before: Before,
    /// A record differs from what stood there before, and devices were told.
    diverged: bool,
}

/// What the hub is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Ask where to begin reading this partition.
    FindStart(PartitionId),
    /// Forget the partition and read it from `offset` on.
    ReadFrom { place: PartitionId, offset: i64 },
    /// Read the partition on from where it was.
    ReadOn(PartitionId),
    /// Read the partition no more.
    Stop(PartitionId),
    /// Tell everyone who subscribed within the topic that their positions are void.
    Diverged { topic: u16 },
    /// Tell everyone who subscribed within the topic that records were trimmed before they could be read.
    Skipped { topic: u16 },
    /// The topic's past is loaded: answer those who wait.
    Loaded { topic: u16 },
}

/// What a record is to those who subscribed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// It was there before they came.
    Past,
    /// It is news.
    News,
    /// It is news, and the first to contradict what was delivered before.
    Contradiction,
}

impl Reading {
    pub(crate) fn new(names: Topics) -> Self {
        let unknown = |_| Topic {
            known: None,
            problem: Some("Kafka has not answered yet".to_owned()),
            loaded: false,
            held_until: None,
        };
        let topics = (0..names.count()).map(unknown).collect();
        Self { names, topics }
    }

    /// A topic may not be the one it was: nothing is read until a look of this number has told.
    pub(crate) fn hold(&mut self, look: u64) {
        for topic in &mut self.topics {
            topic.held_until = Some(look);
        }
    }

    /// Takes in what the scout found out about a topic with the look of this number.
    pub(crate) fn topic_found(
        &mut self,
        topic: u16,
        look: u64,
        found: Result<TopicFacts, String>,
    ) -> Vec<Step> {
        let Some(state) = self.topics.get_mut(usize::from(topic)) else {
            return Vec::new();
        };
        let facts = match found {
            Ok(facts) => facts,
            Err(problem) => {
                state.problem = Some(problem);
                return Vec::new();
            }
        };
        if state.held_until.is_some_and(|wanted| look < wanted) {
            return Vec::new();
        }
        let held = state.held_until.take().is_some();
        state.problem = None;
        let mut steps = match &state.known {
            None => state.first_seen(topic, &facts),
            Some((id, _)) if *id != facts.id => state.recreated(topic, &facts),
            Some(_) if held => state
                .read_on(topic)
                .chain(state.grown(topic, &facts))
                .collect(),
            Some(_) => state.grown(topic, &facts),
        };
        steps.extend(state.check_loaded(topic));
        steps
    }

    /// Takes in where to begin reading a partition.
    pub(crate) fn start_found(
        &mut self,
        place: PartitionId,
        found: Result<Start, String>,
    ) -> Vec<Step> {
        let Some(partition) = self.partition_mut(place) else {
            return Vec::new();
        };
        let Phase::FindingStart { again, asked } = &mut partition.phase else {
            return Vec::new();
        };
        let start = match found {
            Ok(start) => start,
            Err(problem) => {
                *asked = false;
                self.topics[usize::from(place.topic)].problem = Some(problem);
                return Vec::new();
            }
        };
        let again = again.take();
        let trimmed = again.as_ref().is_some_and(|before| before.next < start.low);
        let from = if trimmed { start.low } else { start.from };
        if trimmed {
            partition.phase = Phase::Live;
        } else {
            let again = again.map(|before| Again {
                before,
                diverged: false,
            });
            partition.phase = Phase::Loading {
                high: start.high,
                again,
            };
        }
        let mut steps = vec![Step::ReadFrom {
            place,
            offset: from,
        }];
        if trimmed {
            // Told once the partition is forgotten: a last value from before the hole would pass for the latest.
            steps.push(Step::Skipped { topic: place.topic });
        }
        steps.extend(self.reached(place, from));
        steps
    }

    /// A partition cannot be read on from where it was: its log was trimmed or cut.
    pub(crate) fn lost_place(&mut self, place: PartitionId, memory: &PartitionMemory) -> Vec<Step> {
        let Some(partition) = self.partition_mut(place) else {
            return Vec::new();
        };
        let before = match &mut partition.phase {
            Phase::FindingStart { .. } => return Vec::new(),
            // What was read before the first loss is what devices know.
            Phase::Loading {
                again: Some(again), ..
            } => again.before.clone(),
            Phase::Loading { again: None, .. } => {
                partition.phase = Phase::FindingStart {
                    again: None,
                    asked: true,
                };
                return vec![Step::FindStart(place)];
            }
            Phase::Live => Before {
                next: memory.next,
                epochs: memory.epochs.clone(),
            },
        };
        partition.phase = Phase::FindingStart {
            again: Some(before),
            asked: true,
        };
        vec![Step::FindStart(place)]
    }

    /// What a record is to those who subscribed. `None` if its partition is not being read.
    pub(crate) fn meaning(
        &mut self,
        place: PartitionId,
        offset: i64,
        leader_epoch: i32,
    ) -> Option<Meaning> {
        match &mut self.partition_mut(place)?.phase {
            Phase::FindingStart { .. } => None,
            Phase::Live => Some(Meaning::News),
            Phase::Loading { again: None, .. } => Some(Meaning::Past),
            Phase::Loading {
                again: Some(again), ..
            } => Some(again.meaning(offset, leader_epoch)),
        }
    }

    /// Everything before `next` was read.
    pub(crate) fn reached(&mut self, place: PartitionId, next: i64) -> Vec<Step> {
        let Some(partition) = self.partition_mut(place) else {
            return Vec::new();
        };
        let Phase::Loading { high, again } = &partition.phase else {
            return Vec::new();
        };
        if next < *high {
            return Vec::new();
        }
        let vanished = again
            .as_ref()
            .is_some_and(|again| !again.diverged && next < again.before.next);
        partition.phase = Phase::Live;
        let mut steps: Vec<Step> = vanished
            .then_some(Step::Diverged { topic: place.topic })
            .into_iter()
            .collect();
        steps.extend(self.topics[usize::from(place.topic)].check_loaded(place.topic));
        steps
    }

    /// Whether devices are answered from memory.
    pub(crate) fn is_loaded(&self, topic: u16) -> bool {
        self.topics
            .get(usize::from(topic))
            .is_some_and(|topic| topic.loaded)
    }

    /// The first part of the epochs of a topic; `None` until it is known.
    pub(crate) fn topic_id(&self, topic: u16) -> Option<&str> {
        let (id, _) = self.topics.get(usize::from(topic))?.known.as_ref()?;
        Some(id)
    }

    /// How many partitions a topic has; 0 until it is known.
    pub(crate) fn partitions(&self, topic: u16) -> usize {
        let known = self
            .topics
            .get(usize::from(topic))
            .and_then(|topic| topic.known.as_ref());
        known.map_or(0, |(_, partitions)| partitions.len())
    }

    /// The epoch of a record, as text.
    pub(crate) fn epoch(&mut self, place: PartitionId, leader_epoch: i32) -> Option<Epoch> {
        let (id, partitions) = self
            .topics
            .get_mut(usize::from(place.topic))?
            .known
            .as_mut()?;
        let partition = partitions.get_mut(usize::try_from(place.partition).ok()?)?;
        if partition.epoch.0 != leader_epoch {
            partition.epoch = (leader_epoch, Epoch::new(id, place.partition, leader_epoch));
        }
        Some(partition.epoch.1.clone())
    }

    /// What is missing, for people; `None` if everything is loaded and read.
    pub(crate) fn missing(&self) -> Option<String> {
        (0..).zip(&self.topics).find_map(|(number, topic)| {
            let name = self.names.name(number);
            match &topic.problem {
                Some(problem) => Some(format!("topic {name}: {problem}")),
                None if !topic.loaded => Some(format!("topic {name}: {}", topic.progress())),
                None => None,
            }
        })
    }

    fn partition_mut(&mut self, place: PartitionId) -> Option<&mut Partition> {
        let (_, partitions) = self
            .topics
            .get_mut(usize::from(place.topic))?
            .known
            .as_mut()?;
        partitions.get_mut(usize::try_from(place.partition).ok()?)
    }
}

impl Topic {
    fn first_seen(&mut self, topic: u16, facts: &TopicFacts) -> Vec<Step> {
        let partitions = (0..facts.partitions)
            .map(|number| {
                Partition::new(
                    facts,
                    number,
                    Phase::FindingStart {
                        again: None,
                        asked: true,
                    },
                )
            })
            .collect();
        self.known = Some((facts.id.clone(), partitions));
        (0..facts.partitions)
            .map(|partition| Step::FindStart(PartitionId { topic, partition }))
            .collect()
    }

    /// The topic was deleted and another of its name created: nothing of the old one holds.
    fn recreated(&mut self, topic: u16, facts: &TopicFacts) -> Vec<Step> {
        let before = self
            .known
            .as_ref()
            .map_or(0, |(_, partitions)| partitions.len());
        let before = i32::try_from(before).unwrap_or(i32::MAX);
        let partitions = (0..facts.partitions)
            .map(|number| Partition::new(facts, number, Phase::Live))
            .collect();
        self.known = Some((facts.id.clone(), partitions));
        let place = |partition| PartitionId { topic, partition };
        let stopped = (facts.partitions..before).map(|partition| Step::Stop(place(partition)));
        let read = (0..facts.partitions).map(|partition| Step::ReadFrom {
            place: place(partition),
            offset: 0,
        });
        read.chain(stopped)
            .chain([Step::Diverged { topic }])
            .collect()
    }

    /// Partitions that were added are read from their beginning: all of it is news. Unanswered questions are asked again.
    fn grown(&mut self, topic: u16, facts: &TopicFacts) -> Vec<Step> {
        let Some((_, partitions)) = &mut self.known else {
            return Vec::new();
        };
        let before = i32::try_from(partitions.len()).unwrap_or(i32::MAX);
        let added = before..facts.partitions;
        partitions.extend(
            added
                .clone()
                .map(|number| Partition::new(facts, number, Phase::Live)),
        );
        let place = |partition| PartitionId { topic, partition };
        let unasked = (0..before)
            .zip(partitions)
            .filter_map(|(number, partition)| {
                let Phase::FindingStart {
                    asked: asked @ false,
                    ..
                } = &mut partition.phase
                else {
                    return None;
                };
                *asked = true;
                Some(Step::FindStart(place(number)))
            });
        let read = added.map(|partition| Step::ReadFrom {
            place: place(partition),
            offset: 0,
        });
        unasked.chain(read).collect()
    }

    /// It was the same topic all the time.
    fn read_on(&self, topic: u16) -> impl Iterator<Item = Step> + use<> {
        let partitions = self
            .known
            .as_ref()
            .map_or(&[][..], |(_, partitions)| partitions);
        let read: Vec<Step> = (0..)
            .zip(partitions)
            .filter(|(_, partition)| !matches!(partition.phase, Phase::FindingStart { .. }))
            .map(|(partition, _)| Step::ReadOn(PartitionId { topic, partition }))
            .collect();
        read.into_iter()
    }

    fn check_loaded(&mut self, topic: u16) -> Option<Step> {
        let (_, partitions) = self.known.as_ref()?;
        let live = |partition: &Partition| matches!(partition.phase, Phase::Live);
        if self.loaded || !partitions.iter().all(live) {
            return None;
        }
        self.loaded = true;
        self.problem = None;
        Some(Step::Loaded { topic })
    }

    fn progress(&self) -> String {
        let partitions = self
            .known
            .as_ref()
            .map_or(&[][..], |(_, partitions)| partitions);
        let live = partitions
            .iter()
            .filter(|partition| matches!(partition.phase, Phase::Live))
            .count();
        format!(
            "its recent past is being read, {live} of {} partitions are done",
            partitions.len()
        )
    }
}

impl Partition {
    fn new(facts: &TopicFacts, number: i32, phase: Phase) -> Self {
        Self {
            phase,
            epoch: (-1, Epoch::new(&facts.id, number, -1)),
        }
    }
}

impl Again {
    fn meaning(&mut self, offset: i64, leader_epoch: i32) -> Meaning {
        if self.diverged {
            return Meaning::News;
        }
        if offset < self.before.next {
            if self.before.epochs.at(offset) == Some(leader_epoch) {
                return Meaning::Past;
            }
            // An offset that was not read before may lie before everything that was.
            if self.before.epochs.is_before(offset) {
                return Meaning::Past;
            }
            self.diverged = true;
            return Meaning::Contradiction;
        }
        Meaning::News
    }
}

#[cfg(test)]
mod tests;
