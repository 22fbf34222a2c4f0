//! A consumer that joins no group: it is assigned every partition of its topics and commits nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, DefaultConsumerContext};
use rdkafka::error::KafkaResult;

use super::native::LOG_CONTEXTS;
use crate::waker::Waker;

/// Reads the log.
pub(crate) type Consumer = BaseConsumer<DefaultConsumerContext>;

/// A consumer for `properties` that wakes its reader when there is something to read.
///
/// # Errors
/// librdkafka refuses the properties.
pub(crate) fn consumer(
    properties: &BTreeMap<String, String>,
    reader: Waker,
) -> KafkaResult<Arc<Consumer>> {
    let mut config = ClientConfig::new();
    // librdkafka wants a name, although no group is ever joined.
    config.set("group.id", "tidegate");
    for (name, value) in properties
        .iter()
        .filter(|(name, _)| !is_for_producers(name))
    {
        config.set(name, value);
    }
    let debug = properties
        .get("debug")
        .map_or(LOG_CONTEXTS.to_owned(), |wanted| {
            format!("{wanted},{LOG_CONTEXTS}")
        });
    config
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "error")
        .set("allow.auto.create.topics", "false")
        .set("debug", debug)
        .set_log_level(RDKafkaLogLevel::Debug);
    let mut consumer: Consumer = config.create()?;
    consumer.set_nonempty_callback(move || reader.wake());
    Ok(Arc::new(consumer))
}

/// Properties that only producers have; librdkafka warns about each of them in a consumer.
fn is_for_producers(name: &str) -> bool {
    const PREFIXES: [&str; 4] = ["queue.buffering.", "batch.", "linger", "compression."];
    const NAMES: [&str; 12] = [
        "acks",
        "request.required.acks",
        "request.timeout.ms",
        "message.timeout.ms",
        "delivery.timeout.ms",
        "enable.idempotence",
        "enable.gapless.guarantee",
        "message.send.max.retries",
        "retries",
        "partitioner",
        "sticky.partitioning.linger.ms",
        "queuing.strategy",
    ];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}
