//! What happened in one run, as data: the content of `run.json`.
//!
//! Everything a report needs is here, so that a report of any kind can be written later, on another machine, without running again. Times within a cell
//! are milliseconds since its first step; fields are only ever added within one [`FORMAT`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::balancing::Balancing;
use crate::recovery::Recovery;
use crate::statistics::Residues;
use crate::verdict::Verdict;

/// The format this code writes and reads, the first key of every `run.json`.
pub const FORMAT: &str = "tidegate-run/1";

/// One scenario file, run once: all its cells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Always [`FORMAT`].
    pub format: String,
    /// The command that repeats this run, seed included.
    pub command: String,
    /// Where all randomness came from.
    pub seed: u64,
    /// The scenario as it was written.
    pub scenario: Scenario,
    /// Where it ran.
    pub environment: Environment,
    /// One entry per cell of the matrix, in the order they ran.
    pub cells: Vec<Cell>,
}

/// A scenario file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    /// The path as it was given.
    pub file: String,
    /// Its whole text.
    pub text: String,
    /// Its title: a sentence that can be true or false.
    pub title: String,
}

/// The machine and the programs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Start of the run, in milliseconds since 1970 (UTC).
    pub started_unix_ms: u64,
    /// Version of the lab.
    pub lab: String,
    /// Version of the gateway binary and its path.
    pub gateway: String,
    /// Kernel name and release.
    pub kernel: String,
    /// Processors this process may use.
    pub cpus: u32,
    /// The processor's own name.
    pub cpu_model: String,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// File descriptors one process may hold.
    pub descriptors: u64,
    /// Kernel settings that matter to connections.
    pub sysctls: BTreeMap<String, String>,
}

/// One cell: the stage with one choice from every list of the matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The choices that make this cell, `workgroups=8 adc.snat-ports=range`; empty without a matrix.
    pub name: String,
    /// The stage with every value decided, in the scenario's words.
    pub stage: Value,
    /// Who played.
    pub providers: Providers,
    /// What follows from the expectations.
    pub verdict: Verdict,
    /// Why there is no verdict on the expectations, when there is none: what the machine lacks, how the lab failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What to do about [`Self::reason`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// What was wanted and what was seen.
    pub expectations: Vec<Expectation>,
    /// Connections per workgroup of each gateway.
    pub workgroups: Vec<Workgroup>,
    /// The load balancer's pool at the end, as it counts itself; empty without one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<PoolMember>,
    /// The source ports that placement saw, by residue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<Residues>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// Numbers over time.
    pub series: Vec<Series>,
    /// Distributions of times.
    pub histograms: Vec<Histogram>,
    /// What the ledger found, when the scenario moved messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<Value>,
    /// What faults did and how devices came back, when the scenario broke something or devices lost connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
    /// How devices were spread over gateways and what changes cost, when the stage names a way to balance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balancing: Option<Balancing>,
    /// What each process used.
    #[serde(default)]
    pub resources: Vec<Resources>,
    /// How long the cell took, from the first process to the last.
    pub took_ms: u64,
}

/// Who played which part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Providers {
    /// `embedded`, `container` or `host:port`.
    pub kafka: String,
    /// What answered: name and version.
    #[serde(default)]
    pub kafka_version: String,
    /// `builtin`, `haproxy`, …
    pub adc: String,
    /// What answered: name and version.
    #[serde(default)]
    pub adc_version: String,
    /// `loopback`, …
    pub fleet: String,
}

/// One expectation and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// Its key in `[expect]`, or the name of one that always holds.
    pub name: String,
    /// What was wanted, in words.
    pub wanted: String,
    /// What was measured, in words.
    pub measured: String,
    /// How sure the measurement is, in words: where the true value lies, or what chance alone would explain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// Whether it held; unknown when the measurement cannot decide.
    pub held: Option<bool>,
    /// When it did not hold for the first time, in milliseconds since the cell's first step, where that was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_broke_ms: Option<i64>,
    /// Why it did not hold, as far as the lab can tell; why it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Noticed on the way, of no weight in the verdict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// Names of expectations that hold a cell against other cells of its run.
