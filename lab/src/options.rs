//! What the command line means: complete, checked, no `Option` that stands for a default.

use std::path::{Path, PathBuf};

use crate::args::{Parts, Run};
use crate::provider::{AdcChoice, KafkaChoice};
use crate::scenario::complaint::nearest;
use crate::scenario::matrix::Cell;
use crate::scenario::{Scenario, ScenarioError};

/// A mistake in what was typed or written; exit status 2.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsageError {
    /// One or more scenario files are wrong.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n"))]
    Scenarios(Vec<ScenarioError>),
    /// A folder without scenarios.
    #[error("no scenario files (*.toml) in {}", .0.display())]
    Empty(PathBuf),
    /// A part that nobody plays.
    #[error("--{option} {typed}: {advice}")]
    UnknownPart {
        /// The option's name.
        option: &'static str,
        /// What was typed.
        typed: String,
        /// What may be typed.
        advice: String,
    },
    /// A row that `lab bench` does not have.
    #[error("there is no row `{typed}`: {advice}")]
    UnknownRow {
        /// What was typed.
        typed: String,
        /// What may be typed.
        advice: String,
    },
    /// A file that is not there, or not ours to read.
    #[error("cannot read {}: {error}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        error: String,
    },
    /// A folder without files that `lab adc lint` understands.
    #[error("no .conf, .json, .irule, .tcl, .tmsh or .scf file in {}", .0.display())]
    NothingToLint(PathBuf),
    /// A site file that cannot work.
    #[error("{}: {error}", file.display())]
    Site {
        /// The file.
        file: PathBuf,
        /// What is wrong, and what to write instead.
        error: String,
    },
    /// A device that cannot be asked as typed.
    #[error("{0}")]
    Device(String),
    /// No cell has the choices asked for.
    #[error("--cell \"{typed}\": no cell has these choices; `lab list --cells {}` shows them", file.display())]
    NoSuchCell {
        /// What was typed.
        typed: String,
        /// Where it was looked for.
        file: PathBuf,
    },
}

/// Who plays which part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Casting {
    /// The log.
    pub(crate) kafka: KafkaChoice,
    /// The load balancer.
    pub(crate) adc: AdcChoice,
}

/// What a run is told, besides its scenarios.
#[derive(Debug, Clone)]
pub(crate) struct RunOptions {
    /// Who plays.
    pub(crate) casting: Casting,
    /// Where all randomness comes from.
    pub(crate) seed: u32,
    /// What `--out` said.
    pub(crate) out: Option<PathBuf>,
    /// What `--gateway` or `TIDEGATE_GATEWAY` said.
    pub(crate) gateway: Option<PathBuf>,
    /// A known-bad hash for the gateway.
    pub(crate) control_hash: Option<String>,
    /// What `--cell` said.
    pub(crate) cell: Option<String>,
    /// Where a Markdown summary is wanted.
    pub(crate) summary: Option<PathBuf>,
    /// Where OpenMetrics are wanted.
    pub(crate) metrics: Option<PathBuf>,
}

impl RunOptions {
    /// Reads the command line.
    pub(crate) fn new(typed: &Run) -> Result<Self, UsageError> {
        Ok(Self {
            casting: Casting::with_record(&typed.parts, typed.out.as_deref())?,
            seed: typed.seed.unwrap_or_else(rand::random),
            out: typed.out.clone(),
            gateway: typed.gateway.clone(),
            control_hash: typed.control_hash.clone(),
            cell: typed.cell.clone(),
            summary: typed.also.summary.clone(),
            metrics: typed.also.openmetrics.clone(),
        })
    }

    /// The command that repeats the run of one file.
    pub(crate) fn repeat(&self, file: &Path) -> String {
        let mut command = format!("lab run {} --seed {}", file.display(), self.seed);
        if self.casting.kafka != KafkaChoice::Embedded {
            command.push_str(&format!(" --kafka {}", self.casting.kafka));
        }
        if self.casting.adc != AdcChoice::Builtin {
            command.push_str(&format!(" --adc {}", self.casting.adc));
        }
        if let AdcChoice::Bigip(replay) = &self.casting.adc {
            command.push_str(&replay.typed);
        }
        if let Some(hash) = &self.control_hash {
            command.push_str(&format!(" --control-hash {hash}"));
        }
        if let Some(cell) = &self.cell {
            command.push_str(&format!(" --cell '{cell}'"));
        }
        if let Some(gateway) = &self.gateway {
            command.push_str(&format!(" --gateway {}", gateway.display()));
        }
        command
    }
}

impl Casting {
    /// Reads `--kafka`, `--adc` and what goes with them.
    pub(crate) fn new(typed: &Parts) -> Result<Self, UsageError> {
        Self::with_record(typed, None)
    }

    /// The same for a run whose record goes to `out`.
    fn with_record(typed: &Parts, out: Option<&Path>) -> Result<Self, UsageError> {
        let adc = match typed.adc.as_str() {
            "bigip" => AdcChoice::Bigip(Box::new(typed.replay.replay(out)?)),
            word => {
                let choice = adc(word)?;
                typed.replay.refuse_all()?;
                choice
            }
        };
        Ok(Self {
            kafka: kafka(&typed.kafka)?,
            adc,
        })
    }
}

