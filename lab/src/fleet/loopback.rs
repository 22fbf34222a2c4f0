//! The provider: loops, orders, counts.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use gateway_client::message::SUBPROTOCOL;
use gateway_client::{Server, ServerList, ServerUrl, Settings};
use gateway_engine::{DialRequest, EventLoop, Keepalive, Limits, LoopConfig, LoopError, Mailbox};
use hdrhistogram::Histogram;
use lab_ports::Sources;
use rustix::process::{Resource, getrlimit};

use super::device::Device;
use super::devices::{Command, Common, Devices, Work};
use super::origins::{refusal, sources};
use super::outlook::{Outlook, add};
use super::pace::{Pace, Share};
use super::resolver::Resolver;
use crate::certificate::believing;
use crate::provider::{
    DeviceAddress, Fleet, FleetCounts, FleetSetup, Latencies, Observation, ProviderError,
    PublishOrder, Refusal, RefusalKind,
};
use crate::stage::{Stage, Subjects};

/// Devices that one loop serves well; more make a second thread worth its while.
const DEVICES_PER_LOOP: u32 = 2_500;

/// Descriptors that the lab needs beside those of its devices.
const OTHER_DESCRIPTORS: u64 = 300;

/// How long a loop may take to answer a question.
const ANSWER: Duration = Duration::from_secs(5);

/// Devices on this machine's loopback addresses, in this process.
#[derive(Default)]
pub(crate) struct Loopback {
    loops: Vec<Loop>,
    counts: FleetCounts,
    servers: Vec<Server>,
    /// Asks for names until the loops have ended.
    resolver: Option<Resolver>,
}

/// An event loop on its thread.
struct Loop {
    mailbox: Mailbox<Command>,
    outlook: Arc<Outlook>,
    thread: JoinHandle<Result<Devices, LoopError>>,
}

impl Loopback {
    /// A fleet that has not started.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn order(&self, work: Work, pace: &Pace) -> Result<(), ProviderError> {
        for running in &self.loops {
            running
                .mailbox
                .send(Command::Work(work, pace.clone()))
                .map_err(|_| anyhow!("an event loop of the fleet has ended"))?;
        }
        Ok(())
    }

    fn end(&mut self) -> anyhow::Result<()> {
        for running in &self.loops {
            if running.mailbox.send(Command::Vanish).is_err() {
                running.mailbox.stop();
            }
        }
        for running in self.loops.drain(..) {
            let ended = running.thread.join();
            ended.map_err(|_| anyhow!("an event loop of the fleet panicked"))??;
        }
        Ok(())
    }
}

impl Fleet for Loopback {
    fn refuses(&self, stage: &Stage) -> Option<Refusal> {
        too_many(stage.fleet.devices).or_else(|| refusal(stage))
    }

    fn start(&mut self, setup: &FleetSetup) -> Result<(), ProviderError> {
        let mut sources = sources(setup);
        let given: Vec<SocketAddr> = sources.by_ref().take(setup.devices as usize).collect();
        if given.len() < setup.devices as usize {
            return Err(ProviderError::Unfit {
                what: format!(
                    "{} has {} sources here, not {}",
                    setup.ports,
                    given.len(),
                    setup.devices
                ),
                remedy: "take fewer devices or another model".to_owned(),
            });
        }
        let loops = loops_for(setup.devices);
        self.servers = servers(setup);
        let servers = list(&self.servers)?;
        self.resolver = match &setup.names {
            Some(names) => Some(Resolver::start(names.server, names.host)?),
            None => None,
        };
        let common = Arc::new(common(setup, sources)?);
        for number in 0..loops {
            let share = Share { number, loops };
            let devices = (0..share.count(setup.devices))
                .filter_map(|index| given.get(share.device(index) as usize))
                .map(|source| Device::new(*source))
                .collect();
            let outlook = Arc::new(Outlook::new()?);
            let app = Devices::new(
                Arc::clone(&common),
                share,
                Arc::clone(&servers),
                devices,
                Arc::clone(&outlook),
            );
            let started = Loop::start(number, app, outlook, setup)?;
            if let Some(resolver) = &self.resolver {
                let asker = resolver.asker(started.mailbox.clone());
                let told = started.mailbox.send(Command::Names(asker));
                told.map_err(|_| anyhow!("an event loop of the fleet has ended"))?;
            }
            self.loops.push(started);
        }
        Ok(())
    }

