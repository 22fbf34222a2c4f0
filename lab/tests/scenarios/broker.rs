//! One real Kafka for all cells of this process.

use std::sync::{Mutex, PoisonError};

use lab_kafka::StartError;
use lab_kafka::container::ContainerCluster;

/// Started by the first cell that needs it.
static SHARED: Mutex<Option<ContainerCluster>> = Mutex::new(None);

/// Where it answers.
pub(crate) fn bootstrap() -> Result<String, StartError> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(cluster) = shared.as_ref() {
        return Ok(cluster.access().bootstrap.clone());
    }
    let cluster = shared.insert(ContainerCluster::start(1, &|| false)?);
    Ok(cluster.access().bootstrap.clone())
}

/// Removes it.
pub(crate) fn dismiss() {
    drop(SHARED.lock().unwrap_or_else(PoisonError::into_inner).take());
}
