//! Whether there is memory for more: what the kernel can give without writing anything out, and what the control group of
//! this process allows. A connection's memory is mostly the kernel's, and nobody but us stops before it is short.

use anyhow::Context as _;

/// What is never touched, in bytes: others live here too, and a message to everyone needs buffers while it is under way.
pub(super) const FLOOR: u64 = 3 << 30;

/// Bytes that are left.
pub(super) fn left() -> anyhow::Result<u64> {
    let machine = of_machine(&read("/proc/meminfo")?)?;
    Ok(of_group().map_or(machine, |group| machine.min(group)))
}

pub(super) fn gibibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

/// What is free, and the cache of files. `MemAvailable` is not asked: it counts on memory that connections keep.
fn of_machine(meminfo: &str) -> anyhow::Result<u64> {
    let bytes = |key: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(key));
        let number = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        number
            .map(|kibibytes| kibibytes * 1024)
            .with_context(|| format!("/proc/meminfo has no {key}"))
    };
    // Memory of tmpfs is counted as cache, and stays.
    Ok((bytes("MemFree:")? + bytes("Cached:")?).saturating_sub(bytes("Shmem:")?))
}

/// What the control group (version 2) leaves, if there is a limit.
fn of_group() -> Option<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let file = |name: &str| {
        std::fs::read_to_string(format!(
            "/sys/fs/cgroup{}/{name}",
            path.trim_end_matches('/')
        ))
    };
    let most: u64 = file("memory.max").ok()?.trim().parse().ok()?;
    let used: u64 = file("memory.current").ok()?.trim().parse().ok()?;
    let statistics = file("memory.stat").ok()?;
    let cache = statistics
        .lines()
        .find_map(|line| line.strip_prefix("inactive_file "))?;
    Some(most.saturating_sub(used.saturating_sub(cache.parse().ok()?)))
}

/// Memory of the kernel's that nothing but its user gives back, in bytes: sockets, polls, tables.
pub(super) fn kernel() -> anyhow::Result<u64> {
    let meminfo = read("/proc/meminfo")?;
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("SUnreclaim:"));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    Ok(number.context("/proc/meminfo has no SUnreclaim")? * 1024)
}

fn read(file: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_in_the_cache_count_as_left_and_files_in_memory_do_not() {
        let meminfo = "MemFree: 1000 kB\nMemAvailable: 9999 kB\nCached: 500 kB\nShmem: 100 kB\n";

        assert_eq!(of_machine(meminfo).unwrap(), 1400 * 1024);
        assert!(of_machine("MemFree: 1 kB\n").is_err());
    }
}
