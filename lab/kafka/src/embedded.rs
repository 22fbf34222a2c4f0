//! Kafka without anything installed: librdkafka's mock cluster, in the lab's own process.
//!
//! What it cannot do, measured: it keeps at most 5 MiB or 100 000 batches per partition and drops the oldest; it answers every question
//! by timestamp with "end"; it has no admin API, so no topic is deleted and no retention set; it fakes transactions; it listens on
//! 127.0.0.1 and ports of its own choice.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use crate::settings::Access;

type Cluster = MockCluster<'static, DefaultProducerContext>;
type Order = Box<dyn FnOnce(&Cluster) + Send>;

/// A mock cluster on a thread of its own.
///
/// The cluster must stay on the thread that made it, and its sockets live in that thread's network namespace.
pub struct EmbeddedCluster {
    access: Access,
    brokers: i32,
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl EmbeddedCluster {
    /// Starts `brokers` mock brokers, numbered from 1.
    pub fn start(brokers: i32) -> anyhow::Result<Self> {
        anyhow::ensure!(
            (1..=32).contains(&brokers),
            "an embedded cluster has 1 to 32 brokers, not {brokers}"
        );
        let (orders, inbox) = mpsc::channel::<Order>();
        let (ready, started) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("embedded-kafka".to_owned())
            .spawn(move || serve(brokers, &ready, &inbox))
            .context("cannot start the embedded Kafka's thread")?;
        let bootstrap = started
            .recv()
            .context("the embedded Kafka's thread ended early")??;
        Ok(Self {
            access: Access::from(bootstrap.as_str()),
            brokers,
            orders: Some(orders),
            thread: Some(thread),
        })
    }

    /// How clients reach it.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// How many brokers there are.
    #[must_use]
    pub fn brokers(&self) -> i32 {
        self.brokers
    }

    /// Creates a topic whose partitions are replicated to every broker (three at most).
    pub fn create_topic(&self, topic: &str, partitions: i32) -> anyhow::Result<()> {
        self.create_replicated(topic, partitions, self.brokers.min(3))
    }

    /// Creates a topic whose partitions are replicated to so many brokers.
    pub fn create_replicated(
        &self,
        topic: &str,
        partitions: i32,
        replication: i32,
    ) -> anyhow::Result<()> {
        let name = topic.to_owned();
        self.ask(move |cluster| cluster.create_topic(&name, partitions, replication))?
            .with_context(|| {
                format!(
                    "cannot create topic {topic} with {partitions} partitions in the embedded Kafka"
                )
            })
    }

    /// Cuts every connection to a broker and refuses new ones. Leadership stays where it is.
    pub fn broker_down(&self, broker: i32) -> anyhow::Result<()> {
        self.ask(move |cluster| cluster.broker_down(broker))?
            .with_context(|| self.no_broker(broker))
    }

    /// Lets a broker accept connections again.
    pub fn broker_up(&self, broker: i32) -> anyhow::Result<()> {
        self.ask(move |cluster| cluster.broker_up(broker))?
            .with_context(|| self.no_broker(broker))
    }

    /// Delays every answer of a broker.
    pub fn round_trip_time(&self, broker: i32, delay: Duration) -> anyhow::Result<()> {
        self.ask(move |cluster| cluster.broker_round_trip_time(broker, delay))?
            .with_context(|| self.no_broker(broker))
    }

    /// Makes `broker` the leader of a partition; `None` leaves it without one.
    pub fn move_leader(
        &self,
        topic: &str,
        partition: i32,
        broker: Option<i32>,
    ) -> anyhow::Result<()> {
        let name = topic.to_owned();
        self.ask(move |cluster| cluster.partition_leader(&name, partition, broker))?
            .with_context(|| {
                format!("cannot make broker {broker:?} the leader of {topic} [{partition}]")
            })
    }

    /// Answers the next requests of one kind with these errors, one each.
    pub fn request_errors(
        &self,
        request: RDKafkaApiKey,
        errors: Vec<RDKafkaRespErr>,
    ) -> anyhow::Result<()> {
        self.ask(move |cluster| cluster.request_errors(request, &errors))
    }

    /// Forgets the errors that [`request_errors`](Self::request_errors) has left.
    pub fn clear_request_errors(&self, request: RDKafkaApiKey) -> anyhow::Result<()> {
        self.ask(move |cluster| cluster.clear_request_errors(request))
    }

    fn ask<T: Send + 'static>(
        &self,
        order: impl FnOnce(&Cluster) -> T + Send + 'static,
    ) -> anyhow::Result<T> {
        let gone = || anyhow!("the embedded Kafka has stopped");
        let (answer, answered) = mpsc::channel();
        let order = Box::new(move |cluster: &Cluster| {
            // Nobody listens any more only if the asking thread is gone, and then nobody misses the answer.
            let _ = answer.send(order(cluster));
        });
        self.orders
            .as_ref()
            .ok_or_else(gone)?
            .send(order)
            .map_err(|_| gone())?;
        answered.recv().map_err(|_| gone())
    }

    fn no_broker(&self, broker: i32) -> String {
        format!(
            "the embedded Kafka refuses broker {broker}; it has 1 to {}",
            self.brokers
        )
    }
}

impl Drop for EmbeddedCluster {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(
    brokers: i32,
    ready: &mpsc::Sender<anyhow::Result<String>>,
    inbox: &mpsc::Receiver<Order>,
) {
    let cluster = match MockCluster::new(brokers) {
        Ok(cluster) => cluster,
        Err(error) => {
            let _ = ready.send(Err(error).context("cannot start librdkafka's mock cluster"));
            return;
        }
    };
    let _ = ready.send(Ok(cluster.bootstrap_servers()));
    // Ends when the handle is dropped.
    while let Ok(order) = inbox.recv() {
        order(&cluster);
    }
}