const COMPARING: [&str; 2] = ["linear", "offload"];

impl Expectation {
    /// Whether it did not hold, and no cell alone can tell why.
    fn needs_other_cells(&self) -> bool {
        self.held != Some(true) && COMPARING.contains(&self.name.as_str())
    }
}

/// One bar of the distribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workgroup {
    /// The gateway, from 0.
    pub gateway: u32,
    /// The workgroup, from 0.
    pub workgroup: u32,
    /// Device connections it held.
    pub connections: u64,
}

/// One gateway as the load balancer counts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolMember {
    /// The gateway, from 0.
    pub gateway: u32,
    /// Whether it would get new connections.
    pub up: bool,
    /// Connections open at the end.
    pub current: u64,
    /// Connections since the start.
    pub total: u64,
}

/// Something that happened at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Milliseconds since the cell's first step; what the stage took to come up is negative.
    pub at_ms: i64,
    /// What kind: `step`, `stage-up`, `member-down`, …
    pub kind: String,
    /// What else there is to say, by kind.
    #[serde(flatten)]
    pub detail: BTreeMap<String, Value>,
}

/// A number over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// What: `connected`, `delivered`, …
    pub name: String,
    /// In what: `connections`, `messages`, …
    pub unit: String,
    /// Milliseconds since the first step, and the value then.
    pub points: Vec<(i64, f64)>,
}

/// A distribution of times, complete: it can be merged with others and asked for any percentile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    /// Of what: `publish-acknowledged`, …
    pub name: String,
    /// In what: `us`.
    pub unit: String,
    /// How many values.
    pub count: u64,
    /// The median.
    pub p50: u64,
    /// The 99th percentile.
    pub p99: u64,
    /// The greatest.
    pub max: u64,
    /// HdrHistogram's V2 form in base64.
    pub hdr: String,
}

/// What one process used during the cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// `gateway-0`, `adc`, `lab`.
    pub process: String,
    /// Processor time, in milliseconds.
    pub cpu_ms: u64,
    /// Resident memory at its highest, in bytes.
    pub peak_rss_bytes: u64,
    /// Resident memory at the end of the last step, in bytes.
    #[serde(default)]
    pub rss_bytes: u64,
    /// Open descriptors at the end of the last step.
    pub descriptors: u64,
}

/// Why a text is not a run record this code can read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not JSON, or cut short.
    #[error("not a run record: {0}")]
    NotJson(serde_json::Error),
    /// JSON of another kind.
    #[error("not a run record: it has no \"format\" that begins with \"tidegate-run/\"")]
    Foreign,
    /// Written by another version.
    #[error(
        "written as \"{found}\", this lab reads \"{FORMAT}\"; use the lab that wrote it, or run the scenario again"
    )]
    OtherVersion {
        /// The format it names.
        found: String,
    },
    /// Names our format and breaks it.
    #[error("damaged run record: {0}")]
    Damaged(serde_json::Error),
}

impl Run {
    /// Reads the text of a `run.json`.
    ///
    /// # Errors
    ///
    /// [`ReadError`] tells a foreign file, another version and a damaged record apart.
    pub fn read(text: &str) -> Result<Self, ReadError> {
        let value: Value = serde_json::from_str(text).map_err(ReadError::NotJson)?;
        match value.get("format").and_then(Value::as_str) {
            Some(FORMAT) => serde_json::from_str(text).map_err(ReadError::Damaged),
            Some(found) if found.starts_with("tidegate-run/") => Err(ReadError::OtherVersion {
                found: found.to_owned(),
            }),
            _ => Err(ReadError::Foreign),
        }
    }

