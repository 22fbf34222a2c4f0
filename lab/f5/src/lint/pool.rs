//! Pools and their monitors.

use super::Findings;
use super::view::{View, seconds};
use crate::object::{Object, full_path};
use crate::vocabulary::is_built_in;

pub(super) fn check(view: &View, findings: &mut Findings) {
    for pool in view.of_kind("pool") {
        balancing(pool, findings);
        actions(pool, findings);
        groups(pool, findings);
        if pool
            .word("monitor")
            .is_none_or(|monitor| monitor.is_empty() || monitor == "none")
        {
            findings.error(
                &pool.place,
                "pool-without-monitor",
                format!(
                    "{} has no monitor: dead gateways keep getting devices",
                    pool.path
                ),
                "add an http monitor on the gateway's admin port, GET /ready",
            );
        }
    }
    for monitor in view
        .objects
        .iter()
        .filter(|object| object.kind.starts_with("monitor "))
    {
        check_monitor(view, monitor, findings);
    }
    proxied_monitors(view, findings);
}

fn balancing(pool: &Object, findings: &mut Findings) {
    let mode = pool.word("load-balancing-mode").unwrap_or("round-robin");
    if mode == "round-robin" {
        findings.warning(
            pool.place_of("load-balancing-mode"),
            "round-robin-for-long-connections",
            "round-robin counts arrivals: WebSockets live for days, and a restarted gateway stays empty",
            "load-balancing-mode least-connections-member",
        );
    }
    let ramp = pool.word("slow-ramp-time").and_then(seconds).unwrap_or(10);
    if mode.contains("least-connections") && ramp == 0 {
        findings.error(
            pool.place_of("slow-ramp-time"),
            "stampede-after-restart",
            "least connections without slow ramp sends every new device to the gateway that just came back",
            "slow-ramp-time 30 or more",
        );
    }
}

fn actions(pool: &Object, findings: &mut Findings) {
    if pool.word("service-down-action") == Some("reselect") {
        findings.error(
            pool.place_of("service-down-action"),
            "reselect-for-tcp",
            "reselect moves an established flow to a member that has never heard of it",
            "service-down-action reset, so that devices reconnect; or none, to live through a flapping monitor",
        );
    }
    if pool.word("service-down-action") == Some("drop") {
        findings.warning(
            pool.place_of("service-down-action"),
            "silent-drop",
            "drop tells nobody: devices wait for their own timeout before they reconnect",
            "service-down-action reset",
        );
    }
    if pool.word("queue-on-connection-limit") == Some("enabled") {
        findings.warning(
            pool.place_of("queue-on-connection-limit"),
            "queued-connections",
            "a queued connection is answered after the device has given up and come again",
            "queue-on-connection-limit disabled",
        );
    }
    for member in pool.entries("members") {
        let limit = member
            .get("connection-limit")
            .and_then(seconds)
            .unwrap_or(0);
        if limit > 0 && limit < 1000 {
            findings.warning(
                &member.place,
                "connection-limit-per-tmm",
                format!("a connection-limit of {limit} is divided among the TMMs and bites early"),
                "leave it out, or set it well above the fleet's share",
            );
        }
    }
}

fn groups(pool: &Object, findings: &mut Findings) {
    let grouped = pool.entries("members").iter().any(|member| {
        member
            .get("priority-group")
            .is_some_and(|group| group != "0")
    });
    let minimum = pool
        .word("min-active-members")
        .and_then(seconds)
        .unwrap_or(0);
    if grouped && minimum == 0 {
        findings.error(
            pool.place_of("min-active-members"),
            "priority-group-without-minimum",
            "priority groups do nothing while min-active-members is 0: the standby site gets traffic as well",
            "min-active-members 1 or more",
        );
    }
}

