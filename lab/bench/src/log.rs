//! The Kafka behind the gateway: one for all rows, a topic for each gateway.

use std::time::Duration;

use anyhow::Context as _;
use lab_kafka::Access;
use lab_kafka::admin::Admin;
use lab_kafka::container::{ContainerCluster, IMAGE};
use lab_kafka::embedded::EmbeddedCluster;
use lab_kafka::external::ExternalCluster;
use lab_kafka::names;

use crate::bench::KafkaChoice;
use crate::error::BenchError;
use crate::host::Host;

/// A running cluster, or one of the user's.
pub(crate) struct Log {
    access: Access,
    keeper: Keeper,
    topics: Vec<String>,
}

enum Keeper {
    Embedded(EmbeddedCluster),
    Admin {
        admin: Admin,
        /// Gone when this is dropped.
        _cluster: Option<Box<ContainerCluster>>,
    },
}

impl Log {
    pub(crate) fn start(choice: &KafkaChoice, host: &dyn Host) -> Result<Self, BenchError> {
        let (access, keeper) = match choice {
            KafkaChoice::Embedded => {
                let cluster = EmbeddedCluster::start(1)?;
                (cluster.access().clone(), Keeper::Embedded(cluster))
            }
            KafkaChoice::Container => {
                let cluster = ContainerCluster::start(1, &|| host.interrupted())?;
                let (access, admin) = (cluster.access().clone(), cluster.admin()?);
                let _cluster = Some(Box::new(cluster));
                (access, Keeper::Admin { admin, _cluster })
            }
            KafkaChoice::External(bootstrap) => {
                let access = Access::from(bootstrap.as_str());
                // Fails with a reason when nobody answers there.
                ExternalCluster::connect(access.clone(), &|| host.interrupted())?;
                let admin = Admin::connect(&access)?;
                let _cluster = None;
                (access, Keeper::Admin { admin, _cluster })
            }
        };
        Ok(Self {
            access,
            keeper,
            topics: Vec::new(),
        })
    }

    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    /// A topic with one partition that nobody else uses.
    pub(crate) fn new_topic(&mut self) -> anyhow::Result<String> {
        let topic = names::unique("bench");
        match &self.keeper {
            Keeper::Embedded(cluster) => cluster.create_topic(&topic, 1)?,
            Keeper::Admin { admin, .. } => admin.create_topic(&topic, 1, 1, &[])?,
        }
        self.topics.push(topic.clone());
        Ok(topic)
    }

    /// The gateway's `kafka.topic-identity`.
    pub(crate) fn topic_identity(&self) -> &'static str {
        match self.keeper {
            // The mock has no topic ids to ask for.
            Keeper::Embedded(_) => "name",
            Keeper::Admin { .. } => "id",
        }
    }

    /// How long a fetch may wait at the end of the log. The embedded Kafka answers a fetch that found nothing only when
    /// this time is over, even if a record came; a real one answers at once.
    pub(crate) fn fetch_wait(&self, embedded: Duration) -> Duration {
        match self.keeper {
            Keeper::Embedded(_) => embedded,
            Keeper::Admin { .. } => Duration::from_millis(500),
        }
    }

    /// What it is, for the table.
    pub(crate) fn name(choice: &KafkaChoice) -> String {
        match choice {
            KafkaChoice::Embedded => {
                format!(
                    "embedded Kafka (librdkafka {})",
                    lab_kafka::librdkafka_version()
                )
            }
            KafkaChoice::Container => format!("Apache Kafka {}", IMAGE.1),
            KafkaChoice::External(bootstrap) => format!("Kafka at {bootstrap}"),
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Keeper::Admin { admin, .. } = &self.keeper {
            let topics: Vec<&str> = self.topics.iter().map(String::as_str).collect();
            let deleted = admin
                .delete_topics(&topics)
                .context("topics of the bench stay in Kafka");
            if let Err(error) = deleted {
                eprintln!("{error:#}");
            }
        }
    }
}
