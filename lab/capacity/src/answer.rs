//! The answer: how many gateways, which resource asks for most of them, and what the rest of the installation must bear.

mod rows;

use lab_report::words::{bytes, figure, grouped};

use crate::costs::Costs;
use crate::question::{NETWORK_BITS, Question, USABLE, USABLE_MEMORY};
use crate::results::Results;

/// What is extrapolated further than this many times the measured is marked.
pub const FAR: f64 = 4.0;

/// Bytes around a message's data on the wire: envelope, subject and position as JSON (about 170), the frame's head (4), TCP and IP (52).
pub const AROUND: f64 = 226.0;

/// Bytes that TLS 1.3 puts around a write: the record's head (5), the type within (1), the tag (16). RFC 8446, section 5.2.
pub const AROUND_TLS: f64 = 22.0;

/// Bytes around a record in a fetch: offsets, timestamp, key.
pub const AROUND_RECORD: f64 = 70.0;

/// Ports of one address towards one gateway; an ADC that has used 80 % of them begins to search.
pub const PORTS: f64 = 64_512.0 * 0.8;

/// Bytes per second that one partition is trusted with.
pub const PARTITION: f64 = 5e6;

/// Seconds a gateway remembers, by default.
pub const REMEMBERED: f64 = 180.0;

/// Seconds of silence after which a device is pinged.
pub const PING: f64 = 25.0;

/// Groups that are tried before giving up.
pub const MOST_GROUPS: u64 = 1_000;

/// How the names of the benchmarks of the PROXY header begin.
const PROXY_BENCH: &str = "proxy/parse";

/// Descriptors of a gateway that are no connections.
const OTHER_DESCRIPTORS: f64 = 1_000.0;

/// A resource, and how many gateways it asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Demand {
    /// Which.
    pub resource: &'static str,
    /// How many; none when no number of gateways is enough.
    pub gateways: Option<u64>,
    /// Why, in numbers.
    pub because: String,
}

/// One line of the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What is needed.
    pub what: &'static str,
    /// Of each gateway, one being away.
    pub each: String,
    /// Of the whole.
    pub whole: String,
    /// How many times the greatest measured load or size this is; above [`FAR`] it is marked.
    pub beyond: f64,
    /// How it comes about.
    pub note: String,
}

impl Row {
    /// Whether it is extrapolated too far to be relied on.
    #[must_use]
    pub fn is_far(&self) -> bool {
        self.beyond > FAR
    }
}

/// The whole answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Groups of gateways, each of which carries its share of the topics and of the devices; 1 as long as one group can read everything.
    pub groups: u64,
    /// Gateways of each group that must be alive; none when no number of groups up to [`MOST_GROUPS`] is enough.
    pub needed: Option<u64>,
    /// All demands of one group, the greatest first.
    pub demands: Vec<Demand>,
    /// What is needed of each and of the whole.
    pub rows: Vec<Row>,
    /// When reading everything becomes the limit, and what to do.
    pub reading: String,
    /// What the reader must know before relying on it.
    pub cautions: Vec<String>,
}

/// The fleet's needs in numbers.
struct Need<'a> {
    question: &'a Question,
    costs: &'a Costs,
    /// Groups among which topics and devices are split.
    groups: u64,
    /// Devices of one group.
    devices: f64,
    cores: f64,
    memory: f64,
    network: f64,
    /// Descriptors of a process, where they were told; a setting binds nobody who can change it.
    descriptors: Option<f64>,
    /// Descriptors of a process where it was measured.
    allowed: u64,
    /// Records per second in a group's topics: each of its gateways reads them all.
    records: f64,
    /// Bytes that a remembered record takes.
    remembered: f64,
    /// Bytes of each gateway that do not depend on how many there are.
    fixed_memory: f64,
    /// Processors of each gateway that read.
    fixed_cores: f64,
    /// Processors per device.
    device_cores: f64,
    /// Bytes per device.
    device_memory: f64,
    /// Bits per second to each device.
    device_bits: f64,
    /// How many times the records per second that were measured.
    reading: f64,
    /// How many times the bytes per message that were measured.
    larger: f64,
    /// How many times the processors that were measured.
    wider: f64,
}

