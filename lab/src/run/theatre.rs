//! One stage: built, played on, taken down.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use lab_adc::relay::Relay;
use lab_record::recovery::Recovery;
use lab_record::run::{Event, Resources, Series};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::Company;
use super::balance::{self, Balance};
use super::books::Books;
use super::faults::Before;
use super::meanwhile::Meanwhile;
use super::network;
use super::overflows::Overflows;
use super::pulse::Pulse;
use super::repeats::passed_over;
use crate::cast::Cast;
use crate::certificate::Certificate;
use crate::evidence::{Evidence, Exit, Sighting};
use crate::gateway::Gateway;
use crate::gateway::launch::{Launch, one_port};
use crate::gateway::metrics::Metrics;
use crate::interrupt::Interrupt;
use crate::kernel_table;
use crate::pacing::Pacing;
use crate::progress::Progress;
use crate::provider::{AdcSetup, Cluster, FleetSetup, Habit, Member, NamesSetup, ProviderError};
use crate::recovery::Recoveries;
use crate::resources;
use crate::scenario::matrix::Cell;
use crate::scenario::step::{Step, takes_brokers};
use crate::stage::{SendProxy, Stage, Subjects, Via};

/// How long gateways' lists may take to agree with the kernel's.
const TO_AGREE: Duration = Duration::from_secs(3);

/// A stage that is up.
pub(super) struct Theatre<'a> {
    pub(super) stage: &'a Stage,
    pub(super) interrupt: &'a Interrupt,
    pub(super) progress: &'a mut Progress,
    pub(super) cast: Cast,
    pub(super) cluster: Cluster,
    pub(super) gateways: Vec<Gateway>,
    /// One before each gateway, where the stage wants them.
    pub(super) relays: Vec<Relay>,
    pub(super) evidence: Evidence,
    /// Open from the first step that moves messages.
    pub(super) books: Option<Books>,
    /// What the last subscriptions were to.
    pub(super) subjects: Subjects,
    /// What goes on while further steps are played.
    pub(super) meanwhile: Meanwhile,
    /// What faults do to devices.
    pub(super) recoveries: Recoveries,
    /// How far apart updates come, where the stage conflates.
    pub(super) pacing: Option<Pacing>,
    /// What was noted when faults began.
    pub(super) before: Before,
    /// What processes used that are gone.
    pub(super) gone: Vec<Resources>,
    /// What listeners had no room for.
    pub(super) overflows: Overflows,
    /// How devices find their gateway.
    pub(super) balance: Option<Balance>,
    /// How gateways are started.
    pub(super) launch: Launch<'a>,
    pub(super) began: Instant,
    events: Vec<Event>,
    series: BTreeMap<&'static str, Series>,
    pulse: Pulse,
    /// The last step is over: what devices do now is the stage being taken down.
    played: bool,
    adc_version: String,
    /// Configurations and logs of the gateways.
    _folder: TempDir,
}

/// What is left of a stage that was played on to its end.
pub(super) struct Played {
    pub(super) evidence: Evidence,
    pub(super) events: Vec<Event>,
    pub(super) series: Vec<Series>,
    pub(super) resources: Vec<Resources>,
    pub(super) kafka_version: String,
    pub(super) adc_version: String,
}

