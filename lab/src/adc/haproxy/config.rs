//! The neutral model as `haproxy.cfg`. Pure: what is rendered is a function of the model and three numbers.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::time::Duration;

use lab_adc::model::{
    Balance, Member, Model, Monitor, MonitorKind, Persistence, Pool, ProxyProtocol,
    ServiceDownAction, SnatPorts, VirtualServer, span,
};

use crate::stage::PortModel;

/// Tunnels live this long in silence when the model sets no limit; HAProxy warns about none at all.
const FOREVER: Duration = Duration::from_secs(24 * 3600);
/// Connections for probes and operators besides the clients'.
const SPARE_CONNECTIONS: u32 = 20;

/// What is rendered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Config {
    /// What is to be done; its first virtual server and that one's pool.
    pub(crate) model: Model,
    /// Where to listen.
    pub(crate) bind: Bind,
    /// Certificate and key in one file, where TLS ends here.
    pub(crate) certificate: Option<PathBuf>,
    /// The socket for operators.
    pub(crate) statistics: PathBuf,
    /// Clients at once.
    pub(crate) connections: u32,
}

/// Where HAProxy listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bind {
    /// On a socket that it inherits, under this number.
    Inherited(RawFd),
    /// On an address of its own.
    Address(SocketAddr),
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inherited(number) => write!(f, "fd@{number}"),
            Self::Address(address) => write!(f, "{address}"),
        }
    }
}

/// The name of a gateway's server for one source address.
pub(crate) fn backend_server(member: usize, lane: usize) -> String {
    format!("m{member}s{lane}")
}

impl Config {
    /// Lines of configuration per gateway. HAProxy knows one source address per server.
    pub(crate) fn lanes(&self) -> usize {
        self.server()
            .map_or(1, |server| server.snat.addresses.len().max(1))
    }

    /// The whole file.
    pub(crate) fn render(&self) -> String {
        let mut text = self.globals();
        if let Some(server) = self.server()
            && let Some(pool) = self.model.pool(&server.pool)
        {
            text.push_str(&self.frontend(server, pool));
            text.push_str(&self.backend(server, pool));
        }
        text
    }

    fn server(&self) -> Option<&VirtualServer> {
        self.model.virtual_servers.first()
    }

    fn monitor(&self) -> Option<&Monitor> {
        let pool = self.model.pool(&self.server()?.pool)?;
        pool.monitors.first()
    }

    fn globals(&self) -> String {
        let timeouts = self.server().map(|server| {
            (
                server.connect_timeout,
                server.idle_timeout.map_or(FOREVER, |idle| idle.after),
            )
        });
        let (connect, idle) = timeouts.unwrap_or((Duration::from_secs(5), FOREVER));
        // A member that hangs accepts connections; only a check that runs out of time finds out.
        let check = self.monitor().map_or(connect, |monitor| monitor.timeout);
        let [connect, check, idle] = [connect, check, idle].map(span::format);
        format!(
            "global
    maxconn {}
    stats socket {} mode 600 level admin
    # Every first check within this time, so that the lab need not wait.
    max-spread-checks 200ms
defaults
    mode tcp
    timeout connect {connect}
    timeout check {check}
    timeout client {idle}
    timeout server {idle}
    timeout tunnel {idle}
",
            self.connections + SPARE_CONNECTIONS,
            self.statistics.display()
        )
    }

    fn frontend(&self, server: &VirtualServer, pool: &Pool) -> String {
        let accept = if server.accept_proxy {
            " accept-proxy"
        } else {
            ""
        };
        let tls = self
            .certificate
            .as_ref()
            .map_or_else(String::new, |file| format!(" ssl crt {}", file.display()));
        let limit = server
            .connection_limit
            .unwrap_or(self.connections + SPARE_CONNECTIONS);
        format!(
            "frontend {}
    bind {}{accept}{tls}
    backlog 4096
    maxconn {limit}
    default_backend {}
",
            server.name, self.bind, pool.name
        )
    }

    fn backend(&self, server: &VirtualServer, pool: &Pool) -> String {
        let mut text = format!(
            "backend {}\n    balance {}\n",
            pool.name,
            balance(pool.balance)
        );
        // Writing to a string cannot fail.
        let _ = writeln!(text, "    retries {}", server.reselect_tries);
        if server.reselect_tries > 0 {
            text.push_str("    option redispatch 1\n");
        }
        if let Persistence::SourceAddress { timeout } = server.persistence {
            let _ = writeln!(
                text,
                "    stick-table type ipv6 size 100k expire {}\n    stick on src",
                span::format(timeout)
            );
        }
        let monitor = pool.monitors.first();
        if let Some(Monitor { kind, .. }) = monitor {
            text.push_str(&check(kind));
        }
        for (number, member) in pool.members.iter().enumerate() {
            for lane in 0..self.lanes() {
                let _ = writeln!(
                    text,
                    "    {}",
                    server_line(server, pool, number, member, lane)
                );
            }
        }
        text
    }
}

