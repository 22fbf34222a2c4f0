//! What a terminal says about a finished cell and a finished command: functions of the record.

pub(crate) mod columns;

use std::fmt::Write as _;
use std::time::Duration;

use lab_record::run::{Cell, Expectation, Run, Workgroup};
use lab_record::verdict::Verdict;

/// Bars shown before the rest is only counted.
const MOST_BARS: usize = 24;

/// Broken expectations that are told in full; of the others the names and what was measured follow, so that a cell stays within ten lines.
const MOST_BROKEN: usize = 1;

/// Of so many others at most.
const MOST_OTHERS: usize = 2;

/// A cell's paragraph: one line when it passed, up to ten when it did not.
pub(crate) fn cell(run: &Run, cell: &Cell) -> String {
    let mut text = format!("{:<5} {}", cell.verdict.word(), heading(run, cell));
    match cell.verdict {
        Verdict::Pass => {
            let _ = write!(text, "  {}", took(cell.took_ms));
            text.push('\n');
            for remark in cell
                .expectations
                .iter()
                .flat_map(|expectation| &expectation.remarks)
            {
                let _ = writeln!(text, "  remark    {remark}");
            }
        }
        Verdict::Fail | Verdict::Inconclusive => {
            text.push('\n');
            broken(&mut text, cell);
            let _ = writeln!(text, "  next      {}", run.repeat(cell));
        }
        Verdict::Unfit | Verdict::LabFailed | Verdict::Interrupted => {
            text.push('\n');
            for (label, words) in [("reason", &cell.reason), ("remedy", &cell.remedy)] {
                if let Some(words) = words {
                    let _ = writeln!(
                        text,
                        "  {label:<9} {}",
                        words.trim_end().replace('\n', "\n            ")
                    );
                }
            }
            if cell.verdict != Verdict::Interrupted {
                let _ = writeln!(text, "  next      {}", run.repeat(cell));
            }
        }
    }
    text
}

/// The last line of the command's output: the verdict over everything, and how to have it again.
pub(crate) fn last_line(verdict: Verdict, runs: &[Run], took: Duration) -> String {
    let cells = || runs.iter().flat_map(|run| &run.cells);
    let total = cells().count();
    let mut parts = vec![];
    for (of, words) in [
        (Verdict::Fail, "failed"),
        (Verdict::LabFailed, "broke the lab"),
        (Verdict::Unfit, "cannot be played here"),
        (Verdict::Inconclusive, "inconclusive"),
        (Verdict::Pass, "passed"),
    ] {
        let count = cells().filter(|cell| cell.verdict == of).count();
        if count > 0 {
            parts.push(format!("{count} {words}"));
        }
    }
    let again = match runs {
        [run] => format!("; again: {}", run.command),
        _ => runs
            .first()
            .map_or_else(String::new, |run| format!("; seed {}", run.seed)),
    };
    format!(
        "{}  {} of {total} {} in {:.1} s{again}",
        verdict.word(),
        if parts.is_empty() {
            "0".to_owned()
        } else {
            parts.join(", ")
        },
        if total == 1 { "cell" } else { "cells" },
        took.as_secs_f64()
    )
}

/// Title and cell.
pub(crate) fn heading(run: &Run, cell: &Cell) -> String {
    if cell.name.is_empty() {
        run.scenario.title.clone()
    } else {
        format!("{} [{}]", run.scenario.title, cell.name)
    }
}

/// Rule, measured and cause of what did not hold; then the bars.
fn broken(text: &mut String, cell: &Cell) {
    let undecided = cell.verdict == Verdict::Inconclusive;
    let wrong: Vec<&Expectation> = cell
        .expectations
        .iter()
        .filter(|expectation| expectation.held == if undecided { None } else { Some(false) })
        .collect();
    for expectation in wrong.iter().take(MOST_BROKEN) {
        let _ = writeln!(
            text,
            "  rule      {}: {}",
            expectation.name, expectation.wanted
        );
        let _ = writeln!(text, "  measured  {}", expectation.measured);
        if let Some(interval) = &expectation.interval {
            let _ = writeln!(text, "  how sure  {interval}");
        }
        if let Some(since) = lab_report::since(cell, expectation) {
            let _ = writeln!(text, "  first     {since}");
        }
        if let Some(cause) = &expectation.cause {
            let _ = writeln!(text, "  cause     {cause}");
        }
    }
    others(text, &wrong);
    if wrong.iter().any(|expectation| expectation.name == "spread") {
        let _ = writeln!(text, "  groups    {}", bars(&cell.workgroups));
    }
}

