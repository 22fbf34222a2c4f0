//! From a configuration to a running gateway, and back to nothing.

use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use gateway_engine::{Endpoint, EventLoop, Keepalive, LoopConfig, Mailbox};
use gateway_protocol::address::TrustedPeers;
use gateway_protocol::message::SUBPROTOCOL;
use gateway_protocol::placement::{LeastLoaded, Placement};
use gateway_protocol::proxy_header;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tracing::info;

use crate::acceptor::{self, Acceptor, Door, HeaderRule, Placing, Stopper};
use crate::admin::Admin;
use crate::admission::Admission;
use crate::certificate::{self, Certificate};
use crate::config::{self, Backend, Config, HashKey, Listener, ProxyProtocol};
use crate::drain::{Leave, Reasons};
use crate::hub::conflation;
use crate::hub::desk::Desk;
use crate::hub::request::{HubHandle, Request};
use crate::hub::{Hub, Wires};
use crate::kafka::consumer::{self, Consumer};
use crate::kafka::native::FetchQueue;
use crate::kafka::producer::Publisher;
use crate::kafka::scout;
use crate::listening::{self, Listening};
use crate::log::cache::{Budget, Cache};
use crate::log::duplicates::Duplicates;
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::topics::Topics;
use crate::vital;
use crate::waker::Waker;
use crate::workgroup::{self, Command, Workgroup};

/// Commands that wait for a workgroup.
const MAILBOX: usize = 4_096;
/// Requests that wait for the hub.
const REQUESTS: usize = 65_536;
/// Questions to Kafka that are open: at most one per partition, and a look at the topics.
const ERRANDS: usize = 65_536;
/// Publish ids remembered at most, some 100 bytes each.
const PUBLISH_IDS: usize = 1_000_000;
/// Records per partition that are read at start in any case, for their last values.
const TAIL: i64 = 10_000;
/// What Kafka gets to answer the last publishes.
const LAST_PUBLISHES: Duration = Duration::from_secs(5);

/// Serves until asked to leave.
///
/// # Errors
/// An address cannot be had ([`listening::BindError`]), or the machine refuses something that nothing can run without.
pub(crate) fn serve(config: &Config) -> anyhow::Result<()> {
    let shared = Shared::new(config)?;
    let sockets = Sockets::open(config)?;
    sockets.announce()?;

    let (requests, asked) = sync_channel(REQUESTS);
    let hub = HubHandle::new(requests, shared.waker.clone());
    let workgroups = start_workgroups(config, &shared, &hub)?;
    let mailboxes: Vec<Mailbox<Command>> = workgroups
        .iter()
        .map(|group| group.mailbox.clone())
        .collect();
    shared.publisher.connect(mailboxes.clone());
    let reading = start_reading(config, &shared, mailboxes.clone(), asked)?;
    let (stopper, accepting) = start_acceptor(config, &shared, sockets.doors, mailboxes.clone())?;

    // What is not hot runs here: admin port, signals, drain.
    run_until_left(config, &shared, sockets.admin, &stopper, mailboxes)?;

    shared.publisher.finish(LAST_PUBLISHES);
    join(accepting);
    for workgroup in workgroups {
        workgroup.mailbox.stop();
        join(workgroup.thread);
    }
    reading.stop();
    info!("bye");
    Ok(())
}

/// What every part refers to.
struct Shared {
    topics: Topics,
    metrics: Metrics,
    readiness: Arc<Readiness>,
    admission: Arc<Admission>,
    publisher: Arc<Publisher>,
    consumer: Arc<Consumer>,
    /// Of each listener, if it speaks TLS.
    certificates: Vec<Option<Arc<Certificate>>>,
    /// Wakes the hub.
    waker: Waker,
}

impl Shared {
    fn new(config: &Config) -> anyhow::Result<Self> {
        let topics = Topics::new(&config.kafka.topics);
        let metrics = Metrics::new(config.workgroups.count.get());
        let waker = Waker::default();
        let properties = &config.kafka.properties;
        let in_flight = config.limits.publishes_in_flight;
        let publisher = Publisher::new(properties, topics.clone(), in_flight, metrics.clone());
        let consumer = consumer::consumer(properties, waker.clone())
            .context("librdkafka refuses [kafka.properties] for reading")?;
        Ok(Self {
            consumer,
            publisher: Arc::new(
                publisher.context("librdkafka refuses [kafka.properties] for writing")?,
            ),
            readiness: Arc::default(),
            certificates: config.listeners.iter().map(shown).collect(),
            admission: Arc::new(Admission::new(&config.limits)),
            topics,
            metrics,
            waker,
        })
    }
}