pub(crate) fn kafka(typed: &str) -> Result<KafkaChoice, UsageError> {
    match typed {
        "embedded" => Ok(KafkaChoice::Embedded),
        "container" => Ok(KafkaChoice::Container),
        bootstrap if bootstrap.split(',').all(is_address) => {
            Ok(KafkaChoice::External(bootstrap.to_owned()))
        }
        _ => Err(unknown(
            "kafka",
            typed,
            &["embedded", "container"],
            ", or HOST:PORT of a running cluster",
        )),
    }
}

fn is_address(typed: &str) -> bool {
    typed
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

fn adc(typed: &str) -> Result<AdcChoice, UsageError> {
    match typed {
        "builtin" => Ok(AdcChoice::Builtin),
        "haproxy" => Ok(AdcChoice::Haproxy),
        "bigip-standin" => Ok(AdcChoice::BigipStandin),
        _ => Err(unknown(
            "adc",
            typed,
            &["builtin", "haproxy", "bigip-standin", "bigip"],
            "",
        )),
    }
}

fn unknown(option: &'static str, typed: &str, known: &[&str], further: &str) -> UsageError {
    UsageError::UnknownPart {
        option,
        typed: typed.to_owned(),
        advice: advice(typed, known, further),
    }
}

/// A row that `lab bench` does not have.
pub(crate) fn unknown_row(typed: &str, known: &[&str]) -> UsageError {
    UsageError::UnknownRow {
        typed: typed.to_owned(),
        advice: advice(typed, known, ""),
    }
}

fn advice(typed: &str, known: &[&str], further: &str) -> String {
    match nearest(typed, known) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("there are {}{further}", known.join(", ")),
    }
}

/// Reads every scenario file named or found, and reports all mistakes at once.
pub(crate) fn read_scenarios(paths: &[PathBuf]) -> Result<Vec<Scenario>, UsageError> {
    let mut files = vec![];
    for path in paths {
        let before = files.len();
        find(path, &mut files).map_err(|error| UsageError::Scenarios(vec![error]))?;
        if files.len() == before {
            return Err(UsageError::Empty(path.clone()));
        }
    }
    let (scenarios, errors): (Vec<_>, Vec<_>) = files
        .iter()
        .map(|file| Scenario::read(file))
        .partition(Result::is_ok);
    let errors: Vec<_> = errors.into_iter().filter_map(Result::err).collect();
    if errors.is_empty() {
        Ok(scenarios.into_iter().flatten().collect())
    } else {
        Err(UsageError::Scenarios(errors))
    }
}

/// A file as it is; of a folder all `*.toml` below it, in the order of their names.
fn find(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), ScenarioError> {
    let unreadable = |source| ScenarioError::Unreadable {
        file: path.to_owned(),
        source,
    };
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut inside: Vec<PathBuf> = std::fs::read_dir(path)
        .map_err(unreadable)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(unreadable)?;
    inside.sort();
    for path in inside {
        if path.is_dir()
            || path
                .extension()
                .is_some_and(|extension| extension == "toml")
        {
            find(&path, files)?;
        }
    }
    Ok(())
}

/// The cells that have all the choices of `wanted`; every one when nothing is wanted.
pub(crate) fn select_cells(scenario: &Scenario, wanted: Option<&str>) -> Vec<Cell> {
    let wanted: Vec<&str> = wanted.unwrap_or_default().split_whitespace().collect();
    scenario
        .cells
        .iter()
        .filter(|cell| {
            wanted
                .iter()
                .all(|choice| cell.name.split(' ').any(|own| own == *choice))
        })
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafka_is_a_word_or_an_address() {
        let words = |typed| {
            kafka(typed).map_or_else(|error| error.to_string(), |choice| format!("{choice:?}"))
        };

        assert_eq!(words("container"), "Container");
        assert_eq!(
            words("one.example:9092,two.example:9092"),
            "External(\"one.example:9092,two.example:9092\")"
        );
        assert_eq!(
            words("contianer"),
            "--kafka contianer: did you mean `container`?"
        );
        assert_eq!(
            words("one.example"),
            "--kafka one.example: there are embedded, container, or HOST:PORT of a running cluster"
        );
    }

    #[test]
    fn the_repeating_command_says_only_what_is_not_the_default() {
        let mut options = RunOptions {
            casting: Casting {
                kafka: KafkaChoice::Embedded,
                adc: AdcChoice::Builtin,
            },
            seed: 7,
            out: None,
            gateway: None,
            control_hash: None,
            cell: None,
            summary: None,
            metrics: None,
        };
        assert_eq!(
            options.repeat(Path::new("a.toml")),
            "lab run a.toml --seed 7"
        );

        options.control_hash = Some("ip-only".to_owned());
        options.cell = Some("workgroups=8".to_owned());
        assert_eq!(
            options.repeat(Path::new("a.toml")),
            "lab run a.toml --seed 7 --control-hash ip-only --cell 'workgroups=8'"
        );
    }
}