/// Answers the question with what was measured: with as few groups of gateways as can read what they have to.
#[must_use]
pub fn answer(question: &Question, results: &Results, costs: &Costs) -> Answer {
    let mut groups = 1;
    loop {
        let need = Need::of(question, results, costs, groups);
        let mut demands = need.demands();
        // Of equals the first in reading order binds.
        demands.sort_by_key(|d| std::cmp::Reverse(d.gateways.unwrap_or(u64::MAX)));
        let counts: Option<Vec<u64>> = demands.iter().map(|d| d.gateways).collect();
        let needed = counts.and_then(|all| all.into_iter().max());
        if needed.is_some() || groups == MOST_GROUPS {
            return Answer {
                groups,
                needed,
                rows: needed.map_or_else(Vec::new, |needed| need.rows(needed)),
                reading: need.reading(),
                cautions: need.cautions(results),
                demands,
            };
        }
        groups += 1;
    }
}

impl Answer {
    /// Gateways to have, spare ones included.
    #[must_use]
    pub fn total(&self, question: &Question) -> Option<u64> {
        Some((self.needed? + question.spare) * self.groups)
    }

    /// The resource that asks for most gateways.
    #[must_use]
    pub fn binding(&self) -> Option<&Demand> {
        self.demands.first()
    }

    /// The mark of an answer that rests on an extrapolation.
    #[must_use]
    pub fn mark(&self) -> &'static str {
        let beyond = self.rows.iter().map(|row| row.beyond);
        mark(beyond.fold(0.0, f64::max))
    }

    /// The verdict as a sentence.
    #[must_use]
    pub fn sentence(&self, question: &Question) -> String {
        let binding = self.binding().map_or("nothing", |demand| demand.resource);
        let (Some(needed), Some(total)) = (self.needed, self.total(question)) else {
            return format!(
                "no number of such machines is enough, even with the topics split over {} groups; what binds is {binding}",
                grouped(self.groups)
            );
        };
        let gateways = if total == 1 { "gateway" } else { "gateways" };
        let (total, needed, spare) = (grouped(total), grouped(needed), grouped(question.spare));
        let mark = self.mark();
        if self.groups == 1 {
            return format!(
                "{total} {gateways}{mark}: {needed} that carry the fleet and {spare} spare; what binds is {binding}"
            );
        }
        format!(
            "{total} {gateways}{mark}: {} groups that each carry a share of the topics, because one gateway cannot read everything; in each group {needed} and {spare} spare; what binds there is {binding}",
            grouped(self.groups)
        )
    }
}

impl<'a> Need<'a> {
    fn of(question: &'a Question, results: &'a Results, costs: &'a Costs, groups: u64) -> Self {
        let machine = &results.machine;
        let devices = question.devices as f64 / groups as f64;
        let records = devices * question.rate;
        let sizes = question.bytes as f64 - results.bytes as f64;
        let remembered = (costs.remember.slope.value + sizes).max(question.bytes as f64);
        let kept = (records * REMEMBERED).max(devices);
        // A silent device is pinged; ping and pong are taken to cost what a message does.
        let pings = if question.rate * PING >= 1.0 {
            0.0
        } else {
            1.0 / PING - question.rate
        };
        Self {
            question,
            costs,
            groups,
            devices,
            cores: f64::from(question.machine.cores.unwrap_or(machine.cores)),
            memory: question
                .machine
                .memory_bytes
                .unwrap_or(machine.memory_bytes) as f64,
            network: question.machine.network_bits.unwrap_or(NETWORK_BITS),
            descriptors: question.machine.descriptors.map(|n| n as f64),
            allowed: machine.descriptors,
            records,
            remembered,
            fixed_memory: costs.user.base.value.max(0.0) + kept * remembered,
            fixed_cores: records * costs.read.slope.value.max(0.0),
            device_cores: question.rate * costs.push()
                + pings * costs.push()
                + question.churn
                    * (costs.handshake.slope.value.max(0.0) + header_cost(question, results)),
            device_memory: costs.user.slope.value.max(0.0) + costs.kernel.slope.value.max(0.0),
            device_bits: 8.0 * question.rate * (question.bytes as f64 + around(question)),
            reading: records / costs.top_rate.max(1e-9),
            larger: question.bytes as f64 / results.bytes.max(1) as f64,
            wider: f64::from(question.machine.cores.unwrap_or(machine.cores))
                / f64::from(machine.cores.max(1)),
        }
    }

