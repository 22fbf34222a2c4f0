//! What is counted, under the names that `/metrics` shows.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;
use std::sync::Arc;

/// One label, `reason`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Reason {
    pub(crate) reason: &'static str,
}

/// One label, `code`: a close code of RFC 6455 section 7.4.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Code {
    pub(crate) code: u32,
}

/// One label, `kind`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Kind {
    pub(crate) kind: &'static str,
}

/// One label, `version`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Version {
    pub(crate) version: &'static str,
}

/// How a resumption went.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Outcome {
    pub(crate) outcome: &'static str,
    pub(crate) reason: &'static str,
}

/// All counters that are not a workgroup's own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    pub(crate) accepted: Counter,
    pub(crate) refused: Family<Reason, Counter>,
    pub(crate) probes: Family<Kind, Counter>,
    pub(crate) proxy_headers: Family<Version, Counter>,
    pub(crate) pending_headers: Gauge,
    pub(crate) published: Counter,
    pub(crate) publish_failed: Family<Reason, Counter>,
    pub(crate) publishes_in_flight: Gauge,
    pub(crate) dropped: Family<Reason, Counter>,
    pub(crate) conflated: Counter,
    pub(crate) closed: Family<Reason, Counter>,
    pub(crate) violations: Family<Code, Counter>,
    pub(crate) request_errors: Family<Reason, Counter>,
    pub(crate) resumes: Family<Outcome, Counter>,
    pub(crate) subscriptions: Gauge,
    pub(crate) kafka_fetches: Counter,
    pub(crate) kafka_records: Counter,
    pub(crate) kafka_bytes: Counter,
    pub(crate) kafka_pauses: Counter,
    pub(crate) kafka_resets: Family<Reason, Counter>,
    pub(crate) duplicates: Counter,
    pub(crate) cache_messages: Gauge,
    pub(crate) cache_bytes: Gauge,
    pub(crate) last_value_bytes: Gauge,
    pub(crate) subjects: Gauge,
    pub(crate) publish_ids: Gauge,
    pub(crate) encoded_bytes: Counter,
    pub(crate) groups: Arc<[Group]>,
}

/// What one workgroup counts, alone, so that no two threads write to one place.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Group {
    pub(crate) connections: AtomicI64,
    /// Connections that were handed over and are gone, whether they ever opened or not.
    pub(crate) left: AtomicU64,
    pub(crate) tls_handshakes: AtomicU64,
    pub(crate) delivered: AtomicU64,
    pub(crate) received: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) writes: AtomicU64,
    /// Bytes of frames before they were compressed, each counted once for however many devices.
    pub(crate) compressed_from: AtomicU64,
    /// Bytes of the same frames afterwards.
    pub(crate) compressed_to: AtomicU64,
    pub(crate) queued_bytes: AtomicI64,
    /// Refused sends and closed devices because the total of queued bytes was reached.
    pub(crate) total_queue_full: AtomicU64,
}

impl Metrics {
    pub(crate) fn new(workgroups: usize) -> Self {
        Self {
            groups: (0..workgroups).map(|_| Group::default()).collect(),
            ..Self::default()
        }
    }

    pub(crate) fn refuse(&self, reason: &'static str) {
        self.refused.get_or_create(&Reason { reason }).inc();
    }

    /// Connections of all workgroups.
    pub(crate) fn connections(&self) -> i64 {
        self.groups
            .iter()
            .map(|group| group.connections.load(Ordering::Relaxed))
            .sum()
    }

