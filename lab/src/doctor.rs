//! `lab doctor`: what this machine can play, and why not. A function of what was looked up.

use std::fmt::Write as _;

use crate::machine::Machine;

/// Devices through a load balancer that the largest shipped scenario has.
const LARGEST_FLEET: u64 = 5_000;

/// The report.
pub(crate) fn report(machine: &Machine, gateway: &Result<String, String>) -> String {
    let through_adc = machine.descriptors.saturating_sub(200) / 2;
    let mut text = format!(
        "{}, {} processors ({}), {} MB of {} MB memory free\n",
        machine.kernel,
        machine.cpus,
        machine.cpu_model,
        machine.memory_available >> 20,
        machine.memory_total >> 20
    );
    let fleet = format!(
        "{through_adc} devices through a load balancer, {} file descriptors per process",
        machine.descriptors
    );
    let mut line = |able: bool, what: &str, words: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{}  {what:<18} {words}",
            if able { "yes" } else { "no " }
        );
    };
    match gateway {
        Ok(version) => line(true, "gateway", version),
        Err(why) => line(false, "gateway", why),
    }
    line(true, "--kafka embedded", "part of the lab");
    line(true, "--adc builtin", "part of the lab");
    match &machine.haproxy {
        Some(version) => line(true, "--adc haproxy", version),
        None => line(
            false,
            "--adc haproxy",
            "haproxy is not installed: apt-get install haproxy",
        ),
    }
    match &machine.container_engine {
        Ok(version) => line(
            true,
            "--kafka container",
            &format!("container engine {version}"),
        ),
        Err(why) => line(false, "--kafka container", why),
    }
    line(
        machine.ipv6,
        "IPv6 devices",
        if machine.ipv6 {
            "::1 can be bound"
        } else {
            "enable it: sysctl net.ipv6.conf.lo.disable_ipv6=0"
        },
    );
    let room = if through_adc >= LARGEST_FLEET {
        fleet
    } else {
        format!("{fleet}; raise it: ulimit -Hn {}", 2 * LARGEST_FLEET + 200)
    };
    line(through_adc >= LARGEST_FLEET, "large fleets", &room);
    for (key, value) in &machine.sysctls {
        let _ = writeln!(text, "     {key} = {value}");
    }
    text
}