impl<'a> Theatre<'a> {
    /// Builds the stage: the log, the gateways, the load balancer, the fleet. What was started is stopped again when a later part fails.
    pub(super) fn open(
        company: &'a Company<'_>,
        cell: &'a Cell,
        steps: &[Step],
        mut cast: Cast,
        progress: &'a mut Progress,
    ) -> Result<Self, ProviderError> {
        let (stage, interrupt) = (&cell.stage, company.interrupt);
        let seed = u64::from(company.options.seed);
        let began = Instant::now();
        progress.phase("starting Kafka");
        let cluster = cast
            .kafka
            .start(&stage.kafka, takes_brokers(steps), interrupt)?;
        progress.phase("starting gateways");
        let folder = tempfile::Builder::new()
            .prefix("tidegate-lab-")
            .tempdir()
            .context("cannot make a temporary folder")?;
        let certificate = if stage.listener.tls || stage.adc.tls {
            Some(Certificate::make(folder.path())?)
        } else {
            None
        };
        let launch = Launch {
            stage,
            binary: company.gateway.clone(),
            folder: folder.path().to_owned(),
            certificate: certificate.clone().filter(|_| stage.listener.tls),
            hash_key: hash_key(company.options.seed),
            control_hash: company.options.control_hash.as_deref(),
            surroundings: cast.adc.surroundings(),
            seats: seats(stage)?,
        };
        let gateways = start_gateways(&launch, &cluster, interrupt)?;
        let listeners: Vec<SocketAddr> = gateways.iter().map(|gateway| gateway.listener).collect();
        let relays = network::relays(stage.relay, &listeners, seed)?;
        let mut targets = match relays.as_slice() {
            [] => listeners,
            relays => relays.iter().map(Relay::address).collect(),
        };
        let mut adc_version = String::new();
        let mut front = None;
        if stage.fleet.via == Via::Adc {
            progress.phase("starting the load balancer");
            let setup = adc_setup(stage, &gateways, &targets, certificate.clone(), seed);
            let address = cast.adc.start(&setup, interrupt)?;
            (targets, front) = (vec![address], Some(address));
            adc_version = cast.adc.version();
        }
        let balance = Balance::open(stage, &gateways, seed)?;
        let names = balance.as_ref().and_then(Balance::name_server);
        let fleet = FleetSetup {
            certificate: certificate.map(|made| made.der),
            from: cast.adc.surroundings().devices,
            ..fleet_setup(stage, targets, names, &cluster, seed)
        };
        cast.fleet.start(&fleet)?;
        let zero = Instant::now();
        let breaks_something = steps.iter().any(|step| step.action.is_fault());
        let mut theatre = Self {
            stage,
            interrupt,
            progress,
            cast,
            cluster,
            gateways,
            relays,
            evidence: Evidence {
                comes_back: stage.fleet.reconnect,
                ..Evidence::default()
            },
            books: None,
            subjects: stage.fleet.subjects,
            meanwhile: Meanwhile::default(),
            recoveries: Recoveries::new(zero, breaks_something),
            pacing: (!stage.conflation.is_empty()).then(Pacing::default),
            before: Before::default(),
            gone: vec![],
            overflows: Overflows::default(),
            balance,
            launch,
            began: zero,
            events: vec![],
            series: BTreeMap::new(),
            pulse: Pulse::new(),
            played: false,
            adc_version,
            _folder: folder,
        };
        let took = super::since(began);
        theatre.event("stage-up", [("took_ms", took.into())]);
        theatre.note_usage("stage-up");
        theatre.overflows.front = front;
        if stage.balancing.is_some_and(|way| way.via() == Via::Adc) {
            theatre.set_member_weights(&stage.weights())?;
        }
        if let Some(balance) = &mut theatre.balance {
            balance.begin(zero);
        }
        Ok(theatre)
    }

    /// Plays the steps, looks around once more, and takes the stage down.
    pub(super) fn play(mut self, steps: &[Step]) -> Result<Played, ProviderError> {
        self.overflows.begin();
        for step in steps {
            self.event(
                "step",
                [
                    ("do", step.action.verb().into()),
                    ("note", step.note.clone().into()),
                ],
            );
            self.perform(&step.action)?;
            self.note_usage(step.action.verb());
        }
        self.evidence.moments.ended = Some(self.now_ms());
        self.event("played", []);
        self.look_around()?;
        self.conclude_recovery();
        self.conclude_balancing()?;
        let resources = self.resources();
        self.played = true;
        self.evidence.moments.windows = self.pulse.windows().to_vec();
        self.close_books()?;
        self.evidence.closest_updates = self.pacing.as_ref().and_then(Pacing::closest);
        self.keep_last_words();
        self.take_down()?;
        Ok(Played {
            evidence: self.evidence,
            events: self.events,
            series: self
                .series
                .into_values()
                .chain(self.pulse.series())
                .collect(),
            resources,
            kafka_version: self.cluster.version,
            adc_version: self.adc_version,
        })
    }

