//! One cell, played by the `lab` binary.

use std::process::{Command, Output};

use lab_kafka::StartError;
use libtest_mimic::{Completion, Failed};

use crate::{binaries, broker, report};

/// The exit status of a cell that this machine cannot play.
const UNFIT: i32 = 3;

/// A cell and who plays it.
pub(crate) struct Cell {
    pub(crate) file: String,
    pub(crate) choices: String,
    pub(crate) kafka: &'static str,
    pub(crate) adc: &'static str,
    /// It needs a Kafka of its own.
    pub(crate) alone: bool,
}

/// Why a cell is not played here.
pub(crate) struct NotHere(pub(crate) String);

impl NotHere {
    /// Ignored with its reason; a failure where everything is required.
    pub(crate) fn ignored(self) -> Result<Completion, Failed> {
        if std::env::var("TIDEGATE_REQUIRE").is_ok_and(|required| required == "all") {
            Err(format!("required, and cannot be played here: {}", self.0).into())
        } else {
            Ok(Completion::ignored_with(self.0))
        }
    }
}

/// Plays a cell; it passes, fails with the lab's own words, or turns out not to be playable here.
pub(crate) fn play(cell: &Cell) -> Result<Completion, Failed> {
    let mut lab = command(&cell.file, &cell.choices);
    lab.arg("--gateway")
        .arg(binaries::gateway()?)
        .args(["--adc", cell.adc]);
    if cell.alone {
        lab.args(["--kafka", cell.kafka]);
    } else if cell.kafka == "container" {
        match broker::bootstrap() {
            Ok(bootstrap) => lab.args(["--kafka", &bootstrap]),
            Err(StartError::Unfit { what, remedy }) => {
                return NotHere(format!("{what}; {remedy}")).ignored();
            }
            Err(error) => return Err(error.to_string().into()),
        };
    }
    let ended = finish(lab)?;
    match ended.status.code() {
        Some(0) => Ok(Completion::Completed),
        Some(UNFIT) => NotHere(words(&ended)).ignored(),
        _ => Err(words(&ended).into()),
    }
}

/// `lab run` of one cell, its record thrown away.
pub(crate) fn command(file: &str, choices: &str) -> Command {
    let mut lab = Command::new(binaries::LAB);
    lab.args(["run", file]).current_dir(crate::root());
    if !choices.is_empty() {
        lab.args(["--cell", choices]);
    }
    lab
}

/// Runs it to its end and looks at its report, in a folder that goes with it.
pub(crate) fn finish(mut lab: Command) -> Result<Output, Failed> {
    let folder =
        tempfile::tempdir().map_err(|error| format!("cannot make a temporary folder: {error}"))?;
    let ended = lab.arg("--out").arg(folder.path()).output();
    let ended = ended.map_err(|error| format!("cannot run {}: {error}", binaries::LAB))?;
    report::check(folder.path())?;
    Ok(ended)
}

/// What the lab said.
pub(crate) fn words(ended: &Output) -> String {
    let said = [&ended.stdout, &ended.stderr]
        .map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned());
    said.join("\n")
}
