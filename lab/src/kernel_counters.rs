//! Counters of the kernel's network stack; they are of the whole network namespace.

/// Connection requests that were dropped because a listener's queue was full, since the machine started; none where the kernel does not say.
pub(crate) fn listen_overflows() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/net/netstat").ok()?;
    counter(&text, "TcpExt:", "ListenOverflows")
}

/// Names and values stand in two lines that begin with the same word.
fn counter(text: &str, group: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with(group));
    let (names, values) = (lines.next()?, lines.next()?);
    names
        .split_whitespace()
        .zip(values.split_whitespace())
        .find(|(known, _)| *known == name)?
        .1
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_found_below_its_name() {
        let text = "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 0 17 18\nIpExt: ListenOverflows\nIpExt: 3\n";

        assert_eq!(counter(text, "TcpExt:", "ListenOverflows"), Some(17));
        assert_eq!(counter(text, "TcpExt:", "Unheard"), None);
    }
}