fn balance(method: Balance) -> &'static str {
    match method {
        Balance::RoundRobin => "roundrobin",
        Balance::LeastConnections => "leastconn",
        Balance::SourceAddress => "source",
    }
}

fn check(kind: &MonitorKind) -> String {
    let MonitorKind::Http {
        path,
        headers,
        status,
        receive,
        ..
    } = kind
    else {
        return String::new();
    };
    let mut text = format!(
        "    option httpchk\n    http-check send meth GET uri {path} ver HTTP/1.1 hdr Host gateway"
    );
    for (name, value) in headers {
        let _ = write!(text, " hdr {name} {}", quoted(value));
    }
    let _ = writeln!(text, "\n    http-check expect status {status}");
    if let Some(receive) = receive {
        let _ = writeln!(text, "    http-check expect string {}", quoted(receive));
    }
    text
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "'\\''"))
}

fn server_line(
    server: &VirtualServer,
    pool: &Pool,
    number: usize,
    member: &Member,
    lane: usize,
) -> String {
    let mut words = vec![format!(
        "server {} {}",
        backend_server(number, lane),
        member.address
    )];
    words.push(format!("weight {}", member.weight));
    if let Some(limit) = member.connection_limit {
        words.push(format!("maxconn {limit}"));
    }
    words.extend(source(server, lane));
    words.extend(header(server.proxy_protocol).map(str::to_owned));
    if lane > 0 && !pool.monitors.is_empty() {
        // One check per gateway is enough; its other lines share the verdict.
        words.push(format!("track {}", backend_server(number, 0)));
    } else if let Some(monitor) = pool.monitors.first() {
        words.push(checked(member, monitor));
    }
    if !pool.slow_ramp.is_zero() {
        words.push(format!("slowstart {}", span::format(pool.slow_ramp)));
    }
    if pool.service_down_action == ServiceDownAction::Reset {
        words.push("on-marked-down shutdown-sessions".to_owned());
    }
    words.join(" ")
}

fn checked(member: &Member, monitor: &Monitor) -> String {
    let mut text = format!(
        "check inter {} fall {} rise {}",
        span::format(monitor.interval),
        monitor.fall,
        monitor.rise
    );
    // With an address or port of its own a check does without the PROXY header, as an admin port wants it.
    if let Some(asked) = member.monitor_address {
        let _ = write!(text, " addr {} port {}", asked.ip(), asked.port());
    } else if let Some(port) = monitor.port {
        let _ = write!(text, " port {port}");
    }
    text
}

fn source(server: &VirtualServer, lane: usize) -> Option<String> {
    let address = server.snat.addresses.get(lane).copied();
    let SnatPorts::Model(PortModel::Range) = server.snat.ports else {
        return address.map(|address| format!("source {address}"));
    };
    let range = server
        .snat
        .span()
        .unwrap_or_else(|| PortModel::Range.usual_ports());
    let address = match address {
        Some(IpAddr::V6(v6)) => format!("[{v6}]"),
        Some(IpAddr::V4(v4)) => v4.to_string(),
        None => "*".to_owned(),
    };
    Some(format!(
        "source {address}:{}-{}",
        range.start(),
        range.end()
    ))
}

fn header(kind: ProxyProtocol) -> Option<&'static str> {
    match kind {
        ProxyProtocol::Off => None,
        ProxyProtocol::V1 => Some("send-proxy"),
        ProxyProtocol::V2 => Some("send-proxy-v2"),
        ProxyProtocol::V2Crc => Some("send-proxy-v2 proxy-v2-options crc32c"),
    }
}

#[cfg(test)]
mod tests {
    use lab_adc::model::{MonitorKind, Snat};

    use super::*;

    #[test]
    fn the_smallest_configuration() {
        assert_eq!(
            rendered(|_| ()),
            "global
    maxconn 120
    stats socket /run/lab/stats.sock mode 600 level admin
    # Every first check within this time, so that the lab need not wait.
    max-spread-checks 200ms
defaults
    mode tcp
    timeout connect 5s
    timeout check 5s
    timeout client 24h
    timeout server 24h
    timeout tunnel 24h
frontend virtual
    bind fd@7
    backlog 4096
    maxconn 120
    default_backend pool
backend pool
    balance roundrobin
    retries 0
    server m0s0 127.0.0.1:9001 weight 1
    server m1s0 127.0.0.1:9002 weight 1
"
        );
    }

