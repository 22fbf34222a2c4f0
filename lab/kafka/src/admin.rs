//! Topics: made, changed, damaged and removed through Kafka's own admin requests.

use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier,
    TopicReplication, TopicResult,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use crate::election::{self, Candidate};
use crate::engine;
use crate::error::StartError;
use crate::metadata::Metadata;
use crate::settings::{self, Access, QUESTION};

/// How long the cluster may take until a change is seen by clients.
const SETTLE: Duration = Duration::from_secs(30);

/// Before a question is asked again whose way was lost; the new way takes a moment.
const AGAIN: Duration = Duration::from_millis(100);

/// Changes topics of one cluster.
pub struct Admin {
    access: Access,
    client: AdminClient<DefaultClientContext>,
    metadata: Metadata,
}

impl Admin {
    /// An admin client of the cluster.
    pub fn connect(access: &Access) -> anyhow::Result<Self> {
        Ok(Self {
            access: access.clone(),
            client: settings::client(access, "tidegate-lab-admin")
                .create()
                .context("cannot make a Kafka admin client")?,
            metadata: Metadata::connect(access)?,
        })
    }

    /// Creates a topic and waits until every partition has a leader and all its replicas.
    pub fn create_topic(
        &self,
        topic: &str,
        partitions: i32,
        replication: i32,
        config: &[(&str, &str)],
    ) -> anyhow::Result<()> {
        let mut wanted = NewTopic::new(topic, partitions, TopicReplication::Fixed(replication));
        for (key, value) in config {
            wanted = wanted.set(key, value);
        }
        let (results, asked) = self.ask(|| self.client.create_topics([&wanted], &options()))?;
        // An earlier request may have been done although its answer was lost.
        let done = |result: &TopicResult| {
            asked > 1 && matches!(result, Err((_, RDKafkaErrorCode::TopicAlreadyExists)))
        };
        let results: Vec<_> = results.into_iter().filter(|result| !done(result)).collect();
        each(&results, "create")?;
        self.settle(&format!("topic {topic} to have leaders"), |metadata| {
            let found = metadata.partitions(topic)?;
            Ok(found.len() == usize::try_from(partitions)?
                && found
                    .iter()
                    .all(|state| state.leader >= 0 && state.in_sync.len() == state.replicas.len()))
        })
    }

    /// Deletes topics and waits until they are gone. Topics that are not there are fine.
    pub fn delete_topics(&self, topics: &[&str]) -> anyhow::Result<()> {
        if topics.is_empty() {
            return Ok(());
        }
        let (results, _) = self.ask(|| self.client.delete_topics(topics, &options()))?;
        let results: Vec<_> = results
            .into_iter()
            .filter(|result| !matches!(result, Err((_, code)) if is_unknown(*code)))
            .collect();
        each(&results, "delete")?;
        for topic in topics {
            self.settle(&format!("topic {topic} to go"), |metadata| {
                Ok(metadata.partitions(topic)?.is_empty())
            })?;
        }
        Ok(())
    }

    /// Raises the number of a topic's partitions to `total`.
    pub fn add_partitions(&self, topic: &str, total: usize) -> anyhow::Result<()> {
        let wanted = NewPartitions::new(topic, total);
        let (results, _) = self.ask(|| self.client.create_partitions([&wanted], &options()))?;
        each(&results, "add partitions to")?;
        self.settle(
            &format!("topic {topic} to have {total} partitions with leaders"),
            |metadata| {
                let found = metadata.partitions(topic)?;
                Ok(found.len() == total && found.iter().all(|state| state.leader >= 0))
            },
        )
    }

    /// Sets properties of a topic, for instance `retention.ms`. What was set before and is not named here goes back to the broker's default.
    pub fn configure(&self, topic: &str, config: &[(&str, &str)]) -> anyhow::Result<()> {
        let change = config.iter().fold(
            AlterConfig::new(ResourceSpecifier::Topic(topic)),
            |change, (key, value)| change.set(key, value),
        );
        let (results, _) = self.ask(|| self.client.alter_configs([&change], &options()))?;
        for result in results {
            result.map_err(|(_, code)| anyhow!("cannot configure topic {topic}: {code}"))?;
        }
        Ok(())
    }

