//! The same fleet on few and on many gateways, side by side: one column a cell, one line a figure. The terminal shows the same lines.

use std::collections::BTreeSet;

use lab_record::run::{Cell, Run};
use lab_record::upkeep::Upkeep;
use maud::{Markup, html};

use crate::balancing::{Columns, table};
use crate::words::{bytes, figure, grouped};

/// The columns of a run that plays one fleet on different numbers of gateways; none where they are the same.
#[must_use]
pub fn columns(run: &Run) -> Option<Columns> {
    let cells: Vec<(&Cell, Upkeep)> = run
        .cells
        .iter()
        .filter_map(|cell| Some((cell, Upkeep::of(cell)?)))
        .collect();
    let numbers: BTreeSet<u64> = cells.iter().map(|(_, upkeep)| upkeep.gateways).collect();
    if numbers.len() < 2 {
        return None;
    }
    let row = |(name, figure): (&'static str, Figure)| {
        let figures = cells.iter().map(|(_, upkeep)| figure(upkeep));
        (name, figures.collect())
    };
    Some(Columns {
        headings: cells.iter().map(|(cell, _)| cell.name.clone()).collect(),
        rows: FIGURES.into_iter().map(row).collect(),
    })
}

/// The comparison as a section; nothing where nothing is compared.
pub(crate) fn section(run: &Run) -> Markup {
    let Some(columns) = columns(run) else {
        return html! {};
    };
    html! {
        section aria-labelledby="upkeep" {
            h2 #upkeep { "What one more gateway costs" }
            p.small { "Processor time and memory are of all gateways together, per device: the time while records were produced, the memory from the stage's begin until everybody was subscribed." }
            (table(&columns))
        }
    }
}

type Figure = fn(&Upkeep) -> String;

const FIGURES: [(&str, Figure); 5] = [
    ("devices", |upkeep| grouped(upkeep.devices)),
    ("processor time per device", |upkeep| {
        format!("{} µs", figure(upkeep.processor_us))
    }),
    ("memory per device", |upkeep| {
        format!("{} B", figure(upkeep.memory_bytes))
    }),
    ("read from Kafka by each gateway", |upkeep| {
        each(&upkeep.kafka_bytes, bytes)
    }),
    ("reads begun by each gateway", |upkeep| {
        each(&upkeep.fetches, grouped)
    }),
];

/// Once where all are the same.
fn each(values: &[u64], words: fn(u64) -> String) -> String {
    let different: BTreeSet<u64> = values.iter().copied().collect();
    let words: Vec<String> = different.into_iter().map(words).collect();
    words.join(" – ")
}
