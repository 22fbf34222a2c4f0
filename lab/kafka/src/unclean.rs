//! An election that loses records: the followers of a partition stop, the leader goes on alone and then goes as well, and a
//! follower that lacks its latest records takes over.
//!
//! Each broker is a controller too, and most of them have to be up for an election. So the partition needs one broker fewer than
//! the cluster has: with two replicas on three brokers the third keeps one of the two company.

use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::admin::{Admin, Holders};
use crate::container::ContainerCluster;
use crate::error::StartError;

/// How long the leader may take to notice that it is alone.
const ALONE: Duration = Duration::from_secs(30);

/// Stops every broker that follows the leader of a partition, and waits until the leader writes without them.
pub(crate) fn isolate_leader(
    cluster: &ContainerCluster,
    topic: &str,
    partition: i32,
    cancelled: &dyn Fn() -> bool,
) -> Result<(), StartError> {
    let admin = cluster.admin()?;
    let Holders {
        leader, replicas, ..
    } = admin.holders(topic, partition)?;
    ensure_possible(cluster, &replicas)?;
    for follower in replicas.iter().filter(|replica| **replica != leader) {
        cluster.stop_broker(*follower)?;
    }
    cluster.wait_until(
        &format!("broker {leader} to be alone with {topic} [{partition}]"),
        ALONE,
        cancelled,
        || Ok(admin.holders(topic, partition)?.in_sync == [leader]),
    )
}

/// Kills the isolated leader of a partition, starts its followers, and lets one of them lead. The old leader stays away.
pub(crate) fn elect(
    cluster: &ContainerCluster,
    topic: &str,
    partition: i32,
    cancelled: &dyn Fn() -> bool,
) -> Result<(), StartError> {
    let holders = cluster.admin()?.holders(topic, partition)?;
    let leader = holders.leader;
    if holders.in_sync != [leader] {
        return Err(anyhow::anyhow!(
            "broker {leader} is not alone with {topic} [{partition}]: an election would lose nothing"
        )
        .into());
    }
    cluster.kill_broker(leader)?;
    for follower in holders
        .replicas
        .iter()
        .filter(|replica| **replica != leader)
    {
        cluster.start_broker(*follower, cancelled)?;
    }
    // A fresh client: one that asked the old leader last may wait for it.
    let admin: Admin = cluster.admin()?;
    admin
        .elect_uncleanly(topic, partition)
        .context("no unclean election")?;
    Ok(())
}

fn ensure_possible(cluster: &ContainerCluster, replicas: &[i32]) -> anyhow::Result<()> {
    let brokers = cluster.brokers();
    ensure!(
        replicas.len() == 2 && brokers >= 3,
        "an unclean election takes 2 replicas on 3 brokers, there are {} on {brokers}",
        replicas.len()
    );
    Ok(())
}
