//! What a model must keep besides its shape: names that exist, families that match, numbers that can work.

use std::{
    collections::HashSet,
    fmt,
    net::{IpAddr, SocketAddr},
};

use super::{Model, Monitor, MonitorKind, Pool, Snat, SnatPorts, VirtualServer};

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// It is not JSON, or not of a model's shape; the message names line and column.
    #[error("{0}")]
    Shape(#[from] serde_json::Error),
    /// It contradicts itself; every contradiction is listed.
    #[error("{}", listed(.0))]
    Contradictions(Vec<Problem>),
}

/// One thing that is wrong with a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, as a path into the model: `pools[0].members[1].weight`.
    pub place: String,
    /// What is wrong there, with the value.
    pub what: String,
    /// What to write instead.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.place, self.what, self.remedy)
    }
}

fn listed(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(Problem::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

impl Model {
    /// Looks for contradictions.
    ///
    /// # Errors
    /// All of them, each with its place and a remedy.
    pub fn check(&self) -> Result<(), ModelError> {
        let mut found = Findings::default();
        if self.virtual_servers.is_empty() {
            found.add(
                "virtual-servers",
                "there is none",
                "name at least one address to listen on",
            );
        }
        found.unique(
            "virtual-servers",
            self.virtual_servers.iter().map(|server| &server.name),
        );
        found.unique("pools", self.pools.iter().map(|pool| &pool.name));
        for (index, server) in self.virtual_servers.iter().enumerate() {
            self.check_virtual_server(&format!("virtual-servers[{index}]"), server, &mut found);
        }
        for (index, pool) in self.pools.iter().enumerate() {
            check_pool(&format!("pools[{index}]"), pool, &mut found);
        }

        if found.0.is_empty() {
            Ok(())
        } else {
            Err(ModelError::Contradictions(found.0))
        }
    }

    /// The pool of this name.
    pub fn pool(&self, name: &str) -> Option<&Pool> {
        self.pools.iter().find(|pool| pool.name == name)
    }

    fn check_virtual_server(&self, place: &str, server: &VirtualServer, found: &mut Findings) {
        let Some(pool) = self.pool(&server.pool) else {
            let known = self
                .pools
                .iter()
                .map(|pool| pool.name.as_str())
                .collect::<Vec<_>>()
                .join(", ");
            let what = format!("there is no pool `{}`", server.pool);
            return found.add(
                &format!("{place}.pool"),
                &what,
                &format!("known pools: {known}"),
            );
        };
        if server.connection_limit == Some(0) {
            found.add(
                &format!("{place}.connection-limit"),
                "0 lets nobody in",
                "leave it out for no limit",
            );
        }
        if server.accept_proxy && server.tls.is_some() {
            found.add(
                &format!("{place}.tls"),
                "a PROXY header would come before the TLS handshake, and is not read there",
                "leave accept-proxy or tls out",
            );
        }
        if server.connect_timeout.is_zero() {
            found.add(
                &format!("{place}.connect-timeout"),
                "no handshake takes 0s",
                "write at least \"1s\"",
            );
        }
        if server.idle_timeout.is_some_and(|idle| idle.after.is_zero()) {
            found.add(
                &format!("{place}.idle-timeout.after"),
                "0s ends every connection",
                "leave idle-timeout out to never end one",
            );
        }
        check_snat(&format!("{place}.snat"), &server.snat, pool, found);
    }
}

fn check_snat(place: &str, snat: &Snat, pool: &Pool, found: &mut Findings) {
    if let Some((first, last)) = snat.port_range {
        let place = format!("{place}.port-range");
        if first == 0 || first > last {
            let what = format!("{first} to {last} is no range of ports");
            found.add(
                &place,
                &what,
                "write the first and the last port, from 1 to 65535",
            );
        }
        if !matches!(snat.ports, SnatPorts::Model(_)) {
            let what = format!("with {} ports nobody asks for a range", snat.ports);
            found.add(
                &place,
                &what,
                "leave it out, or choose a model such as ports = range",
            );
        }
    }
    for member in &pool.members {
        let same_family = |address: &IpAddr| address.is_ipv4() == member.address.is_ipv4();
        if !snat.addresses.is_empty() && !snat.addresses.iter().any(same_family) {
            let what = format!("no address can reach the member {}", member.address);
            found.add(
                &format!("{place}.addresses"),
                &what,
                "add one of the member's family, or leave addresses out",
            );
        }
    }
}

fn check_pool(place: &str, pool: &Pool, found: &mut Findings) {
    let mut seen = HashSet::new();
    for (index, member) in pool.members.iter().enumerate() {
        let place = format!("{place}.members[{index}]");
        if !seen.insert(member.address) {
            let what = format!("{} is in the pool already", member.address);
            found.add(
                &format!("{place}.address"),
                &what,
                "name each member once; use weight for a larger share",
            );
        }
        check_reachable(&place, member.address, found);
        if member.weight == 0 {
            found.add(
                &format!("{place}.weight"),
                "a weight of 0 has no share",
                "write at least 1, or state = disabled",
            );
        }
        if member.connection_limit == Some(0) {
            found.add(
                &format!("{place}.connection-limit"),
                "0 lets nobody in",
                "leave it out for no limit",
            );
        }
    }
    for (index, monitor) in pool.monitors.iter().enumerate() {
        check_monitor(&format!("{place}.monitors[{index}]"), monitor, found);
    }
}

fn check_reachable(place: &str, address: SocketAddr, found: &mut Findings) {
    if address.port() == 0 || address.ip().is_unspecified() {
        let what = format!("nobody can connect to {address}");
        found.add(
            &format!("{place}.address"),
            &what,
            "write the address and port at which the member listens",
        );
    }
}

fn check_monitor(place: &str, monitor: &Monitor, found: &mut Findings) {
    for (key, value) in [("fall", monitor.fall), ("rise", monitor.rise)] {
        if value == 0 {
            found.add(
                &format!("{place}.{key}"),
                "0 probes decide nothing",
                "write at least 1",
            );
        }
    }
    for (key, value) in [("interval", monitor.interval), ("timeout", monitor.timeout)] {
        if value.is_zero() {
            found.add(
                &format!("{place}.{key}"),
                "0s is no time",
                "write at least \"100ms\"",
            );
        }
    }
    if monitor.port == Some(0) {
        found.add(
            &format!("{place}.port"),
            "port 0 cannot be asked",
            "leave it out to ask the balanced port",
        );
    }
    if let MonitorKind::Http { path, headers, .. } = &monitor.kind {
        check_request(place, path, headers, found);
    }
}

fn check_request(place: &str, path: &str, headers: &[(String, String)], found: &mut Findings) {
    let breaks_the_request = |text: &str| text.contains(['\r', '\n']);
    if !path.starts_with('/') || path.contains(' ') || breaks_the_request(path) {
        found.add(
            &format!("{place}.kind.path"),
            &format!("{path:?} is no path"),
            "begin with / and leave out blanks",
        );
    }
    if let Some((name, value)) = headers
        .iter()
        .find(|(name, value)| breaks_the_request(name) || breaks_the_request(value))
    {
        let what = format!("{name:?}: {value:?} breaks the line");
        found.add(
            &format!("{place}.kind.headers"),
            &what,
            "write one header per entry, without line ends",
        );
    }
}

#[derive(Default)]
struct Findings(Vec<Problem>);

impl Findings {
    fn add(&mut self, place: &str, what: &str, remedy: &str) {
        self.0.push(Problem {
            place: place.to_owned(),
            what: what.to_owned(),
            remedy: remedy.to_owned(),
        });
    }

    fn unique<'a>(&mut self, place: &str, names: impl Iterator<Item = &'a String>) {
        let mut seen = HashSet::new();
        for (index, name) in names.enumerate() {
            if !seen.insert(name) {
                self.add(
                    &format!("{place}[{index}].name"),
                    &format!("`{name}` is taken"),
                    "give each its own name",
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_written_and_read_back_whole() {
        let text = r#"{
            "seed": 7,
            "virtual-servers": [{
                "name": "wss", "listen": "127.0.0.1:0", "pool": "gateways", "accept-proxy": true,
                "snat": {"addresses": ["127.0.0.2"], "ports": "stride-8", "port-range": [1024, 65535]},
                "persistence": {"source-address": {"timeout": "3m"}},
                "proxy-protocol": "v2-crc", "idle-timeout": {"after": "5m", "then": "reset"},
                "connection-limit": 1000, "connect-timeout": "5s", "reselect-tries": 1
            }],
            "pools": [{
                "name": "gateways", "balance": "least-connections", "service-down-action": "reset", "slow-ramp": "10s",
                "members": [
                    {"address": "127.0.0.1:8800", "weight": 2, "connection-limit": 500, "state": "disabled", "monitor-address": "127.0.0.1:8801"}
                ],
                "monitors": [
                    {"kind": "tcp", "interval": "5s", "timeout": "2s", "fall": 3, "rise": 1, "proxy-protocol": "v2-local"},
                    {"kind": {"http": {"path": "/ready", "status": 200, "receive-disable": "draining"}},
                     "interval": "1s", "timeout": "1s", "fall": 2, "rise": 2, "port": 8801, "proxy-protocol": "off"}
                ]
            }]
        }"#;

        let model = Model::from_json(text).unwrap();

        let written: serde_json::Value = serde_json::to_value(&model).unwrap();
        assert_eq!(
            written,
            serde_json::from_str::<serde_json::Value>(text).unwrap()
        );
    }

    #[test]
    fn a_misspelt_key_is_named_with_its_line() {
        let text = "{\n\"virtual-servers\": [],\n\"pool\": []\n}";

        let refusal = Model::from_json(text).unwrap_err().to_string();

        assert_eq!(
            refusal,
            "unknown field `pool`, expected one of `seed`, `virtual-servers`, `pools` at line 3 column 6"
        );
    }

    #[test]
    fn every_contradiction_is_listed_with_its_place_and_a_remedy() {
        let member: SocketAddr = ([127, 0, 0, 1], 8800).into();
        let mut model = Model::simple(([127, 0, 0, 1], 0).into(), [member, member]);
        model.virtual_servers[0].connection_limit = Some(0);
        model.virtual_servers[0].snat = Snat {
            addresses: vec!["::1".parse().unwrap()],
            ports: SnatPorts::Preserve,
            port_range: Some((2_000, 1_000)),
        };
        model.virtual_servers.push(VirtualServer::new(
            "virtual",
            ([127, 0, 0, 1], 0).into(),
            "elsewhere",
        ));
        model.pools[0].members[0].weight = 0;
        model.pools[0].monitors.push(Monitor {
            fall: 0,
            ..Monitor::new(MonitorKind::http("ready"))
        });

        let refusal = model.check().unwrap_err().to_string();

        let expected = [
            "virtual-servers[1].name: `virtual` is taken; give each its own name",
            "virtual-servers[0].connection-limit: 0 lets nobody in; leave it out for no limit",
            "virtual-servers[0].snat.port-range: 2000 to 1000 is no range of ports; write the first and the last port, from 1 to 65535",
            "virtual-servers[0].snat.port-range: with preserve ports nobody asks for a range; leave it out, or choose a model such as ports = range",
            "virtual-servers[0].snat.addresses: no address can reach the member 127.0.0.1:8800; add one of the member's family, or leave addresses out",
            "virtual-servers[0].snat.addresses: no address can reach the member 127.0.0.1:8800; add one of the member's family, or leave addresses out",
            "virtual-servers[1].pool: there is no pool `elsewhere`; known pools: pool",
            "pools[0].members[0].weight: a weight of 0 has no share; write at least 1, or state = disabled",
            "pools[0].members[1].address: 127.0.0.1:8800 is in the pool already; name each member once; use weight for a larger share",
            "pools[0].monitors[0].fall: 0 probes decide nothing; write at least 1",
            "pools[0].monitors[0].kind.path: \"ready\" is no path; begin with / and leave out blanks",
        ];
        assert_eq!(refusal.lines().collect::<Vec<_>>(), expected);
    }
}