    /// Notes that something happened now.
    pub(super) fn event<const N: usize>(&mut self, kind: &str, detail: [(&str, Value); N]) {
        let detail = detail.into_iter().filter(|(_, value)| !value.is_null());
        self.events.push(Event {
            at_ms: self.now_ms(),
            kind: kind.to_owned(),
            detail: detail.map(|(key, value)| (key.to_owned(), value)).collect(),
        });
    }

    /// Notes where the fleet stands now; called often, keeps what changed.
    pub(super) fn sample(&mut self) {
        let at = self.now_ms();
        let counts = self.cast.fleet.counts();
        self.evidence.most_connected = self.evidence.most_connected.max(counts.connected);
        for (name, unit, value) in [
            ("connected", "devices", counts.connected),
            ("delivered", "messages", counts.delivered),
            ("published", "messages", counts.published),
        ] {
            if self.played {
                break;
            }
            let series = self.series.entry(name).or_insert_with(|| Series {
                name: name.to_owned(),
                unit: unit.to_owned(),
                points: vec![],
            });
            #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
            let value = value as f64;
            let last = series.points.last();
            if last.is_none_or(|(then, before)| at - then >= 50 && *before != value) {
                series.points.push((at, value));
            }
        }
        if counts.failed + counts.lost > 0 {
            self.evidence.moments.device_failed.get_or_insert(at);
        }
        self.evidence.counts = counts;
    }

    /// Ends a window when it is time to.
    pub(super) fn beat(&mut self) -> Result<(), ProviderError> {
        let at = self.now_ms();
        if self.pulse.is_due(at) && !self.played {
            let times = self.cast.fleet.latencies()?;
            self.pulse.beat(at, &self.evidence.counts, times);
        }
        Ok(())
    }

    /// Compares what the gateways say of their connections with the kernel, until they agree.
    pub(super) fn sight(&mut self) -> Result<(), ProviderError> {
        let mut sightings = vec![];
        let gateways = &self.gateways;
        self.interrupt.wait_until(TO_AGREE, || {
            sightings = gateways
                .iter()
                .filter(|gateway| gateway.serves())
                .map(sighting)
                .collect::<anyhow::Result<_>>()?;
            Ok(sightings.iter().all(Sighting::is_coherent))
        })?;
        self.evidence.sightings = sightings;
        self.evidence.moments.sighted = Some(self.now_ms());
        self.evidence.devices = self.cast.fleet.addresses();
        Ok(())
    }

    /// Gateways that ended although nobody asked them to.
    pub(super) fn note_exits(&mut self) {
        let at = self.now_ms();
        for gateway in self
            .gateways
            .iter_mut()
            .filter(|gateway| gateway.may_not_end())
        {
            let known = self
                .evidence
                .exits
                .iter()
                .any(|exit| exit.gateway == gateway.number);
            if let (false, Some(status)) = (known, gateway.exited()) {
                self.evidence.moments.gateway_ended.get_or_insert(at);
                self.evidence.exits.push(Exit {
                    gateway: gateway.number,
                    status: status.to_string(),
                    last_words: gateway.last_words(),
                });
            }
        }
    }

    /// The end of the last step: counters, pool, who is still alive.
    fn look_around(&mut self) -> Result<(), ProviderError> {
        self.progress.phase("looking around");
        self.sample();
        self.evidence.connected_at_end = self.evidence.counts.connected;
        self.note_exits();
        let alive = |number| {
            !self
                .evidence
                .exits
                .iter()
                .any(|exit| exit.gateway == number)
        };
        let living = self
            .gateways
            .iter()
            .filter(|gateway| gateway.serves() && alive(gateway.number));
        let mut counted = vec![];
        for gateway in living {
            counted.push((gateway.number, gateway.admin.metrics()?));
        }
        for (number, metrics) in &counted {
            self.note_reading(*number, metrics);
            let passed_over = passed_over(metrics);
            self.evidence.passed_over.push((*number, passed_over));
        }
        self.evidence.metrics = counted.into_iter().map(|(_, metrics)| metrics).collect();
        if self.stage.fleet.via == Via::Adc {
            self.evidence.members = self.cast.adc.members()?;
            self.evidence.adc_log = self.cast.adc.log()?;
        }
        Ok(())
    }

