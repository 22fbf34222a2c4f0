//! Virtual servers: where they listen, what they translate, how long they wait.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use lab_adc::model::{IdleTimeout, Persistence, ProxyProtocol, Snat, SnatPorts, VirtualServer};
use lab_f5::object::{Object, Property, base_name, full_path};

use super::{Translator, entry};

/// How long `/Common/source_addr` remembers.
const DEFAULT_PERSISTENCE: Duration = Duration::from_secs(180);

impl<'a> Translator<'a> {
    pub(super) fn virtual_server(
        &mut self,
        object: &'a Object,
        idle_timeout: Option<IdleTimeout>,
        first: bool,
    ) -> Option<VirtualServer> {
        let Some(pool) = object.word("pool").filter(|pool| *pool != "none") else {
            self.not_modelled(&object.place, "virtual servers without a pool");
            return None;
        };
        let data = self.stage.data;
        let listen = if first {
            data
        } else {
            SocketAddr::new(data.ip(), 0)
        };
        let mut server = VirtualServer::new(object.path.as_str(), listen, full_path(pool));
        server.accept_proxy = self.stage.accept_proxy;
        // PROXY headers come from iRules here, as on the appliance.
        server.proxy_protocol = ProxyProtocol::Off;
        server.snat = self.snat(object);
        server.idle_timeout = idle_timeout;
        server.persistence = self.persistence(object);
        server.connection_limit = object
            .word("connection-limit")
            .and_then(|word| word.parse().ok())
            .filter(|limit| *limit > 0);
        if object
            .word("ip-protocol")
            .is_some_and(|protocol| !matches!(protocol, "tcp" | "6" | "any"))
        {
            self.not_modelled(object.place_of("ip-protocol"), "protocols other than TCP");
        }
        for switch in ["mirror", "nat64"] {
            if object.word(switch) == Some("enabled") {
                self.not_modelled(object.place_of(switch), switch);
            }
        }
        if let Some(pool) = self.find(&server.pool, |kind| kind == "pool") {
            server.reselect_tries = pool
                .word("reselect-tries")
                .and_then(|word| word.parse().ok())
                .unwrap_or(0);
        }
        Some(server)
    }

    fn snat(&mut self, object: &Object) -> Snat {
        let entries = object.entries("source-address-translation");
        let addresses = match entry(entries, "type").unwrap_or("none") {
            // The address that this machine uses towards the member is the nearest thing to a self-IP.
            "automap" => Vec::new(),
            "snat" => self.snat_addresses(object, entry(entries, "pool").unwrap_or_default()),
            _ => {
                let place = object.place_of("source-address-translation");
                self.not_modelled(place, "virtual servers without source address translation");
                Vec::new()
            }
        };
        let ports = match object.word("source-port") {
            Some("change") => self.tmm_ports(),
            Some("preserve-strict") => SnatPorts::PreserveStrict,
            _ => SnatPorts::Preserve,
        };
        let models = matches!(ports, SnatPorts::Model(_));
        let few = self.stage.snat_ports_each.filter(|_| models);
        Snat {
            addresses,
            ports,
            port_range: few.map(few_ports),
        }
    }

    /// Each TMM has ports of its own, so that answers come back to it; one TMM has all of them.
    fn tmm_ports(&self) -> SnatPorts {
        let name = match self.stage.tmms {
            0 | 1 => "range",
            2..=4 => "stride-4",
            5..=8 => "per-core-residue",
            _ => "stride-16",
        };
        SnatPorts::named(name).unwrap_or_default()
    }

    fn snat_addresses(&mut self, object: &Object, path: &str) -> Vec<IpAddr> {
        let Some(pool) = self.find(path, |kind| kind == "snatpool") else {
            let place = object.place_of("source-address-translation");
            self.obstacle(
                place,
                format!("01020036:3: The requested SNAT pool ({path}) was not found."),
            );
            return Vec::new();
        };
        let address = |member: &Property| {
            base_name(&member.name)
                .split('%')
                .next()
                .and_then(|text| text.parse().ok())
        };
        pool.entries("members").iter().filter_map(address).collect()
    }

    fn persistence(&mut self, object: &Object) -> Persistence {
        for used in object.entries("persist") {
            let path = full_path(&used.name);
            let profile = self.find(&path, |kind| kind.starts_with("persistence "));
            let is_source = profile.map_or(path == "/Common/source_addr", |profile| {
                profile.subkind() == "source-addr"
            });
            if !is_source {
                self.not_modelled(&used.place, format!("the persistence {path}"));
                continue;
            }
            let timeout = profile
                .and_then(|profile| profile.word("timeout"))
                .and_then(|word| word.parse().ok());
            return Persistence::SourceAddress {
                timeout: timeout.map_or(DEFAULT_PERSISTENCE, Duration::from_secs),
            };
        }
        Persistence::None
    }
}

/// So many ports, below those that kernels choose, so that they are nobody else's.
fn few_ports(count: u16) -> (u16, u16) {
    const FIRST: u16 = 10_000;
    (FIRST, FIRST.saturating_add(count.saturating_sub(1)))
}
