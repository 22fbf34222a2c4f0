//! The answer as a page: `capacity.html`, one file with nothing loaded from elsewhere.

use lab_report::page::document;
use lab_report::words::{bytes, figure, grouped, utc};
use maud::{Markup, html};

use crate::answer::Answer;
use crate::chart;
use crate::costs::{Costs, scaling};
use crate::published;
use crate::question::Question;
use crate::results::{Results, Work};
use crate::text::{beside, law, machine, money, units};

/// One machine's results, what they cost and what they answer.
#[derive(Debug, Clone)]
pub struct Side {
    /// What was measured.
    pub results: Results,
    /// What follows for one of each.
    pub costs: Costs,
    /// What follows for the fleet.
    pub answer: Answer,
}

/// The page; of several sides the first is told in full, the others beside it.
#[must_use]
pub fn page(question: &Question, sides: &[Side], command: &str) -> String {
    let Some(side) = sides.first() else {
        return document("capacity", &html! { p { "nothing was measured" } });
    };
    let sentence = side.answer.sentence(question);
    let body = html! {
        header {
            p.verdict.(if side.answer.needed.is_some() { "good" } else { "bad" }) { "CAPACITY" }
            h1 { (sentence) }
            p { (fleet(question)) }
            p.small { "measured on " (machine(&side.results)) ", " (utc(side.results.measured_unix_ms)) }
            p.small { "Again: " code { (command) } }
            @if let Some(costs) = money(question, &side.answer) { p { (costs) } }
        }
        main {
            (cautions(&side.answer))
            (rows(&side.answer))
            section aria-labelledby="binding" {
                h2 #binding { "What each resource asks for" }
                @if side.answer.groups > 1 { p.small { "In each of the " (grouped(side.answer.groups)) " groups." } }
                (chart::demands(&side.answer.demands, side.answer.mark()))
                div.wide { table { tbody { @for demand in &side.answer.demands {
                    tr { th scope="row" { (demand.resource) } td.number { @match demand.gateways { Some(n) => { (grouped(n)) (side.answer.mark()) } None => "no number is enough" } } td { (demand.because) } }
                } } } }
                h3 { "Every gateway reads everything" }
                p { (side.answer.reading) }
            }
            @if sides.len() > 1 { (machines(question, sides)) }
            (measured(side))
            (record(&side.costs))
            (benches(&side.results))
        }
    };
    document(&format!("Capacity: {sentence}"), &body)
}

fn fleet(q: &Question) -> String {
    format!(
        "{} devices, each sent {} {} a minute of {} bytes; {} new connections a second; TLS {}, PROXY header {}",
        grouped(q.devices),
        figure(q.rate * 60.0),
        if q.rate * 60.0 == 1.0 {
            "message"
        } else {
            "messages"
        },
        grouped(q.bytes),
        figure(q.churn * q.devices as f64),
        if q.tls {
            "at the gateways"
        } else {
            "not at the gateways"
        },
        if q.proxy { "yes" } else { "no" }
    )
}

fn cautions(answer: &Answer) -> Markup {
    html! {
        @if !answer.cautions.is_empty() {
            section.card.unknown-edge aria-labelledby="cautions" {
                h2 #cautions { "Before relying on it" }
                ul { @for caution in &answer.cautions { li { (caution) } } }
            }
        }
    }
}

fn rows(answer: &Answer) -> Markup {
    html! {
        section aria-labelledby="needs" {
            h2 #needs { "What it takes" }
            div.wide { table {
                thead { tr { th { "" } th.number { "each gateway" } th.number { "in all" } th { "how it comes about" } } }
                tbody { @for row in &answer.rows { tr {
                    th scope="row" { (row.what) @if row.is_far() { span.unknown { " †" } } }
                    td.number { (row.each) @if row.is_far() && !row.each.is_empty() { span.unknown { " †" } } }
                    td.number { (row.whole) @if row.is_far() && !row.whole.is_empty() { span.unknown { " †" } } }
                    td { (row.note) @if row.is_far() { span.unknown { " († " (figure(row.beyond)) " × the measured)" } } }
                } } }
            } }
            p.small { "† goes beyond 4 times what was measured: an extrapolation, not a measurement. Each gateway's part is with the spare ones away." }
        }
    }
}

