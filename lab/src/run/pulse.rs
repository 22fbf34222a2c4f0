//! How it went, window by window: what arrived per second, how long it took, and how late the lab itself was.
//!
//! The fleet counts from the start on; a window is the difference between two looks.

use hdrhistogram::Histogram;
use lab_record::run::Series;

use crate::evidence::Window;
use crate::provider::{FleetCounts, Latencies};

/// The shortest window, in milliseconds: long enough for a 99th percentile of a modest load.
const WINDOW_MS: i64 = 500;

/// Windows that are kept in full; from there on each is twice as long, so that a run of a day stays a page.
const WINDOWS: usize = 5_000;

/// The names of the series, in the order they are drawn.
const NAMES: [(&str, &str); 5] = [
    ("deliveries", "messages/s"),
    ("delivery p50", "ms"),
    ("delivery p99", "ms"),
    ("delivery max", "ms"),
    ("generator lag", "ms"),
];

/// Windows so far.
#[derive(Debug)]
pub(super) struct Pulse {
    window_ms: i64,
    last: Option<Look>,
    windows: Vec<Window>,
}

/// The fleet's totals at one moment.
#[derive(Debug)]
struct Look {
    at_ms: i64,
    delivered: u64,
    deliveries: Histogram<u64>,
    lags: Histogram<u64>,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self {
            window_ms: WINDOW_MS,
            last: None,
            windows: vec![],
        }
    }

    /// Whether a window is over.
    pub(super) fn is_due(&self, at_ms: i64) -> bool {
        self.last
            .as_ref()
            .is_none_or(|last| at_ms - last.at_ms >= self.window_ms)
    }

    /// Ends a window.
    pub(super) fn beat(&mut self, at_ms: i64, counts: &FleetCounts, times: Latencies) {
        let now = Look {
            at_ms,
            delivered: counts.delivered,
            deliveries: times.deliveries,
            lags: times.lags,
        };
        if let Some(last) = &self.last {
            self.windows.push(between(last, &now));
        }
        self.last = Some(now);
        if self.windows.len() >= WINDOWS {
            self.halve();
        }
    }

    /// The windows, for who judges.
    pub(super) fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// The windows, for who draws. A time that was not measured in a window has no point there.
    pub(super) fn series(&self) -> Vec<Series> {
        let values = |name: &str, window: &Window| match name {
            "deliveries" => Some(window.deliveries_per_s),
            "delivery p50" => window.p50_us.map(milliseconds),
            "delivery p99" => window.p99_us.map(milliseconds),
            "delivery max" => window.max_us.map(milliseconds),
            _ => window.lag_us.map(milliseconds),
        };
        let all = NAMES.iter().map(|(name, unit)| Series {
            name: (*name).to_owned(),
            unit: (*unit).to_owned(),
            points: self
                .windows
                .iter()
                .filter_map(|window| Some((window.at_ms, values(name, window)?)))
                .collect(),
        });
        all.filter(|series| series.points.iter().any(|(_, value)| *value > 0.0))
            .collect()
    }

    /// Joins neighbours: half as many windows, each twice as long. The worse time of a pair stays.
    fn halve(&mut self) {
        self.window_ms *= 2;
        self.windows = self.windows.chunks(2).map(joined).collect();
    }
}

/// What happened from one look to the next.
fn between(last: &Look, now: &Look) -> Window {
    let times = difference(&now.deliveries, &last.deliveries);
    let lags = difference(&now.lags, &last.lags);
    let at = |quantile: f64| (!times.is_empty()).then(|| times.value_at_quantile(quantile));
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    let per_s = (now.delivered.saturating_sub(last.delivered)) as f64 * 1_000.0
        / (now.at_ms - last.at_ms).max(1) as f64;
    Window {
        at_ms: now.at_ms,
        deliveries_per_s: per_s,
        p50_us: at(0.5),
        p99_us: at(0.99),
        max_us: at(1.0),
        lag_us: (!lags.is_empty()).then(|| lags.max()),
    }
}

fn joined(pair: &[Window]) -> Window {
    pair.iter()
        .copied()
        .reduce(|a, b| Window {
            at_ms: b.at_ms,
            deliveries_per_s: f64::midpoint(a.deliveries_per_s, b.deliveries_per_s),
            p50_us: a.p50_us.max(b.p50_us),
            p99_us: a.p99_us.max(b.p99_us),
            max_us: a.max_us.max(b.max_us),
            lag_us: a.lag_us.max(b.lag_us),
        })
        .unwrap_or_default()
}

/// What `now` has beyond `before`; everything when the two do not belong together.
fn difference(now: &Histogram<u64>, before: &Histogram<u64>) -> Histogram<u64> {
    let mut rest = now.clone();
    match rest.subtract(before) {
        Ok(()) => rest,
        Err(_) => now.clone(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "an hour is far below 2^52 µs")]
fn milliseconds(us: u64) -> f64 {
    us as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_what_came_since_the_one_before() {
        let mut pulse = Pulse::new();
        pulse.beat(0, &counts(0), times(&[], &[]));
        pulse.beat(500, &counts(2), times(&[1_000, 3_000], &[200]));

        pulse.beat(1_000, &counts(3), times(&[1_000, 3_000, 9_000], &[200]));

        let last = pulse.windows()[1];
        assert_eq!((last.at_ms, last.deliveries_per_s), (1_000, 2.0));
        assert!(last.max_us.is_some_and(|us| (9_000..9_050).contains(&us)));
        assert_eq!(last.lag_us, None);
        let names: Vec<String> = pulse.series().into_iter().map(|s| s.name).collect();
        assert_eq!(
            names,
            [
                "deliveries",
                "delivery p50",
                "delivery p99",
                "delivery max",
                "generator lag"
            ]
        );
    }

    #[test]
    fn a_long_run_keeps_its_worst_moments_in_fewer_windows() {
        let mut pulse = Pulse::new();
        let worst = [7_000_000];
        for look in 0..=WINDOWS as i64 {
            let late: &[u64] = if look > 100 { &worst } else { &[] };
            pulse.beat(look * WINDOW_MS, &counts(0), times(late, &[]));
        }

        assert_eq!(pulse.windows().len(), WINDOWS / 2);
        assert!(!pulse.is_due((WINDOWS as i64 + 1) * WINDOW_MS));
        let maxima: Vec<u64> = pulse.windows().iter().filter_map(|w| w.max_us).collect();
        assert!(
            matches!(maxima.as_slice(), [worst] if *worst >= 7_000_000),
            "{maxima:?}"
        );
    }

    fn counts(delivered: u64) -> FleetCounts {
        FleetCounts {
            delivered,
            ..FleetCounts::default()
        }
    }

    fn times(deliveries: &[u64], lags: &[u64]) -> Latencies {
        let of = |values: &[u64]| {
            let mut times = Histogram::new_with_bounds(1, 3_600_000_000, 3).unwrap();
            values
                .iter()
                .for_each(|value| times.saturating_record(*value));
            times
        };
        Latencies {
            deliveries: of(deliveries),
            acknowledgements: of(&[]),
            lags: of(lags),
        }
    }
}
