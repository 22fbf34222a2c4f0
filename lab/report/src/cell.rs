//! One cell, section by section. A section without anything to show is left out; a reader never meets an empty frame.

mod ledger;
mod recovery;

use lab_record::faults::faults;
use lab_record::run::{Cell, Event, Expectation, Histogram, PoolMember};
use lab_record::statistics::{Spread, limits};
use maud::{Markup, html};
use serde_json::Value;

use crate::chart::bars::Bars;
use crate::chart::curves::{self, Curve};
use crate::chart::{heat, timeline, topology};
use crate::distribution::decoded;
use crate::findings::since;
use crate::words::{bytes, figure, grouped, moment, p_value, span_ms, span_us};

/// More events than this are cut, with a note; they stay in the record.
const EVENTS: usize = 200;

/// Everything about one cell.
pub(crate) fn draw(cell: &Cell) -> Markup {
    html! {
        div.wide { (topology::draw(&cell.stage, &cell.providers.adc, &cell.providers.kafka)) }
        (providers(cell))
        (expectations(cell))
        (spread(cell))
        (shares(cell))
        (time_line(cell))
        (recovery::draw(cell.recovery.as_ref()))
        (latency(&cell.histograms))
        (ledger::draw(cell.ledger.as_ref()))
        (resources(cell))
        (events(&cell.events))
    }
}

fn expectations(cell: &Cell) -> Markup {
    let list = by_weight(&cell.expectations);
    html! {
        @if !list.is_empty() {
            h3 { "Expectations" }
            div.wide { table {
                thead { tr { th { "" } th { "rule" } th { "wanted" } th { "measured" } } }
                tbody {
                    @for e in &list {
                        tr {
                            td { (held(e.held)) }
                            th scope="row" { (e.name) }
                            td { (e.wanted) }
                            td {
                                (e.measured)
                                @if let Some(interval) = &e.interval { p.remark { (interval) } }
                                @if let Some(since) = since(cell, e) { p.remark { "first broke " (since) } }
                                @if let Some(cause) = &e.cause { p.cause { (cause) } }
                                @for remark in &e.remarks { p.remark { (remark) } }
                            }
                        }
                    }
                }
            } }
        }
    }
}

/// What did not hold first, then what is not known.
fn by_weight(list: &[Expectation]) -> Vec<&Expectation> {
    let mut sorted: Vec<&Expectation> = list.iter().collect();
    sorted.sort_by_key(|e| match e.held {
        Some(false) => 0,
        None => 1,
        Some(true) => 2,
    });
    sorted
}

/// A word and a sign; the colour only repeats them.
pub(crate) fn held(held: Option<bool>) -> Markup {
    match held {
        Some(true) => html! { span.good { "✓ held" } },
        Some(false) => html! { span.bad { "✗ broken" } },
        None => html! { span.unknown { "? undecided" } },
    }
}

fn providers(cell: &Cell) -> Markup {
    let of = |name: &str, version: &str| {
        if version.is_empty() {
            name.to_owned()
        } else {
            format!("{name} ({version})")
        }
    };
    html! {
        p.small {
            "Kafka: " (of(&cell.providers.kafka, &cell.providers.kafka_version))
            " · ADC: " (of(&cell.providers.adc, &cell.providers.adc_version))
            " · fleet: " (cell.providers.fleet)
            " · took " (span_ms(cell.took_ms))
        }
    }
}

/// How connections fall on workgroups, gateway by gateway, and the source ports that explain it.
fn spread(cell: &Cell) -> Markup {
    let mut gateways: Vec<u32> = cell.workgroups.iter().map(|w| w.gateway).collect();
    gateways.dedup();
    html! {
        @if !gateways.is_empty() {
            h3 { "Connections per workgroup" }
            @for gateway in gateways { (one_gateway(cell, gateway)) }
        }
        @if let Some(ports) = &cell.ports {
            h3 { "Source ports that placement saw, by residue" }
            p.small { "An empty residue is a port class that nobody used: a hash of address and port that ends in “port mod k” leaves those workgroups idle." }
            div.wide { (heat::residues(ports)) }
        }
    }
}

fn one_gateway(cell: &Cell, gateway: u32) -> Markup {
    let counts: Vec<(String, u64)> = cell
        .workgroups
        .iter()
        .filter(|w| w.gateway == gateway)
        .map(|w| (w.workgroup.to_string(), w.connections))
        .collect();
    let numbers: Vec<u64> = counts.iter().map(|(_, n)| *n).collect();
    let total: u64 = numbers.iter().sum();
    let groups = numbers.len() as u64;
    let limit = (groups > 1 && total > 0).then(|| limits::max_over_mean(total, groups));
    let title = format!("Connections per workgroup of gateway {gateway}");
    html! {
        div.wide { (Bars { title: &title, of: "workgroup", bars: counts, limit }.draw()) }
        @if let (Some(spread), Some(limit)) = (Spread::of(&numbers), limit) {
            p.small {
                "gateway " (gateway) ": " (grouped(total)) " connections on " (groups) " workgroups, " (grouped(spread.idle)) " idle; max/mean "
                (format!("{:.3}", spread.max_over_mean)) " (chance explains up to " (format!("{limit:.3}")) ", the shaded band), w " (format!("{:.3}", spread.w)) ", p " (p_value(spread.p))
            }
        }
    }
}

