//! The parameters of an installation, in one place: `site.toml`.

use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;

/// Connections that one SNAT address carries to one member; the ports below 1024 and some reserve are left out.
pub const PORTS_PER_SNAT_ADDRESS: u64 = 60_000;
/// Pings of devices and gateways, in seconds.
const PING_INTERVAL: u64 = 30;

/// What differs between installations.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Site {
    /// The folder for tmsh objects.
    #[serde(default = "common")]
    pub partition: String,
    /// The AS3 tenant.
    #[serde(default = "tenant")]
    pub tenant: String,
    /// Where devices connect to; IPv4 and IPv6 may both be given.
    pub virtual_addresses: Vec<IpAddr>,
    /// The VLANs that devices come from; all when there are none.
    #[serde(default)]
    pub vlans: Vec<String>,
    /// The port devices connect to.
    #[serde(default = "https")]
    pub virtual_port: u16,
    /// The gateways' listeners that require a PROXY header.
    pub gateways: Vec<SocketAddr>,
    /// The gateways' admin port: plain HTTP, `GET /ready`.
    #[serde(default = "admin_port")]
    pub health_port: u16,
    /// The admin port of each gateway, in their order, where they differ; each then has a monitor of its own.
    #[serde(default)]
    pub health_ports: Vec<u16>,
    /// Seconds between two questions of the monitor.
    #[serde(default = "five")]
    pub monitor_interval: u32,
    /// Unanswered or bad questions in a row that take a gateway out.
    #[serde(default = "three")]
    pub monitor_fall: u32,
    /// Seconds that a gateway must answer well before it is put back.
    #[serde(default)]
    pub time_until_up: u32,
    /// The route domain of all addresses; 0 is the device's own.
    #[serde(default)]
    pub route_domain: u16,
    /// How gateways are chosen.
    #[serde(default)]
    pub balance: Balance,
    /// How many devices are connected at the peak.
    pub devices: u64,
    /// The translation addresses, one for each 60,000 devices of a gateway.
    pub snat_addresses: Vec<IpAddr>,
    /// Which PROXY header the gateways get.
    #[serde(default)]
    pub proxy_protocol: ProxyVersion,
    /// Seconds without a byte after which a connection is forgotten.
    #[serde(default = "five_minutes")]
    pub idle_timeout: u64,
    /// Seconds over which a gateway that came back gets its share.
    #[serde(default = "sixty")]
    pub slow_ramp: u64,
    /// Certificate on the device, for TLS offload.
    #[serde(default = "certificate")]
    pub certificate: String,
    /// Its key.
    #[serde(default = "key")]
    pub key: String,
    /// Adds the rule that logs every event. For tests only.
    #[serde(default)]
    pub event_trace: bool,
}

/// How a pool chooses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Balance {
    /// The gateway with the fewest connections.
    #[default]
    LeastConnections,
    /// In turn.
    RoundRobin,
}

impl Balance {
    /// The word of tmsh and of AS3.
    pub fn mode(self) -> &'static str {
        match self {
            Self::LeastConnections => "least-connections-member",
            Self::RoundRobin => "round-robin",
        }
    }
}

/// Versions of the PROXY protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProxyVersion {
    /// No header: the gateways see the SNAT addresses.
    Off,
    /// A line of text.
    V1,
    /// Binary.
    #[default]
    V2,
}

/// What is wrong with a site.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SiteError {
    /// Not TOML, or a key that does not exist.
    #[error("{0}")]
    Syntax(String),
    /// Something that cannot work.
    #[error("{key}: {reason}; {remedy}")]
    Impossible {
        /// The key.
        key: &'static str,
        /// Why.
        reason: String,
        /// What to write instead.
        remedy: String,
    },
}

impl Site {
    /// Reads and checks a site file.
    ///
    /// # Errors
    ///
    /// With line and caret for TOML; with key, reason and remedy for what cannot work.
    pub fn from_toml(text: &str) -> Result<Self, SiteError> {
        let site: Self =
            toml::from_str(text).map_err(|error| SiteError::Syntax(error.to_string()))?;
        site.check()?;
        Ok(site)
    }

    /// How many SNAT addresses the fleet needs: every gateway may have to carry its share of the ports of all of them.
    pub fn snat_addresses_needed(&self) -> u64 {
        let per_gateway = self.devices.div_ceil(self.gateways.len().max(1) as u64);
        per_gateway.div_ceil(PORTS_PER_SNAT_ADDRESS).max(1)
    }

    /// Seconds without a good answer that take a gateway out: the appliance's own rule, three times the interval and one.
    pub fn monitor_timeout(&self) -> u32 {
        self.monitor_interval
            .saturating_mul(self.monitor_fall)
            .saturating_add(1)
    }

    /// The monitors: name and port. One for all gateways unless their admin ports differ.
    pub(crate) fn monitors(&self) -> Vec<(String, u16)> {
        if self.health_ports.is_empty() {
            return vec![("ready".to_owned(), self.health_port)];
        }
        let named = |(index, port): (usize, &u16)| (format!("ready_{index}"), *port);
        self.health_ports.iter().enumerate().map(named).collect()
    }

