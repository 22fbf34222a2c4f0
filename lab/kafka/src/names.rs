//! Topic names that no other run has, on clusters that outlive a run.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::payload::now_us;

/// `topic` with the time in microseconds behind it, in hexadecimal; no two calls of one process give the same.
#[must_use]
pub fn unique(topic: &str) -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = now_us();
    let after = |last: u64| Some(now.max(last + 1));
    let last = LAST
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, after)
        .unwrap_or(0);
    format!("{topic}-{:x}", now.max(last + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_thousand_names_at_once_are_a_thousand_names() {
        let names: HashSet<String> = (0..1_000).map(|_| unique("telemetry")).collect();

        assert_eq!(names.len(), 1_000);
        assert!(names.iter().all(|name| name.starts_with("telemetry-")));
    }
}
