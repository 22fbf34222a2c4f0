//! What a load balancer is told to be: plain data, as JSON or any other serde format, in kebab-case.
//!
//! Field terms are the appliances' own. Durations are text with a unit (`"200ms"`, `"5s"`, `"3m"`). Unknown keys are refused.
//! Nothing here is complete before [`Model::check`] has looked at it: references, families and ranges are checked there, all
//! at once, so that an operator corrects a file in one go.

mod check;
mod monitor;
mod pool;
mod snat;
pub mod span;

pub use check::{ModelError, Problem};
pub use monitor::{Monitor, MonitorKind, MonitorProxy};
pub use pool::{Balance, Member, MemberState, Pool, ServiceDownAction};
pub use snat::{Snat, SnatPorts};

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

/// Everything one engine runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Model {
    /// Makes every random choice repeatable.
    #[serde(default)]
    pub seed: u64,
    /// Where clients arrive.
    pub virtual_servers: Vec<VirtualServer>,
    /// Where connections go.
    pub pools: Vec<Pool>,
}

/// An address that clients connect to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VirtualServer {
    /// Its name in statistics, rules and log lines.
    pub name: String,
    /// The address to listen on; port 0 lets the kernel choose one.
    pub listen: SocketAddr,
    /// The name of the pool that serves it.
    pub pool: String,
    /// Clients begin with a PROXY header and are who it says, because their addresses cannot be had on this machine.
    #[serde(default)]
    pub accept_proxy: bool,
    /// Clients speak TLS, which ends here; members get what was encrypted. Absent: bytes pass as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Which source addresses and ports its members see.
    #[serde(default)]
    pub snat: Snat,
    /// Whether a client returns to the member it had.
    #[serde(default)]
    pub persistence: Persistence,
    /// Which header, if any, tells members who the client is.
    #[serde(default)]
    pub proxy_protocol: ProxyProtocol,
    /// What happens to a connection that carries nothing; absent: it may be silent for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<IdleTimeout>,
    /// Most connections at once; a client beyond it is reset. Absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_limit: Option<u32>,
    /// How long to wait for a member's handshake.
    #[serde(default = "default_connect_timeout", with = "span")]
    pub connect_timeout: Duration,
    /// How many other members to try when one does not answer.
    #[serde(default)]
    pub reselect_tries: u32,
}

impl VirtualServer {
    /// A virtual server with the appliance's defaults.
    pub fn new(name: impl Into<String>, listen: SocketAddr, pool: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            listen,
            pool: pool.into(),
            accept_proxy: false,
            tls: None,
            snat: Snat::default(),
            persistence: Persistence::None,
            proxy_protocol: ProxyProtocol::Off,
            idle_timeout: None,
            connection_limit: None,
            connect_timeout: default_connect_timeout(),
            reselect_tries: 0,
        }
    }
}

fn default_connect_timeout() -> Duration {
    Duration::from_secs(5)
}

/// What clients are shown where their TLS ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tls {
    /// The certificate and its chain, as PEM.
    pub certificate: PathBuf,
    /// Its private key, as PEM.
    pub key: PathBuf,
}

/// The end of a connection that carries nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct IdleTimeout {
    /// How long neither side may send a byte.
    #[serde(with = "span")]
    pub after: Duration,
    /// How both sides are told.
    #[serde(default)]
    pub then: IdleAction,
}

/// How a connection that timed out ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdleAction {
    /// Both sides get a reset, as BIG-IP does by default.
    #[default]
    Reset,
    /// Both sides get an orderly end, as HAProxy does.
    Close,
    /// Nobody is told, as a carrier's NAT does: the flow is forgotten.
    Drop,
}

/// Whether and how a member is told the client's address (PROXY protocol, haproxy.org `proxy-protocol.txt`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyProtocol {
    /// Not at all.
    #[default]
    Off,
    /// The text line of section 2.1.
    V1,
    /// The binary header of section 2.2.
    V2,
    /// The binary header with a CRC32C TLV (section 2.2.3).
    V2Crc,
}

/// Whether a client returns to the member it had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Persistence {
    /// Every connection is balanced anew.
    #[default]
    None,
    /// All connections of a source address go to one member. Behind a carrier's NAT that is a whole fleet.
    #[serde(rename_all = "kebab-case")]
    SourceAddress {
        /// How long after its last connection an address is remembered.
        #[serde(with = "span")]
        timeout: Duration,
    },
}

impl Model {
    /// One virtual server before one pool, everything else at its default; the start of most tests and scenarios.
    pub fn simple(listen: SocketAddr, members: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self {
            seed: 0,
            virtual_servers: vec![VirtualServer::new("virtual", listen, "pool")],
            pools: vec![Pool::new(
                "pool",
                members.into_iter().map(Member::new).collect(),
            )],
        }
    }

    /// Reads and checks a model.
    ///
    /// # Errors
    /// When the text is not JSON, a key is unknown, or [`Model::check`] finds something.
    pub fn from_json(text: &str) -> Result<Self, ModelError> {
        let model: Self = serde_json::from_str(text)?;
        model.check()?;
        Ok(model)
    }
}