    fn connect(&mut self, devices: Range<u32>, over: Duration) -> Result<(), ProviderError> {
        self.counts.connects_ordered += devices.len() as u64;
        self.order(Work::Connect, &once(devices, over))
    }

    fn subscribe(
        &mut self,
        devices: Range<u32>,
        subjects: Subjects,
        over: Duration,
    ) -> Result<(), ProviderError> {
        self.counts.subscribes_ordered += devices.len() as u64;
        self.order(Work::Subscribe(subjects), &once(devices, over))
    }

    fn publish(&mut self, order: &PublishOrder) -> Result<(), ProviderError> {
        let pace = Pace {
            each: order.messages,
            ..once(order.devices.clone(), order.over)
        };
        self.counts.publishes_ordered += pace.total();
        self.order(Work::Publish { bytes: order.bytes }, &pace)
    }

    fn disconnect(&mut self, devices: Range<u32>, over: Duration) -> Result<(), ProviderError> {
        self.order(Work::Disconnect, &once(devices, over))
    }

    fn set_weights(&mut self, weights: &[u32]) -> Result<(), ProviderError> {
        for (server, weight) in self.servers.iter_mut().zip(weights) {
            server.weight = weight_of(*weight);
        }
        let servers = list(&self.servers)?;
        for running in &self.loops {
            running
                .mailbox
                .send(Command::Servers(Arc::clone(&servers)))
                .map_err(|_| anyhow!("an event loop of the fleet has ended"))?;
        }
        Ok(())
    }

    fn set_reading(&mut self, devices: Range<u32>, reading: bool) -> Result<(), ProviderError> {
        self.order(Work::Read(reading), &once(devices, Duration::ZERO))
    }

    fn counts(&self) -> FleetCounts {
        let mut sum = self.counts.clone();
        for running in &self.loops {
            add(&mut sum, &running.outlook.lock().counts);
        }
        sum
    }

    fn addresses(&self) -> Vec<DeviceAddress> {
        let (reply, answers) = mpsc::channel();
        let asked = self
            .loops
            .iter()
            .filter(|running| {
                let question = Command::Addresses(reply.clone());
                running.mailbox.send(question).is_ok()
            })
            .count();
        let answers = (0..asked).map_while(|_| answers.recv_timeout(ANSWER).ok());
        let mut addresses: Vec<DeviceAddress> = answers.flatten().collect();
        addresses.sort_unstable_by_key(|address| address.device);
        addresses
    }

    fn take_observations(&mut self) -> Vec<Observation> {
        let taken = |running: &Loop| std::mem::take(&mut running.outlook.lock().observations);
        self.loops.iter().flat_map(taken).collect()
    }

    fn latencies(&self) -> Result<Latencies, ProviderError> {
        let empty = Histogram::new(3).context("cannot make a histogram")?;
        let mut sum = Latencies {
            deliveries: empty.clone(),
            acknowledgements: empty.clone(),
            lags: empty,
        };
        for running in &self.loops {
            let seen = running.outlook.lock();
            let added = sum.deliveries.add(&seen.deliveries);
            added
                .and_then(|()| sum.acknowledgements.add(&seen.acknowledgements))
                .and_then(|()| sum.lags.add(&seen.lags))
                .context("cannot add histograms")?;
        }
        Ok(sum)
    }

    fn stop(&mut self) -> Result<(), ProviderError> {
        Ok(self.end()?)
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        // Whoever drops without `stop` has an error of its own to report.
        let _ = self.end();
    }
}

