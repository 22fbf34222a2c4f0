//! `results.json`: what was measured on one machine, so that an answer can be had on another one, and again next year.

use serde::{Deserialize, Serialize};

use crate::criterion::Benches;

/// The format this code writes and reads, the first key of the file.
pub const FORMAT: &str = "tidegate-capacity/1";

/// Everything measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Always [`FORMAT`].
    pub format: String,
    /// Where.
    pub machine: Machine,
    /// The gateway's version and how it was built.
    pub gateway: String,
    /// Whether it was built with optimisation.
    pub optimised: bool,
    /// When, in milliseconds since 1970 (UTC).
    pub measured_unix_ms: u64,
    /// Whether the gateway ended TLS in all sweeps.
    #[serde(default)]
    pub tls: bool,
    /// Bytes of each message's data in all sweeps.
    pub bytes: u64,
    /// Memory with so many idle, subscribed devices.
    pub memory: Vec<Plateau>,
    /// Processor time of connecting.
    pub handshakes: Vec<Work>,
    /// Processor time of records that are delivered to one device each.
    pub deliveries: Vec<Work>,
    /// Processor time and memory of records that nobody wants: what every gateway pays for every record.
    pub reads: Vec<Work>,
    /// Deliveries with other numbers of workgroups.
    pub scaling: Vec<Work>,
    /// Criterion's results, and what is doubtful about them.
    pub benches: Benches,
}

/// A machine, as far as it matters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's own name.
    pub cpu_model: String,
    /// Processors that could be used.
    pub cores: u32,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Kernel and release.
    pub kernel: String,
    /// Descriptors that a process may hold.
    pub descriptors: u64,
}

/// Memory while so many devices are connected and subscribed and nothing happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plateau {
    /// Which repetition, from 0.
    pub repeat: u32,
    /// Connections.
    pub connections: u64,
    /// Resident memory of the gateway, in bytes.
    pub user_bytes: u64,
    /// Growth of the kernel's slab since nobody was connected, in bytes; both ends of each connection are on the machine.
    pub slab_bytes: u64,
}

/// Something done so often, and what the gateway used for it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// Which repetition, from 0.
    pub repeat: u32,
    /// Workgroups of the gateway.
    pub workgroups: u32,
    /// How often.
    pub count: u64,
    /// In how many seconds.
    pub seconds: f64,
    /// Processor time of the gateway, in seconds.
    pub cpu_seconds: f64,
    /// Growth of its resident memory, in bytes.
    pub grown_bytes: u64,
    /// Median and 99th percentile of the time from a record's due moment to its arrival, in microseconds, where it was timed.
    pub times_us: Option<(u64, u64)>,
}

/// Why a text is no `results.json`.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not JSON, or cut short.
    #[error("not capacity results: {0}")]
    NotJson(serde_json::Error),
    /// JSON of another kind.
    #[error("not capacity results: it has no \"format\" that begins with \"tidegate-capacity/\"")]
    Foreign,
    /// Written by another version.
    #[error("written as \"{0}\", this lab reads \"{FORMAT}\"; measure again with `lab capacity`")]
    OtherVersion(String),
    /// Names our format and breaks it.
    #[error("damaged capacity results: {0}")]
    Damaged(serde_json::Error),
}

impl Results {
    /// Reads the text of a `results.json`.
    ///
    /// # Errors
    ///
    /// [`ReadError`] tells a foreign file, another version and a damaged one apart.
    pub fn read(text: &str) -> Result<Self, ReadError> {
        let value: serde_json::Value = serde_json::from_str(text).map_err(ReadError::NotJson)?;
        match value.get("format").and_then(serde_json::Value::as_str) {
            Some(FORMAT) => serde_json::from_value(value).map_err(ReadError::Damaged),
            Some(found) if found.starts_with("tidegate-capacity/") => {
                Err(ReadError::OtherVersion(found.to_owned()))
            }
            _ => Err(ReadError::Foreign),
        }
    }

    /// The text of a `results.json`.
    ///
    /// # Errors
    ///
    /// Fails only where a number is not finite.
    pub fn write(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_other_and_damaged_files_are_told_apart() {
        let error = |text: &str| Results::read(text).unwrap_err().to_string();

        assert!(error("{").starts_with("not capacity results: EOF"));
        assert_eq!(
            error("{\"format\": \"tidegate-run/1\"}"),
            "not capacity results: it has no \"format\" that begins with \"tidegate-capacity/\""
        );
        assert_eq!(
            error("{\"format\": \"tidegate-capacity/7\"}"),
            "written as \"tidegate-capacity/7\", this lab reads \"tidegate-capacity/1\"; measure again with `lab capacity`"
        );
        assert_eq!(
            error("{\"format\": \"tidegate-capacity/1\"}"),
            "damaged capacity results: missing field `machine`"
        );
    }
}
