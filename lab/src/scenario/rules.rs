//! What types cannot say: values that make no sense, bounds that nothing in the plot could break.

mod adc;
mod balancing;
mod conflation;
mod faults;
mod kafka;
mod linear;
mod offload;
mod tls;

use std::net::IpAddr;
use std::ops::{Range, RangeInclusive};
use std::path::Path;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::Written;
use super::complaint::Complaint;
use super::expect::Whose;
use super::matrix::Cell;
use super::step::Action;
use crate::stage::{Stage, Via};
use crate::units::Span;

/// The fewest bytes that hold a message's own mark.
const SMALLEST_MESSAGE: u32 = 32;

/// The first rule that is broken.
pub(super) fn check(
    file: &Path,
    text: &str,
    document: &DeTable<'_>,
    written: &Written,
    cells: &[Cell],
) -> Result<(), Complaint> {
    let sheet = Sheet {
        file,
        text,
        document,
    };
    for (key, value) in [("title", &written.title), ("why", &written.why)] {
        if value.trim().is_empty() {
            return Err(sheet
                .complain(&[key], format!("`{key}` says nothing"))
                .hint("write a sentence"));
        }
    }
    if written.steps.is_empty() {
        return Err(sheet
            .complain(&[], "no [[step]]: nothing would happen")
            .hint("add [[step]] with do.connect = { over = \"5s\" }"));
    }
    for cell in cells {
        check_stage(&sheet, &cell.stage)?;
    }
    for (number, step) in written.steps.iter().enumerate() {
        check_step(&sheet, number, &step.action)?;
        check_gateway(&sheet, number, &step.action, cells)?;
    }
    check_bounds(&sheet, written, cells)?;
    adc::check(&sheet, written, cells)?;
    faults::check(&sheet, written, cells)?;
    kafka::check(&sheet, written, cells)?;
    tls::check(&sheet, cells)?;
    linear::check(&sheet, written, cells)?;
    offload::check(&sheet, written, cells)?;
    conflation::check(&sheet, written, cells)?;
    balancing::check(&sheet, written, cells)
}

/// A scenario's text, and where its values stand in it.
struct Sheet<'a, 'i> {
    file: &'a Path,
    text: &'a str,
    document: &'a DeTable<'i>,
}

impl Sheet<'_, '_> {
    /// A mistake in the value at this path; a value of the stage may stand in the matrix.
    fn complain(&self, path: &[&str], what: impl Into<String>) -> Complaint {
        let span = self.place(path).or_else(|| match path {
            ["stage", rest @ ..] => self.place(&[&["matrix"], rest].concat()),
            _ => None,
        });
        Complaint::at(self.file, self.text, span.unwrap_or(0..0), what)
    }

