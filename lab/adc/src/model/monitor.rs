//! How a pool finds out whether its members are well.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::span;

/// One health check, made of every member of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Monitor {
    /// What is asked.
    pub kind: MonitorKind,
    /// From the start of one probe to the start of the next.
    #[serde(default = "five_seconds", with = "span")]
    pub interval: Duration,
    /// How long one probe may take.
    #[serde(default = "two_seconds", with = "span")]
    pub timeout: Duration,
    /// Failures in a row that take a member down. The very first probe decides alone.
    #[serde(default = "three")]
    pub fall: u32,
    /// Successes in a row that bring it back.
    #[serde(default = "one")]
    pub rise: u32,
    /// The port to ask at every member (F5: `*:8081`). Absent: the member's own monitor address, or what is balanced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The header with which the probe opens, for listeners that require one.
    #[serde(default)]
    pub proxy_protocol: MonitorProxy,
}

impl Monitor {
    /// A monitor with the default timing: every 5 s, 2 s for an answer, down after 3, up after 1.
    pub fn new(kind: MonitorKind) -> Self {
        Self {
            kind,
            interval: five_seconds(),
            timeout: two_seconds(),
            fall: three(),
            rise: one(),
            port: None,
            proxy_protocol: MonitorProxy::Off,
        }
    }
}

/// What a probe asks and expects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum MonitorKind {
    /// A handshake is enough.
    Tcp,
    /// A request and an answer.
    #[serde(rename_all = "kebab-case")]
    Http {
        /// The path that is requested with GET.
        #[serde(default = "root")]
        path: String,
        /// Further request headers; with `Upgrade: websocket` and status 101 the probe asks for a WebSocket.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        headers: Vec<(String, String)>,
        /// The status that means well.
        #[serde(default = "two_hundred")]
        status: u16,
        /// A text that the answer (status line, headers and the first of the body) must hold as well.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        receive: Option<String>,
        /// A text that means: well, but wants no new connections (F5: `recv-disable`).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        receive_disable: Option<String>,
    },
}

impl MonitorKind {
    /// GET `path`, expect 200.
    pub fn http(path: impl Into<String>) -> Self {
        Self::Http {
            path: path.into(),
            headers: Vec::new(),
            status: 200,
            receive: None,
            receive_disable: None,
        }
    }
}

/// The PROXY header of a probe. A probe has no client, so version 2 says LOCAL; version 1 names the probe's own socket, as
/// HAProxy's checks do, because UNKNOWN is not for senders (section 2.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MonitorProxy {
    /// No header.
    #[default]
    Off,
    /// A line with the probe's own addresses.
    V1,
    /// LOCAL, length 0.
    V2Local,
    /// LOCAL with a CRC32C TLV, length 7.
    V2LocalCrc,
}

fn five_seconds() -> Duration {
    Duration::from_secs(5)
}

fn two_seconds() -> Duration {
    Duration::from_secs(2)
}

fn three() -> u32 {
    3
}

fn one() -> u32 {
    1
}

fn root() -> String {
    "/".to_owned()
}

fn two_hundred() -> u16 {
    200
}
