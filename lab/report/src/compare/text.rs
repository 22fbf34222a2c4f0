//! The comparison for a terminal: what changed, then what stayed in one line.

use std::fmt::Write as _;

use super::{Change, Comparison, Difference, Interval};
use crate::words::{bytes, figure, span_us};

/// The text; its last line is the verdict.
pub fn text(comparison: &Comparison) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    for caution in &comparison.cautions {
        let _ = writeln!(out, "caution  {caution}");
    }
    for line in &comparison.unmatched {
        let _ = writeln!(out, "skipped  {line}");
    }
    let changed: Vec<&Difference> = comparison
        .differences
        .iter()
        .filter(|d| d.change != Change::Noise)
        .collect();
    for difference in &changed {
        let _ = writeln!(
            out,
            "{:<8} {}\n         {}: {}",
            difference.change.word(),
            difference.place,
            difference.metric,
            both(difference)
        );
    }
    let same = comparison.differences.len() - changed.len();
    let _ = writeln!(
        out,
        "{same} of {} metrics are the same within noise",
        comparison.differences.len()
    );
    let verdict = if comparison.regressed() {
        "WORSE"
    } else {
        "NOT WORSE"
    };
    let _ = writeln!(out, "{verdict}");
    out
}

/// `1.2 ms [1.1 ms, 1.3 ms] → 2.4 ms [2.2 ms, 2.6 ms], +1.2 ms [+1 ms, +1.4 ms], 2 ×`.
pub(super) fn both(d: &Difference) -> String {
    format!(
        "{} → {}, {}, {}",
        side(&d.before, d.unit),
        side(&d.after, d.unit),
        more(d),
        ratio(d)
    )
}

/// The difference with its sign, and where it truly lies.
pub(super) fn more(d: &Difference) -> String {
    let Interval {
        value: more,
        low,
        high,
    } = d.difference();
    let signed = |amount: f64| {
        let sign = if amount < 0.0 { "-" } else { "+" };
        format!("{sign}{}", value(amount.abs(), d.unit))
    };
    if low == high {
        signed(more)
    } else {
        format!("{} [{}, {}]", signed(more), signed(low), signed(high))
    }
}

pub(super) fn side(interval: &Interval, unit: &str) -> String {
    if interval.low == interval.high {
        value(interval.value, unit)
    } else {
        format!(
            "{} [{}, {}]",
            value(interval.value, unit),
            value(interval.low, unit),
            value(interval.high, unit)
        )
    }
}

pub(super) fn ratio(d: &Difference) -> String {
    if d.before.value == 0.0 {
        "from nothing".to_owned()
    } else {
        let times = format!("{} ×", figure(d.after.value / d.before.value));
        if d.before.low <= 0.0 || (d.before.low == d.before.high && d.after.low == d.after.high) {
            return times;
        }
        let (low, high) = (d.after.low / d.before.high, d.after.high / d.before.low);
        format!("{times} [{}, {}]", figure(low), figure(high))
    }
}

fn value(value: f64, unit: &str) -> String {
    match unit {
        "µs" => span_us(value.max(0.0) as u64),
        "ms" => span_us((value.max(0.0) * 1e3) as u64),
        "bytes" => bytes(value.max(0.0) as u64),
        _ => figure(value),
    }
}
