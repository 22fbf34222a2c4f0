//! CPU time of a process, as the scheduler counted it: nanoseconds, of all its threads (proc(5), schedstat).

use std::time::Duration;

use anyhow::Context as _;

/// CPU time of all threads that the process has now. Exact for threads that sleep; a running one lags by up to a tick.
pub(crate) fn of_process(pid: u32) -> anyhow::Result<Duration> {
    let folder = format!("/proc/{pid}/task");
    let mut all = Duration::ZERO;
    for task in std::fs::read_dir(&folder).with_context(|| format!("cannot read {folder}"))? {
        // A thread that ended meanwhile is not counted any more.
        let Ok(schedstat) =
            task.and_then(|task| std::fs::read_to_string(task.path().join("schedstat")))
        else {
            continue;
        };
        let nanoseconds = schedstat
            .split(' ')
            .next()
            .and_then(|first| first.parse().ok());
        all += Duration::from_nanos(
            nanoseconds.with_context(|| format!("{folder}: this kernel keeps no schedstat"))?,
        );
    }
    Ok(all)
}
