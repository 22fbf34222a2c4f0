//! A network of one's own to measure in. A firewall's or a container engine's rules make the kernel track every
//! connection, on loopback too, which costs 15 to 35 % of a send; a fresh network namespace has no rules.

use std::process::Command;

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

/// Moves this process, and the children it starts from now on, into a network namespace of its own. Call it before there is
/// a second thread.
///
/// # Errors
/// Why not, as a clause. The process stays where it was, or is in a namespace whose loopback is down.
pub fn enter() -> Result<(), String> {
    let (user, group) = (geteuid(), getegid());
    let mut flags = CloneFlags::CLONE_NEWNET;
    if !user.is_root() {
        flags |= CloneFlags::CLONE_NEWUSER;
    }
    unshare(flags).map_err(|error| format!("the kernel allows no network namespace ({error})"))?;
    if !user.is_root() {
        // Be root in here: only root may raise the interface.
        let map = |file: &str, line: String| {
            std::fs::write(format!("/proc/self/{file}"), line)
                .map_err(|error| format!("cannot write /proc/self/{file} ({error})"))
        };
        map("setgroups", "deny".to_owned())?;
        map("uid_map", format!("0 {user} 1"))?;
        map("gid_map", format!("0 {group} 1"))?;
    }
    raise_loopback()?;
    widen();
    Ok(())
}

/// As [`enter`], with tables for so many connections between ends that are both in here. The kernel looks connections up in
/// one table for the whole machine otherwise, sized for fewer.
///
/// # Errors
/// As [`enter`].
pub fn enter_for(connections: usize) -> Result<(), String> {
    const MOST: usize = 1 << 24;
    enter()?;
    let places = (2 * connections).next_power_of_two().min(MOST);
    // It is for namespaces that begin in this one. A kernel older than 6.1 knows no such setting, and is slower.
    let setting = "/proc/sys/net/ipv4/tcp_child_ehash_entries";
    if std::fs::write(setting, places.to_string()).is_ok() {
        enter()?;
    }
    Ok(())
}

fn raise_loopback() -> Result<(), String> {
    let raised = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .output();
    match raised {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(format!(
            "cannot run `ip`, of the package iproute2 ({error})"
        )),
    }
}

/// Ports and queues for many devices. Where the kernel keeps its defaults, rows that need more say so themselves.
fn widen() {
    for (key, value) in [
        ("ipv4/ip_local_port_range", "1024 65535"),
        ("core/somaxconn", "65535"),
        ("ipv4/tcp_max_syn_backlog", "65535"),
    ] {
        let _ = std::fs::write(format!("/proc/sys/net/{key}"), value);
    }
}