impl Loop {
    fn start(
        number: u32,
        app: Devices,
        outlook: Arc<Outlook>,
        setup: &FleetSetup,
    ) -> anyhow::Result<Self> {
        let limits = Limits {
            handshake_timeout: setup.connect_timeout,
            ..Limits::default()
        };
        // How soon a device notices that its gateway has gone silent: no end of stream, no reset, nothing.
        let keepalive = Keepalive {
            interval: setup.keepalive,
            timeout: setup.keepalive / 2,
        };
        let config = LoopConfig {
            endpoints: Vec::new(),
            limits,
            keepalive: Some(keepalive),
            ..LoopConfig::default()
        };
        let (event_loop, mailbox) =
            EventLoop::new(config, app).context("cannot make an event loop for the fleet")?;
        let thread = thread::Builder::new()
            .name(format!("fleet-{number}"))
            .spawn(move || event_loop.run())
            .context("cannot start a thread for the fleet")?;
        Ok(Self {
            mailbox,
            outlook,
            thread,
        })
    }
}

/// The servers that devices choose from: every target, or the name of all of them.
fn servers(setup: &FleetSetup) -> Vec<Server> {
    let server = |host: String, port: u16, weight: u32| Server {
        url: ServerUrl {
            tls: setup.certificate.is_some(),
            host,
            port,
            path: "/".to_owned(),
        },
        weight: weight_of(weight),
    };
    if let Some(names) = &setup.names {
        let port = setup.targets.first().map_or(0, SocketAddr::port);
        return vec![server(names.host.to_owned(), port, 1)];
    }
    let targets = setup.targets.iter().zip(&setup.weights);
    targets
        .map(|(target, weight)| server(target.ip().to_string(), target.port(), *weight))
        .collect()
}

/// A weight as the device library has it.
fn weight_of(weight: u32) -> u8 {
    u8::try_from(weight).map_or(Server::MAX_WEIGHT, |weight| weight.min(Server::MAX_WEIGHT))
}

fn list(servers: &[Server]) -> anyhow::Result<Arc<ServerList>> {
    let list = ServerList::new(servers.to_vec()).context("the fleet has nowhere to go")?;
    Ok(Arc::new(list))
}

/// What all devices share.
fn common(setup: &FleetSetup, spare: Sources) -> anyhow::Result<Common> {
    let tls = setup.certificate.as_ref().map(believing).transpose()?;
    let request = |target: &SocketAddr| {
        let host = match &setup.names {
            Some(names) => format!("{}:{}", names.host, target.port()),
            None => target.to_string(),
        };
        Arc::new(DialRequest {
            host,
            path: "/".to_owned(),
            subprotocols: vec![SUBPROTOCOL.to_owned()],
            tls: tls.clone(),
            ..DialRequest::default()
        })
    };
    Ok(Common {
        setup: setup.clone(),
        settings: Arc::new(Settings {
            connect_timeout: setup.connect_timeout,
            // The event loop pings.
            keepalive: None,
            ..Settings::default()
        }),
        requests: setup.targets.iter().map(request).collect(),
        spare: Mutex::new(spare),
    })
}

fn once(devices: Range<u32>, over: Duration) -> Pace {
    Pace {
        devices,
        each: 1,
        start: Instant::now(),
        over,
    }
}

fn loops_for(devices: u32) -> u32 {
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
    devices.div_ceil(DEVICES_PER_LOOP).clamp(1, cores)
}

/// Why this process cannot hold so many devices; none if it can.
fn too_many(devices: u32) -> Option<Refusal> {
    let limit = getrlimit(Resource::Nofile).current?;
    let room = limit.saturating_sub(OTHER_DESCRIPTORS);
    (u64::from(devices) > room).then(|| Refusal {
        kind: RefusalKind::Machine,
        reason: format!("{devices} devices take as many descriptors, and {limit} are allowed here"),
        remedy: format!(
            "take {room} devices, or raise the limit: ulimit -n {}",
            u64::from(devices) + OTHER_DESCRIPTORS
        ),
    })
}
