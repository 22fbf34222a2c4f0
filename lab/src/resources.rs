//! What a process used, as the kernel counts it.

use std::time::Duration;

use lab_record::run::Resources;

/// Clock ticks per second in `/proc`; a constant of the kernel's interface.
const TICKS: u64 = 100;

/// What process `pid` used so far; none when it is gone.
pub(crate) fn of(process: &str, pid: u32) -> Option<Resources> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
    Some(Resources {
        process: process.to_owned(),
        cpu_ms: u64::try_from(cpu(&stat)?.max(threads_cpu(pid)).as_millis()).ok()?,
        peak_rss_bytes: kilobytes(&status, "VmHWM:")?,
        rss_bytes: kilobytes(&status, "VmRSS:")?,
        descriptors: u64::try_from(descriptors).ok()?,
    })
}

/// Resident memory of a process now, and at its highest since its start or since [`forget_peak`], in bytes; none when it is gone.
pub(crate) fn memory(pid: u32) -> Option<(u64, u64)> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some((kilobytes(&status, "VmRSS:")?, kilobytes(&status, "VmHWM:")?))
}

/// Lets the kernel's mark of a process's highest memory begin anew; see proc(5), `clear_refs`.
pub(crate) fn forget_peak(pid: u32) -> std::io::Result<()> {
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5")
}

/// User and system time, fields 14 and 15; the name in field 2 may hold spaces, so counting starts after its bracket.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * 1000 / TICKS))
}

/// The same to the nanosecond, of the threads that still live: a short step uses less than a few ticks.
fn threads_cpu(pid: u32) -> Duration {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task"));
    let each = threads.into_iter().flatten().flatten().filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(each.sum())
}

/// Bytes of the kernel's own objects (sockets, their queues, inodes) on the whole machine; none where it does not say.
pub(crate) fn slab() -> Option<u64> {
    kilobytes(&std::fs::read_to_string("/proc/meminfo").ok()?, "Slab:")
}

/// The line `VmHWM:  1234 kB`, in bytes.
fn kilobytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_something() {
        let used = of("test", std::process::id()).unwrap();

        assert!(used.peak_rss_bytes > 100_000, "{used:?}");
        assert!(used.rss_bytes <= used.peak_rss_bytes, "{used:?}");
        assert!(used.descriptors >= 3, "{used:?}");
    }

    #[test]
    fn processor_time_is_found_behind_an_odd_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0";

        assert_eq!(cpu(stat), Some(Duration::from_secs(3)));
    }

    #[test]
    fn a_peak_that_is_forgotten_begins_at_what_is_held() {
        let held = vec![1u8; 64 << 20];
        assert_eq!(
            held.iter().map(|byte| u64::from(*byte)).sum::<u64>(),
            64 << 20
        );
        drop(held);

        forget_peak(std::process::id()).unwrap();

        let (now, peak) = memory(std::process::id()).unwrap();
        assert!(peak < now + (48 << 20), "{now} {peak}");
    }

    #[test]
    fn a_process_that_is_gone_has_none() {
        assert_eq!(of("gone", u32::MAX), None);
    }
}
