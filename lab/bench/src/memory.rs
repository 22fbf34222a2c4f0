//! User memory of a process: what is resident, counted page by page (proc(5), smaps_rollup).

use anyhow::Context as _;

/// Resident bytes of the process. Kernel memory (sockets, rings' own state) comes on top.
pub(crate) fn resident(pid: u32) -> anyhow::Result<u64> {
    let file = format!("/proc/{pid}/smaps_rollup");
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:"));
    let kibibytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kibibytes.with_context(|| format!("{file} has no Rss"))? * 1024)
}