/// Connections per gateway, where there are several.
fn shares(cell: &Cell) -> Markup {
    let mut gateways: Vec<(String, u64)> = vec![];
    for w in &cell.workgroups {
        let label = w.gateway.to_string();
        match gateways.last_mut() {
            Some((last, sum)) if *last == label => *sum += w.connections,
            _ => gateways.push((label, w.connections)),
        }
    }
    html! {
        @if gateways.len() > 1 {
            h3 { "Connections per gateway" }
            div.wide { (Bars { title: "Connections per gateway", of: "gateway", bars: gateways, limit: None }.draw()) }
        }
        (pool(&cell.members))
    }
}

/// The pool as the load balancer counts it, which is a witness of its own.
fn pool(members: &[PoolMember]) -> Markup {
    let total: u64 = members.iter().map(|member| member.total).sum();
    let share = |part: u64| format!("{} %", figure(100.0 * part as f64 / total.max(1) as f64));
    html! {
        @if !members.is_empty() {
            h3 { "Pool members, as the load balancer counts them" }
            div.wide { table {
                thead { tr { th { "member" } th { "health" } th.number { "open at the end" } th.number { "since the start" } th.number { "share" } } }
                tbody {
                    @for member in members {
                        tr {
                            th scope="row" { "gateway " (member.gateway) }
                            td { @if member.up { span.good { "✓ up" } } @else { span.bad { "✗ down" } } }
                            td.number { (grouped(member.current)) }
                            td.number { (grouped(member.total)) }
                            td.number { (share(member.total)) }
                        }
                    }
                }
            } }
        }
    }
}

fn time_line(cell: &Cell) -> Markup {
    let faults = faults(cell);
    html! {
        @if cell.series.iter().any(|s| s.points.len() > 1) {
            h3 { "Time line" }
            div.wide { (timeline::panels(&cell.series, &faults)) }
        }
    }
}

fn latency(histograms: &[Histogram]) -> Markup {
    let curves = curves_of(histograms.iter());
    html! {
        @if !histograms.is_empty() {
            h3 { "Times" }
            div.wide { table {
                thead { tr { th { "what" } th.number { "count" } th.number { "median" } th.number { "99 %" } th.number { "longest" } } }
                tbody {
                    @for h in histograms {
                        tr {
                            th scope="row" { (h.name) }
                            td.number { (grouped(h.count)) }
                            td.number { (time(h.p50, &h.unit)) }
                            td.number { (time(h.p99, &h.unit)) }
                            td.number { (time(h.max, &h.unit)) }
                        }
                    }
                }
            } }
        }
        @if !curves.is_empty() { div.wide { (curves::spectrum("Times by percentile", &curves)) } }
    }
}

fn time(value: u64, unit: &str) -> String {
    if unit == "us" {
        span_us(value)
    } else {
        format!("{} {unit}", grouped(value))
    }
}

/// The histograms that carry their whole distribution; the table above has the others' numbers.
fn curves_of<'a>(histograms: impl Iterator<Item = &'a Histogram>) -> Vec<Curve<'a>> {
    histograms
        .filter(|h| h.unit == "us")
        .filter_map(|h| {
            let times = decoded(&h.hdr)?;
            (!times.is_empty()).then(|| Curve {
                name: &h.name,
                times,
            })
        })
        .collect()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_u64().map_or_else(|| number.to_string(), grouped),
        Value::Object(fields) => fields
            .iter()
            .map(|(k, v)| format!("{k} {}", plain(v)))
            .collect::<Vec<_>>()
            .join(", "),
        other => other.to_string(),
    }
}

fn resources(cell: &Cell) -> Markup {
    html! {
        @if !cell.resources.is_empty() {
            h3 { "Resources" }
            div.wide { table {
                thead { tr { th { "process" } th.number { "processor time" } th.number { "peak memory" } th.number { "descriptors" } } }
                tbody {
                    @for r in &cell.resources {
                        tr {
                            th scope="row" { (r.process) }
                            td.number { (span_ms(r.cpu_ms)) }
                            td.number { (bytes(r.peak_rss_bytes)) }
                            td.number { (grouped(r.descriptors)) }
                        }
                    }
                }
            } }
        }
    }
}

fn events(all: &[Event]) -> Markup {
    // What was used after each step is for programs; people have the table of resources.
    let events: Vec<&Event> = all.iter().filter(|event| event.kind != "usage").collect();
    html! {
        @if !events.is_empty() {
            details {
                summary { "Events (" (grouped(events.len() as u64)) ")" }
                div.wide { table {
                    thead { tr { th { "at" } th { "what" } th { "detail" } } }
                    tbody {
                        @for event in events.iter().take(EVENTS) {
                            tr {
                                td.number { (moment(event.at_ms)) }
                                th scope="row" { (event.kind) }
                                td { (event.detail.iter().map(|(k, v)| format!("{k}: {}", plain(v))).collect::<Vec<_>>().join(", ")) }
                            }
                        }
                    }
                } }
                @if events.len() > EVENTS { p.small { "The rest is in the record." } }
            }
        }
    }
}
