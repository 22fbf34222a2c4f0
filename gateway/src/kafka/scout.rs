//! A thread that asks Kafka slow questions, so that the hub never waits: which topics and partitions there are, what
//! identifies them, and where to begin reading.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::Offset;
use rdkafka::consumer::Consumer as _;
use rdkafka::topic_partition_list::TopicPartitionList;

use super::consumer::Consumer;
use super::native;
use crate::config::TopicIdentity;
use crate::waker::Waker;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the hub wants to know.
#[derive(Debug)]
pub(crate) enum Errand {
    /// Look at the topics now, and not only when it is time again. Looks are numbered, rising.
    Look(u64),
    /// Where to begin reading a partition whose past matters.
    FindStart { topic: String, partition: i32 },
}

/// What the scout found.
#[derive(Debug)]
pub(crate) enum Finding {
    /// A topic as it is now, or why nobody knows; found after the look of this number was asked for.
    Topic {
        look: u64,
        topic: String,
        found: Result<TopicFacts, String>,
    },
    /// Where a partition begins and ends, and where to begin reading.
    Start {
        topic: String,
        partition: i32,
        found: Result<Start, String>,
    },
}

/// A topic as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicFacts {
    pub(crate) id: String,
    pub(crate) partitions: i32,
}

/// Offsets of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Start {
    /// The first offset that is still there.
    pub(crate) low: i64,
    /// The offset after the last.
    pub(crate) high: i64,
    /// Where to begin, to have read as far back as the cache reaches.
    pub(crate) from: i64,
}

/// What the scout goes by.
#[derive(Debug, Clone)]
pub(crate) struct Orders {
    pub(crate) topics: Vec<String>,
    pub(crate) identity: TopicIdentity,
    /// Between two looks at the topics, once all of them are known.
    pub(crate) refresh: Duration,
    /// How far back the past matters.
    pub(crate) reach: Duration,
    /// Records to read where the broker cannot say where a time begins.
    pub(crate) tail: i64,
}

/// Runs until the hub is gone.
pub(crate) fn run(
    consumer: &Consumer,
    orders: &Orders,
    errands: &Receiver<Errand>,
    findings: &SyncSender<Finding>,
    hub: &Waker,
) {
    // While something is missing, look more often: readiness waits for it.
    const EAGER: Duration = Duration::from_millis(250);
    let mut look_at = Instant::now();
    let mut asked = 0;
    loop {
        let wait = look_at.saturating_duration_since(Instant::now());
        let found = match errands.recv_timeout(wait) {
            Ok(Errand::FindStart { topic, partition }) => {
                let found = find_start(consumer, &topic, partition, orders);
                if found.is_err() {
                    look_at = look_at.min(Instant::now() + EAGER);
                }
                vec![Finding::Start {
                    topic,
                    partition,
                    found,
                }]
            }
            Ok(Errand::Look(number)) => {
                // Soon, but several wishes are one look.
                asked = number;
                look_at = Instant::now();
                continue;
            }
            Err(RecvTimeoutError::Timeout) => {
                let found = look(consumer, orders, asked);
                let complete = found
                    .iter()
                    .all(|finding| matches!(finding, Finding::Topic { found: Ok(_), .. }));
                look_at = Instant::now()
                    + if complete {
                        orders.refresh
                    } else {
                        EAGER.min(orders.refresh)
                    };
                found
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        for finding in found {
            if findings.send(finding).is_err() {
                return;
            }
        }
        hub.wake();
    }
}

/// What the topics are now. One answer for each.
fn look(consumer: &Consumer, orders: &Orders, look: u64) -> Vec<Finding> {
    let ids = match orders.identity {
        TopicIdentity::Name => Ok(Vec::new()),
        TopicIdentity::Id => native::topic_ids(consumer, &orders.topics, PATIENCE),
    };
    orders
        .topics
        .iter()
        .map(|topic| {
            let id = match (orders.identity, &ids) {
                (TopicIdentity::Name, _) => Ok(topic.clone()),
                (TopicIdentity::Id, Ok(ids)) => ids
                    .iter()
                    .find(|described| described.topic == *topic)
                    .map_or(
                        Err("the brokers did not describe it".to_owned()),
                        |described| described.id.clone(),
                    ),
                (TopicIdentity::Id, Err(why)) => Err(why.clone()),
            };
            let found = id.and_then(|id| {
                Ok(TopicFacts {
                    id,
                    partitions: count_partitions(consumer, topic)?,
                })
            });
            Finding::Topic {
                look,
                topic: topic.clone(),
                found,
            }
        })
        .collect()
}

fn count_partitions(consumer: &Consumer, topic: &str) -> Result<i32, String> {
    let metadata = consumer
        .fetch_metadata(Some(topic), PATIENCE)
        .map_err(|error| format!("the brokers do not answer: {error}"))?;
    let described = metadata
        .topics()
        .iter()
        .find(|described| described.name() == topic);
    let Some(described) = described else {
        return Err("the brokers did not describe it".to_owned());
    };
    if let Some(error) = described.error() {
        return Err(rdkafka::types::RDKafkaErrorCode::from(error).to_string());
    }
    match i32::try_from(described.partitions().len()) {
        Ok(0) | Err(_) => Err("there is no such topic".to_owned()),
        Ok(count) => Ok(count),
    }
}

fn find_start(
    consumer: &Consumer,
    topic: &str,
    partition: i32,
    orders: &Orders,
) -> Result<Start, String> {
    let (low, high) = consumer
        .fetch_watermarks(topic, partition, PATIENCE)
        .map_err(|error| format!("where the log begins is unknown: {error}"))?;
    let since = SystemTime::now() - orders.reach;
    let milliseconds = since
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    let mut wanted = TopicPartitionList::new();
    wanted
        .add_partition_offset(
            topic,
            partition,
            Offset::Offset(i64::try_from(milliseconds).unwrap_or(0)),
        )
        .map_err(|error| error.to_string())?;
    let by_time = consumer
        .offsets_for_times(wanted, PATIENCE)
        .map_err(|error| format!("where the time begins is unknown: {error}"))?;
    let by_time = by_time
        .find_partition(topic, partition)
        .and_then(|element| element.offset().to_raw())
        .filter(|offset| *offset >= 0);
    // Quiet partitions have no record that young, and some brokers cannot search by time. The tail is read in any
    // case, as it has last values that are older than the cache.
    let tail = (high - orders.tail).max(low);
    let from = by_time.map_or(tail, |offset| offset.clamp(low, tail));
    Ok(Start { low, high, from })
}
