//! `lab capacity`: measures on this machine, or takes what was measured on another, and says how many machines a fleet takes.
//!
//! - [`sweep`]: scenarios of growing size, played for their figures.
//! - [`benches`]: criterion's results, found on disk.
//!
//! What follows from the numbers is `lab-capacity`'s.

mod benches;
mod sweep;

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::args::Capacity;
use crate::files::put;
use crate::gateway::binary::{self, Kind};
use crate::interrupt::Interrupt;
use crate::machine::Machine;
use crate::narrow::{columns, fitted};
use lab_capacity::answer::answer;
use lab_capacity::costs::Costs;
use lab_capacity::page::{Side, page};
use lab_capacity::question::{Prices, Question, Wish};
use lab_capacity::results::{FORMAT, Machine as Measured, ReadError, Results};
use lab_capacity::text::text;

/// Where the page goes when nobody says.
const OUT: &str = "out/capacity";

/// What a gigabyte and a gigabit are to whoever buys them.
const GIBIBYTE: u64 = 1 << 30;
const GIGABIT: f64 = 1e9;

/// Why stored results cannot be used; exit status 2.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CapacityError {
    /// A file that cannot be read.
    #[error("{}: {error}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's answer.
        error: std::io::Error,
    },
    /// A file that is not ours, or damaged.
    #[error("{}: {error}", file.display())]
    NoResults {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        error: ReadError,
    },
    /// A file from which nothing follows.
    #[error("{}: {error}", file.display())]
    TooLittle {
        /// The file.
        file: PathBuf,
        /// Which sweep it lacks.
        error: lab_capacity::costs::Missing,
    },
}

/// Measures or reads, answers, and leaves `capacity.html` and `results.json` behind.
pub(crate) fn capacity(typed: &Capacity, interrupt: &Interrupt) -> anyhow::Result<u8> {
    let out = typed.out.clone().unwrap_or_else(|| PathBuf::from(OUT));
    let question = question(typed);
    let mut sources = typed.from.clone();
    if sources.is_empty() {
        let results = match measure(typed, interrupt)? {
            Ok(results) => results,
            Err(status) => return Ok(status),
        };
        put(&out, "results.json", &results.write()?)?;
        sources.push(out.join("results.json"));
    }
    let sides = sources
        .iter()
        .map(|file| side(file, &question))
        .collect::<Result<Vec<_>, _>>()?;
    if let Some(first) = sides.first() {
        let said = text(&question, &first.answer, &first.results, &first.costs);
        say!("{}", fitted(&said, columns()));
    }
    put(
        &out,
        "capacity.html",
        &page(&question, &sides, &again(typed, &sources)),
    )?;
    say_line!("{}", out.join("capacity.html").display());
    Ok(0)
}

fn question(typed: &Capacity) -> Question {
    Question {
        devices: typed.devices,
        rate: typed.rate,
        bytes: typed.bytes.into(),
        churn: typed.churn,
        tls: typed.tls,
        proxy: typed.proxy,
        spare: typed.spare,
        machine: Wish {
            cores: typed.cores,
            memory_bytes: typed.memory.map(|gibibytes| gibibytes * GIBIBYTE),
            network_bits: typed.network.map(|gigabits| gigabits * GIGABIT),
            descriptors: typed.descriptors,
        },
        prices: Prices {
            gateway_month: typed.price_gateway,
            egress_gigabyte: typed.price_egress,
        },
    }
}

/// Everything that can be measured here; a status where nothing can.
fn measure(typed: &Capacity, interrupt: &Interrupt) -> anyhow::Result<Result<Results, u8>> {
    let machine = Machine::look();
    let gateway = match binary::find(typed.gateway.as_deref(), Kind::Real) {
        Ok(gateway) => gateway,
        Err(error) => {
            eprintln!("{error}");
            return Ok(Err(3));
        }
    };
    let here = Measured {
        cpu_model: machine.cpu_model.clone(),
        cores: machine.cpus,
        memory_bytes: machine.memory_total,
        kernel: machine.kernel.clone(),
        descriptors: machine.descriptors,
    };
    let mut results = Results {
        format: FORMAT.to_owned(),
        benches: benches::find(typed.criterion.as_deref(), &here),
        machine: here,
        gateway: binary::version(&gateway),
        optimised: !gateway.components().any(|part| part.as_os_str() == "debug"),
        measured_unix_ms: now_unix_ms(),
        tls: typed.tls,
        bytes: typed.bytes.into(),
        memory: vec![],
        handshakes: vec![],
        deliveries: vec![],
        reads: vec![],
        scaling: vec![],
    };
    let played = sweep::play(&mut results, &machine, gateway, interrupt)?;
    Ok(played.map(|()| results))
}

/// What was measured in one place, and what follows.
fn side(file: &Path, question: &Question) -> Result<Side, CapacityError> {
    let text = std::fs::read_to_string(file).map_err(|error| CapacityError::Unreadable {
        file: file.to_owned(),
        error,
    })?;
    let results = Results::read(&text).map_err(|error| CapacityError::NoResults {
        file: file.to_owned(),
        error,
    })?;
    let costs = Costs::of(&results).map_err(|error| CapacityError::TooLittle {
        file: file.to_owned(),
        error,
    })?;
    Ok(Side {
        answer: answer(question, &results, &costs),
        results,
        costs,
    })
}

/// The command that gives the same page from the same measurements.
fn again(typed: &Capacity, sources: &[PathBuf]) -> String {
    let per_minute = typed.rate * 60.0;
    let mut command = format!(
        "lab capacity --devices {} --rate {per_minute}/min --bytes {} --spare {}",
        typed.devices, typed.bytes, typed.spare
    );
    let options = [
        (typed.churn > 0.0).then(|| format!("--churn {}/day", typed.churn * 86_400.0)),
        typed.tls.then(|| "--tls".to_owned()),
        typed.proxy.then(|| "--proxy".to_owned()),
        typed.cores.map(|n| format!("--cores {n}")),
        typed.memory.map(|n| format!("--memory {n}")),
        typed.network.map(|n| format!("--network {n}")),
        typed.descriptors.map(|n| format!("--descriptors {n}")),
        typed.price_gateway.map(|n| format!("--price-gateway {n}")),
        typed.price_egress.map(|n| format!("--price-egress {n}")),
    ];
    for option in options.into_iter().flatten() {
        command.push(' ');
        command.push_str(&option);
    }
    for source in sources {
        command.push_str(&format!(" --from {}", source.display()));
    }
    command
}

fn now_unix_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
