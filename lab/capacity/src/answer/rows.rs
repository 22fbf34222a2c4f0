//! The answer line by line: of each gateway, of the whole, and how far beyond the measured that is.

use lab_report::words::{figure, grouped};

use super::{
    AROUND, AROUND_RECORD, Need, OTHER_DESCRIPTORS, PARTITION, PORTS, REMEMBERED, Row, bits,
    bytes_per_s, size,
};

/// What one gateway carries, when as many are alive as are needed.
struct Load {
    needed: u64,
    /// Gateways of a group, spare ones included.
    group: f64,
    /// Gateways in all.
    total: f64,
    /// Devices of one gateway.
    devices: f64,
    /// How many times the connections that were measured.
    many: f64,
    /// How many times the deliveries that were measured.
    busy: f64,
}

impl Need<'_> {
    pub(super) fn rows(&self, needed: u64) -> Vec<Row> {
        let load = self.load(needed);
        let mut rows = self.of_gateways(&load);
        rows.extend(self.of_the_network(&load));
        rows.extend(self.of_the_rest(&load));
        rows
    }

    fn load(&self, needed: u64) -> Load {
        let group = (needed + self.question.spare) as f64;
        let devices = (self.devices / needed as f64).ceil();
        let top = self.costs.top_rate.max(1e-9);
        Load {
            needed,
            group,
            total: group * self.groups as f64,
            devices,
            many: devices / self.costs.user.to,
            busy: devices * self.question.rate / top,
        }
    }

    fn of_gateways(&self, load: &Load) -> Vec<Row> {
        let q = self.question;
        let cores = load.devices * self.device_cores + self.fixed_cores;
        let memory = load.devices * self.device_memory + self.fixed_memory;
        let kernel = load.devices * self.costs.kernel.slope.value.max(0.0);
        vec![
            Row {
                what: "devices",
                each: grouped(load.devices as u64),
                whole: grouped(q.devices),
                beyond: load.many,
                note: format!(
                    "with {} of {} gateways of a group alive; measured up to {} connections",
                    grouped(load.needed),
                    grouped(load.group as u64),
                    grouped(self.costs.user.to as u64)
                ),
            },
            Row {
                what: "messages out",
                each: format!("{}/s", figure(load.devices * q.rate)),
                whole: format!("{}/s", figure(q.devices as f64 * q.rate)),
                beyond: load.busy,
                note: format!("measured up to {}/s", figure(self.costs.top_rate)),
            },
            Row {
                what: "processors",
                each: figure(cores),
                whole: figure(cores * load.total),
                beyond: load.busy.max(self.reading).max(self.wider),
                note: format!(
                    "at {} s per million deliveries beyond reading; {} of a processor reads Kafka",
                    figure(self.costs.push() * 1e6),
                    figure(self.fixed_cores)
                ),
            },
            Row {
                what: "memory",
                each: size(memory),
                whole: size(memory * load.total),
                beyond: load.many.max(self.reading).max(self.larger),
                note: format!(
                    "the kernel's part is {} of each; {} remember {REMEMBERED} s of all topics",
                    size(kernel),
                    size(self.fixed_memory)
                ),
            },
            Row {
                what: "cache settings",
                each: format!(
                    "cache.max-bytes {}",
                    size(self.records * REMEMBERED * self.remembered)
                ),
                whole: String::new(),
                beyond: self.reading.max(self.larger),
                note: format!(
                    "and last-value-bytes {}; the defaults (256 MiB, 64 MiB) would cover {}",
                    size(self.devices * self.remembered),
                    self.covered()
                ),
            },
        ]
    }

    fn of_the_network(&self, load: &Load) -> Vec<Row> {
        let q = self.question;
        vec![
            Row {
                what: "network out",
                each: bits(load.devices * self.device_bits),
                whole: bits(q.devices as f64 * self.device_bits),
                beyond: load.busy.max(self.larger),
                note: format!("{AROUND} bytes around each message, counted, not measured"),
            },
            Row {
                what: "network in from Kafka",
                each: bits(self.bits_in()),
                whole: bits(self.bits_in() * load.total),
                beyond: self.reading.max(self.larger),
                note: "every gateway of a group reads everything of the group".to_owned(),
            },
            Row {
                what: "descriptors",
                each: grouped((load.devices + OTHER_DESCRIPTORS) as u64),
                whole: grouped(((load.devices + OTHER_DESCRIPTORS) * load.total) as u64),
                beyond: load.many,
                note: format!(
                    "LimitNOFILE of the service, and fs.file-max; a setting (the machine that measured allows {})",
                    grouped(self.allowed)
                ),
            },
        ]
    }

    fn of_the_rest(&self, load: &Load) -> Vec<Row> {
        let q = self.question;
        let snat = (load.devices / PORTS).ceil();
        let written = q.devices as f64 * q.rate * (q.bytes as f64 + AROUND_RECORD);
        let partitions = (written / PARTITION).ceil().max(load.total).max(3.0);
        vec![
            Row {
                what: "SNAT addresses",
                each: grouped(snat as u64),
                whole: grouped(snat as u64),
                beyond: load.many,
                note: format!(
                    "an address has {} ports towards each gateway, so the same addresses serve all of them",
                    figure(PORTS)
                ),
            },
            Row {
                what: "handshakes",
                each: format!("{}/s", figure(load.devices * q.churn)),
                whole: format!("{}/s", figure(q.devices as f64 * q.churn)),
                beyond: load.many,
                note: format!(
                    "from churn; a gateway that dies brings {} devices to the others",
                    grouped((self.devices / load.group).ceil() as u64)
                ),
            },
            Row {
                what: "Kafka partitions",
                each: String::new(),
                whole: grouped(partitions as u64),
                beyond: load.many,
                note: format!(
                    "{} in; {} per partition is assumed, and at least one per gateway; brokers send {} to gateways",
                    bytes_per_s(written),
                    bytes_per_s(PARTITION),
                    bits(self.bits_in() * load.total)
                ),
            },
        ]
    }
}
