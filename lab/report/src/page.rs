//! `report.html`: the verdict first, then what did not hold, then cell by cell, then where and how to run it again.
//!
//! One file. Style is inline, pictures are inline SVG, there is no script. Colours follow the reader's light or dark choice and always repeat a word.

use lab_record::run::{Cell, Run};
use lab_record::verdict::Verdict;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::findings::{self, Finding};
use crate::words::{bytes, count, figure, grouped, span_ms, utc};
use crate::{balancing, cell, upkeep};

const STYLE: &str = include_str!("style.css");
/// More findings than this are cut on the first screen, with a note.
const FINDINGS: usize = 20;

/// The page of one run.
pub fn render(run: &Run) -> String {
    let verdict = run.verdict();
    let body = html! {
        header {
            p.verdict.(class(verdict)) { (verdict.word()) }
            h1 { (run.scenario.title) }
            p { strong { (findings::sentence(run)) } "." }
            (facts(run))
        }
        main {
            (first_findings(run))
            (overview(run))
            (balancing::section(run))
            (upkeep::section(run))
            @for (place, cell) in run.cells.iter().enumerate() { (cell_section(run, place, cell)) }
            (environment(run))
        }
    };
    document(&format!("{} {}", verdict.word(), run.scenario.title), &body)
}

/// A whole page around a body, with the one style sheet.
pub fn document(title: &str, body: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    }
    .into_string()
}

/// The class that colours a verdict.
pub(crate) fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "good",
        Verdict::Fail | Verdict::LabFailed => "bad",
        Verdict::Inconclusive | Verdict::Unfit | Verdict::Interrupted => "unknown",
    }
}

fn facts(run: &Run) -> Markup {
    let took: u64 = run.cells.iter().map(|c| c.took_ms).sum();
    html! {
        p.small {
            (run.scenario.file) " · seed " (run.seed) " · " (count(run.cells.len(), "cell", "cells")) " in " (span_ms(took))
            " · " (utc(run.environment.started_unix_ms))
        }
        p.small { "Again: " code { (run.command) } }
    }
}

fn first_findings(run: &Run) -> Markup {
    let findings = findings::of(run);
    html! {
        @if !findings.is_empty() {
            section aria-labelledby="findings" {
                h2 #findings { @if findings.iter().any(|finding| finding.broken) { "What did not hold" } @else { "What is not known" } }
                @for finding in findings.iter().take(FINDINGS) { (card(finding)) }
                @if findings.iter().any(|finding| !finding.wanted.is_empty()) { p.small { (findings::EXACT) } }
                @if findings.len() > FINDINGS { p.small { (grouped((findings.len() - FINDINGS) as u64)) " more are with their cells below." } }
            }
        }
    }
}

fn card(finding: &Finding<'_>) -> Markup {
    html! {
        article.card.(if finding.broken { "bad-edge" } else { "unknown-edge" }) {
            h3 { (cell::held(if finding.broken { Some(false) } else { None })) " " (finding.rule) }
            @if !finding.cell.is_empty() { p.small { "cell " (finding.cell) } }
            dl {
                @if !finding.wanted.is_empty() { dt { "wanted" } dd { (finding.wanted) } }
                dt { "measured" } dd { (finding.measured) }
                @if let Some(interval) = finding.interval { dt { "how sure" } dd { (interval) } }
                @if let Some(since) = &finding.since { dt { "first broke" } dd { (since) } }
                @if let Some(cause) = finding.cause { dt { "likely cause" } dd { strong { (cause) } } }
                @if let Some(remedy) = finding.remedy { dt { "remedy" } dd { strong { (remedy) } } }
                dt { "next" } dd { code { (finding.next) } }
            }
        }
    }
}

/// All cells in one table: the matrix at a glance, and a comparison where the cells differ in one choice.
fn overview(run: &Run) -> Markup {
    html! {
        @if run.cells.len() > 1 {
            section aria-labelledby="cells" {
                h2 #cells { "Cells" }
                div.wide { table {
                    thead { tr { th { "cell" } th { "verdict" } th { "Kafka" } th { "ADC" } th { "connections" } th { "max/mean" } th { "idle" } th { "took" } } }
                    tbody {
                        @for (place, cell) in run.cells.iter().enumerate() { (overview_row(place, cell)) }
                    }
                } }
            }
        }
    }
}

fn overview_row(place: usize, cell: &Cell) -> Markup {
    let counts: Vec<u64> = cell.workgroups.iter().map(|w| w.connections).collect();
    let total: u64 = counts.iter().sum();
    let mean = total as f64 / counts.len().max(1) as f64;
    let most = counts.iter().max().copied().unwrap_or(0);
    html! {
        tr {
            th scope="row" { a href=(format!("#cell-{place}")) { (title(cell)) } }
            td { span.(class(cell.verdict)) { (cell.verdict.word()) } }
            td { (cell.providers.kafka) }
            td { (cell.providers.adc) }
            td.number { @if total > 0 { (grouped(total)) } }
            td.number { @if total > 0 { (figure(most as f64 / mean)) } }
            td.number { @if total > 0 { (counts.iter().filter(|n| **n == 0).count()) } }
            td.number { (span_ms(cell.took_ms)) }
        }
    }
}

/// A cell that passed beside many others starts folded; its verdict is on the fold.
fn cell_section(run: &Run, place: usize, cell: &Cell) -> Markup {
    let open = run.cells.len() == 1 || cell.verdict != Verdict::Pass;
    html! {
        section {
            details.cell #(format!("cell-{place}")) open[open] {
                summary { h2 { span.(class(cell.verdict)) { (cell.verdict.word()) } " " (title(cell)) } }
                @if let Some(reason) = &cell.reason { p { (reason) @if let Some(remedy) = &cell.remedy { "; " (remedy) } } }
                (cell::draw(cell))
            }
        }
    }
}

fn title(cell: &Cell) -> &str {
    if cell.name.is_empty() {
        "the one cell"
    } else {
        &cell.name
    }
}

fn environment(run: &Run) -> Markup {
    let e = &run.environment;
    html! {
        section aria-labelledby="environment" {
            h2 #environment { "Environment" }
            div.wide { table { tbody {
                tr { th scope="row" { "lab" } td { (e.lab) } }
                tr { th scope="row" { "gateway" } td { (e.gateway) } }
                tr { th scope="row" { "kernel" } td { (e.kernel) } }
                tr { th scope="row" { "processors" } td { (e.cpus) " × " (e.cpu_model) } }
                tr { th scope="row" { "memory" } td { (bytes(e.memory_bytes)) } }
                tr { th scope="row" { "descriptors per process" } td { (grouped(e.descriptors)) } }
                @for (name, value) in &e.sysctls { tr { th scope="row" { (name) } td { (value) } } }
            } } }
            h2 { "Scenario" }
            pre { code { (run.scenario.text) } }
        }
    }
}
