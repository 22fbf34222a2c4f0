//! A consumer that joins no group: it is assigned every partition of its topics and commits nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};

use super::client_log;
use crate::waker::Waker;

/// Reads the log.
pub(crate) type Consumer = BaseConsumer<Watch>;

/// Set when librdkafka has learnt that a topic has another id than before: from then on it reads the topic that was
/// created again as if it were the old one. The flag is set before the first such record is fetched.
///
/// librdkafka tells of this in its debug log only (its `rd_kafka_topic_metadata_update` has a `FIXME` there).
#[derive(Debug, Clone, Default)]
pub(crate) struct IdsChanged(Arc<AtomicBool>);

impl IdsChanged {
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    pub(crate) fn clear(&self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Listens to librdkafka's log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch {
    ids_changed: IdsChanged,
    waker: Waker,
    /// The user wants to see debug lines.
    verbose: bool,
}

impl ClientContext for Watch {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if facility == "METADATA" && message.contains(" changed id from ") {
            self.ids_changed.0.store(true, Ordering::Release);
            self.waker.wake();
        }
        if self.verbose || !matches!(level, RDKafkaLogLevel::Debug) {
            client_log::pass_on(level, facility, message);
        }
    }

    fn stats_raw(&self, _statistics: &[u8]) {}

    fn error(&self, error: KafkaError, reason: &str) {
        client_log::pass_on_error(&error, reason);
    }
}

impl ConsumerContext for Watch {}

/// A consumer for `properties` that wakes its reader when there is something to read.
///
/// # Errors
/// librdkafka refuses the properties.
pub(crate) fn consumer(
    properties: &BTreeMap<String, String>,
    reader: Waker,
) -> KafkaResult<(Arc<Consumer>, IdsChanged)> {
    let mut config = ClientConfig::new();
    // librdkafka wants a name, although no group is ever joined.
    config.set("group.id", "tidegate");
    for (name, value) in properties
        .iter()
        .filter(|(name, _)| !is_for_producers(name))
    {
        config.set(name, value);
    }
    let wanted = properties.get("debug");
    let debug = wanted.map_or("topic,metadata".to_owned(), |wanted| {
        format!("{wanted},topic,metadata")
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
    let watch = Watch {
        ids_changed: IdsChanged::default(),
        waker: reader.clone(),
        verbose: wanted.is_some(),
    };
    let ids_changed = watch.ids_changed.clone();
    let mut consumer: Consumer = config.create_with_context(watch)?;
    consumer.set_nonempty_callback(move || reader.wake());
    Ok((Arc::new(consumer), ids_changed))
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
