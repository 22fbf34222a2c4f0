//! The log behind the gateways, in each of its kinds.
//!
//! - [`embedded`]: librdkafka's mock cluster, part of the lab.
//! - [`container`]: Apache Kafka, one broker shared by all cells or several of a cell's own.
//! - [`external`]: a cluster of the user's own.
//! - [`orders`]: what a scenario says, in the words of `lab-kafka`.
//!
//! Each kind implements [`crate::provider::Kafka`] and is built by `new()` without touching the machine. The lab's own clients (publisher, load, truth
//! reader) are in the crate `lab-kafka` and work with every kind alike; [`access`] is what they are opened with.

mod container;
mod embedded;
mod external;
mod orders;

pub(crate) use container::{Container, dismiss_shared};
pub(crate) use embedded::Embedded;
pub(crate) use external::External;
use lab_kafka::StartError;
pub(crate) use orders::{faults, shape, transaction_end};

use crate::provider::{Cluster, ProviderError};

/// How the lab's own clients reach a cluster.
pub(crate) fn access(cluster: &Cluster) -> lab_kafka::Access {
    lab_kafka::Access {
        bootstrap: cluster.bootstrap.clone(),
        properties: cluster.properties.clone(),
    }
}

/// A start that failed, in the words of the providers.
pub(crate) fn or_failed(error: StartError) -> ProviderError {
    match error {
        StartError::Unfit { what, remedy } => ProviderError::Unfit { what, remedy },
        StartError::Failed(error) => ProviderError::Failed(error),
        StartError::Cancelled => ProviderError::Interrupted,
    }
}
