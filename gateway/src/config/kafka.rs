//! Which topics are carried, and how Kafka is reached.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use toml::Spanned;

use super::complaint::nearest;
use super::section::Section;
use super::value::words;

/// The log behind the gateway.
#[derive(Debug, Clone)]
pub(crate) struct Kafka {
    pub(crate) topics: Vec<String>,
    pub(crate) identity: TopicIdentity,
    /// How often added partitions and recreated topics are looked for.
    pub(crate) refresh: Duration,
    /// librdkafka's properties as typed, checked against what the gateway promises.
    pub(crate) properties: BTreeMap<String, String>,
}

/// What tells a topic from a later one of the same name. Never chosen by a timeout, so that two gateways cannot disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TopicIdentity {
    /// Kafka's topic id; the gateway is not ready until it is known.
    Id,
    /// The name alone, for brokers that cannot tell the id.
    Name,
}

words!(TopicIdentity { "id" => TopicIdentity::Id, "name" => TopicIdentity::Name });

/// A property that a guarantee rests on: the values that keep it, and the guarantee.
struct Promise {
    property: &'static str,
    keeps: &'static [&'static str],
    guarantee: &'static str,
}

const PROMISES: &[Promise] = &[
    promise(
        "acks",
        &["all", "-1"],
        "a publish is acknowledged once all in-sync replicas have it",
    ),
    promise(
        "request.required.acks",
        &["all", "-1"],
        "a publish is acknowledged once all in-sync replicas have it",
    ),
    promise(
        "enable.idempotence",
        &["true"],
        "a retried publish is in the log once and in order",
    ),
    promise(
        "isolation.level",
        &["read_committed"],
        "devices never see an aborted transaction",
    ),
    promise(
        "enable.auto.commit",
        &["false"],
        "a gateway joins no consumer group and commits nothing",
    ),
    promise(
        "auto.commit.enable",
        &["false"],
        "a gateway joins no consumer group and commits nothing",
    ),
    promise(
        "enable.auto.offset.store",
        &["false"],
        "a gateway joins no consumer group and commits nothing",
    ),
    promise(
        "auto.offset.reset",
        &["error"],
        "a trimmed or truncated log is told to devices, never skipped",
    ),
    promise(
        "enable.partition.eof",
        &["true"],
        "/ready waits until the end of each partition was seen",
    ),
    promise(
        "partitioner",
        &["murmur2_random"],
        "a key lands in the partition where Java's clients put it",
    ),
    promise(
        "allow.auto.create.topics",
        &["false"],
        "a misspelt topic is an error, not a new topic",
    ),
    promise(
        "transactional.id",
        &[],
        "publishes are acknowledged one by one, outside transactions",
    ),
    promise(
        "dr_msg_cb",
        &[],
        "the gateway listens for delivery reports itself",
    ),
];

const fn promise(
    property: &'static str,
    keeps: &'static [&'static str],
    guarantee: &'static str,
) -> Promise {
    Promise {
        property,
        keeps,
        guarantee,
    }
}

/// Names that are often misspelt; librdkafka knows many more and has the last word.
const USUAL_PROPERTIES: &[&str] = &[
    "bootstrap.servers",
    "client.id",
    "client.rack",
    "compression.type",
    "debug",
    "fetch.max.bytes",
    "fetch.min.bytes",
    "fetch.wait.max.ms",
    "group.id",
    "linger.ms",
    "message.max.bytes",
    "message.timeout.ms",
    "metadata.max.age.ms",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "queued.max.messages.kbytes",
    "receive.message.max.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "request.timeout.ms",
    "sasl.mechanisms",
    "sasl.password",
    "sasl.username",
    "security.protocol",
    "socket.keepalive.enable",
    "socket.timeout.ms",
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "statistics.interval.ms",
];

