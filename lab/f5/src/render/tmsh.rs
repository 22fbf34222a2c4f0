//! tmsh: `tmsh load sys config merge file …`.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use super::{Variant, rule_text};
use crate::site::Site;

/// The lines of a file under construction; nesting shows as indentation.
struct Lines {
    text: String,
    depth: usize,
}

impl Lines {
    fn line(&mut self, line: &str) {
        let width = self.depth * 4;
        // Writing to a string cannot fail.
        let _infallible = writeln!(self.text, "{:width$}{line}", "");
    }

    fn block(&mut self, head: &str, inside: impl FnOnce(&mut Self)) {
        self.line(&format!("{head} {{"));
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        self.line("}");
    }

    /// A property and its words, in the order given.
    fn all(&mut self, properties: &[(&str, &str)]) {
        for (name, word) in properties {
            self.line(&format!("{name} {word}"));
        }
    }
}

/// One variant as a file.
pub(super) fn render(site: &Site, variant: Variant) -> String {
    let mut lines = Lines {
        text: header(variant),
        depth: 0,
    };
    let name = |object: &str| format!("/{}/tidegate_{object}", site.partition);
    for (monitor_name, port) in site.monitors() {
        monitor(&mut lines, site, &name(&monitor_name), port);
    }
    pool(&mut lines, site, &name);
    tcp(&mut lines, site, &name);
    if variant == Variant::TlsOffload {
        web(&mut lines, site, &name);
    }
    snat(&mut lines, site, &name);
    for rule in variant.rules(site) {
        lines.line(&format!("ltm rule {} {{", rule_path(site, rule)));
        lines.text.push_str(rule_text(rule));
        lines.line("}");
    }
    for (index, address) in site.virtual_addresses.iter().enumerate() {
        virtual_server(&mut lines, site, variant, *address, index, &name);
    }
    lines.text
}

fn header(variant: Variant) -> String {
    format!(
        "# Tidegate behind BIG-IP: {}. Rendered from site.toml; change that and render again.\n\
         # Try it:  tmsh load sys config merge file {}.tmsh.conf verify\n\
         # Load it: tmsh load sys config merge file {}.tmsh.conf\n",
        match variant {
            Variant::TlsPassthrough => "TLS passes through to the gateways",
            Variant::TlsOffload => "TLS ends here",
        },
        variant.name(),
        variant.name(),
    )
}

fn rule_path(site: &Site, rule: &str) -> String {
    format!("/{}/tidegate_{}", site.partition, rule.replace('-', "_"))
}

fn monitor(lines: &mut Lines, site: &Site, path: &str, port: u16) {
    lines.block(&format!("ltm monitor http {path}"), |lines| {
        lines.line("defaults-from /Common/http");
        lines.line(&format!("destination *:{port}"));
        lines.line(&format!("interval {}", site.monitor_interval));
        lines.all(&[
            ("recv", "\"HTTP/1\\.[01] 200\""),
            ("recv-disable", "\"HTTP/1\\.[01] 503\""),
            (
                "send",
                "\"GET /ready HTTP/1.1\\r\\nHost: tidegate\\r\\nConnection: close\\r\\n\\r\\n\"",
            ),
        ]);
        lines.line(&format!("time-until-up {}", site.time_until_up));
        lines.line(&format!("timeout {}", site.monitor_timeout()));
    });
}

fn pool(lines: &mut Lines, site: &Site, name: &dyn Fn(&str) -> String) {
    lines.block(&format!("ltm pool {}", name("gateways")), |lines| {
        let monitors = site.monitors();
        let own_monitors = !site.health_ports.is_empty();
        lines.line(&format!("load-balancing-mode {}", site.balance.mode()));
        lines.block("members", |lines| {
            for (index, gateway) in site.gateways.iter().enumerate() {
                lines.block(&endpoint(site, *gateway), |lines| {
                    lines.line(&format!("address {}", site.placed(gateway.ip())));
                    if own_monitors {
                        lines.line(&format!("monitor {}", name(&monitors[index].0)));
                    }
                });
            }
        });
        if !own_monitors {
            lines.line(&format!("monitor {}", name(&monitors[0].0)));
        }
        lines.line("service-down-action reset");
        lines.line(&format!("slow-ramp-time {}", site.slow_ramp));
    });
}

fn endpoint(site: &Site, address: SocketAddr) -> String {
    let separator = if address.is_ipv6() { '.' } else { ':' };
    format!(
        "/{}/{}{separator}{}",
        site.partition,
        site.placed(address.ip()),
        address.port()
    )
}

