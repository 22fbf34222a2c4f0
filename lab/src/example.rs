//! Records of runs that never were, for tests of what is rendered from records.

use lab_record::run::{
    Cell, Environment, Expectation, FORMAT, Providers, Run, Scenario, Workgroup,
};
use lab_record::verdict::Verdict;

/// A run of one cell that passed.
pub(crate) fn passed() -> Run {
    let spread = Expectation {
        name: "spread".to_owned(),
        wanted: "even over 4 workgroups".to_owned(),
        measured: "max/mean 1.020".to_owned(),
        interval: None,
        held: Some(true),
        first_broke_ms: None,
        cause: None,
        remarks: vec![],
    };
    let bars = [510, 500, 490, 500].iter().zip(0..);
    Run {
        format: FORMAT.to_owned(),
        command: "lab run scenarios/a.toml --seed 7".to_owned(),
        seed: 7,
        scenario: Scenario {
            file: "scenarios/a.toml".to_owned(),
            text: String::new(),
            title: "Even ports fill every workgroup".to_owned(),
        },
        environment: Environment::default(),
        cells: vec![Cell {
            name: "workgroups=4".to_owned(),
            stage: serde_json::Value::Null,
            providers: Providers::default(),
            verdict: Verdict::Pass,
            reason: None,
            remedy: None,
            expectations: vec![spread],
            workgroups: bars
                .map(|(connections, workgroup)| bar(workgroup, *connections))
                .collect(),
            members: vec![],
            ports: None,
            events: vec![],
            series: vec![],
            histograms: vec![],
            ledger: None,
            resources: vec![],
            recovery: None,
            balancing: None,
            took_ms: 1_900,
        }],
    }
}

/// The same, half the workgroups idle.
pub(crate) fn failed() -> Run {
    let mut run = passed();
    let cell = &mut run.cells[0];
    cell.verdict = Verdict::Fail;
    cell.workgroups = [1001, 0, 999, 0]
        .iter()
        .zip(0..)
        .map(|(connections, workgroup)| bar(workgroup, *connections))
        .collect();
    let spread = &mut cell.expectations[0];
    spread.held = Some(false);
    spread.measured = "2 of 4 groups idle with 2000 connections".to_owned();
    spread.cause = Some("all 2000 source ports are even".to_owned());
    run
}

/// The same, never tried.
pub(crate) fn unfit() -> Run {
    let mut run = passed();
    let cell = &mut run.cells[0];
    cell.verdict = Verdict::Unfit;
    cell.expectations.clear();
    cell.workgroups.clear();
    cell.reason = Some("HAProxy is not installed".to_owned());
    cell.remedy = Some("apt-get install haproxy".to_owned());
    run
}

fn bar(workgroup: u32, connections: u64) -> Workgroup {
    Workgroup {
        gateway: 0,
        workgroup,
        connections,
    }
}