    /// Processors that may be used, after what they lose to one another.
    fn usable_cores(&self) -> f64 {
        let efficiency = self
            .costs
            .scaling
            .as_ref()
            .map_or(1.0, |law| law.efficiency(self.cores));
        USABLE * self.cores * efficiency
    }

    fn bits_in(&self) -> f64 {
        8.0 * self.records * (self.question.bytes as f64 + AROUND_RECORD)
    }

    fn demands(&self) -> Vec<Demand> {
        let devices = self.devices;
        let share = |per_device: f64, usable: f64, fixed: f64| {
            let room = usable - fixed;
            (room > 0.0).then(|| (devices * per_device / room).ceil().max(1.0) as u64)
        };
        let one_thread = self.fixed_cores <= USABLE;
        let mut demands = vec![
            Demand {
                resource: "memory",
                gateways: share(
                    self.device_memory,
                    USABLE_MEMORY * self.memory,
                    self.fixed_memory,
                ),
                because: format!(
                    "{} per device, {}{} on every gateway for what it remembers of all topics, {} usable of {}",
                    size(self.device_memory),
                    size(self.fixed_memory),
                    mark(self.reading.max(self.larger)),
                    size(USABLE_MEMORY * self.memory),
                    size(self.memory)
                ),
            },
            Demand {
                resource: "processors",
                gateways: share(self.device_cores, self.usable_cores(), self.fixed_cores),
                because: format!(
                    "{} of a processor per million devices, {}{} on every gateway for reading, {}{} usable of {}",
                    figure(self.device_cores * 1e6),
                    figure(self.fixed_cores),
                    mark(self.reading),
                    figure(self.usable_cores()),
                    mark(self.wider),
                    figure(self.cores)
                ),
            },
            Demand {
                resource: "network",
                gateways: share(self.device_bits, USABLE * self.network, self.bits_in()),
                because: format!(
                    "{}{} to all devices, {}{} to every gateway from Kafka, {} usable of {}",
                    bits(devices * self.device_bits),
                    mark(self.reading.max(self.larger)),
                    bits(self.bits_in()),
                    mark(self.reading.max(self.larger)),
                    bits(USABLE * self.network),
                    bits(self.network)
                ),
            },
            Demand {
                resource: "reading Kafka",
                gateways: one_thread.then_some(1),
                because: format!(
                    "all {}{} records per second take {}{} of a thread, counted as if one did it all; {} % is the most it should be",
                    figure(self.records),
                    mark(self.reading),
                    percent(self.fixed_cores),
                    mark(self.reading),
                    USABLE * 100.0
                ),
            },
        ];
        demands.extend(self.descriptors.map(|allowed| Demand {
            resource: "descriptors",
            gateways: share(1.0, allowed, OTHER_DESCRIPTORS),
            because: format!(
                "one per device, {} allowed to a process",
                grouped(allowed as u64)
            ),
        }));
        demands
    }

    /// How long the default budget lasts.
    fn covered(&self) -> String {
        let seconds = 268_435_456.0 / (self.records * self.remembered).max(1e-9);
        if seconds >= REMEMBERED {
            "all of it".to_owned()
        } else {
            format!(
                "{} s, so devices that are away longer are resynced",
                figure(seconds)
            )
        }
    }

