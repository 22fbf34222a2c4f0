//! Many runs on one page: a row per scenario, a column per pair of Kafka and ADC, so that a hole in the coverage is seen as a hole.

use std::collections::BTreeSet;

use lab_record::run::{Cell, Run};
use lab_record::verdict::Verdict;
use maud::{Markup, html};

use crate::balancing;
use crate::page::{class, document};
use crate::words::{count, span_ms, utc};

/// A run and where its own page is, relative to this one.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The run.
    pub run: &'a Run,
    /// A relative link to its `report.html`.
    pub link: &'a str,
}

/// The page.
pub fn render(entries: &[Entry<'_>]) -> String {
    let verdict = Verdict::over(entries.iter().map(|e| e.run.verdict()));
    let pairs: BTreeSet<(String, String)> = entries
        .iter()
        .flat_map(|e| &e.run.cells)
        .map(pair)
        .collect();
    let body = html! {
        header {
            p.verdict.(class(verdict)) { (verdict.word()) }
            h1 { (count(entries.len(), "scenario run", "scenario runs")) }
        }
        main {
            div.wide { table {
                thead { tr { th { "scenario" } @for (kafka, adc) in &pairs { th { (kafka) " + " (adc) } } th { "took" } th { "when" } } }
                tbody { @for entry in entries { (row(entry, &pairs)) } }
            } }
            @for entry in entries { (columns(entry)) }
        }
    };
    document(
        &format!("{} {}", verdict.word(), count(entries.len(), "run", "runs")),
        &body,
    )
}

/// A run that compares ways to balance, as columns.
fn columns(entry: &Entry<'_>) -> Markup {
    html! {
        @if let Some(columns) = balancing::columns(entry.run) {
            section {
                h2 { a href=(entry.link) { (entry.run.scenario.title) } }
                (balancing::table(&columns))
            }
        }
    }
}

fn row(entry: &Entry<'_>, pairs: &BTreeSet<(String, String)>) -> Markup {
    let took: u64 = entry.run.cells.iter().map(|c| c.took_ms).sum();
    html! {
        tr {
            th scope="row" { a href=(entry.link) { (entry.run.scenario.title) } p.small { (entry.run.scenario.file) } }
            @for wanted in pairs { td { (cells(entry.run.cells.iter().filter(|c| pair(c) == *wanted).collect())) } }
            td.number { (span_ms(took)) }
            td.number { (utc(entry.run.environment.started_unix_ms)) }
        }
    }
}

fn cells(cells: Vec<&Cell>) -> Markup {
    let verdict = Verdict::over(cells.iter().map(|c| c.verdict));
    let same = cells.iter().filter(|c| c.verdict == verdict).count();
    html! {
        @if cells.is_empty() { span.small { "not run" } }
        @else { span.(class(verdict)) { (verdict.word()) } " " span.small { (same) " of " (cells.len()) } }
    }
}

fn pair(cell: &Cell) -> (String, String) {
    (cell.providers.kafka.clone(), cell.providers.adc.clone())
}
