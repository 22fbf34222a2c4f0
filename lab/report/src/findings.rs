//! What did not hold, first on every rendering: the rule, what was wanted, what was measured, the likely cause and the next command.

use lab_record::run::{Cell, Event, Run};
use lab_record::verdict::Verdict;
use serde_json::Value;

use crate::chart::timeline::Band;
use crate::words::count;

/// One thing a reader must know, from one cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding<'a> {
    /// The cell it comes from, by name.
    pub(crate) cell: &'a str,
    /// The rule, or what kept the cell from a verdict.
    pub(crate) rule: &'a str,
    /// What was wanted; empty where nothing was measured.
    pub(crate) wanted: &'a str,
    /// What was measured; empty where nothing was.
    pub(crate) measured: &'a str,
    /// The likely cause, or the remedy.
    pub(crate) cause: Option<&'a str>,
    /// Whether it is known not to hold; else it could not be decided.
    pub(crate) broken: bool,
}

/// All findings of a run, broken expectations before undecided ones.
pub(crate) fn of(run: &Run) -> Vec<Finding<'_>> {
    let mut all: Vec<Finding<'_>> = run.cells.iter().flat_map(of_cell).collect();
    all.sort_by_key(|finding| !finding.broken);
    all
}

fn of_cell(cell: &Cell) -> Vec<Finding<'_>> {
    let no_verdict = cell.reason.as_deref().map(|reason| Finding {
        cell: &cell.name,
        rule: cell.verdict.word(),
        wanted: "",
        measured: reason,
        cause: cell.remedy.as_deref(),
        broken: cell.verdict == Verdict::LabFailed,
    });
    let expectations = cell
        .expectations
        .iter()
        .filter(|e| e.held != Some(true))
        .map(|e| Finding {
            cell: &cell.name,
            rule: &e.name,
            wanted: &e.wanted,
            measured: &e.measured,
            cause: e.cause.as_deref(),
            broken: e.held == Some(false),
        });
    no_verdict.into_iter().chain(expectations).collect()
}

/// The verdict as a sentence: "FAIL: 2 of 8 cells broke an expectation".
pub(crate) fn sentence(run: &Run) -> String {
    let verdict = run.verdict();
    let cells = run.cells.len();
    let with = run
        .cells
        .iter()
        .filter(|cell| cell.verdict == verdict)
        .count();
    let of = format!("{with} of {}", count(cells, "cell", "cells"));
    match verdict {
        Verdict::Pass => format!("every expectation held in {}", all(cells)),
        Verdict::Fail => format!("an expectation was broken in {of}"),
        Verdict::Inconclusive => format!("undecided in {of}; nothing is known to be wrong"),
        Verdict::Unfit => format!("this machine cannot play {of}"),
        Verdict::LabFailed => {
            format!("the lab itself failed in {of}; nothing is known about the gateway there")
        }
        Verdict::Interrupted => format!("interrupted after {}", count(cells, "cell", "cells")),
    }
}

fn all(cells: usize) -> String {
    if cells == 1 {
        "the one cell".to_owned()
    } else {
        format!("all {cells} cells")
    }
}

/// The faults of a cell: events of kind `fault`, each until the event of kind `fault-over` with the same name.
pub(crate) fn bands(events: &[Event]) -> Vec<Band> {
    events
        .iter()
        .filter(|event| event.kind == "fault")
        .map(|event| Band {
            label: name(event).to_owned(),
            from: event.at_ms,
            until: events
                .iter()
                .find(|over| {
                    over.kind == "fault-over"
                        && over.at_ms >= event.at_ms
                        && name(over) == name(event)
                })
                .map(|over| over.at_ms),
        })
        .collect()
}

fn name(event: &Event) -> &str {
    event
        .detail
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or("fault")
}