    /// An address as the device writes it: with its route domain, unless that is the default one.
    pub(crate) fn placed(&self, address: IpAddr) -> String {
        match self.route_domain {
            0 => address.to_string(),
            domain => format!("{address}%{domain}"),
        }
    }

    /// Seconds between TCP keep-alives: three fit into the idle timeout.
    pub fn keep_alive_interval(&self) -> u64 {
        (self.idle_timeout / 3).max(1)
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    ///
    /// The first thing that cannot work.
    pub fn check(&self) -> Result<(), SiteError> {
        let impossible = |key, reason: String, remedy: String| {
            Err(SiteError::Impossible {
                key,
                reason,
                remedy,
            })
        };
        if self.virtual_addresses.is_empty() {
            return impossible(
                "virtual-addresses",
                "there is none".into(),
                "name the address that devices connect to".into(),
            );
        }
        if self.gateways.is_empty() {
            return impossible(
                "gateways",
                "there is none".into(),
                "name at least one, such as \"10.0.0.11:8800\"".into(),
            );
        }
        if let Some(gateway) = self
            .gateways
            .iter()
            .find(|gateway| gateway.port() == self.health_port)
        {
            return impossible(
                "health-port",
                format!("{gateway} requires a PROXY header there, which monitors do not send"),
                "name the gateway's admin port".into(),
            );
        }
        if !self.health_ports.is_empty() && self.health_ports.len() != self.gateways.len() {
            return impossible(
                "health-ports",
                format!(
                    "{} for {} gateways",
                    self.health_ports.len(),
                    self.gateways.len()
                ),
                "give one for each, or health-port for all".into(),
            );
        }
        if self.monitor_interval == 0 || self.monitor_fall == 0 {
            return impossible(
                "monitor-interval",
                "a monitor that asks every 0 seconds, or gives up after 0 questions".into(),
                "give at least 1 for monitor-interval and monitor-fall".into(),
            );
        }
        let needed = self.snat_addresses_needed();
        if (self.snat_addresses.len() as u64) < needed {
            return impossible(
                "snat-addresses",
                format!(
                    "{} are too few for {} devices on {} gateways",
                    self.snat_addresses.len(),
                    self.devices,
                    self.gateways.len()
                ),
                format!("give {needed}, or add gateways"),
            );
        }
        for gateway in &self.gateways {
            if !self
                .snat_addresses
                .iter()
                .any(|address| address.is_ipv4() == gateway.is_ipv4())
            {
                return impossible(
                    "snat-addresses",
                    format!("none can reach {gateway}"),
                    "add one of the gateway's family".into(),
                );
            }
        }
        if self.idle_timeout < 2 * PING_INTERVAL {
            return impossible(
                "idle-timeout",
                format!(
                    "{} seconds end WebSockets between two pings of {PING_INTERVAL} seconds",
                    self.idle_timeout
                ),
                "give at least 60, better 300".into(),
            );
        }
        if self.slow_ramp > 900 {
            return impossible(
                "slow-ramp",
                format!("{} is more than the device takes", self.slow_ramp),
                "give 0 to 900".into(),
            );
        }
        Ok(())
    }
}

fn common() -> String {
    "Common".into()
}

fn tenant() -> String {
    "Tidegate".into()
}

fn https() -> u16 {
    443
}

fn admin_port() -> u16 {
    8801
}

fn five() -> u32 {
    5
}

fn three() -> u32 {
    3
}

fn five_minutes() -> u64 {
    300
}

fn sixty() -> u64 {
    60
}

fn certificate() -> String {
    "/Common/default.crt".into()
}

fn key() -> String {
    "/Common/default.key".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "virtual-addresses = [\"192.0.2.10\"]\ngateways = [\"10.0.0.11:8800\", \"10.0.0.12:8800\"]\n\
                        devices = 100_000\nsnat-addresses = [\"10.0.0.240\"]\n";

    #[test]
    fn the_number_of_snat_addresses_follows_from_the_fleet() {
        let needed = |devices| {
            Site {
                devices,
                ..Site::from_toml(GOOD).unwrap()
            }
            .snat_addresses_needed()
        };

        assert_eq!(needed(100_000), 1);
        assert_eq!(needed(120_001), 2);
        assert_eq!(needed(1_000_000), 9);
    }

    #[test]
    fn what_cannot_work_is_refused_with_a_remedy() {
        let complaint = |old: &str, new: &str| {
            Site::from_toml(&GOOD.replace(old, new))
                .unwrap_err()
                .to_string()
        };

        assert_eq!(
            complaint("100_000", "1_000_000"),
            "snat-addresses: 1 are too few for 1000000 devices on 2 gateways; give 9, or add gateways"
        );
        assert_eq!(
            complaint("10.0.0.11:8800", "10.0.0.11:8801"),
            "health-port: 10.0.0.11:8801 requires a PROXY header there, which monitors do not send; name the gateway's admin port"
        );
        assert!(complaint("devices", "devises").contains("unknown field `devises`"));
        assert!(
            complaint("10.0.0.240", "2001:db8::1")
                .starts_with("snat-addresses: none can reach 10.0.0.11:8800")
        );
    }
}
