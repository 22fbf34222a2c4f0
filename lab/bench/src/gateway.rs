//! The gateway as a server under measurement: its own binary, one workgroup, messages by way of Kafka.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use lab_kafka::publisher::{Publisher, Record};

use crate::error::BenchError;
use crate::host::{Certificate, Host, Process};
use crate::log::Log;
use crate::parts::words::data;
use crate::stand::Server;

/// The key of the subject that everybody shares.
const EVERYONE: &str = "everyone";

/// Patience for an acknowledgement of Kafka's.
const TO_ACKNOWLEDGE: Duration = Duration::from_secs(20);

/// How a gateway is set up for a row.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// Devices come behind PROXY headers.
    pub(crate) proxy: bool,
    /// Devices come from an address of their own each.
    pub(crate) own_addresses: bool,
    /// What `workgroups.backend` says.
    pub(crate) backend: &'static str,
    /// How long a fetch waits at the end of the log; see [`Log::fetch_wait`].
    pub(crate) fetch_wait: Duration,
    /// `keepalive.interval`.
    pub(crate) ping_every: Duration,
    /// `keepalive.timeout`.
    pub(crate) ping_patience: Duration,
    /// What may wait for devices that do not read; the gateway's defaults where absent.
    pub(crate) slow: Option<Slow>,
    /// What the listener shows; absent, it speaks in the clear.
    pub(crate) certificate: Option<Certificate>,
}

/// What may wait for devices that do not read. The oldest messages give way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slow {
    /// For one of them, in bytes.
    pub(crate) queue: u64,
    /// For all of them together, in bytes.
    pub(crate) total: u64,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            proxy: false,
            own_addresses: false,
            backend: "auto",
            fetch_wait: Duration::from_millis(5),
            ping_every: Duration::from_secs(25),
            ping_patience: Duration::from_secs(10),
            slow: None,
            certificate: None,
        }
    }
}

/// A running gateway and a producer for its topic.
pub(crate) struct Gateway {
    process: Box<dyn Process>,
    topic: String,
    publisher: Publisher,
    /// Bytes of a message around its data; known once it was measured.
    envelope: usize,
}

impl Gateway {
    pub(crate) fn start(host: &dyn Host, log: &mut Log, setup: &Setup) -> Result<Self, BenchError> {
        let topic = log.new_topic()?;
        let process = host.gateway(&config(log, &topic, setup))?;
        let publisher = Publisher::connect(log.access(), "bench")?;
        Ok(Self {
            process,
            topic,
            publisher,
            envelope: 0,
        })
    }

    /// The subject that broadcasts go to.
    pub(crate) fn shared_subject(&self) -> String {
        format!("/{}/{EVERYONE}", self.topic)
    }

    /// The beginning of subjects of one's own.
    pub(crate) fn own_subject(&self) -> String {
        format!("/{}/device-", self.topic)
    }

    pub(crate) fn topic(&self) -> &str {
        &self.topic
    }

    /// Tells how many bytes a message has beyond its data, so that messages come out as long as the controls'.
    pub(crate) fn set_envelope(&mut self, bytes: usize) {
        self.envelope = bytes;
    }

    /// Hands records to Kafka and does not wait.
    pub(crate) fn publish_on(
        &self,
        number: u64,
        bytes: usize,
        stamp: u64,
    ) -> Result<(), BenchError> {
        let sent = self.publisher.send(number, &self.record(bytes, stamp));
        sent.map_err(|error| anyhow::Error::new(error).into())
    }

    /// Messages that devices did not get because they read too slowly.
    pub(crate) fn dropped(&self) -> Result<u64, BenchError> {
        Ok(self.process.counted("tidegate_dropped_total")?)
    }

    fn record(&self, bytes: usize, stamp: u64) -> Record {
        Record {
            topic: self.topic.clone(),
            key: Some(EVERYONE.as_bytes().to_vec()),
            payload: Some(data(bytes.saturating_sub(self.envelope), stamp)),
            ..Record::default()
        }
    }
}

impl Server for Gateway {
    fn address(&self) -> SocketAddr {
        self.process.listener()
    }

    fn pid(&self) -> u32 {
        self.process.pid()
    }

    fn broadcast(&mut self, messages: usize, bytes: usize, stamp: u64) -> Result<(), BenchError> {
        let records = vec![self.record(bytes, stamp); messages];
        self.publisher.publish_all(&records, TO_ACKNOWLEDGE)?;
        Ok(())
    }
}

/// The text of `gateway.toml`. What is not named has the gateway's own default.
fn config(log: &Log, topic: &str, setup: &Setup) -> String {
    let mut text = String::new();
    let mut line = |key: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{key} = {value}");
    };
    let quoted = |text: &str| format!("{text:?}");
    line("X.ConnectionOffload", "true");
    line("workgroups.count", "1");
    line("workgroups.backend", &quoted(setup.backend));
    line("admin.address", &quoted("127.0.0.1:0"));
    line("drain.monitor-wait", &quoted("0s"));
    line("keepalive.interval", &quoted(&millis(setup.ping_every)));
    line("keepalive.timeout", &quoted(&millis(setup.ping_patience)));
    line("kafka.topics", &format!("[{topic:?}]"));
    line("kafka.topic-identity", &quoted(log.topic_identity()));
    let wait = log.fetch_wait(setup.fetch_wait).as_millis().to_string();
    let access = log.access();
    let properties = [
        ("bootstrap.servers", access.bootstrap.as_str()),
        ("fetch.wait.max.ms", wait.as_str()),
    ];
    let others = access
        .properties
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    for (key, value) in properties.into_iter().chain(others) {
        line(&format!("kafka.properties.{key:?}"), &quoted(value));
    }
    if let Some(slow) = &setup.slow {
        line("limits.queue-bytes", &slow.queue.to_string());
        line("limits.total-queue-bytes", &slow.total.to_string());
    }
    text.push_str("\n[[listener]]\naddress = \"127.0.0.1:0\"\n");
    if setup.slow.is_some() {
        text.push_str("slow-client = \"drop-oldest\"\n");
    }
    if let Some(certificate) = &setup.certificate {
        let path = |path: &Path| format!("{:?}", path.display().to_string());
        let (file, key) = (path(&certificate.file), path(&certificate.key));
        let _ = writeln!(text, "tls.certificate = {file}\ntls.key = {key}");
    }
    if setup.proxy {
        text.push_str("proxy-protocol = \"required\"\ntrusted = [\"127.0.0.0/8\"]\n");
    }
    text
}

fn millis(time: Duration) -> String {
    format!("{}ms", time.as_millis())
}