    #[test]
    fn a_check_may_take_as_long_as_the_monitor_says() {
        let text = rendered(|model| {
            model.pools[0].monitors = vec![Monitor {
                timeout: Duration::from_millis(300),
                ..Monitor::new(MonitorKind::Tcp)
            }];
        });

        assert!(text.contains("\n    timeout check 300ms\n"), "{text}");
    }

    #[test]
    fn a_range_over_two_addresses_makes_two_servers_per_gateway_that_share_a_check() {
        let text = rendered(|model| {
            let addresses = ["127.0.0.2", "127.0.0.3"]
                .map(|text| text.parse().unwrap())
                .to_vec();
            model.virtual_servers[0].snat = Snat {
                addresses,
                ports: SnatPorts::Model(PortModel::Range),
                port_range: Some((40_000, 40_999)),
            };
            model.virtual_servers[0].proxy_protocol = ProxyProtocol::V2Crc;
            model.pools[0].monitors = vec![Monitor {
                interval: Duration::from_millis(200),
                ..Monitor::new(MonitorKind::Tcp)
            }];
            model.pools[0].members.truncate(1);
        });

        assert_eq!(
            servers(&text),
            [
                "server m0s0 127.0.0.1:9001 weight 1 source 127.0.0.2:40000-40999 send-proxy-v2 proxy-v2-options crc32c check inter 200ms fall 3 rise 1",
                "server m0s1 127.0.0.1:9001 weight 1 source 127.0.0.3:40000-40999 send-proxy-v2 proxy-v2-options crc32c track m0s0",
            ]
        );
    }

    #[test]
    fn a_check_of_the_admin_port_asks_for_readiness_and_sends_no_header() {
        let text = rendered(|model| {
            model.virtual_servers[0].proxy_protocol = ProxyProtocol::V1;
            model.pools[0].monitors = vec![Monitor::new(MonitorKind::http("/ready"))];
            model.pools[0].members.truncate(1);
            model.pools[0].members[0].monitor_address = Some("127.0.0.1:9901".parse().unwrap());
        });

        assert!(text.contains("    option httpchk\n    http-check send meth GET uri /ready ver HTTP/1.1 hdr Host gateway\n    http-check expect status 200\n"));
        assert_eq!(
            servers(&text),
            [
                "server m0s0 127.0.0.1:9001 weight 1 send-proxy check inter 5s fall 3 rise 1 addr 127.0.0.1 port 9901"
            ]
        );
    }

    #[test]
    fn everything_else_a_pool_can_say_is_said() {
        let text = rendered(|model| {
            let server = &mut model.virtual_servers[0];
            server.accept_proxy = true;
            server.connection_limit = Some(50);
            server.reselect_tries = 2;
            server.persistence = Persistence::SourceAddress {
                timeout: Duration::from_secs(180),
            };
            server.snat.addresses = vec!["::1".parse().unwrap()];
            let pool = &mut model.pools[0];
            pool.balance = Balance::LeastConnections;
            pool.slow_ramp = Duration::from_secs(10);
            pool.service_down_action = ServiceDownAction::Reset;
            pool.members = vec![Member {
                weight: 3,
                connection_limit: Some(9),
                ..Member::new("[::1]:9001".parse().unwrap())
            }];
        });

        for line in [
            "    bind fd@7 accept-proxy",
            "    maxconn 50",
            "    balance leastconn",
            "    retries 2",
            "    option redispatch 1",
            "    stick-table type ipv6 size 100k expire 3m",
            "    stick on src",
            "    server m0s0 [::1]:9001 weight 3 maxconn 9 source ::1 slowstart 10s on-marked-down shutdown-sessions",
        ] {
            assert!(
                text.lines().any(|one| one == line),
                "`{line}` is missing in\n{text}"
            );
        }
    }

    #[test]
    fn a_certificate_ends_tls_at_the_frontend() {
        let text = Config {
            certificate: Some(PathBuf::from("/run/lab/devices.pem")),
            ..config(|_| ())
        }
        .render();

        assert!(
            text.contains("\n    bind fd@7 ssl crt /run/lab/devices.pem\n"),
            "{text}"
        );
    }

    fn rendered(change: impl FnOnce(&mut Model)) -> String {
        config(change).render()
    }

    fn config(change: impl FnOnce(&mut Model)) -> Config {
        let members = [9_001, 9_002].map(|port| ([127, 0, 0, 1], port).into());
        let mut model = Model::simple(([127, 0, 0, 1], 0).into(), members);
        change(&mut model);
        Config {
            model,
            bind: Bind::Inherited(7),
            certificate: None,
            statistics: PathBuf::from("/run/lab/stats.sock"),
            connections: 100,
        }
    }

    fn servers(text: &str) -> Vec<&str> {
        text.lines()
            .map(str::trim)
            .filter(|line| line.starts_with("server "))
            .collect()
    }
}