    /// The text of a `run.json`.
    ///
    /// # Errors
    ///
    /// Fails only where a number in the record is not finite.
    pub fn write(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }

    /// The command that repeats one cell of it; all cells, where the cell is held against others and that did not hold.
    pub fn repeat(&self, cell: &Cell) -> String {
        if cell.expectations.iter().any(Expectation::needs_other_cells) {
            return match self.command.split_once(" --cell '") {
                Some((before, rest)) => {
                    let after = rest.split_once('\'').map_or("", |(_, after)| after);
                    format!("{before}{after}")
                }
                None => self.command.clone(),
            };
        }
        if cell.name.is_empty() || self.command.contains(" --cell ") {
            return self.command.clone();
        }
        format!("{} --cell '{}'", self.command, cell.name)
    }

    /// The verdict over all cells.
    pub fn verdict(&self) -> Verdict {
        Verdict::over(self.cells.iter().map(|cell| cell.verdict))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let run = example();

        let text = run.write().unwrap();

        assert_eq!(Run::read(&text).unwrap(), run);
        assert!(
            text.starts_with("{\n  \"format\": \"tidegate-run/1\""),
            "{text}"
        );
    }

    #[test]
    fn what_was_held_against_other_cells_is_repeated_with_them() {
        let alone = "lab run a.toml --seed 7 --cell 'tls=adc' --gateway g";
        let run = Run {
            command: alone.to_owned(),
            ..example()
        };
        let mut cell: Cell = serde_json::from_value(serde_json::json!({
            "name":"tls=adc","stage":{},"verdict":"pass","workgroups":[],
            "providers":{"kafka":"embedded","adc":"builtin","fleet":"loopback"},
            "expectations":[{"name":"offload","wanted":"","measured":"","held":null}],
            "events":[],"series":[],"histograms":[],"took_ms":1,
        }))
        .unwrap();

        for (held, command) in [
            (Some(true), alone),
            (Some(false), "lab run a.toml --seed 7 --gateway g"),
            (None, "lab run a.toml --seed 7 --gateway g"),
        ] {
            cell.expectations[0].held = held;
            assert_eq!(run.repeat(&cell), command);
        }
    }

    #[test]
    fn foreign_other_and_damaged_files_are_told_apart() {
        let error = |text: &str| Run::read(text).unwrap_err().to_string();
        let text = example().write().unwrap();

        assert_eq!(
            error("{\"format\": 3}"),
            "not a run record: it has no \"format\" that begins with \"tidegate-run/\""
        );
        assert_eq!(
            error("[]"),
            "not a run record: it has no \"format\" that begins with \"tidegate-run/\""
        );
        assert_eq!(
            error("{\"format\": \"tidegate-run/9\"}"),
            "written as \"tidegate-run/9\", this lab reads \"tidegate-run/1\"; use the lab that wrote it, or run the scenario again"
        );
        assert_eq!(
            error("{\"format\": \"tidegate-run/1\"}"),
            "damaged run record: missing field `command` at line 1 column 28"
        );
        assert!(error(&text[..text.len() / 2]).starts_with("not a run record: EOF while parsing"));
    }

    #[test]
    fn an_event_keeps_its_details_beside_its_time() {
        let event = Event {
            at_ms: 120,
            kind: "step".to_owned(),
            detail: BTreeMap::from([("do".to_owned(), Value::from("connect"))]),
        };

        assert_eq!(
            serde_json::to_string(&event).unwrap(),
            r#"{"at_ms":120,"kind":"step","do":"connect"}"#
        );
    }

    fn example() -> Run {
        Run {
            format: FORMAT.to_owned(),
            command: "lab run scenarios/a.toml --seed 7".to_owned(),
            seed: 7,
            scenario: Scenario {
                file: "scenarios/a.toml".to_owned(),
                text: "title = \"A\"".to_owned(),
                title: "A".to_owned(),
            },
            environment: Environment::default(),
            cells: vec![],
        }
    }
}
