//! Pools and their members.

use std::net::SocketAddr;
use std::time::Duration;

use lab_adc::model::{Balance, Member, MemberState, Monitor, Pool, ServiceDownAction};
use lab_f5::object::{Object, Property, endpoint, full_path};

use super::Translator;

/// What a pool has when nothing is said, in seconds.
const DEFAULT_SLOW_RAMP: u64 = 10;

impl Translator<'_> {
    pub(super) fn pool(&mut self, server: &Object, path: &str) -> Option<Pool> {
        let Some(object) = self.find(path, |kind| kind == "pool") else {
            self.obstacle(
                server.place_of("pool"),
                format!("01020036:3: The requested Pool ({path}) was not found."),
            );
            return None;
        };
        let domain = server_domain(server);
        let mut members: Vec<Member> = object
            .entries("members")
            .iter()
            .filter_map(|member| self.member(member, domain))
            .collect();
        // Other modes take no notice of ratios.
        let mode = object.word("load-balancing-mode").unwrap_or_default();
        if !mode.starts_with("ratio-") {
            members.iter_mut().for_each(|member| member.weight = 1);
        }
        let mut pool = Pool::new(path, members);
        pool.balance = self.balance(object);
        pool.monitors = self.monitors(object);
        self.own_monitors(object, &mut pool);
        pool.service_down_action = match object.word("service-down-action") {
            None | Some("none") => ServiceDownAction::None,
            Some("reset") => ServiceDownAction::Reset,
            Some("drop") => ServiceDownAction::Drop,
            Some(other) => {
                self.not_modelled(
                    object.place_of("service-down-action"),
                    format!("service-down-action {other}"),
                );
                ServiceDownAction::None
            }
        };
        let ramp = object
            .word("slow-ramp-time")
            .and_then(|word| word.parse().ok())
            .unwrap_or(DEFAULT_SLOW_RAMP);
        pool.slow_ramp = Duration::from_secs(ramp);
        for unmodelled in ["queue-on-connection-limit", "min-up-members-checking"] {
            if object.word(unmodelled) == Some("enabled") {
                self.not_modelled(object.place_of(unmodelled), unmodelled);
            }
        }
        Some(pool)
    }

    fn balance(&mut self, object: &Object) -> Balance {
        match object.word("load-balancing-mode").unwrap_or("round-robin") {
            "round-robin" | "ratio-member" => Balance::RoundRobin,
            "least-connections-member"
            | "least-connections-node"
            | "ratio-least-connections-member" => Balance::LeastConnections,
            other => {
                self.not_modelled(
                    object.place_of("load-balancing-mode"),
                    format!("load-balancing-mode {other}"),
                );
                Balance::RoundRobin
            }
        }
    }

    fn member(&mut self, member: &Property, domain: u16) -> Option<Member> {
        let Some(found) = endpoint(&member.name) else {
            self.not_modelled(
                &member.place,
                format!("the member `{}`: it is no address and port", member.name),
            );
            return None;
        };
        if found.route_domain != domain {
            self.not_modelled(
                &member.place,
                "members in another route domain than their virtual server",
            );
        }
        if member
            .get("priority-group")
            .is_some_and(|group| group != "0")
        {
            self.not_modelled(&member.place, "priority groups");
        }
        let mut model = Member::new(SocketAddr::new(found.address, found.port));
        model.weight = member
            .get("ratio")
            .and_then(|word| word.parse().ok())
            .unwrap_or(1)
            .max(1);
        model.connection_limit = member
            .get("connection-limit")
            .and_then(|word| word.parse().ok())
            .filter(|limit| *limit > 0);
        model.state = member_state(member.get("session"), member.get("state"));
        Some(model)
    }

    /// Monitors of single members. The engine asks the same of all members, each at an address of its own.
    fn own_monitors(&mut self, object: &Object, pool: &mut Pool) {
        let mut shared: Option<Monitor> = None;
        for entry in object.entries("members") {
            let Some(name) = entry
                .get("monitor")
                .map(str::trim)
                .filter(|name| !matches!(*name, "" | "default" | "none"))
            else {
                continue;
            };
            let Some(monitor) = self.monitor(object, &full_path(name)) else {
                continue;
            };
            let address =
                endpoint(&entry.name).map(|found| SocketAddr::new(found.address, found.port));
            if let (Some(port), Some(member)) = (
                monitor.port,
                pool.members
                    .iter_mut()
                    .find(|member| Some(member.address) == address),
            ) {
                member.monitor_address = Some(SocketAddr::new(member.address.ip(), port));
            }
            let alike = Monitor {
                port: None,
                ..monitor
            };
            match &shared {
                None => shared = Some(alike),
                Some(first) if *first == alike => {}
                Some(_) => self.not_modelled(
                    &entry.place,
                    "members whose monitors differ in more than their port",
                ),
            }
        }
        let Some(shared) = shared else { return };
        if !pool.monitors.is_empty()
            || pool
                .members
                .iter()
                .any(|member| member.monitor_address.is_none())
        {
            self.not_modelled(
                object.place_of("members"),
                "pools where only some members have monitors of their own",
            );
        }
        pool.monitors = vec![shared];
    }

    fn monitors(&mut self, object: &Object) -> Vec<Monitor> {
        let text = object.word("monitor").unwrap_or("none");
        if text.starts_with("min ") {
            self.not_modelled(object.place_of("monitor"), "monitor rules with `min … of`");
            return Vec::new();
        }
        let names = text
            .split_whitespace()
            .filter(|word| !matches!(*word, "and" | "none"));
        names
            .filter_map(|name| self.monitor(object, &full_path(name)))
            .collect()
    }
}

/// The route domain of a virtual server.
pub(super) fn server_domain(server: &Object) -> u16 {
    let destination = server.word("destination").and_then(endpoint);
    destination.map_or(0, |found| found.route_domain)
}

/// Session and state together: disabled keeps persistent connections coming, forced offline none.
pub(super) fn member_state(session: Option<&str>, state: Option<&str>) -> MemberState {
    match (session, state) {
        (_, Some("user-down")) => MemberState::ForcedOffline,
        (Some("user-disabled"), _) => MemberState::Disabled,
        _ => MemberState::Enabled,
    }
}
