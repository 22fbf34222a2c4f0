//! The log behind the gateways, in each of its kinds.
//!
//! - [`embedded`]: librdkafka's mock cluster, part of the lab.
//!
//! Each kind implements [`crate::provider::Kafka`] and is built by `new()` without touching the machine. The lab's own clients (publisher, load, truth
//! reader) are in the crate `lab-kafka` and work with every kind alike; [`access`] is what they are opened with.

pub(crate) mod embedded;

use crate::provider::Cluster;

/// How the lab's own clients reach a cluster.
pub(crate) fn access(cluster: &Cluster) -> lab_kafka::Access {
    lab_kafka::Access {
        bootstrap: cluster.bootstrap.clone(),
        properties: cluster.properties.clone(),
    }
}