fn check_monitor(view: &View, monitor: &Object, findings: &mut Findings) {
    let number = |name: &str| {
        view.setting(&monitor.kind, &monitor.path, name)
            .and_then(|(word, _)| seconds(&word))
    };
    if let (Some(interval), Some(timeout)) = (number("interval"), number("timeout"))
        && timeout < interval * 3 + 1
    {
        findings.warning(
            monitor.place_of("timeout"),
            "monitor-timeout-too-short",
            format!("timeout {timeout} with interval {interval} takes a gateway down after fewer than three missed probes"),
            format!("timeout {} (three intervals and one second)", interval * 3 + 1),
        );
    }
    let expects = monitor
        .word("recv")
        .is_some_and(|recv| !recv.is_empty() && recv != "none");
    if monitor.subkind() == "http" && !expects {
        findings.error(
            &monitor.place,
            "monitor-takes-any-answer",
            "without recv any answer is healthy, 503 included: a draining gateway stays up",
            "recv \"HTTP/1\\.[01] 200\"",
        );
    }
    let reverse = monitor.word("reverse") == Some("enabled");
    let disables = monitor
        .word("recv-disable")
        .is_some_and(|word| !word.is_empty() && word != "none");
    if status_is_wanted(monitor) && !disables {
        for pool in pools_that_cut(view, monitor) {
            findings.error(
                monitor.place_of("recv-disable"),
                "drain-resets-connections",
                format!(
                    "a gateway that drains answers 503: the monitor then fails it, and service-down-action of {} ends all its connections at once",
                    pool.path
                ),
                "recv-disable \"HTTP/1\\.[01] 503\": new connections go elsewhere, and the gateway closes those it has at its own pace",
            );
        }
    }
    if reverse && disables {
        findings.error(
            monitor.place_of("recv-disable"),
            "reverse-with-recv-disable",
            "recv-disable does not work in a reversed monitor",
            "use one of the two",
        );
    }
}

/// Whether a gateway must answer with a status to be healthy.
fn status_is_wanted(monitor: &Object) -> bool {
    let recv = monitor.word("recv").unwrap_or_default();
    monitor.subkind() == "http" && recv.starts_with("HTTP/1") && recv.ends_with("200")
}

/// Pools with this monitor that end the connections of a member that fails.
fn pools_that_cut<'a>(view: &'a View, monitor: &'a Object) -> impl Iterator<Item = &'a Object> {
    view.of_kind("pool").filter(move |pool| {
        let asks = |text: &str| {
            text.split_whitespace()
                .any(|name| full_path(name) == monitor.path)
        };
        let of_members = pool.entries("members").iter();
        let is_asked = pool.word("monitor").is_some_and(asks)
            || of_members
                .filter_map(|member| member.get("monitor"))
                .any(asks);
        let action = pool.word("service-down-action").unwrap_or("none");
        is_asked && action != "none"
    })
}

/// Monitors bypass the virtual server and its rules: a listener that requires a PROXY header never answers them.
fn proxied_monitors(view: &View, findings: &mut Findings) {
    for server in view.of_kind("virtual") {
        if !view.rules_of(server).iter().any(|rule| rule.is_proxy()) {
            continue;
        }
        let Some(pool) = server
            .word("pool")
            .and_then(|pool| view.find(pool, |kind| kind == "pool"))
        else {
            continue;
        };
        let names = pool.word("monitor").unwrap_or_default().split_whitespace();
        for name in
            names.filter(|word| word.contains('/') || !matches!(*word, "and" | "min" | "of"))
        {
            let monitor = view.find(&full_path(name), |kind| kind.starts_with("monitor "));
            if monitor.is_none() && !is_built_in(&full_path(name)) {
                continue;
            }
            let destination = monitor
                .and_then(|monitor| monitor.word("destination"))
                .unwrap_or("*:*");
            let opens_with_proxy = monitor
                .and_then(|monitor| monitor.word("send"))
                .is_some_and(|send| send.starts_with("PROXY "));
            let same_port = destination.ends_with(":*") || destination.ends_with(".*");
            if same_port
                && !opens_with_proxy
                && !name.contains("icmp")
                && name.parse::<u32>().is_err()
            {
                findings.error(
                    pool.place_of("monitor"),
                    "monitor-meets-proxy-listener",
                    format!("{name} probes the balanced port without a PROXY header, which the gateway requires there"),
                    "destination *:PORT with the gateway's admin port, or a tcp monitor whose send begins with a PROXY line",
                );
            }
        }
    }
}