/// All listening sockets, open before anything else starts.
struct Sockets {
    admin: Listening,
    doors: Vec<Door>,
}

impl Sockets {
    fn open(config: &Config) -> anyhow::Result<Self> {
        let admin = listening::open(config.admin)?;
        let doors = config
            .listeners
            .iter()
            .map(|listener| {
                Ok(Door {
                    listening: listening::open(listener.address)?,
                    header: header_rule(listener)?,
                    tls: listener.tls.is_some(),
                })
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { admin, doors })
    }

    fn announce(&self) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        writeln!(
            out,
            "{}",
            listening::announcement("admin", 0, self.admin.address)
        )?;
        for (index, door) in self.doors.iter().enumerate() {
            writeln!(
                out,
                "{}",
                listening::announcement("listener", index, door.listening.address)
            )?;
        }
        out.flush()
    }
}

fn shown(listener: &Listener) -> Option<Arc<Certificate>> {
    let tls = listener.tls.as_ref()?;
    let certificate = Certificate::new(tls.files.clone(), Arc::clone(&tls.certified));
    Some(Arc::new(certificate))
}

fn header_rule(listener: &Listener) -> anyhow::Result<HeaderRule> {
    Ok(match &listener.proxy_protocol {
        ProxyProtocol::Forbidden => HeaderRule::Forbidden,
        ProxyProtocol::Required {
            trusted,
            timeout,
            longest,
        } => HeaderRule::Required {
            trusted: TrustedPeers::parse(trusted.iter().map(ToString::to_string))?,
            timeout: *timeout,
            limits: proxy_header::Limits { max_len: *longest },
        },
    })
}

/// A workgroup's thread, and how to reach it.
struct RunningWorkgroup {
    mailbox: Mailbox<Command>,
    thread: JoinHandle<()>,
}

fn start_workgroups(
    config: &Config,
    shared: &Shared,
    hub: &HubHandle,
) -> anyhow::Result<Vec<RunningWorkgroup>> {
    let loop_config = loop_config(config, &shared.certificates)?;
    let around = workgroup::Surroundings {
        group: 0,
        topics: shared.topics.clone(),
        hub: hub.clone(),
        publisher: Arc::clone(&shared.publisher),
        admission: Arc::clone(&shared.admission),
        metrics: shared.metrics.clone(),
        slow_clients: config
            .listeners
            .iter()
            .map(|listener| listener.slow_client)
            .collect(),
        compression: config
            .listeners
            .iter()
            .map(|listener| listener.compression)
            .collect(),
        origins: config
            .listeners
            .iter()
            .map(|listener| listener.origins.clone())
            .collect(),
        most_subscriptions: config.limits.subscriptions,
        most_publishing: config.limits.publishes_per_connection,
    };
    let count = u16::try_from(config.workgroups.count.get())?;
    (0..count)
        .map(|group| {
            let app = Workgroup::new(workgroup::Surroundings { group, ..around.clone() });
            let (event_loop, mailbox) = EventLoop::new(loop_config.clone(), app)?;
            if group == 0 {
                let backend = event_loop.backend();
                info!(workgroups = count, backend = ?backend.chosen, fallback = ?backend.fallback, "serving");
            }
            let thread = vital::spawn(format!("workgroup-{group}"), move || {
                if let Err(error) = event_loop.run() {
                    tracing::error!(group, %error, "a workgroup cannot go on");
                    std::process::abort();
                }
            })?;
            Ok(RunningWorkgroup { mailbox, thread })
        })
        .collect()
}