    /// What a gateway read from the log for its devices, all in all.
    fn note_reading(&mut self, number: u32, metrics: &Metrics) {
        self.event(
            "reading",
            [
                ("gateway", number.into()),
                (
                    "kafka_bytes",
                    metrics.sum("tidegate_kafka_bytes_total").into(),
                ),
                (
                    "kafka_records",
                    metrics.sum("tidegate_kafka_records_total").into(),
                ),
                (
                    "kafka_fetches",
                    metrics.sum("tidegate_kafka_fetches_total").into(),
                ),
                (
                    "delivered",
                    metrics.sum("tidegate_messages_delivered_total").into(),
                ),
                ("repetitions_passed_over", passed_over(metrics).into()),
            ],
        );
    }

    /// What faults did, now that the last step is over.
    fn conclude_recovery(&mut self) {
        self.drain();
        self.close_memory();
        self.confess();
        let subscribed = self.evidence.counts.subscribes_ordered > 0;
        let devices = self.stage.fleet.devices;
        let dropped = self.dropped();
        self.evidence.recovery = self
            .recoveries
            .figures(devices, subscribed, Instant::now())
            .map(|figures| Recovery {
                listen_overflows: dropped.as_ref().map(|dropped| dropped.count),
                listeners: dropped
                    .iter()
                    .flat_map(|dropped| dropped.listeners.clone())
                    .collect(),
                fetches: self.fetches_since(),
                ..figures
            });
        self.evidence.dropped = dropped;
    }

    /// The end of each gateway's standard error, for whoever has to find out what went wrong.
    fn keep_last_words(&mut self) {
        for number in 0..self.gateways.len() {
            let words = self.gateways[number].last_words();
            if !words.is_empty() {
                self.event(
                    "last-words",
                    [("gateway", number.into()), ("lines", words.into())],
                );
            }
        }
    }

    /// Notes what everything has used so far, so that a reader can tell what a step took.
    fn note_usage(&mut self, after: &str) {
        let now = |process: Resources| {
            let used = json!({"cpu_ms": process.cpu_ms, "rss_bytes": process.rss_bytes});
            (process.process, used)
        };
        let processes: serde_json::Map<String, Value> =
            self.resources().into_iter().map(now).collect();
        self.event(
            "usage",
            [
                ("after", after.into()),
                ("processes", processes.into()),
                ("connected", self.evidence.counts.connected.into()),
                ("delivered", self.evidence.counts.delivered.into()),
                ("slab_bytes", resources::slab().into()),
            ],
        );
    }

    fn resources(&self) -> Vec<Resources> {
        let gateways = self
            .gateways
            .iter()
            .filter(|gateway| gateway.may_not_end())
            .map(|gateway| (format!("gateway-{}", gateway.number), gateway.pid()));
        let adc = self
            .cast
            .adc
            .processes()
            .into_iter()
            .map(|pid| ("adc".to_owned(), pid));
        let kafka = self
            .cast
            .kafka
            .processes()
            .into_iter()
            .map(|pid| ("kafka".to_owned(), pid));
        let lab = std::iter::once(("lab".to_owned(), std::process::id()));
        let living = gateways.chain(adc).chain(kafka).chain(lab);
        let used = living.filter_map(|(name, pid)| {
            let used = resources::of(&name, pid)?;
            let peak = self.before.peaks.get(&pid).copied().unwrap_or(0);
            Some(Resources {
                peak_rss_bytes: used.peak_rss_bytes.max(peak),
                ..used
            })
        });
        self.gone.iter().cloned().chain(used).collect()
    }

    /// Everything stops, in the order opposite to the start; the first failure is told after all have stopped.
    fn take_down(&mut self) -> Result<(), ProviderError> {
        self.progress.phase("taking the stage down");
        let mut ends = vec![self.cast.fleet.stop(), self.cast.adc.stop()];
        for gateway in &mut self.gateways {
            ends.push(gateway.stop().map(drop));
        }
        ends.push(self.cast.kafka.stop());
        ends.into_iter().collect()
    }

