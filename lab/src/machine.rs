//! What this machine offers to a stage, looked up once.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kernel settings that decide how many connections can be had, and how fast.
const SYSCTLS: [&str; 7] = [
    "net.core.somaxconn",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_mem",
    "net.ipv4.tcp_tw_reuse",
    "net.netfilter.nf_conntrack_max",
    "fs.file-max",
];

/// What this machine offers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Machine {
    /// File descriptors that one process may hold.
    pub(crate) descriptors: u64,
    /// Memory that can be had without swapping, in bytes.
    pub(crate) memory_available: u64,
    /// All memory, in bytes.
    pub(crate) memory_total: u64,
    /// Processors this process may use.
    pub(crate) cpus: u32,
    /// The processor's own name.
    pub(crate) cpu_model: String,
    /// Kernel and release.
    pub(crate) kernel: String,
    /// Ports that the kernel hands out.
    pub(crate) local_ports: RangeInclusive<u16>,
    /// Connections for which the kernel's tracking has room; none where it tracks nothing.
    pub(crate) tracking_room: Option<u64>,
    /// Whether ::1 can be used.
    pub(crate) ipv6: bool,
    /// `haproxy -v`, when it is installed.
    pub(crate) haproxy: Option<String>,
    /// What the container engine answered, or why it did not.
    pub(crate) container_engine: Result<String, String>,
    /// [`SYSCTLS`] that exist.
    pub(crate) sysctls: BTreeMap<String, String>,
}

impl Machine {
    /// Raises the descriptor limit as far as allowed and looks around.
    pub(crate) fn look() -> Self {
        let meminfo = read("/proc/meminfo");
        Self {
            descriptors: raise_descriptors(),
            memory_available: kibibytes(&meminfo, "MemAvailable:"),
            memory_total: kibibytes(&meminfo, "MemTotal:"),
            cpus: std::thread::available_parallelism()
                .map_or(1, |cpus| u32::try_from(cpus.get()).unwrap_or(u32::MAX)),
            cpu_model: cpu_model(),
            kernel: format!("Linux {}", read("/proc/sys/kernel/osrelease").trim()),
            local_ports: local_ports(),
            tracking_room: tracking_room(),
            ipv6: std::net::TcpListener::bind(("::1", 0)).is_ok(),
            haproxy: first_line(Command::new("haproxy").arg("-v")).ok(),
            container_engine: lab_kafka::engine::answers().map_err(|error| error.to_string()),
            sysctls: sysctls(),
        }
    }
}

/// Lifts the soft limit to the hard one; children inherit it.
pub(crate) fn raise_descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // Where raising is refused the soft limit stays, and is what counts.
    let _ = setrlimit(Resource::Nofile, raised);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Lowers the descriptor limit for good, where it is higher; children inherit it.
pub(crate) fn lower_descriptors(most: u64) {
    let lower = |limit: Option<u64>| Some(limit.map_or(most, |limit| limit.min(most)));
    let limit = getrlimit(Resource::Nofile);
    let lowered = Rlimit {
        current: lower(limit.current),
        maximum: lower(limit.maximum),
    };
    // Lowering is never refused.
    let _ = setrlimit(Resource::Nofile, lowered);
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn kibibytes(meminfo: &str, key: &str) -> u64 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    number.unwrap_or(0) * 1024
}

fn cpu_model() -> String {
    let cpuinfo = read("/proc/cpuinfo");
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split_once(':'))
        .map_or_else(String::new, |(_, name)| name.trim().to_owned())
}

fn local_ports() -> RangeInclusive<u16> {
    let text = read("/proc/sys/net/ipv4/ip_local_port_range");
    let mut ends = text.split_whitespace().map_while(|end| end.parse().ok());
    match (ends.next(), ends.next()) {
        (Some(low), Some(high)) => low..=high,
        _ => 32_768..=60_999,
    }
}

/// Where a firewall or a container engine has rules, loopback is tracked as well; a full table drops packets without a word.
fn tracking_room() -> Option<u64> {
    let number = |name: &str| {
        read(&format!("/proc/sys/net/netfilter/nf_conntrack_{name}"))
            .trim()
            .parse::<u64>()
            .ok()
    };
    Some(number("max")?.saturating_sub(number("count")?))
}

fn sysctls() -> BTreeMap<String, String> {
    let value =
        |key: &str| std::fs::read_to_string(format!("/proc/sys/{}", key.replace('.', "/"))).ok();
    let known = SYSCTLS
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), value(key)?)));
    known
        .map(|(key, value)| (key, value.split_whitespace().collect::<Vec<_>>().join(" ")))
        .collect()
}

/// The first line a program says, or why it says none.
fn first_line(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let out = command
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    let text = if out.status.success() {
        out.stdout
    } else {
        out.stderr
    };
    let line = String::from_utf8_lossy(&text)
        .lines()
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned();
    if out.status.success() {
        Ok(line)
    } else {
        Err(line)
    }
}
