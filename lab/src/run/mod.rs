//! `lab run`: from scenario files to records and a verdict.
//!
//! - [`theatre`]: one stage, built, played on and taken down.
//! - [`steps`]: the plot, step by step.
//! - [`messages`]: the steps that move messages. [`books`]: the ledger at work.
//! - [`pulse`]: how it went, window by window.
//! - [`faults`], [`network`]: the steps that break something. [`meanwhile`]: what goes on while they do.
//! - [`overflows`]: what listeners had no room for. [`repeats`]: publishes that the log has twice.
//! - [`balance`]: how devices find their gateway, seen and changed.

mod balance;
mod books;
mod faults;
mod kafka_faults;
mod meanwhile;
mod messages;
mod network;
mod overflows;
mod pulse;
mod repeats;
mod steps;
mod theatre;

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use lab_record::run::{Cell, Environment, FORMAT, Providers, Run, Scenario as Written};
use lab_record::verdict::Verdict;

use crate::cast::Cast;
use crate::colour::paint;
use crate::gateway::binary::{self, Kind};
use crate::interrupt::Interrupt;
use crate::judge::{answer, judge, linear, offload};
use crate::kafka::dismiss_shared;
use crate::machine::Machine;
use crate::narrow::{columns, fitted};
use crate::options::{RunOptions, UsageError, select_cells};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::provider::{ProviderError, Refusal};
use crate::scenario::Scenario;
use crate::scenario::matrix;
use crate::summary;
pub(crate) use overflows::Dropped;
use theatre::{Played, Theatre};

/// What all cells of a command share.
pub(crate) struct Company<'a> {
    /// What was asked for.
    pub(crate) options: &'a RunOptions,
    /// Where it runs.
    pub(crate) machine: &'a Machine,
    /// The gateway under test.
    pub(crate) gateway: PathBuf,
    /// Ctrl-C.
    pub(crate) interrupt: &'a Interrupt,
}

/// Plays every cell of every scenario, prints what follows, and answers the verdict over all.
pub(crate) fn run(
    scenarios: &[Scenario],
    options: &RunOptions,
    interrupt: &Interrupt,
) -> Result<Verdict, UsageError> {
    let began = Instant::now();
    let program = select(scenarios, options)?;
    let machine = Machine::look();
    let kind = if options.control_hash.is_some() {
        Kind::WithControlHashes
    } else {
        Kind::Real
    };
    let gateway = match binary::find(options.gateway.as_deref(), kind) {
        Ok(gateway) => gateway,
        Err(error) => return Ok(refuse_all(&error)),
    };
    let company = Company {
        options,
        machine: &machine,
        gateway,
        interrupt,
    };
    let mut runs = vec![];
    for (scenario, cells) in &program {
        if !interrupt.is_raised() {
            runs.push(play_file(&company, scenario, cells));
        }
    }
    dismiss_shared();
    let mut verdict = Verdict::over(runs.iter().map(Run::verdict));
    if interrupt.is_raised() {
        // An unfinished run leaves no record behind.
        verdict = Verdict::Interrupted;
    } else if let Err(error) = crate::files::write(&runs, options) {
        say_line!("cannot write the record: {error:#}");
        verdict = Verdict::over([verdict, Verdict::LabFailed]);
    }
    say_line!(
        "{}",
        paint(
            verdict,
            &summary::last_line(verdict, &runs, began.elapsed())
        )
    );
    Ok(verdict)
}

/// The cells of each scenario that were asked for.
fn select<'a>(
    scenarios: &'a [Scenario],
    options: &RunOptions,
) -> Result<Vec<(&'a Scenario, Vec<matrix::Cell>)>, UsageError> {
    let wanted = options.cell.as_deref();
    let program: Vec<_> = scenarios
        .iter()
        .map(|scenario| (scenario, select_cells(scenario, wanted)))
        .collect();
    let program: Vec<_> = program
        .into_iter()
        .filter(|(_, cells)| !cells.is_empty())
        .collect();
    match (program.is_empty(), wanted, scenarios.first()) {
        (true, Some(typed), Some(first)) => Err(UsageError::NoSuchCell {
            typed: typed.to_owned(),
            file: first.file.clone(),
        }),
        _ => Ok(program),
    }
}

/// Nothing can be played; says why.
fn refuse_all(error: &ProviderError) -> Verdict {
    let verdict = verdict_of(error);
    say_line!(
        "{}",
        paint(verdict, &format!("{}  {error}", verdict.word()))
    );
    verdict
}

/// All cells of one file, into one record.
fn play_file(company: &Company<'_>, scenario: &Scenario, cells: &[matrix::Cell]) -> Run {
    let mut run = Run {
        format: FORMAT.to_owned(),
        command: company.options.repeat(&scenario.file),
        seed: u64::from(company.options.seed),
        scenario: Written {
            file: scenario.file.display().to_string(),
            text: scenario.text.clone(),
            title: scenario.title.clone(),
        },
        environment: environment(company.machine, &company.gateway),
        cells: vec![],
    };
    let mut progress = Progress::new();
    for (number, cell) in cells.iter().enumerate() {
        if company.interrupt.is_raised() {
            break;
        }
        progress.cell(number + 1, cells.len(), &cell.name);
        let mut record = play_cell(company, scenario, cell, &mut progress);
        let others_follow = number + 1 < cells.len();
        compare(scenario, &run.cells, &mut record, others_follow);
        progress.clear();
        let said = fitted(&summary::cell(&run, &record), columns());
        say!("{}", paint(record.verdict, &said));
        run.cells.push(record);
    }
    say!("{}", summary::columns::comparisons(&run, columns()));
    run
}