    pub(super) fn now_ms(&self) -> i64 {
        super::since(self.began)
    }
}

/// Starts all gateways at once and waits until each is ready.
fn start_gateways(
    launch: &Launch<'_>,
    cluster: &Cluster,
    interrupt: &Interrupt,
) -> Result<Vec<Gateway>, ProviderError> {
    let mut gateways = vec![];
    for number in 0..launch.stage.gateways {
        gateways.push(launch.first(number, cluster, interrupt)?);
    }
    for gateway in &mut gateways {
        gateway.await_ready(interrupt)?;
    }
    Ok(gateways)
}

/// Where gateways listen that are found by one name: an address each, one port.
fn seats(stage: &Stage) -> Result<Option<Vec<SocketAddr>>, ProviderError> {
    if !stage.asks_names() {
        return Ok(None);
    }
    // No load balancer takes part, so that its addresses are free.
    Ok(Some(one_port(&snat_addresses(stage.gateways))?))
}

/// The placement key of a run, so that a seed repeats its distribution.
fn hash_key(seed: u32) -> [u8; 16] {
    let mut key = *b"tidegate lab    ";
    key[12..].copy_from_slice(&seed.to_le_bytes());
    key
}

/// `doors` are where connections to the gateways go.
fn adc_setup(
    stage: &Stage,
    gateways: &[Gateway],
    doors: &[SocketAddr],
    certificate: Option<Certificate>,
    seed: u64,
) -> AdcSetup {
    let members = gateways.iter().zip(doors).map(|(gateway, door)| Member {
        address: *door,
        admin: gateway.admin.0,
    });
    AdcSetup::new(
        stage,
        members.collect(),
        snat_addresses(stage.adc.snat_addresses),
        certificate,
        seed,
    )
}

/// Addresses in 127.0.0.0/16, apart from 127.0.0.1 and from every device, so that a scenario can trust the load balancer alone. Each stage has a network of
/// its own: neither another lab that runs at the same time nor what the stage before left in TIME_WAIT takes its ports.
fn snat_addresses(count: u32) -> Vec<IpAddr> {
    static STAGES: AtomicU32 = AtomicU32::new(0);
    let stage = STAGES.fetch_add(1, Ordering::Relaxed);
    let network = 1 + std::process::id().wrapping_add(stage) % 250;
    let base = Ipv4Addr::new(127, 0, 0, 0).to_bits() + (network << 8);
    (1..=count)
        .map(|number| Ipv4Addr::from_bits(base + number).into())
        .collect()
}

fn fleet_setup(
    stage: &Stage,
    targets: Vec<SocketAddr>,
    names: Option<SocketAddr>,
    cluster: &Cluster,
    seed: u64,
) -> FleetSetup {
    FleetSetup {
        devices: stage.fleet.devices,
        weights: match stage.fleet.via {
            Via::Adc => vec![1],
            Via::Direct => stage.weights(),
        },
        names: names
            .zip(Habit::of(stage.balancing))
            .map(|(server, habit)| NamesSetup {
                server,
                host: balance::HOST,
                habit,
            }),
        targets,
        from: vec![],
        ports: stage.fleet.ports,
        family: stage.fleet.addresses,
        preface: if stage.devices_tell_addresses() {
            SendProxy::V2
        } else {
            SendProxy::Off
        },
        certificate: None,
        reconnect: stage.fleet.reconnect,
        keepalive: stage.fleet.keepalive.get(),
        connect_timeout: stage.fleet.connect_timeout.get(),
        topic: cluster.topics.first().cloned().unwrap_or_default(),
        seed,
    }
}

fn sighting(gateway: &Gateway) -> anyhow::Result<Sighting> {
    let about = || anyhow!("gateway {}", gateway.number);
    Ok(Sighting {
        gateway: gateway.number,
        workgroups: gateway.admin.workgroups().with_context(about)?,
        connections: gateway.admin.connections().with_context(about)?,
        kernel_peers: kernel_table::peers_of(gateway.listener)?,
    })
}