    /// Removes the records of a partition before `offset`, as retention would; at once.
    pub fn trim(&self, topic: &str, partition: i32, offset: i64) -> anyhow::Result<()> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset))?;
        let (trimmed, _) = self.ask(|| self.client.delete_records(&list, &options()))?;
        trimmed
            .elements()
            .iter()
            .try_for_each(|element| element.error())
            .with_context(|| format!("cannot trim {topic} [{partition}] before {offset}"))
    }

    /// Makes `broker`, one of the replicas, the leader of a partition, and waits until it is.
    pub fn move_leader(&self, topic: &str, partition: i32, broker: i32) -> anyhow::Result<()> {
        let replicas = self.holders(topic, partition)?.replicas;
        let Some(at) = replicas.iter().position(|replica| *replica == broker) else {
            bail!(
                "broker {broker} has no replica of {topic} [{partition}], only {replicas:?} have"
            );
        };
        let mut preferred = replicas;
        preferred.swap(0, at);
        self.wait(election::prefer(&self.access, topic, partition, &preferred))?;
        self.settle(
            &format!("broker {broker} to lead {topic} [{partition}]"),
            |metadata| {
                // The order of replicas and the leader's state reach brokers separately; an election asked for too early changes nothing.
                self.wait(election::elect(
                    &self.access,
                    Candidate::Preferred,
                    topic,
                    partition,
                ))?;
                Ok(metadata
                    .partitions(topic)?
                    .iter()
                    .any(|state| state.partition == partition && state.leader == broker))
            },
        )
    }

    /// Makes a replica that is not in sync the leader of a partition that has none, and waits until it is. What it lacks is lost.
    pub(crate) fn elect_uncleanly(&self, topic: &str, partition: i32) -> anyhow::Result<()> {
        self.settle(
            &format!("a follower to lead {topic} [{partition}]"),
            |metadata| {
                // The controller refuses while it still takes the old leader for alive.
                self.wait(election::elect(
                    &self.access,
                    Candidate::Unclean,
                    topic,
                    partition,
                ))?;
                let found = metadata.partitions(topic)?;
                Ok(found
                    .iter()
                    .any(|state| state.partition == partition && state.leader >= 0))
            },
        )
    }

    /// Lets retention pass every record that the topic has now; then it is what it was before.
    pub(crate) fn outlive_retention(&self, topic: &str) -> anyhow::Result<()> {
        let ends = self.watermarks(topic)?;
        self.configure(topic, &[("retention.ms", "100"), ("segment.ms", "100")])?;
        self.settle(&format!("retention to pass the records of {topic}"), |_| {
            let now = self.watermarks(topic)?;
            Ok(ends.iter().zip(&now).all(|((_, end), (low, _))| low >= end))
        })?;
        self.configure(topic, &[])
    }

    /// Lets the log cleaner compact the topic's closed segments, and close them soon after a record came.
    pub(crate) fn compact(&self, topic: &str) -> anyhow::Result<()> {
        self.configure(
            topic,
            &[
                ("cleanup.policy", "compact"),
                ("segment.ms", "100"),
                ("min.cleanable.dirty.ratio", "0.0"),
                ("max.compaction.lag.ms", "1"),
            ],
        )
    }

    /// Who holds a partition, and who leads it.
    pub(crate) fn holders(&self, topic: &str, partition: i32) -> anyhow::Result<Holders> {
        let found = self.metadata.partitions(topic)?;
        let state = found.into_iter().find(|state| state.partition == partition);
        let state = state.with_context(|| format!("Kafka has no {topic} [{partition}]"))?;
        Ok(Holders {
            leader: state.leader,
            replicas: state.replicas,
            in_sync: state.in_sync,
        })
    }

    /// The first offset and the one after the last, of each partition in order.
    fn watermarks(&self, topic: &str) -> anyhow::Result<Vec<(i64, i64)>> {
        let partitions = self.metadata.partitions(topic)?;
        partitions
            .iter()
            .map(|state| self.metadata.watermarks(topic, state.partition))
            .collect()
    }

    /// Who leads a partition now, if anybody does.
    pub fn leader(&self, topic: &str, partition: i32) -> anyhow::Result<Option<i32>> {
        let found = self.metadata.partitions(topic)?;
        Ok(found
            .iter()
            .find(|state| state.partition == partition)
            .map(|state| state.leader)
            .filter(|leader| *leader >= 0))
    }

    /// Waits until every broker that is up says so.
    fn settle(
        &self,
        what: &str,
        holds: impl Fn(&Metadata) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let everywhere = |metadata: &Metadata| {
            // A fresh client each time, because one that has asked once knows the other brokers and may ask those.
            for broker in metadata.of_each_broker()? {
                if !holds(&broker)? {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        match self
            .metadata
            .wait_until(what, SETTLE, &|| false, everywhere)
        {
            Ok(()) => Ok(()),
            Err(StartError::Failed(error)) => Err(error),
            Err(other) => Err(anyhow::Error::new(other)),
        }
    }

    /// Asks, and asks again where librdkafka lost the connection it wanted to use (it replaces those it began with by those that
    /// the cluster names), or a cluster that has just started did not answer in time. Answers as well how often it asked.
    fn ask<T, F: Future<Output = KafkaResult<T>>>(
        &self,
        question: impl Fn() -> F,
    ) -> anyhow::Result<(T, u32)> {
        let deadline = Instant::now() + 2 * QUESTION;
        let mut asked = 1;
        loop {
            match self.wait(async { Ok::<_, anyhow::Error>(question().await) })? {
                Ok(answer) => return Ok((answer, asked)),
                Err(error) if Instant::now() < deadline && is_passing(&error) => {
                    std::thread::sleep(AGAIN);
                    asked += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// rdkafka's admin futures only wait for a channel, so any runtime does.
    fn wait<T, E: Into<anyhow::Error>>(
        &self,
        question: impl Future<Output = Result<T, E>>,
    ) -> anyhow::Result<T> {
        engine::runtime()?.block_on(question).map_err(Into::into)
    }
}

/// The brokers of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holders {
    /// -1 while it has none.
    pub(crate) leader: i32,
    pub(crate) replicas: Vec<i32>,
    pub(crate) in_sync: Vec<i32>,
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(QUESTION))
        .operation_timeout(Some(QUESTION))
}

fn each(results: &[TopicResult], verb: &str) -> anyhow::Result<()> {
    for result in results {
        if let Err((topic, code)) = result {
            bail!("cannot {verb} topic {topic}: {code}");
        }
    }
    Ok(())
}

fn is_unknown(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic
    )
}

/// Whether only the way to the broker was lost, or nobody answered.
fn is_passing(error: &KafkaError) -> bool {
    // `rdkafka_error_code` knows no code of admin requests.
    matches!(
        error,
        KafkaError::AdminOp(
            RDKafkaErrorCode::DestroyBroker
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::OperationTimedOut
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_way_is_tried_again_and_a_refusal_is_not() {
        let is_passing = |code| is_passing(&KafkaError::AdminOp(code));

        assert!(is_passing(RDKafkaErrorCode::DestroyBroker));
        assert!(!is_passing(RDKafkaErrorCode::PolicyViolation));
    }
}
