//! `lab list` and `lab plan`: what there is, and what it takes. Functions of scenarios and plans.

use std::fmt::Write as _;

use crate::plan::Plan;
use crate::scenario::Scenario;
use crate::scenario::matrix::Cell;

/// Every scenario with its claim.
pub(crate) fn list(scenarios: &[Scenario], with_cells: bool) -> String {
    let mut text = String::new();
    let widest = scenarios
        .iter()
        .map(|scenario| scenario.file.display().to_string().len())
        .max()
        .unwrap_or(0);
    for scenario in scenarios {
        let count = scenario.cells.len();
        let cells = if count == 1 {
            String::new()
        } else {
            format!(" ({count} cells)")
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:widest$}  {}{cells}",
            scenario.file.display().to_string(),
            scenario.title
        );
        for cell in scenario
            .cells
            .iter()
            .filter(|cell| with_cells && !cell.name.is_empty())
        {
            let _ = writeln!(text, "    {}", cell.name);
        }
    }
    text
}

/// What a scenario's cells take.
pub(crate) fn plan(scenario: &Scenario, cells: &[(Cell, Plan)]) -> String {
    let mut text = format!("{}\n{}\n", scenario.title, scenario.file.display());
    let widest = cells
        .iter()
        .map(|(cell, _)| cell.name.len())
        .max()
        .unwrap_or(0)
        .max(4);
    let _ = writeln!(
        text,
        "  {:widest$}  {:>7}  {:>9}  {:>11}  {:>8}  {:>14}  here",
        "cell", "devices", "processes", "descriptors", "memory", "snat ports"
    );
    for (cell, plan) in cells {
        let ports = plan.ports.map_or_else(
            || "-".to_owned(),
            |ports| {
                format!(
                    "{} of {}",
                    ports.needed,
                    ports.per_address * ports.addresses
                )
            },
        );
        let here = match plan.refusals.first() {
            None => "yes".to_owned(),
            Some(refusal) => format!("no: {}; {}", refusal.reason, refusal.remedy),
        };
        let _ = writeln!(
            text,
            "  {:widest$}  {:>7}  {:>9}  {:>11}  {:>5} MB  {ports:>14}  {here}",
            cell.name,
            cell.stage.fleet.devices,
            plan.processes.len(),
            plan.descriptors(),
            plan.memory >> 20,
        );
    }
    text
}
