//! Causes around messages: who was never answered, and where the time went.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::evidence::{Evidence, Window};

/// Why so many were never answered.
pub(super) fn unanswered(what: &str, without: u64, seen: &Evidence) -> String {
    match (&seen.counts.first_failure, without) {
        (Some(reason), _) => format!("the first failure: {reason}"),
        (None, 0) => format!("some {what} were refused"),
        (None, _) if seen.counts.lost > 0 => format!(
            "{without} {what} were still without an answer when patience ended, and {} connections had been lost meanwhile",
            seen.counts.lost
        ),
        (None, _) => format!(
            "{without} {what} were still without an answer when patience ended: gateways wait for Kafka, or are busy"
        ),
    }
}

/// Whether everything is late, or a moment, or only the tail; and how late the lab itself was.
pub(super) fn late(times: &Histogram<u64>, bound: Duration, seen: &Evidence) -> Option<String> {
    let bound_us = u64::try_from(bound.as_micros()).ok()?;
    let timed = || {
        let windows = seen.moments.windows.iter();
        windows.filter_map(|window| Some((window, window.p99_us?)))
    };
    let late = timed().filter(|(_, us)| *us > bound_us).count();
    let worst: Option<(&Window, u64)> = timed().max_by_key(|(_, us)| *us);
    let lag = seen.worst_lag.max(seen.counts.worst_lag);
    let which = if times.value_at_quantile(0.5) > bound_us {
        "half of all were too late, so it is not a moment but the pace: something on the way is saturated".to_owned()
    } else {
        match worst {
            Some((window, us)) if late > 0 => format!(
                "{late} of {} moments were late, the worst at {:.1} s with p99 {:.1} ms; half of all took at most {:.1} ms",
                timed().count(),
                window.at_ms as f64 / 1e3,
                us as f64 / 1e3,
                times.value_at_quantile(0.5) as f64 / 1e3
            ),
            _ => format!(
                "only the tail was late: half of all took at most {:.1} ms",
                times.value_at_quantile(0.5) as f64 / 1e3
            ),
        }
    };
    Some(format!(
        "{which}; the lab itself was at most {:.1} ms behind its schedule",
        lag.as_secs_f64() * 1e3
    ))
}