fn tcp(lines: &mut Lines, site: &Site, name: &dyn Fn(&str) -> String) {
    lines.block(&format!("ltm profile tcp {}", name("tcp")), |lines| {
        lines.line("defaults-from /Common/tcp");
        lines.all(&[("deferred-accept", "disabled"), ("fast-open", "disabled")]);
        lines.line(&format!("idle-timeout {}", site.idle_timeout));
        lines.line(&format!(
            "keep-alive-interval {}",
            site.keep_alive_interval()
        ));
        lines.all(&[
            ("mptcp", "disabled"),
            ("nagle", "disabled"),
            ("reset-on-timeout", "enabled"),
            ("syn-cookie-enable", "enabled"),
            ("verified-accept", "disabled"),
        ]);
    });
}

fn web(lines: &mut Lines, site: &Site, name: &dyn Fn(&str) -> String) {
    lines.block(
        &format!("ltm profile client-ssl {}", name("client_ssl")),
        |lines| {
            lines.block("cert-key-chain", |lines| {
                lines.block("tidegate", |lines| {
                    lines.line(&format!("cert {}", site.certificate));
                    lines.line(&format!("key {}", site.key));
                });
            });
            lines.line("defaults-from /Common/clientssl");
            lines.line("options { dont-insert-empty-fragments no-tlsv1 no-tlsv1.1 }");
        },
    );
    lines.block(&format!("ltm profile http {}", name("http")), |lines| {
        lines.all(&[
            ("accept-xff", "disabled"),
            ("defaults-from", "/Common/http"),
            ("insert-xforwarded-for", "disabled"),
            ("oneconnect-transformations", "disabled"),
        ]);
    });
    lines.block(
        &format!("ltm profile websocket {}", name("websocket")),
        |lines| {
            lines.all(&[
                ("defaults-from", "/Common/websocket"),
                ("masking", "selective"),
            ]);
        },
    );
}

fn snat(lines: &mut Lines, site: &Site, name: &dyn Fn(&str) -> String) {
    lines.block(&format!("ltm snatpool {}", name("snat")), |lines| {
        lines.block("members", |lines| {
            for address in &site.snat_addresses {
                lines.line(&format!("/{}/{}", site.partition, site.placed(*address)));
            }
        });
    });
}

fn virtual_server(
    lines: &mut Lines,
    site: &Site,
    variant: Variant,
    address: IpAddr,
    index: usize,
    name: &dyn Fn(&str) -> String,
) {
    let suffix = if index == 0 {
        String::new()
    } else {
        format!("_{index}")
    };
    lines.block(
        &format!("ltm virtual {}{suffix}", name("devices")),
        |lines| {
            lines.line(&format!(
                "destination {}",
                endpoint(site, SocketAddr::new(address, site.virtual_port))
            ));
            lines.line("ip-protocol tcp");
            lines.line(&format!(
                "mask {}",
                if address.is_ipv4() {
                    "255.255.255.255"
                } else {
                    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
                }
            ));
            lines.line("mirror disabled");
            lines.line(&format!("pool {}", name("gateways")));
            lines.block("profiles", |lines| {
                lines.block(&name("tcp"), |lines| lines.line("context all"));
                if variant == Variant::TlsOffload {
                    lines.block(&name("client_ssl"), |lines| {
                        lines.line("context clientside")
                    });
                    lines.block(&name("http"), |lines| lines.line("context all"));
                    lines.block(&name("websocket"), |lines| lines.line("context all"));
                }
            });
            if !variant.rules(site).is_empty() {
                lines.block("rules", |lines| {
                    for rule in variant.rules(site) {
                        lines.line(&rule_path(site, rule));
                    }
                });
            }
            lines.line("service-down-immediate-action reset");
            lines.line(&format!(
                "source {}",
                if address.is_ipv4() {
                    "0.0.0.0/0"
                } else {
                    "::/0"
                }
            ));
            lines.block("source-address-translation", |lines| {
                lines.line(&format!("pool {}", name("snat")));
                lines.line("type snat");
            });
            lines.all(&[
                ("source-port", "change"),
                ("translate-address", "enabled"),
                ("translate-port", "enabled"),
            ]);
            if !site.vlans.is_empty() {
                lines.block("vlans", |lines| {
                    for vlan in &site.vlans {
                        lines.line(vlan);
                    }
                });
                lines.line("vlans-enabled");
            }
        },
    );
}