impl Kafka {
    /// `None` only after a complaint.
    pub(super) fn read(mut section: Section<'_, '_>) -> Option<Self> {
        let topics = read_topics(&mut section);
        let identity = section.or("topic-identity", TopicIdentity::Id);
        let refresh = section.or("refresh", Duration::from_secs(5));
        let place = section.span();
        let properties = read_properties(section.section("properties"), place);
        section.finish();
        Some(Self {
            topics: topics?,
            identity,
            refresh: refresh.max(Duration::from_millis(100)),
            properties,
        })
    }
}

fn read_topics(section: &mut Section<'_, '_>) -> Option<Vec<String>> {
    let typed =
        section.required::<Vec<Spanned<String>>>("topics", "write topics = [\"telemetry\"]")?;
    if typed.get_ref().is_empty() {
        section.complain(
            typed.span(),
            "the gateway would carry no topic".to_owned(),
            "write topics = [\"telemetry\"]",
        );
    }
    let mut topics: Vec<String> = Vec::new();
    for topic in typed.into_inner() {
        let span = topic.span();
        let name = topic.into_inner();
        if let Err(why) = check_topic(&name) {
            section.complain(
                span,
                format!("{name:?} is no topic: {why}"),
                "see Kafka's rules for topic names",
            );
        } else if topics.contains(&name) {
            section.complain(span, format!("{name:?} is named twice"), "delete one");
        }
        topics.push(name);
    }
    Some(topics)
}

/// Kafka's own rule: `[a-zA-Z0-9._-]{1,249}`, and neither `.` nor `..`.
fn check_topic(name: &str) -> Result<(), &'static str> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    match name {
        "" => Err("it is empty"),
        "." | ".." => Err("Kafka forbids it"),
        long if long.len() > 249 => Err("it is longer than 249 characters"),
        odd if !odd.bytes().all(legal) => Err("only letters, digits, '.', '_' and '-' are allowed"),
        _ => Ok(()),
    }
}

fn read_properties(mut section: Section<'_, '_>, kafka: Range<usize>) -> BTreeMap<String, String> {
    let mut properties = BTreeMap::new();
    for (key, value) in section.flattened() {
        check_property(&section, &key, &value);
        properties.insert(key.into_inner(), value.into_inner());
    }
    let names_brokers = ["bootstrap.servers", "metadata.broker.list"]
        .iter()
        .any(|name| {
            properties
                .get(*name)
                .is_some_and(|servers| !servers.is_empty())
        });
    if !names_brokers {
        section.complain(
            kafka,
            "nobody says where Kafka is".to_owned(),
            "write [kafka.properties]  \"bootstrap.servers\" = \"127.0.0.1:9092\"",
        );
    }
    properties
}

fn check_property(section: &Section<'_, '_>, key: &Spanned<String>, value: &Spanned<String>) {
    let name = key.get_ref().as_str();
    if let Some(promise) = PROMISES.iter().find(|promise| promise.property == name) {
        if !promise.keeps.contains(&value.get_ref().as_str()) {
            section.complain(
                value.span(),
                format!(
                    "`{name}` = {:?} would break a promise: {}",
                    value.get_ref(),
                    promise.guarantee
                ),
                promise
                    .keeps
                    .first()
                    .map_or("delete the line".to_owned(), |kept| {
                        format!("delete the line; it is always {kept:?}")
                    }),
            );
        }
        return;
    }
    let mut probe = ClientConfig::new();
    probe.set(name, value.get_ref().as_str());
    let Err(KafkaError::ClientConfig(result, description, ..)) = probe.create_native_config()
    else {
        return;
    };
    let unknown = result == rdkafka::types::RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN;
    let span = if unknown { key.span() } else { value.span() };
    let remedy = match nearest(name, USUAL_PROPERTIES.iter().copied()) {
        Some(near) if unknown => format!("did you mean `{near}`?"),
        Some(_) | None => "see librdkafka's list of properties".to_owned(),
    };
    section.complain(
        span,
        format!("librdkafka refuses `{name}`: {description}"),
        remedy,
    );
}