    /// Everything, ready to be shown.
    pub(crate) fn registry(&self) -> Registry {
        let mut all = Registry::with_prefix("tidegate");
        let m = self;
        all.register(
            "accepted",
            "Connections handed to a workgroup",
            m.accepted.clone(),
        );
        all.register(
            "refused",
            "Connections refused before or during the handshake, by reason",
            m.refused.clone(),
        );
        all.register(
            "probes",
            "Health checks of load balancers, by kind",
            m.probes.clone(),
        );
        all.register(
            "proxy_headers",
            "PROXY headers accepted, by version",
            m.proxy_headers.clone(),
        );
        all.register(
            "pending_headers",
            "Connections whose PROXY header or first byte is awaited",
            m.pending_headers.clone(),
        );
        all.register(
            "published",
            "Publishes that Kafka acknowledged",
            m.published.clone(),
        );
        all.register(
            "publish_failed",
            "Publishes answered with an error, by reason",
            m.publish_failed.clone(),
        );
        all.register(
            "publishes_in_flight",
            "Publishes that Kafka has not answered",
            m.publishes_in_flight.clone(),
        );
        all.register(
            "dropped",
            "Messages not sent to slow devices, by reason",
            m.dropped.clone(),
        );
        all.register(
            "conflated",
            "Records not sent because a later one of their subject took their place, by [[conflation]]",
            m.conflated.clone(),
        );
        all.register(
            "closed",
            "Open connections that ended, by reason",
            m.closed.clone(),
        );
        all.register(
            "violations",
            "Connections closed because the device broke the protocol or a limit, by close code",
            m.violations.clone(),
        );
        all.register(
            "request_errors",
            "Requests answered with an error, by code",
            m.request_errors.clone(),
        );
        all.register(
            "resume",
            "Subscriptions that named positions, by outcome",
            m.resumes.clone(),
        );
        all.register(
            "subscriptions",
            "Subscriptions that are held",
            m.subscriptions.clone(),
        );
        all.register(
            "kafka_fetches",
            "Reads from Kafka begun at a chosen offset; a reconnecting device causes none",
            m.kafka_fetches.clone(),
        );
        all.register(
            "kafka_records",
            "Records read from Kafka",
            m.kafka_records.clone(),
        );
        all.register(
            "kafka_bytes",
            "Bytes of keys and values read from Kafka",
            m.kafka_bytes.clone(),
        );
        all.register(
            "kafka_pauses",
            "Times that reading paused because a workgroup was behind",
            m.kafka_pauses.clone(),
        );
        all.register(
            "kafka_resets",
            "Times that a partition had to be read from another offset, by reason",
            m.kafka_resets.clone(),
        );
        all.register(
            "duplicates_suppressed",
            "Records not delivered because their publish_id came before",
            m.duplicates.clone(),
        );
        all.register(
            "cache_messages",
            "Messages in the cache",
            m.cache_messages.clone(),
        );
        all.register(
            "cache_bytes",
            "Bytes of the messages in the cache",
            m.cache_bytes.clone(),
        );
        all.register(
            "last_value_bytes",
            "Bytes of last values",
            m.last_value_bytes.clone(),
        );
        all.register("subjects", "Subjects that are known", m.subjects.clone());
        all.register(
            "publish_ids",
            "Publish ids that are remembered, to suppress repetitions",
            m.publish_ids.clone(),
        );
        all.register(
            "encoded_bytes",
            "Bytes of messages encoded, each once for all devices",
            m.encoded_bytes.clone(),
        );
        all.register_collector(Box::new(Groups(Arc::clone(&m.groups))));
        all
    }
}

/// Sums what the workgroups counted, when somebody asks.
#[derive(Debug)]
struct Groups(Arc<[Group]>);

impl Groups {
    fn sum(&self, field: impl Fn(&Group) -> &AtomicU64) -> u64 {
        self.0
            .iter()
            .map(|group| field(group).load(Ordering::Relaxed))
            .sum()
    }
}

impl Collector for Groups {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut connections = encoder.encode_descriptor(
            "connections",
            "Connections, by workgroup",
            None,
            MetricType::Gauge,
        )?;
        for (number, group) in self.0.iter().enumerate() {
            let labels = [("workgroup", number.to_string())];
            let count = ConstGauge::new(group.connections.load(Ordering::Relaxed));
            count.encode(connections.encode_family(&labels)?)?;
        }
        let totals = [
            (
                "tls_handshakes",
                "TLS handshakes that succeeded",
                self.sum(|group| &group.tls_handshakes),
            ),
            (
                "messages_delivered",
                "Messages that left for devices",
                self.sum(|group| &group.delivered),
            ),
            (
                "messages_received",
                "Messages of devices",
                self.sum(|group| &group.received),
            ),
            (
                "sent_bytes",
                "Bytes sent to devices",
                self.sum(|group| &group.bytes_out),
            ),
            (
                "writes",
                "Writes to sockets",
                self.sum(|group| &group.writes),
            ),
            (
                "total_queue_full",
                "Sends refused and devices closed because limits.total-queue-bytes was reached",
                self.sum(|group| &group.total_queue_full),
            ),
            (
                "compression_input_bytes",
                "Bytes of messages that were compressed, each counted once for all its devices of a workgroup",
                self.sum(|group| &group.compressed_from),
            ),
            (
                "compression_output_bytes",
                "Bytes that those messages were compressed to",
                self.sum(|group| &group.compressed_to),
            ),
        ];
        for (name, help, total) in totals {
            let total = ConstCounter::new(total);
            total.encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        }
        let queued: i64 = self
            .0
            .iter()
            .map(|group| group.queued_bytes.load(Ordering::Relaxed))
            .sum();
        let queued = ConstGauge::new(queued);
        queued.encode(encoder.encode_descriptor(
            "queued_bytes",
            "Bytes waiting for slow devices",
            None,
            MetricType::Gauge,
        )?)
    }
}