/// Holds a cell that was played to its end against those before it, where the scenario compares them.
fn compare(scenario: &Scenario, before: &[Cell], record: &mut Cell, others_follow: bool) {
    let was_played = record.reason.is_none() && !record.expectations.is_empty();
    if !was_played || !scenario.expect.compares_cells() {
        return;
    }
    let (linear, offload) = (scenario.expect.linear, scenario.expect.offload);
    let answers = [
        linear.and_then(|bounds| linear::judge(&bounds, before, record, others_follow)),
        offload.and_then(|bounds| offload::judge(&bounds, before, record)),
    ];
    record.expectations.extend(answers.into_iter().flatten());
    record.verdict = Verdict::of(&record.expectations);
}

/// The one cell of a scenario, for its record alone: nothing is printed but progress, nothing is left on disk.
pub(crate) fn play_alone(
    company: &Company<'_>,
    scenario: &Scenario,
    progress: &mut Progress,
) -> Option<Cell> {
    let cell = scenario.cells.first()?;
    Some(play_cell(company, scenario, cell, progress))
}

/// One cell: planned, and played unless it is refused.
fn play_cell(
    company: &Company<'_>,
    scenario: &Scenario,
    cell: &matrix::Cell,
    progress: &mut Progress,
) -> Cell {
    let began = Instant::now();
    let cast = Cast::new(&company.options.casting);
    let plan = Plan::new(
        &cell.stage,
        &company.options.casting.adc,
        company.machine,
        cast.refusals(&cell.stage, &scenario.steps),
    );
    let mut record = blank(company, cell);
    if let Some(refusal) = plan.refusals.first() {
        refused(&mut record, refusal);
        return record;
    }
    match Theatre::open(company, cell, &scenario.steps, cast, progress)
        .and_then(|theatre| theatre.play(&scenario.steps))
    {
        Ok(played) => fill(&mut record, scenario, played),
        Err(error) => failed(&mut record, &error),
    }
    record.took_ms = millis(began);
    record
}

/// A cell of which nothing is known yet.
fn blank(company: &Company<'_>, cell: &matrix::Cell) -> Cell {
    Cell {
        name: cell.name.clone(),
        // A stage holds only words and finite numbers.
        stage: serde_json::to_value(&cell.stage).unwrap_or_default(),
        providers: Providers {
            kafka: company.options.casting.kafka.to_string(),
            adc: company.options.casting.adc.to_string(),
            fleet: "loopback".to_owned(),
            ..Providers::default()
        },
        verdict: Verdict::Inconclusive,
        reason: None,
        remedy: None,
        expectations: vec![],
        workgroups: vec![],
        members: vec![],
        ports: None,
        events: vec![],
        series: vec![],
        histograms: vec![],
        ledger: None,
        resources: vec![],
        recovery: None,
        balancing: None,
        took_ms: 0,
    }
}

fn refused(record: &mut Cell, refusal: &Refusal) {
    record.verdict = Verdict::Unfit;
    record.reason = Some(refusal.reason.clone());
    record.remedy = Some(refusal.remedy.clone());
}

/// The stage did not come up, or fell down.
fn failed(record: &mut Cell, error: &ProviderError) {
    record.verdict = verdict_of(error);
    match error {
        ProviderError::Unfit { what, remedy } => {
            record.reason = Some(what.clone());
            record.remedy = Some(remedy.clone());
        }
        ProviderError::Gateway(what) => {
            let mut answer = answer(
                "gateways-alive",
                "every gateway starts, serves and leaves",
                what.clone(),
                Some(false),
            );
            answer.cause = Some(
                "a gateway did not do what it was told, and the cell ends there: nothing after that was tried"
                    .to_owned(),
            );
            record.expectations.push(answer);
        }
        ProviderError::Failed(_) | ProviderError::Interrupted => {
            record.reason = Some(error.to_string())
        }
    }
}

/// What an error means for a cell.
fn verdict_of(error: &ProviderError) -> Verdict {
    match error {
        ProviderError::Unfit { .. } => Verdict::Unfit,
        ProviderError::Gateway(_) => Verdict::Fail,
        ProviderError::Failed(_) => Verdict::LabFailed,
        ProviderError::Interrupted => Verdict::Interrupted,
    }
}

/// The stage was played to its end: judges what was seen.
fn fill(record: &mut Cell, scenario: &Scenario, played: Played) {
    record.expectations = judge(&scenario.expect, &played.evidence);
    record.verdict = Verdict::of(&record.expectations);
    record.workgroups = played.evidence.workgroups();
    record.members = played.evidence.pool();
    record.ports = played.evidence.residues();
    record.providers.kafka_version = played.kafka_version;
    record.providers.adc_version = played.adc_version;
    record.events = played.events;
    record.series = played.series;
    record.resources = played.resources;
    record.recovery.clone_from(&played.evidence.recovery);
    record.balancing.clone_from(&played.evidence.balancing);
    record.histograms = played.evidence.histograms();
    record.ledger = played
        .evidence
        .account
        .as_ref()
        .and_then(|account| serde_json::to_value(account).ok());
}

fn environment(machine: &Machine, gateway: &Path) -> Environment {
    let started = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Environment {
        started_unix_ms: u64::try_from(started.as_millis()).unwrap_or(0),
        lab: format!("lab {}", env!("CARGO_PKG_VERSION")),
        gateway: binary::version(gateway),
        kernel: machine.kernel.clone(),
        cpus: machine.cpus,
        cpu_model: machine.cpu_model.clone(),
        memory_bytes: machine.memory_total,
        descriptors: machine.descriptors,
        sysctls: machine.sysctls.clone(),
    }
}

/// Milliseconds since the run's zero.
fn since(zero: Instant) -> i64 {
    i64::try_from(zero.elapsed().as_millis()).unwrap_or(i64::MAX)
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
