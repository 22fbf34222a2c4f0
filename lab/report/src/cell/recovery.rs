//! Faults and recovery: fault by fault, who was touched and how they came back.

use lab_record::recovery::{Fault, Recovery};
use maud::{Markup, html};

use crate::chart::waterfall::{self, milliseconds};
use crate::words::{bytes, counted, figure, grouped, moment, span_ms, span_us};

/// The section; nothing where nothing was broken.
pub(super) fn draw(recovery: Option<&Recovery>) -> Markup {
    let Some(recovery) = recovery else {
        return html! {};
    };
    html! {
        @if !recovery.faults.is_empty() { h3 { "Faults, and how devices came back" } }
        @for fault in &recovery.faults { (one(fault)) }
        (totals(recovery))
    }
}

fn one(fault: &Fault) -> Markup {
    let title = format!("{} {}", fault.kind, fault.target);
    html! {
        h4 { (title) }
        p.small {
            "from " (moment(fault.from_ms))
            @if let Some(until) = fault.until_ms { " to " (moment(until)) }
            @if let Some(took) = fault.took_ms { ", took " (span_ms(took)) }
            @if fault.touched == 0 { "; touched no device" }
            @else { "; touched " (counted(fault.touched, "device", "devices")) ", " (grouped(fault.resets)) " of them by a reset" }
        }
        @if fault.stations.iter().any(|station| station.devices > 0) {
            div.wide { (waterfall::draw(&title, fault)) }
            div.wide { table {
                thead { tr { th { "station" } th.number { "devices" } th.number { "median" } th.number { "90 %" } th.number { "99 %" } th.number { "last" } } }
                tbody { @for station in &fault.stations { tr {
                    th scope="row" { (station.name) }
                    td.number { (grouped(station.devices)) }
                    @for ms in [station.p50_ms, station.p90_ms, station.p99_ms, station.max_ms] { td.number { (milliseconds(ms)) } }
                } } }
            } }
        }
        @if let Some(survivors) = fault.survivors.as_ref().filter(|survivors| survivors.devices > 0) {
            p.small {
                (counted(survivors.devices, "device", "devices")) " that it did not touch: 99 of 100 messages within " (span_us(survivors.before.p99_us)) " before ("
                (grouped(survivors.before.messages)) " messages), " (span_us(survivors.during.p99_us)) " while it lasted (" (grouped(survivors.during.messages)) " messages)"
                @if survivors.before.p99_us > 0 { ", " (figure(survivors.during.p99_us as f64 / survivors.before.p99_us as f64)) " ×" }
            }
        }
        @for memory in &fault.memory {
            p.small { "gateway " (memory.gateway) ": " (bytes(memory.before_bytes)) " when it began, at most " (bytes(memory.peak_bytes)) " after" }
        }
    }
}

fn totals(recovery: &Recovery) -> Markup {
    html! {
        div.wide { table { tbody {
            @for (answer, count) in &recovery.resumes { tr { th scope="row" { "subscriptions that went on: " (answer) } td.number { (grouped(*count)) } } }
            tr { th scope="row" { "gaps that no gateway told of" } td.number { (grouped(recovery.unsignalled_gaps)) } }
            @if let Some(count) = recovery.listen_overflows {
                tr {
                    th scope="row" { "connection requests the kernel dropped, queues full" @if recovery.listeners.is_empty() { ", on the whole machine" } }
                    td.number { (grouped(count)) }
                }
            }
            @for listener in recovery.listeners.iter().filter(|listener| listener.dropped > 0) { tr { th scope="row" { "of them at " (listener.name) } td.number { (grouped(listener.dropped)) } } }
            @if let Some(count) = recovery.fetches { tr { th scope="row" { "reads from Kafka begun because of the faults" } td.number { (grouped(count)) } } }
        } } }
    }
}
