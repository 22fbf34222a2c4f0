//! How to reach a cluster, and what every client of the lab is told: notice quickly, come back quickly, never block for long.

use std::time::Duration;

use rdkafka::ClientConfig;

/// How long one question to Kafka (metadata, watermarks, an admin request) may take.
pub(crate) const QUESTION: Duration = Duration::from_secs(15);

/// How to reach a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// `host:port[,host:port]`.
    pub bootstrap: String,
    /// Further librdkafka properties, for instance credentials.
    pub properties: Vec<(String, String)>,
}

impl From<&str> for Access {
    fn from(bootstrap: &str) -> Self {
        Self {
            bootstrap: bootstrap.to_owned(),
            properties: Vec::new(),
        }
    }
}

/// A configuration for a client called `name` of the cluster.
///
/// librdkafka backs off up to 10 s before it dials a broker again. Faults in scenarios last seconds, and a lab that reconnects slower
/// than the gateway would blame the gateway.
pub(crate) fn client(access: &Access, name: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &access.bootstrap)
        .set("client.id", name)
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "500")
        .set("retry.backoff.ms", "50")
        .set("retry.backoff.max.ms", "500")
        .set("topic.metadata.refresh.fast.interval.ms", "100")
        .set("socket.nagle.disable", "true")
        .set("socket.connection.setup.timeout.ms", "5000");
    for (key, value) in &access.properties {
        config.set(key, value);
    }
    config
}

/// A producer that Kafka acknowledges only once every in-sync replica has the record, and that never doubles one by retrying.
pub(crate) fn producer(access: &Access, name: &str) -> ClientConfig {
    let mut config = client(access, name);
    config
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("partitioner", "murmur2_random")
        .set("linger.ms", "1")
        .set("queue.buffering.max.messages", "500000")
        .set("message.timeout.ms", "60000");
    config
}

/// A consumer without a group: it is told what to read, it commits nothing, and it says so when the log no longer has an offset.
pub(crate) fn reader(access: &Access, name: &str) -> ClientConfig {
    let mut config = client(access, name);
    config
        // librdkafka demands a group for `assign`; it is never joined.
        .set("group.id", "tidegate-lab-reader")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("isolation.level", "read_committed")
        .set("fetch.wait.max.ms", "50")
        .set("fetch.error.backoff.ms", "50")
        .set("queued.max.messages.kbytes", "65536");
    config
}