fn loop_config(
    config: &Config,
    certificates: &[Option<Arc<Certificate>>],
) -> anyhow::Result<LoopConfig> {
    let limits = &config.limits;
    let endpoints = config.listeners.iter().zip(certificates);
    let endpoints = endpoints
        .map(|(listener, certificate)| endpoint(listener, certificate.clone()))
        .collect::<anyhow::Result<_>>()?;
    Ok(LoopConfig {
        backend: match config.workgroups.backend {
            Backend::Auto => gateway_engine::Backend::Auto,
            Backend::Epoll => gateway_engine::Backend::Epoll,
            Backend::IoUring => gateway_engine::Backend::IoUring,
        },
        endpoints,
        limits: gateway_engine::Limits {
            connections: limits.connections,
            frame: limits.message_bytes,
            message: limits.message_bytes,
            send_queue: limits.queue_bytes,
            total_queue: limits.total_queue_bytes / config.workgroups.count,
            handshake_timeout: limits.handshake_timeout,
            ..gateway_engine::Limits::default()
        },
        keepalive: Some(Keepalive {
            interval: config.keepalive.interval,
            timeout: config.keepalive.timeout,
        }),
        mailbox: MAILBOX,
        ..LoopConfig::default()
    })
}

fn endpoint(
    listener: &Listener,
    certificate: Option<Arc<Certificate>>,
) -> anyhow::Result<Endpoint> {
    let tls = certificate.map(certificate::server_config).transpose()?;
    Ok(Endpoint {
        tls: tls.map(Arc::new),
        path: Some(listener.path.clone()),
        subprotocols: vec![SUBPROTOCOL.to_owned()],
        batching: listener.batching,
        deflate: listener.compression.is_some(),
        // Devices that ask for no subprotocol get this one: there is no other.
        ..Endpoint::default()
    })
}

/// Hub and scout.
struct RunningReading {
    stop: Arc<AtomicBool>,
    waker: Waker,
    hub: JoinHandle<()>,
    scout: JoinHandle<()>,
}

impl RunningReading {
    fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.waker.wake();
        join(self.hub);
        // The scout ends when the hub's ends of its channels are gone, after the question it is at.
        join(self.scout);
    }
}

fn start_reading(
    config: &Config,
    shared: &Shared,
    mailboxes: Vec<Mailbox<Command>>,
    requests: Receiver<Request>,
) -> anyhow::Result<RunningReading> {
    let (errands, to_do) = sync_channel(ERRANDS);
    let (found, findings) = sync_channel(ERRANDS);
    let scout = start_scout(config, shared, to_do, found)?;
    let stop = Arc::new(AtomicBool::new(false));
    let wires = Wires {
        topics: shared.topics.clone(),
        queue: FetchQueue::of(&shared.consumer).context("the consumer has no queue")?,
        consumer: Arc::clone(&shared.consumer),
        requests,
        findings,
        errands,
        mailboxes,
        readiness: Arc::clone(&shared.readiness),
        metrics: shared.metrics.clone(),
        waker: shared.waker.clone(),
        stop: Arc::clone(&stop),
    };
    let (topics, groups, metrics) = (
        shared.topics.clone(),
        wires.mailboxes.len(),
        shared.metrics.clone(),
    );
    let (budget, rules) = (budget(config), conflated(config, &topics));
    let hub = vital::spawn("hub".to_owned(), move || {
        // The cache is not to be shared, so it is made where it is used.
        let cache = Cache::new(topics.count(), budget);
        let duplicates = Duplicates::new(budget.max_age, PUBLISH_IDS);
        let desk = Desk::new(topics, groups, cache, duplicates, metrics);
        Hub::new(desk.conflating(rules), wires).run();
    })?;
    Ok(RunningReading {
        stop,
        waker: shared.waker.clone(),
        hub,
        scout,
    })
}

fn conflated(config: &Config, topics: &Topics) -> Vec<conflation::Rule> {
    let rule = |conflation: &config::Conflation| {
        Some(conflation::Rule {
            topic: topics.number(&conflation.subjects.topic)?,
            key: conflation.key().map(Into::into),
            interval: i64::try_from(conflation.interval.as_millis()).ok()?,
        })
    };
    config.conflation.iter().filter_map(rule).collect()
}

