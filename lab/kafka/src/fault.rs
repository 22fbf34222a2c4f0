//! What can be done to a cluster while a scenario runs, and which cluster can do it.

use std::time::Duration;

use anyhow::bail;
use serde::{Deserialize, Serialize};

use crate::admin::Admin;
use crate::container::ContainerCluster;
use crate::embedded::EmbeddedCluster;
use crate::error::StartError;
use crate::external::ExternalCluster;
use crate::unclean;

/// One thing done to a cluster. Brokers are numbered from 1; topics have their real names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// A broker goes; where it can, it hands its partitions over first.
    StopBroker {
        /// Which.
        broker: i32,
    },
    /// A broker goes without a word.
    KillBroker {
        /// Which.
        broker: i32,
    },
    /// A broker that went comes back, with its address and its data.
    StartBroker {
        /// Which.
        broker: i32,
    },
    /// Every broker goes without a word.
    KillAll,
    /// Every broker that went comes back.
    StartAll,
    /// A broker keeps its connections and answers nothing.
    PauseBroker {
        /// Which.
        broker: i32,
    },
    /// A paused broker goes on.
    ResumeBroker {
        /// Which.
        broker: i32,
    },
    /// Every answer of a broker takes longer.
    DelayBroker {
        /// Which.
        broker: i32,
        /// By how much, in milliseconds; 0 ends it.
        by_ms: u64,
    },
    /// Another broker leads a partition.
    MoveLeader {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The new leader, one of the partition's replicas.
        to: i32,
    },
    /// A topic is deleted and created again under its name: another topic id, empty.
    RecreateTopic {
        /// The topic.
        topic: String,
        /// Its partitions afterwards.
        partitions: i32,
    },
    /// A topic gets more partitions.
    AddPartitions {
        /// The topic.
        topic: String,
        /// How many it has afterwards.
        total: usize,
    },
    /// The records of a partition before an offset are gone, as when retention has passed.
    TrimPartition {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The first offset that stays.
        before: i64,
    },
    /// Retention of a topic shrinks to next to nothing until every record so far is gone, and is then what it was.
    ShrinkRetention {
        /// The topic.
        topic: String,
    },
    /// A topic is compacted from now on, as soon as its segments are closed; later records close them.
    Compact {
        /// The topic.
        topic: String,
    },
    /// The followers of a partition stop: what is written from now on, only the leader has.
    IsolateLeader {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
    /// The isolated leader of a partition goes, and a follower that lacks its latest records leads: an unclean election.
    ElectUncleanly {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
}

/// A cluster that can be damaged.
pub trait Breakable {
    /// Why this fault cannot be had here, as a clause; asked while planning.
    fn refuses(&self, fault: &Fault) -> Option<String>;

    /// Does it, and returns when it is done.
    fn inject(&self, fault: &Fault, cancelled: &dyn Fn() -> bool) -> Result<(), StartError>;
}

impl Breakable for EmbeddedCluster {
    fn refuses(&self, fault: &Fault) -> Option<String> {
        embedded_refuses(fault)
    }

    fn inject(&self, fault: &Fault, _: &dyn Fn() -> bool) -> Result<(), StartError> {
        match fault {
            Fault::StopBroker { broker } | Fault::KillBroker { broker } => {
                self.broker_down(*broker)?
            }
            Fault::StartBroker { broker } => self.broker_up(*broker)?,
            Fault::KillAll => {
                (1..=self.brokers()).try_for_each(|broker| self.broker_down(broker))?
            }
            Fault::StartAll => {
                (1..=self.brokers()).try_for_each(|broker| self.broker_up(broker))?
            }
            Fault::DelayBroker { broker, by_ms } => {
                self.round_trip_time(*broker, Duration::from_millis(*by_ms))?
            }
            Fault::MoveLeader {
                topic,
                partition,
                to,
            } => self.move_leader(topic, *partition, Some(*to))?,
            other => return Err(refused(embedded_refuses(other))),
        }
        Ok(())
    }
}

impl Breakable for ContainerCluster {
    fn refuses(&self, fault: &Fault) -> Option<String> {
        container_refuses(fault)
    }

    fn inject(&self, fault: &Fault, cancelled: &dyn Fn() -> bool) -> Result<(), StartError> {
        match fault {
            Fault::StopBroker { broker } => self.stop_broker(*broker)?,
            Fault::KillBroker { broker } => self.kill_broker(*broker)?,
            Fault::StartBroker { broker } => self.start_broker(*broker, cancelled)?,
            Fault::PauseBroker { broker } => self.pause_broker(*broker)?,
            Fault::ResumeBroker { broker } => self.resume_broker(*broker)?,
            Fault::KillAll => self.kill_all()?,
            Fault::StartAll => self.start_all(cancelled)?,
            Fault::IsolateLeader { topic, partition } => {
                unclean::isolate_leader(self, topic, *partition, cancelled)?
            }
            Fault::ElectUncleanly { topic, partition } => {
                unclean::elect(self, topic, *partition, cancelled)?
            }
            Fault::DelayBroker { .. } => return Err(refused(container_refuses(fault))),
            topics => damage_topic(&self.admin()?, topics, self.replicas())?,
        }
        Ok(())
    }
}

impl Breakable for ExternalCluster {
    fn refuses(&self, fault: &Fault) -> Option<String> {
        external_refuses(fault)
    }

    fn inject(&self, fault: &Fault, _: &dyn Fn() -> bool) -> Result<(), StartError> {
        match external_refuses(fault) {
            None => Ok(damage_topic(self.admin(), fault, self.brokers().min(3))?),
            why => Err(refused(why)),
        }
    }
}

/// Why an embedded cluster cannot have a fault.
#[must_use]
pub fn embedded_refuses(fault: &Fault) -> Option<String> {
    let what = match fault {
        Fault::StopBroker { .. }
        | Fault::KillBroker { .. }
        | Fault::StartBroker { .. }
        | Fault::KillAll
        | Fault::StartAll
        | Fault::DelayBroker { .. }
        | Fault::MoveLeader { .. } => return None,
        Fault::PauseBroker { .. } | Fault::ResumeBroker { .. } => "freezes no broker",
        Fault::RecreateTopic { .. } => "deletes no topic",
        Fault::AddPartitions { .. } => "adds no partitions",
        Fault::TrimPartition { .. } | Fault::ShrinkRetention { .. } => "has no retention to set",
        Fault::Compact { .. } => "compacts nothing",
        Fault::IsolateLeader { .. } | Fault::ElectUncleanly { .. } => {
            "has one copy of each partition, which no leader can lack"
        }
    };
    Some(format!("the embedded Kafka {what}"))
}

/// Why a cluster in containers cannot have a fault.
#[must_use]
pub fn container_refuses(fault: &Fault) -> Option<String> {
    matches!(fault, Fault::DelayBroker { .. })
        .then(|| "a broker in a container cannot be told to be slow".to_owned())
}

/// Why somebody's cluster cannot have a fault.
#[must_use]
pub fn external_refuses(fault: &Fault) -> Option<String> {
    match fault {
        Fault::MoveLeader { .. }
        | Fault::RecreateTopic { .. }
        | Fault::AddPartitions { .. }
        | Fault::TrimPartition { .. }
        | Fault::ShrinkRetention { .. }
        | Fault::Compact { .. } => None,
        Fault::StopBroker { .. }
        | Fault::KillBroker { .. }
        | Fault::StartBroker { .. }
        | Fault::KillAll
        | Fault::StartAll
        | Fault::IsolateLeader { .. }
        | Fault::ElectUncleanly { .. }
        | Fault::PauseBroker { .. }
        | Fault::ResumeBroker { .. }
        | Fault::DelayBroker { .. } => {
            Some("the lab does not touch the brokers of a cluster that it did not start".to_owned())
        }
    }
}

fn damage_topic(admin: &Admin, fault: &Fault, replicas: i32) -> anyhow::Result<()> {
    match fault {
        Fault::MoveLeader {
            topic,
            partition,
            to,
        } => admin.move_leader(topic, *partition, *to),
        Fault::RecreateTopic { topic, partitions } => {
            admin.delete_topics(&[topic])?;
            admin.create_topic(topic, *partitions, replicas, &[])
        }
        Fault::AddPartitions { topic, total } => admin.add_partitions(topic, *total),
        Fault::TrimPartition {
            topic,
            partition,
            before,
        } => admin.trim(topic, *partition, *before),
        Fault::ShrinkRetention { topic } => admin.outlive_retention(topic),
        Fault::Compact { topic } => admin.compact(topic),
        other => bail!("{other:?} is not done to a topic"),
    }
}

fn refused(why: Option<String>) -> StartError {
    StartError::Failed(anyhow::anyhow!(
        why.unwrap_or_else(|| "this cluster cannot have that fault".to_owned())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_not_tried() {
        let cluster = EmbeddedCluster::start(1).unwrap();
        let fault = Fault::RecreateTopic {
            topic: "telemetry".to_owned(),
            partitions: 1,
        };

        let error = cluster.inject(&fault, &|| false).unwrap_err();

        assert_eq!(error.to_string(), "the embedded Kafka deletes no topic");
        assert_eq!(cluster.refuses(&fault), Some(error.to_string()));
    }
}