    /// When reading everything becomes the limit.
    fn reading(&self) -> String {
        let read = self.costs.read.slope.value;
        let by_thread = USABLE / read.max(1e-12);
        let by_network =
            USABLE * self.network / (8.0 * (self.question.bytes as f64 + AROUND_RECORD));
        let by_memory = USABLE_MEMORY * self.memory / (REMEMBERED * self.remembered);
        let (limit, what) = [
            (by_thread, "the one thread that reads"),
            (by_network, "the network card"),
            (by_memory, "the memory for what is remembered"),
        ]
        .into_iter()
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .unwrap_or((by_thread, "the one thread that reads"));
        let used = self.records * self.groups as f64 / limit;
        format!(
            "Every gateway reads every record of its topics. That ends at about {}/s{} for {what}, however many gateways there are; this fleet in one group would use {}{} of it. Beyond, split the topics: groups of gateways that each carry some of them, and devices (or the load balancer, by host name) that go to the group of their topic. A shorter cache.max-age moves the limit of memory.",
            figure(limit),
            mark(limit / self.costs.top_rate.max(1e-9)),
            percent(used),
            mark(self.reading * self.groups as f64)
        )
    }

    fn cautions(&self, results: &Results) -> Vec<String> {
        let q = self.question;
        let mut all = self.costs.cautions.clone();
        if let Err(unfit) = &self.costs.scaling {
            all.push(unfit.to_string());
        } else if self.cores > FAR * f64::from(results.machine.cores) {
            all.push(format!(
                "the scalability law is used at {} processors, measured were {}",
                self.cores, results.machine.cores
            ));
        }
        if !results.optimised {
            all.push("the gateway that was measured was built without optimisation; `cargo run --release --bin lab -- capacity …` measures the one you would deploy".to_owned());
        }
        if q.bytes != results.bytes {
            all.push(format!("measured with {} bytes per message, asked for {}: memory and network follow the size, processor time does not", results.bytes, q.bytes));
        }
        all.extend(tls_caution(q.tls, results.tls).map(str::to_owned));
        if q.proxy && results.benches.most_expensive(PROXY_BENCH).is_none() {
            all.push(
                "the PROXY header's cost is not in these numbers: no benchmark of it could be used"
                    .to_owned(),
            );
        }
        if q.machine.network_bits.is_none() {
            all.push(format!(
                "the network card is assumed to do {}; say otherwise with --network",
                bits(NETWORK_BITS)
            ));
        }
        if q.rate * PING < 1.0 {
            all.push(format!("silent devices are pinged every {PING} s; a ping and its pong are taken to cost what a message does"));
        }
        all.extend(results.benches.cautions.iter().cloned());
        all
    }
}

/// Bytes around a message's data on the wire.
#[must_use]
pub fn around(question: &Question) -> f64 {
    AROUND + if question.tls { AROUND_TLS } else { 0.0 }
}

/// Processor seconds of the PROXY header of one connection; nothing where none is sent or none was measured, which is said.
fn header_cost(question: &Question, results: &Results) -> f64 {
    let measured = results.benches.most_expensive(PROXY_BENCH);
    measured.filter(|_| question.proxy).unwrap_or(0.0)
}

/// What is wrong when it was asked for one kind of connection and the other was measured.
fn tls_caution(asked: bool, measured: bool) -> Option<&'static str> {
    match (asked, measured) {
        (true, false) => Some(
            "measured without TLS, so its memory and processor time are not in these numbers: measure again with --tls, or end TLS at the load balancer, where they hold",
        ),
        (false, true) => Some(
            "measured with TLS at the gateway and asked for without, so memory and processor time are too high: measure again without --tls",
        ),
        (true, true) | (false, false) => None,
    }
}

/// The mark of a number that is so many times what was measured.
fn mark(beyond: f64) -> &'static str {
    if beyond > FAR { " †" } else { "" }
}

fn size(value: f64) -> String {
    bytes(value.max(0.0) as u64)
}

/// `1.2 Gbit/s`.
#[must_use]
pub fn bits(per_second: f64) -> String {
    match per_second {
        b if b >= 1e9 => format!("{} Gbit/s", figure(b / 1e9)),
        b if b >= 1e6 => format!("{} Mbit/s", figure(b / 1e6)),
        b => format!("{} kbit/s", figure(b / 1e3)),
    }
}

fn bytes_per_s(value: f64) -> String {
    format!("{} MB/s", figure(value / 1e6))
}

fn percent(share: f64) -> String {
    format!("{} %", figure(share * 100.0))
}
