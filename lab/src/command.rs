//! The command line, carried out.

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Adc, Command, Parts, Render, Serve, Typed};
use crate::capacity::{CapacityError, capacity};
use crate::cast::Cast;
use crate::gateway::binary::{self, Kind};
use crate::interrupt::Interrupt;
use crate::machine::Machine;
use crate::narrow::{columns, fitted};
use crate::options::{Casting, RunOptions, UsageError, read_scenarios, select_cells};
use crate::plan::Plan;
use crate::provider::AdcChoice;
use crate::records::{self, RecordsError};
use crate::replay::{preview, removal};
use crate::{bench, doctor, f5, kafka, leash, list, replay, run, signals};

/// Wrong usage, or a mistake in a scenario file.
const USAGE: u8 = 2;

/// This machine cannot do it.
const UNFIT: u8 = 3;

/// The lab itself failed.
const LAB_FAILED: u8 = 5;

/// What the `lab` binary does, from its arguments to its exit status.
#[must_use]
pub fn main() -> ExitCode {
    match carry_out(Typed::parse().command) {
        Ok(status) => ExitCode::from(status),
        Err(error) if is_usage(&error) => {
            eprintln!("{error}");
            ExitCode::from(USAGE)
        }
        Err(error) => {
            eprintln!("the lab failed: {error:#}");
            ExitCode::from(LAB_FAILED)
        }
    }
}

/// Whether the user can mend it: a word, a scenario, a file that is not what it should be.
fn is_usage(error: &anyhow::Error) -> bool {
    error.is::<UsageError>() || error.is::<RecordsError>() || error.is::<CapacityError>()
}

fn carry_out(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Run(typed) => {
            let options = RunOptions::new(&typed)?;
            let scenarios = read_scenarios(&typed.paths)?;
            let interrupt = Interrupt::default();
            signals::watch(&interrupt)?;
            if let AdcChoice::Bigip(replay) = &options.casting.adc
                && !replay.allow_changes
            {
                let shown = preview::show(&scenarios, options.cell.as_deref(), replay, &interrupt);
                return device_answered(shown.map(|()| 0));
            }
            let verdict = run::run(&scenarios, &options, &interrupt);
            kafka::dismiss_shared();
            Ok(verdict?.exit_status())
        }
        Command::List { paths, cells } => {
            say!("{}", list::list(&read_scenarios(&paths)?, cells));
            Ok(0)
        }
        Command::Plan { paths, parts, cell } => {
            plan(&read_scenarios(&paths)?, &parts, cell.as_deref())
        }
        Command::Doctor => {
            let gateway = binary::find(None, Kind::Real)
                .map(|path| binary::version(&path))
                .map_err(|error| error.to_string());
            say!("{}", doctor::report(&Machine::look(), &gateway));
            Ok(0)
        }
        Command::Report { folder, also } => {
            for file in records::report(&folder)? {
                say_line!("{}", file.display());
            }
            let (markdown, metrics) = (also.summary.as_deref(), also.openmetrics.as_deref());
            records::extras(&records::runs(&folder)?, markdown, metrics)?;
            Ok(0)
        }
        Command::Compare {
            before,
            after,
            threshold,
            out,
        } => {
            let (text, worse) =
                records::compare(&before, &after, threshold / 100.0, out.as_deref())?;
            say!("{}", fitted(&text, columns()));
            Ok(u8::from(worse))
        }
        Command::Bench(typed) => bench::bench(&typed),
        Command::BenchPart { arguments } => {
            lab_bench::parts::play(&arguments)?;
            Ok(0)
        }
        Command::Capacity(typed) => {
            let interrupt = Interrupt::default();
            signals::watch(&interrupt)?;
            capacity(&typed, &interrupt)
        }
        Command::Adc(Adc::Serve(Serve::Builtin { config, rest })) => {
            warn_on_standard_error();
            let served = lab_adc::serve::serve_builtin(&config, rest);
            Ok(ended(served, lab_adc::serve::ServeError::is_usage))
        }
        Command::Adc(Adc::Serve(Serve::Bigip {
            config,
            rest,
            data,
            tmms,
            snat_ports_each,
            monitor_second,
            accept_proxy,
            seed,
            user,
            password,
            certificate,
            tls,
        })) => {
            warn_on_standard_error();
            let stage = lab_bigip::translate::Stage {
                data,
                tmms,
                accept_proxy,
                snat_ports_each,
                monitor_second: monitor_second.get(),
                seed,
                certificate: None,
            };
            let options = lab_bigip::serve::Options {
                config,
                rest,
                stage,
                user,
                password,
                certificate,
                tls: tls.files(),
            };
            Ok(ended(
                lab_bigip::serve::serve_bigip(&options),
                lab_bigip::serve::ServeError::is_usage,
            ))
        }
        Command::Adc(Adc::Remove { changes, device }) => {
            device_answered(removal::finish(&changes, &device))
        }
        Command::Adc(Adc::Lint { paths }) => f5::lint(&paths),
        Command::Adc(Adc::Render(Render::F5 {
            site,
            scenario,
            out,
        })) => f5::render(&site, scenario.as_ref(), &out),
        Command::Leash {
            keep,
            parent,
            program,
            arguments,
        } => Err(leash::become_program(keep, parent, &program, &arguments)),
    }
}

/// A device that cannot be asked is no failure of the lab.
fn device_answered(outcome: anyhow::Result<u8>) -> anyhow::Result<u8> {
    let error = match outcome {
        Ok(status) => return Ok(status),
        Err(error) => error,
    };
    match error.downcast_ref().and_then(replay::remedy) {
        Some(remedy) => {
            eprintln!("{error}; {remedy}");
            Ok(UNFIT)
        }
        None => Err(error),
    }
}

/// What a load balancer on its own has to complain about while it runs goes where its last words go.
fn warn_on_standard_error() {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
}

/// A load balancer on its own ended; its complaint goes to standard error.
fn ended<E: std::fmt::Display>(ended: Result<(), E>, is_usage: fn(&E) -> bool) -> u8 {
    match ended {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{error}");
            if is_usage(&error) { USAGE } else { UNFIT }
        }
    }
}

fn plan(
    scenarios: &[crate::scenario::Scenario],
    parts: &Parts,
    cell: Option<&str>,
) -> anyhow::Result<u8> {
    let casting = Casting::new(parts)?;
    let machine = Machine::look();
    for scenario in scenarios {
        let cells = select_cells(scenario, cell).into_iter().map(|cell| {
            let refusals = Cast::new(&casting).refusals(&cell.stage, &scenario.steps);
            let plan = Plan::new(&cell.stage, &casting.adc, &machine, refusals);
            (cell, plan)
        });
        say_line!("{}", list::plan(scenario, &cells.collect::<Vec<_>>()));
    }
    Ok(0)
}