fn start_scout(
    config: &Config,
    shared: &Shared,
    errands: Receiver<scout::Errand>,
    findings: SyncSender<scout::Finding>,
) -> anyhow::Result<JoinHandle<()>> {
    let orders = scout::Orders {
        topics: config.kafka.topics.clone(),
        identity: config.kafka.identity,
        refresh: config.kafka.refresh,
        // Twice the cache's age: whoever repeats a publish at its young end repeats one at its old end.
        reach: 2 * config.cache.max_age,
        tail: TAIL,
    };
    let (consumer, waker) = (Arc::clone(&shared.consumer), shared.waker.clone());
    let thread = vital::spawn("scout".to_owned(), move || {
        scout::run(&consumer, &orders, &errands, &findings, &waker);
    })?;
    Ok(thread)
}

fn budget(config: &Config) -> Budget {
    Budget {
        messages: config.cache.messages,
        topic_messages: config.cache.topic_messages,
        max_age: i64::try_from(config.cache.max_age.as_millis()).unwrap_or(i64::MAX / 4),
        max_bytes: config.cache.max_bytes,
        last_value_bytes: config.cache.last_value_bytes,
    }
}

fn start_acceptor(
    config: &Config,
    shared: &Shared,
    doors: Vec<Door>,
    mailboxes: Vec<Mailbox<Command>>,
) -> anyhow::Result<(Stopper, JoinHandle<()>)> {
    let acceptor = Acceptor::new(
        doors,
        acceptor::Surroundings {
            placing: placing(config)?,
            mailboxes,
            admission: Arc::clone(&shared.admission),
            metrics: shared.metrics.clone(),
            handshakes_per_second: config.limits.handshakes_per_second,
            most_pending: config.limits.pending_headers,
            payload_timeout: config.limits.handshake_timeout,
        },
    )?;
    let stopper = acceptor.stopper();
    let thread = vital::spawn("acceptor".to_owned(), move || acceptor.run())?;
    Ok((stopper, thread))
}

fn placing(config: &Config) -> anyhow::Result<Placing> {
    let workgroups = &config.workgroups;
    #[cfg(feature = "control-hashes")]
    if let Some(hash) = workgroups.control_hash {
        tracing::warn!(?hash, "this placement is bad on purpose");
        return Ok(Placing::Hashed(Placement::control(hash, workgroups.count)));
    }
    let count = workgroups.count;
    let hashing = match workgroups.placement {
        config::Placement::LeastLoaded => {
            return Ok(Placing::least_loaded(LeastLoaded::new(count), count.get()));
        }
        config::Placement::Hashed(hashing) => hashing,
    };
    let key = match workgroups.hash_key {
        HashKey::Fixed(key) => key,
        HashKey::Random => random_key().context("no random key for the placement hash")?,
    };
    Ok(Placing::Hashed(Placement::new(hashing, count, key)))
}

fn random_key() -> std::io::Result<[u8; 16]> {
    use std::io::Read as _;

    let mut key = [0; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut key)?;
    Ok(key)
}

fn run_until_left(
    config: &Config,
    shared: &Shared,
    admin: Listening,
    stopper: &Stopper,
    mailboxes: Vec<Mailbox<Command>>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (drain, asked) = mpsc::channel(1);
        let reasons = Reasons::new(asked)?;
        let listener = tokio_listener(admin.socket)?;
        let port = Admin::new(
            Arc::clone(&shared.readiness),
            shared.metrics.clone(),
            mailboxes.clone(),
            drain,
        );
        let serving = tokio::spawn(Arc::new(port).serve(listener));
        let certificates: Vec<_> = shared.certificates.iter().flatten().cloned().collect();
        if !certificates.is_empty() {
            tokio::spawn(certificate::reload_on_hangup(
                certificates,
                signal(SignalKind::hangup())?,
            ));
        }
        let leave = Leave {
            plan: config.drain,
            readiness: &shared.readiness,
            stopper,
            mailboxes: &mailboxes,
            metrics: &shared.metrics,
        };
        leave.when_asked(reasons).await;
        serving.abort();
        Ok(())
    })
}

fn tokio_listener(socket: OwnedFd) -> std::io::Result<tokio::net::TcpListener> {
    tokio::net::TcpListener::from_std(std::net::TcpListener::from(socket))
}

fn join(thread: JoinHandle<()>) {
    // A vital thread that panicked has taken the process with it.
    let _ = thread.join();
}