/// What was measured, as points and lines.
fn measured(side: &Side) -> Markup {
    let (results, costs) = (&side.results, &side.costs);
    let plateaus: Vec<(f64, f64)> = results
        .memory
        .iter()
        .map(|p| (p.connections as f64, p.user_bytes as f64))
        .collect();
    let slabs: Vec<(f64, f64)> = results
        .memory
        .iter()
        .map(|p| (p.connections as f64, p.slab_bytes as f64 / 2.0))
        .collect();
    let size = |value: f64| bytes(value.max(0.0) as u64);
    let seconds = |value: f64| format!("{} s", figure(value));
    html! {
        section aria-labelledby="measured" {
            h2 #measured { "What was measured" }
            p.small { "Least squares; in brackets the 95 % interval of 2,000 bootstrap samples." }
            div.wide { table { tbody { @for (what, value) in units(costs) { tr { th scope="row" { (what) } td.number { (value) } } } } } }
            h3 { "Memory of the gateway against connections" }
            (chart::fitted("Memory of the gateway", &plateaus, &costs.user, "connections", size))
            h3 { "Memory of the kernel against connections, the gateway's end" }
            (chart::fitted("Memory of the kernel", &slabs, &costs.kernel, "connections", size))
            h3 { "Processor time against records delivered to one device each" }
            (chart::fitted("Processor time of deliveries", &cpu(&results.deliveries), &costs.deliver, "records", seconds))
            h3 { "Processor time against records that nobody wants" }
            (chart::fitted("Processor time of reading", &cpu(&results.reads), &costs.read, "records", seconds))
            h3 { "How workgroups add up" }
            p { (law(costs)) }
            @if let Ok(law) = &costs.scaling { (chart::scaling(&scaling(&results.scaling), law)) }
            details {
                summary { "Every point" }
                div.wide { table {
                    thead { tr { th { "sweep" } th.number { "repetition" } th.number { "count" } th.number { "memory" } th.number { "processor time" } } }
                    tbody {
                        @for p in &results.memory { tr { th scope="row" { "connections" } td.number { (p.repeat) } td.number { (grouped(p.connections)) } td.number { (bytes(p.user_bytes)) " + slab " (bytes(p.slab_bytes)) } td {} } }
                        @for (name, works) in [("handshakes", &results.handshakes), ("deliveries", &results.deliveries), ("reads", &results.reads), ("workgroups", &results.scaling)] {
                            @for w in works { tr { th scope="row" { (name) @if name == "workgroups" { ": " (w.workgroups) } } td.number { (w.repeat) } td.number { (grouped(w.count)) } td.number { "+ " (bytes(w.grown_bytes)) } td.number { (seconds(w.cpu_seconds)) } } }
                        }
                    }
                } }
            }
        }
    }
}

fn cpu(works: &[Work]) -> Vec<(f64, f64)> {
    works
        .iter()
        .map(|w| (w.count as f64, w.cpu_seconds))
        .collect()
}

/// The published record beside ours.
fn record(costs: &Costs) -> Markup {
    html! {
        section aria-labelledby="record" {
            h2 #record { "Beside the published record of ten million clients" }
            p.small { (published::SOURCE) ": " (grouped(published::CLIENTS as u64)) " clients, one message of " (published::MESSAGE_BYTES) " bytes a minute each, one machine with " (published::CORES) " processors and " (figure(published::MEMORY_BYTES / 1e9)) " GB" }
            div.wide { table {
                thead { tr { th { "" } th { "published" } th { "here" } } }
                tbody { @for (what, theirs, ours) in beside(costs) { tr { th scope="row" { (what) } td { (theirs) } td { (ours) } } } }
            } }
            ul { @for difference in published::DIFFERENCES { li { (difference) } } }
        }
    }
}

/// Two or more machines beside each other.
fn machines(question: &Question, sides: &[Side]) -> Markup {
    let units: Vec<_> = sides.iter().map(|side| units(&side.costs)).collect();
    html! {
        section aria-labelledby="machines" {
            h2 #machines { "Machines beside each other" }
            div.wide { table {
                thead { tr { th { "" } @for side in sides { th { (machine(&side.results)) } } } }
                tbody {
                    tr { th scope="row" { "gateways" } @for side in sides { td { (side.answer.sentence(question)) } } }
                    @for (place, (what, _)) in units.first().into_iter().flatten().enumerate() {
                        tr { th scope="row" { (what) } @for side in &units { td { (side.get(place).map_or("", |unit| unit.1.as_str())) } } }
                    }
                }
            } }
        }
    }
}

fn benches(results: &Results) -> Markup {
    html! {
        @if !results.benches.list.is_empty() {
            section aria-labelledby="benches" {
                h2 #benches { "Benchmarks of the parts" }
                p.small { "Criterion's means with their 95 % intervals, per element. They say where the time of a message goes; the sweeps above say what it sums up to." }
                div.wide { table {
                    thead { tr { th { "benchmark" } th.number { "mean" } th.number { "interval" } } }
                    tbody { @for b in &results.benches.list { tr {
                        th scope="row" { (b.name) }
                        td.number { (nanos(b.mean_ns)) }
                        td.number { (nanos(b.low_ns)) " to " (nanos(b.high_ns)) }
                    } } }
                } }
            }
        }
    }
}

fn nanos(ns: f64) -> String {
    if ns >= 1e6 {
        format!("{} ms", figure(ns / 1e6))
    } else if ns >= 1e3 {
        format!("{} µs", figure(ns / 1e3))
    } else {
        format!("{} ns", figure(ns))
    }
}
