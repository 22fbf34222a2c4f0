//! What a broker's container is told, in the words of the public image: `KAFKA_LOG_DIRS` is the property `log.dirs`.

/// One broker of a cluster; each is a controller as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    id: u16,
    port: u16,
    cluster: u16,
}

/// The first controller's port inside the pod; never published.
const CONTROLLERS: u16 = 19_000;

impl Node {
    /// Brokers 1, 2, … with their ports.
    pub(super) fn cluster(ports: &[u16]) -> impl Iterator<Item = Self> {
        let cluster = u16::try_from(ports.len()).unwrap_or(u16::MAX);
        (1..)
            .zip(ports)
            .map(move |(id, &port)| Self { id, port, cluster })
    }

    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let replicas = self.cluster.min(3);
        let facts = [
            ("NODE_ID", self.id.to_string()),
            ("PROCESS_ROLES", "broker,controller".to_owned()),
            (
                "LISTENERS",
                format!(
                    "CLIENTS://0.0.0.0:{},CONTROLLER://127.0.0.1:{}",
                    self.port,
                    CONTROLLERS + self.id
                ),
            ),
            (
                "ADVERTISED_LISTENERS",
                format!("CLIENTS://127.0.0.1:{}", self.port),
            ),
            (
                "LISTENER_SECURITY_PROTOCOL_MAP",
                "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned(),
            ),
            ("INTER_BROKER_LISTENER_NAME", "CLIENTS".to_owned()),
            ("CONTROLLER_LISTENER_NAMES", "CONTROLLER".to_owned()),
            ("CONTROLLER_QUORUM_VOTERS", self.voters()),
            ("OFFSETS_TOPIC_REPLICATION_FACTOR", replicas.to_string()),
            (
                "TRANSACTION_STATE_LOG_REPLICATION_FACTOR",
                replicas.to_string(),
            ),
            ("TRANSACTION_STATE_LOG_MIN_ISR", replicas.min(2).to_string()),
        ];
        let facts = facts
            .into_iter()
            .chain(HABITS.map(|(name, value)| (name, value.to_owned())));
        facts
            .map(|(name, value)| (format!("KAFKA_{name}"), value))
            .collect()
    }

    fn voters(&self) -> String {
        let voters: Vec<String> = (1..=self.cluster)
            .map(|id| format!("{id}@127.0.0.1:{}", CONTROLLERS + id))
            .collect();
        voters.join(",")
    }
}

/// A small broker that notices quickly.
const HABITS: [(&str, &str); 17] = [
    ("AUTO_CREATE_TOPICS_ENABLE", "false"),
    ("DELETE_TOPIC_ENABLE", "true"),
    // A broker that died is out after 3 s instead of 9 s.
    ("BROKER_HEARTBEAT_INTERVAL_MS", "500"),
    ("BROKER_SESSION_TIMEOUT_MS", "3000"),
    ("CONTROLLER_QUORUM_ELECTION_TIMEOUT_MS", "500"),
    ("CONTROLLER_QUORUM_FETCH_TIMEOUT_MS", "1000"),
    // Retention is looked at every second instead of every five minutes; what it removes is gone at once.
    ("LOG_RETENTION_CHECK_INTERVAL_MS", "1000"),
    ("LOG_SEGMENT_DELETE_DELAY_MS", "0"),
    ("LOG_INITIAL_TASK_DELAY_MS", "500"),
    ("LOG_CLEANER_BACKOFF_MS", "1000"),
    // One partition of each of Kafka's own topics instead of fifty, nobody waits for more members of a group.
    ("OFFSETS_TOPIC_NUM_PARTITIONS", "1"),
    ("TRANSACTION_STATE_LOG_NUM_PARTITIONS", "1"),
    ("GROUP_INITIAL_REBALANCE_DELAY_MS", "0"),
    ("NUM_NETWORK_THREADS", "2"),
    ("NUM_IO_THREADS", "4"),
    // Leaders move when a scenario says so.
    ("AUTO_LEADER_REBALANCE_ENABLE", "false"),
    ("HEAP_OPTS", "-Xms128m -Xmx512m"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn every_broker_knows_itself_and_all_controllers() {
        let nodes: Vec<_> = Node::cluster(&[20_001, 20_002, 20_003]).collect();

        let second: BTreeMap<_, _> = nodes[1].environment().into_iter().collect();

        assert_eq!(second["KAFKA_NODE_ID"], "2");
        assert_eq!(
            second["KAFKA_LISTENERS"],
            "CLIENTS://0.0.0.0:20002,CONTROLLER://127.0.0.1:19002"
        );
        assert_eq!(
            second["KAFKA_CONTROLLER_QUORUM_VOTERS"],
            "1@127.0.0.1:19001,2@127.0.0.1:19002,3@127.0.0.1:19003"
        );
        assert_eq!(second["KAFKA_TRANSACTION_STATE_LOG_MIN_ISR"], "2");
    }

    #[test]
    fn a_lone_broker_replicates_nothing() {
        let node = Node::cluster(&[20_001]).next().unwrap();
        let alone: BTreeMap<_, _> = node.environment().into_iter().collect();

        assert_eq!(alone["KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR"], "1");
        assert_eq!(alone["KAFKA_TRANSACTION_STATE_LOG_MIN_ISR"], "1");
    }
}