/// What else did not hold, a line each.
fn others(text: &mut String, wrong: &[&Expectation]) {
    let others = wrong.iter().skip(MOST_BROKEN);
    let hidden = others.clone().count().saturating_sub(MOST_OTHERS);
    let mut label = "also";
    for expectation in others.take(MOST_OTHERS - usize::from(hidden > 0)) {
        let _ = writeln!(
            text,
            "  {label:<9} {}: {}",
            expectation.name, expectation.measured
        );
        label = "";
    }
    if hidden > 0 {
        let _ = writeln!(
            text,
            "            and {} more; the report has all",
            hidden + 1
        );
    }
}

/// Connections per workgroup, as numbers.
fn bars(workgroups: &[Workgroup]) -> String {
    let shown: Vec<String> = workgroups
        .iter()
        .take(MOST_BARS)
        .map(|bar| bar.connections.to_string())
        .collect();
    let rest = workgroups.len().saturating_sub(MOST_BARS);
    let more = if rest == 0 {
        String::new()
    } else {
        format!(" and {rest} more")
    };
    format!("{}{more}", shown.join(" "))
}

fn took(ms: u64) -> String {
    format!("{:.1} s", Duration::from_millis(ms).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn a_passed_cell_is_one_line() {
        let run = example::passed();

        assert_eq!(
            cell(&run, &run.cells[0]),
            "PASS  Even ports fill every workgroup [workgroups=4]  1.9 s\n"
        );
    }

    #[test]
    fn a_failed_cell_says_rule_measured_cause_and_next_command() {
        let run = example::failed();

        assert_eq!(
            cell(&run, &run.cells[0]),
            "FAIL  Even ports fill every workgroup [workgroups=4]
  rule      spread: even over 4 workgroups
  measured  2 of 4 groups idle with 2000 connections
  cause     all 2000 source ports are even
  groups    1001 0 999 0
  next      lab run scenarios/a.toml --seed 7 --cell 'workgroups=4'
"
        );
    }

    #[test]
    fn a_cell_that_cannot_be_played_says_why_and_what_to_do() {
        let run = example::unfit();

        assert_eq!(
            cell(&run, &run.cells[0]),
            "UNFIT Even ports fill every workgroup [workgroups=4]
  reason    HAProxy is not installed
  remedy    apt-get install haproxy
  next      lab run scenarios/a.toml --seed 7 --cell 'workgroups=4'
"
        );
    }

    #[test]
    fn however_much_is_broken_a_cell_stays_within_ten_lines() {
        let mut run = example::failed();
        let broken = &mut run.cells[0].expectations[0];
        broken.interval = Some("chance alone explains 1.3".to_owned());
        broken.first_broke_ms = Some(1_500);
        let other = Expectation {
            name: "lost-max".to_owned(),
            ..broken.clone()
        };
        run.cells[0].expectations.extend(vec![other; 40]);

        let text = cell(&run, &run.cells[0]);

        assert!(text.lines().count() <= 10, "{text}");
        assert!(text.contains("and 39 more"), "{text}");
    }

    #[test]
    fn the_last_line_counts_the_cells_and_says_how_to_have_them_again() {
        let line = |run| last_line(Verdict::Fail, &[run], Duration::from_millis(2_040));

        assert_eq!(
            line(example::failed()),
            "FAIL  1 failed of 1 cell in 2.0 s; again: lab run scenarios/a.toml --seed 7"
        );
    }
}