    /// Where the value at this path stands.
    fn place(&self, path: &[&str]) -> Option<Range<usize>> {
        let (first, rest) = path.split_first()?;
        let mut value = self.document.get(*first)?;
        for key in rest {
            value = match value.get_ref() {
                DeValue::Table(table) => table.get(*key)?,
                DeValue::Array(items) => items.get(key.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        Some(value.span())
    }

    /// A number that must lie in a range.
    fn within(
        &self,
        path: &[&str],
        value: u32,
        range: RangeInclusive<u32>,
    ) -> Result<(), Complaint> {
        if range.contains(&value) {
            return Ok(());
        }
        let key = path.last().unwrap_or(&"");
        let what = format!(
            "`{key}` takes {} to {}, not {value}",
            range.start(),
            range.end()
        );
        Err(self.complain(path, what))
    }
}

fn check_stage(sheet: &Sheet<'_, '_>, stage: &Stage) -> Result<(), Complaint> {
    sheet.within(&["stage", "gateways"], stage.gateways, 1..=16)?;
    sheet.within(&["stage", "workgroups"], stage.workgroups, 1..=1024)?;
    sheet.within(
        &["stage", "fleet", "devices"],
        stage.fleet.devices,
        1..=1_000_000,
    )?;
    sheet.within(
        &["stage", "kafka", "partitions"],
        stage.kafka.partitions,
        1..=1000,
    )?;
    sheet.within(&["stage", "kafka", "brokers"], stage.kafka.brokers, 1..=9)?;
    sheet.within(
        &["stage", "adc", "snat-addresses"],
        stage.adc.snat_addresses,
        1..=250,
    )?;
    sheet.within(
        &["stage", "cache", "messages"],
        stage.cache.messages,
        1..=1_000_000,
    )?;
    sheet.within(
        &["stage", "cache", "topic-messages"],
        stage.cache.topic_messages,
        1..=10_000_000,
    )?;
    check_spans(sheet, stage)?;
    for cidr in &stage.listener.trusted {
        if !is_cidr(cidr) {
            let what = format!("\"{cidr}\" is no network");
            return Err(sheet
                .complain(&["stage", "listener", "trusted"], what)
                .hint("write it as \"127.0.0.0/8\""));
        }
    }
    if stage.kafka.topics.is_empty() {
        return Err(sheet
            .complain(&["stage", "kafka", "topics"], "the gateways need a topic")
            .hint("name one, such as \"telemetry\""));
    }
    for topic in &stage.kafka.topics {
        if !is_topic(topic) {
            let what = format!("\"{topic}\" is no topic name");
            let hint = "Kafka takes 1 to 200 letters, digits, dots, dashes and underscores";
            return Err(sheet
                .complain(&["stage", "kafka", "topics"], what)
                .hint(hint));
        }
    }
    Ok(())
}

/// Times that would let nothing work.
fn check_spans(sheet: &Sheet<'_, '_>, stage: &Stage) -> Result<(), Complaint> {
    let least = Span(Duration::from_millis(100));
    for (path, span) in [
        (["stage", "fleet", "keepalive"], stage.fleet.keepalive),
        (
            ["stage", "fleet", "connect-timeout"],
            stage.fleet.connect_timeout,
        ),
        (["stage", "cache", "max-age"], stage.cache.max_age),
    ] {
        if span < least {
            let what = format!("`{}` takes {least} and more, not {span}", path[2]);
            return Err(sheet.complain(&path, what));
        }
    }
    Ok(())
}

fn check_step(sheet: &Sheet<'_, '_>, number: usize, action: &Action) -> Result<(), Complaint> {
    let number = number.to_string();
    let path = |key| ["step", &number, "do", action.verb(), key];
    match action {
        Action::Connect(crowd) | Action::Disconnect(crowd) => {
            crowd.devices.map_or(Ok(()), |devices| {
                sheet.within(&path("devices"), devices, 1..=1_000_000)
            })
        }
        Action::Subscribe(order) => order.devices.map_or(Ok(()), |devices| {
            sheet.within(&path("devices"), devices, 1..=1_000_000)
        }),
        Action::Produce(order) => {
            sheet.within(&path("records"), order.records, 1..=10_000_000)?;
            sheet.within(&path("bytes"), order.bytes, SMALLEST_MESSAGE..=1_000_000)
        }
        Action::Publish(order) => {
            sheet.within(&path("messages"), order.messages, 1..=1_000_000)?;
            sheet.within(&path("bytes"), order.bytes, SMALLEST_MESSAGE..=1_000_000)
        }
        Action::StopReading(slow) | Action::ReadOn(slow) => {
            sheet.within(&path("devices"), slow.devices, 1..=1_000_000)
        }
        Action::Knock(order) => {
            if !order.from.is_loopback() {
                let what = format!(
                    "{} is not an address of this machine's loopback",
                    order.from
                );
                return Err(sheet
                    .complain(&path("from"), what)
                    .hint("use one of 127.0.0.0/8, or ::1"));
            }
            sheet.within(&path("times"), order.times, 1..=10_000)
        }
        Action::AwaitProbes(order) => sheet.within(&path("count"), order.count, 1..=10_000),
        Action::AwaitRepeats(order) => sheet.within(&path("count"), order.count, 1..=10_000),
        Action::Settle(_)
        | Action::Kill(_)
        | Action::Drain(_)
        | Action::Freeze(_)
        | Action::Thaw(_)
        | Action::Start(_)
        | Action::Adc(_)
        | Action::Line(_)
        | Action::Tamper(_)
        | Action::StartWaiting(_)
        | Action::Kafka(_)
        | Action::Member(_)
        | Action::Weights(_)
        | Action::Names(_)
        | Action::Wait(_) => Ok(()),
    }
}

/// A step names a gateway that every cell has.
fn check_gateway(
    sheet: &Sheet<'_, '_>,
    number: usize,
    action: &Action,
    cells: &[Cell],
) -> Result<(), Complaint> {
    let Some(gateway) = action.gateway() else {
        return Ok(());
    };
    let number = number.to_string();
    let fewest = cells
        .iter()
        .map(|cell| cell.stage.gateways)
        .min()
        .unwrap_or(1);
    let path = ["step", &number, "do", action.verb(), "gateway"];
    sheet.within(&path, gateway, 0..=fewest - 1)
}

/// A bound that nothing in the plot could break would always hold and prove nothing.
fn check_bounds(sheet: &Sheet<'_, '_>, written: &Written, cells: &[Cell]) -> Result<(), Complaint> {
    let does = |verb: &str| written.steps.iter().any(|step| step.action.verb() == verb);
    let expect = &written.expect;
    const CONNECTS: &[&str] = &["connect"];
    const MOVES: &[&str] = &["produce", "publish"];
    const PUBLISHES: &[&str] = &["publish"];
    let bounds = [
        ("spread", expect.spread.is_some(), CONNECTS),
        (
            "spread-headroom",
            expect.spread_headroom.is_some(),
            CONNECTS,
        ),
        (
            "client-addresses",
            expect.client_addresses.is_some(),
            CONNECTS,
        ),
        ("lost-max", expect.lost_max.is_some(), MOVES),
        ("doubled-max", expect.doubled_max.is_some(), MOVES),
        ("swapped-max", expect.swapped_max.is_some(), MOVES),
        ("delivered-within", expect.delivered_within.is_some(), MOVES),
        ("updates-apart", expect.updates_apart.is_some(), MOVES),
        ("left-out-min", expect.left_out_min.is_some(), MOVES),
        (
            "misplaced-publishes-max",
            expect.misplaced_publishes_max.is_some(),
            PUBLISHES,
        ),
        (
            "repeated-publishes-min",
            expect.repeated_publishes_min.is_some(),
            PUBLISHES,
        ),
        (
            "published-within",
            expect.published_within.is_some(),
            PUBLISHES,
        ),
        ("knocks", expect.knocks.is_some(), &["knock"]),
        ("on-gateways", expect.on_gateways.is_some(), CONNECTS),
    ];
    for (key, is_set, verbs) in bounds {
        if is_set && !verbs.iter().any(|verb| does(verb)) {
            let what = format!(
                "`{key}` would prove nothing: no step does {}",
                verbs.join(" or ")
            );
            return Err(sheet.complain(&["expect", key], what));
        }
    }
    if expect
        .spread_headroom
        .is_some_and(|headroom| !(headroom > 1.0 && headroom < 100.0))
    {
        return Err(sheet
            .complain(
                &["expect", "spread-headroom"],
                "`spread-headroom` is the fullest workgroup over the mean",
            )
            .hint("1.2 allows 20 % above it"));
    }
    if expect.repeated_publishes_min == Some(0) {
        return Err(sheet
            .complain(
                &["expect", "repeated-publishes-min"],
                "none at all would prove nothing",
            )
            .hint("say how many have to be in the log twice, such as 10"));
    }
    if does("produce") && !does("subscribe") {
        return Err(sheet.complain(
            &["step"],
            "records would reach nobody: no step does `subscribe`",
        ));
    }
    let wants_adc = does("member")
        || does("adc")
        || expect.members_up.is_some()
        || expect.adc_log.is_some()
        || expect.client_addresses == Some(Whose::Adc);
    if wants_adc && cells.iter().any(|cell| cell.stage.fleet.via == Via::Direct) {
        let what = "the load balancer has a part in this, but the devices go past it";
        return Err(sheet
            .complain(&["stage", "fleet", "via"], what)
            .hint("use \"adc\""));
    }
    let wants_monitor = expect.members_up.is_some() || does("await-probes");
    if wants_monitor && cells.iter().any(|cell| cell.stage.adc.monitor.is_none()) {
        let what = "probes are wanted, but the load balancer has no monitor";
        return Err(sheet
            .complain(&["stage", "adc"], what)
            .hint("add adc.monitor = { check = \"connect\", interval = \"200ms\" }"));
    }
    Ok(())
}

/// `address/prefix`, the prefix within the family's bits.
fn is_cidr(text: &str) -> bool {
    let Some((address, prefix)) = text.split_once('/') else {
        return false;
    };
    let bits = match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    prefix.parse::<u8>().is_ok_and(|prefix| prefix <= bits)
}

/// Kafka's rule for names, with room left for a suffix.
fn is_topic(text: &str) -> bool {
    (1..=200).contains(&text.len())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        && text != "."
        && text != ".."
}
