//! From Kafka to the last device, beside a consumer that does nothing but consume.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use hdrhistogram::Histogram;
use lab_kafka::Access;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};

use super::message::bare_send;
use super::{BYTES, DEVICES};
use crate::bench::Bench;
use crate::error::BenchError;
use crate::gateway::{Gateway, Setup};
use crate::outcome::Found;
use crate::parts::words::{STAMP, now};
use crate::stand::Stand;
use crate::statistics::Sample;
use crate::target::Judged;

/// The embedded Kafka is asked this often; see [`crate::log::Log::fetch_wait`].
const FETCH_WAIT: Duration = Duration::from_millis(1);

/// The longest latency that is told from longer ones, in microseconds.
const LONGEST: u64 = 600_000_000;

/// The share of the time that the sends alone would take.
const LOAD: f64 = 0.5;

pub(crate) fn measure(bench: &mut Bench<'_>) -> Result<Found, BenchError> {
    // In milliseconds.
    let thousand_sends = bare_send(bench)?;
    let every = Duration::from_secs_f64(thousand_sends / 1_000.0 / LOAD);
    let setup = Setup {
        fetch_wait: FETCH_WAIT,
        ..Setup::default()
    };
    let mut gateway = bench.gateway(&setup)?;
    gateway.connect(DEVICES)?;
    gateway.calibrate()?;
    let log = bench.log()?;
    let (access, wait) = (log.access().clone(), log.fetch_wait(FETCH_WAIT));
    let (mut beyond, mut notes) = (Vec::new(), Vec::new());
    for _ in 0..bench.pick(4, 1) {
        let consumer = BareConsumer::start(&access, gateway.server.topic(), wait)?;
        let last = publish(bench, &mut gateway, every)?;
        let bare = consumer.p99()?;
        beyond.push(last - bare);
        notes.push(format!("{last:.1} − {bare:.1}"));
    }
    let beyond = Sample::new(beyond);
    let control = Sample::new(vec![thousand_sends; notes.len()]);
    Ok(
        Found::paired(Judged::Ratio, &beyond, &control).note(format!(
            "{:.0} records a second; p99 to the last device minus p99 of a bare consumer, per round, in ms: {}",
            1.0 / every.as_secs_f64(),
            notes.join(", ")
        )),
    )
}

/// Publishes at a steady rate; answers the p99 from when a record was due to its last device, in milliseconds.
fn publish(
    bench: &Bench<'_>,
    gateway: &mut Stand<'_, Gateway>,
    every: Duration,
) -> Result<f64, BenchError> {
    let records: u32 = bench.pick(600, 60);
    gateway.latencies()?;
    let (before, _) = gateway.counts()?;
    let start = Instant::now() + every;
    for record in 0..records {
        let due = start + every * record;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let late = Instant::now().saturating_duration_since(due);
        let stamp = now().saturating_sub(u64::try_from(late.as_nanos()).unwrap_or(0));
        gateway.server.publish_on(u64::from(record), BYTES, stamp)?;
    }
    gateway.await_messages(before + u64::from(records) * DEVICES as u64)?;
    let (_, last) = gateway.latencies()?;
    Ok(last.p99 / 1_000.0)
}

/// A consumer that looks at the stamp of each record, and nothing else.
struct BareConsumer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<Histogram<u64>>>,
}

impl BareConsumer {
    fn start(access: &Access, topic: &str, wait: Duration) -> anyhow::Result<Self> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &access.bootstrap)
            // librdkafka demands a group for `assign`; it is never joined.
            .set("group.id", "tidegate-lab-bench")
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", wait.as_millis().to_string());
        for (key, value) in &access.properties {
            config.set(key, value);
        }
        let consumer: BaseConsumer = config.create().context("no bare consumer")?;
        let (_, end) = consumer.fetch_watermarks(topic, 0, Duration::from_secs(10))?;
        let mut partitions = TopicPartitionList::new();
        partitions.add_partition_offset(topic, 0, Offset::Offset(end))?;
        consumer.assign(&partitions)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || consume(&consumer, &stopped));
        Ok(Self { stop, thread })
    }

    /// Milliseconds from when a record was due, of 99 % of them.
    fn p99(self) -> anyhow::Result<f64> {
        self.stop.store(true, Ordering::Release);
        let heard = self.thread.join();
        let heard = heard.map_err(|_| anyhow!("the bare consumer panicked"))??;
        anyhow::ensure!(!heard.is_empty(), "the bare consumer got nothing");
        Ok(heard.value_at_quantile(0.99) as f64 / 1_000.0)
    }
}

fn consume(consumer: &BaseConsumer, stop: &AtomicBool) -> anyhow::Result<Histogram<u64>> {
    let mut took = Histogram::new_with_max(LONGEST, 3)?;
    while !stop.load(Ordering::Acquire) {
        let Some(record) = consumer.poll(Duration::from_millis(100)) else {
            continue;
        };
        let record = record.context("the bare consumer cannot read")?;
        let payload = record.payload().unwrap_or_default();
        let stamp = std::str::from_utf8(&payload[payload.len().saturating_sub(STAMP)..])?;
        let stamp: u64 = stamp.parse().context("a record without a stamp")?;
        took.saturating_record(now().saturating_sub(stamp) / 1_000);
    }
    Ok(took)
}
