//! What did not hold, first on every rendering: the rule, what was wanted, what was measured, the likely cause and the next command.

use lab_record::faults::{faults, in_force};
use lab_record::run::{Cell, Expectation, Run};
use lab_record::verdict::Verdict;

use crate::words::{count, moment};

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
    /// How sure the measurement is.
    pub(crate) interval: Option<&'a str>,
    /// Since when it did not hold, and which fault was in force then.
    pub(crate) since: Option<String>,
    /// The likely cause.
    pub(crate) cause: Option<&'a str>,
    /// What to do about it, where nothing was measured.
    pub(crate) remedy: Option<&'a str>,
    /// The command that shows it again, and nothing else.
    pub(crate) next: String,
    /// Whether it is known not to hold; else it could not be decided.
    pub(crate) broken: bool,
}

/// All findings of a run, broken expectations before undecided ones.
pub(crate) fn of(run: &Run) -> Vec<Finding<'_>> {
    let mut all: Vec<Finding<'_>> = run
        .cells
        .iter()
        .flat_map(|cell| of_cell(run, cell))
        .collect();
    all.sort_by_key(|finding| !finding.broken);
    all
}

fn of_cell<'a>(run: &'a Run, cell: &'a Cell) -> Vec<Finding<'a>> {
    let no_verdict = cell.reason.as_deref().map(|reason| Finding {
        cell: &cell.name,
        rule: cell.verdict.word(),
        wanted: "",
        measured: reason,
        interval: None,
        since: None,
        cause: match cell.verdict {
            Verdict::LabFailed => Some("the lab, or something it leans on, and not the gateway"),
            Verdict::Unfit => Some("this machine or this choice of parts, and not the gateway"),
            Verdict::Pass | Verdict::Fail | Verdict::Inconclusive | Verdict::Interrupted => None,
        },
        remedy: cell.remedy.as_deref(),
        next: run.repeat(cell),
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
            interval: e.interval.as_deref(),
            since: since(cell, e),
            cause: e.cause.as_deref(),
            remedy: None,
            next: run.repeat(cell),
            broken: e.held == Some(false),
        });
    no_verdict.into_iter().chain(expectations).collect()
}

/// When an expectation was first seen broken: "12.3 s into the run, during kill gateway 1"; what only the end could tell, is said to be seen there.
pub fn since(cell: &Cell, expectation: &Expectation) -> Option<String> {
    let at = expectation.first_broke_ms?;
    let end = cell.events.iter().find(|event| event.kind == "played");
    let seen = match end {
        Some(end) if at >= end.at_ms => "seen at the end, ",
        Some(_) | None => "",
    };
    let fault = match in_force(cell, at) {
        Some(words) => format!(", {words}"),
        None if faults(cell).is_empty() => ", no fault in force".to_owned(),
        None => ", before the first fault".to_owned(),
    };
    Some(format!("{seen}{} into the run{fault}", moment(at)))
}

/// What a measurement without an interval is worth, said once beside the findings.
pub(crate) const EXACT: &str =
    "Where nothing is said of how sure a measurement is, it was counted to the last one.";

/// The verdict as a sentence: "FAIL: 2 of 8 cells broke an expectation".
pub(crate) fn sentence(run: &Run) -> String {
    let verdict = run.verdict();
    let cells = run.cells.len();
    let with = run
        .cells
        .iter()
        .filter(|cell| cell.verdict == verdict)
        .count();
    let of = if cells == 1 {
        all(cells)
    } else {
        format!("{with} of {}", count(cells, "cell", "cells"))
    };
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
