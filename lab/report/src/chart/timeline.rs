//! Numbers over time, one panel each under a common clock, with bands where a fault was in force.

use lab_record::run::Series;
use maud::{Markup, html};

use super::{LEFT, RIGHT, WIDTH, at, points, scale::Scale};
use crate::words::{figure, span_ms};

const PANEL: f64 = 108.0;
const INNER: f64 = 76.0;
const HEADER: f64 = 22.0;
/// More points than this are thinned: the picture is some 800 pixels wide.
const BUCKETS: usize = 400;

/// A time during which something was broken on purpose.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Band {
    /// What was done, in the scenario's words.
    pub(crate) label: String,
    /// Milliseconds since the first step.
    pub(crate) from: i64,
    /// Until when, in the same clock; none for something that happens at one moment.
    pub(crate) until: Option<i64>,
}

/// All series that have points, each in a panel of its own.
pub(crate) fn panels(series: &[Series], bands: &[Band]) -> Markup {
    let drawn: Vec<&Series> = series.iter().filter(|s| s.points.len() > 1).collect();
    let (Some(first), Some(last)) = (
        drawn
            .iter()
            .filter_map(|s| s.points.first())
            .map(|p| p.0)
            .min(),
        drawn
            .iter()
            .filter_map(|s| s.points.last())
            .map(|p| p.0)
            .max(),
    ) else {
        return html! {};
    };
    let x = Scale::new((first as f64, last as f64), (LEFT, WIDTH - RIGHT));
    let bottom = HEADER + PANEL * drawn.len() as f64;
    html! {
        svg.chart viewBox=(format!("0 0 {WIDTH} {}", at(bottom + 24.0))) role="img" aria-label=(said(&drawn, bands)) {
            title { "Time line" }
            @for band in bands { (shade(band, &x, bottom)) }
            @for (place, series) in drawn.iter().enumerate() {
                (panel(series, HEADER + PANEL * place as f64, &x))
            }
            @for tick in x.ticks(8) {
                text.tick x=(at(x.place(tick))) y=(at(bottom + 16.0)) text-anchor="middle" { (clock(tick)) }
            }
        }
    }
}

fn panel(series: &Series, top: f64, x: &Scale) -> Markup {
    let highest = series.points.iter().map(|p| p.1).fold(0.0, f64::max);
    let y = Scale::new((0.0, highest * 1.05), (top + 20.0 + INNER, top + 20.0));
    html! {
        text.label x=(LEFT) y=(at(top + 13.0)) { (series.name) " (" (series.unit) ")" }
        @for tick in y.ticks(3) {
            line.grid x1=(LEFT) x2=(at(WIDTH - RIGHT)) y1=(at(y.place(tick))) y2=(at(y.place(tick))) {}
            text.tick x=(at(LEFT - 8.0)) y=(at(y.place(tick) + 4.0)) text-anchor="end" { (figure(tick)) }
        }
        polyline.line points=(points(thinned(&series.points).into_iter().map(|(t, v)| (x.place(t as f64), y.place(v))))) {}
    }
}

fn shade(band: &Band, x: &Scale, bottom: f64) -> Markup {
    let from = x.clamped(band.from as f64);
    let width = band
        .until
        .map_or(1.5, |until| (x.clamped(until as f64) - from).max(1.5));
    html! {
        rect.fault x=(at(from)) y=(at(HEADER - 4.0)) width=(at(width)) height=(at(bottom - HEADER + 4.0)) { title { (band.label) } }
        text.fault-label x=(at(from.min(WIDTH - RIGHT - 120.0))) y="13" { (band.label) }
    }
}

/// At most two points per bucket, the least and the greatest, so that no peak is lost.
fn thinned(points: &[(i64, f64)]) -> Vec<(i64, f64)> {
    if points.len() <= 2 * BUCKETS {
        return points.to_vec();
    }
    points
        .chunks(points.len().div_ceil(BUCKETS))
        .flat_map(|chunk| {
            let low = chunk.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1));
            let high = chunk.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1));
            let mut pair: Vec<_> = low.into_iter().chain(high).collect();
            pair.sort_by_key(|point| point.0);
            pair.dedup();
            pair
        })
        .collect()
}

fn clock(ms: f64) -> String {
    if ms < 0.0 {
        format!("-{}", span_ms(-ms as u64))
    } else {
        span_ms(ms as u64)
    }
}

fn said(series: &[&Series], bands: &[Band]) -> String {
    let curves: Vec<String> = series
        .iter()
        .map(|s| {
            let highest = s.points.iter().map(|p| p.1).fold(0.0, f64::max);
            let last = s.points.last().map_or(0.0, |p| p.1);
            format!(
                "{} up to {}, {} at the end",
                s.name,
                figure(highest),
                figure(last)
            )
        })
        .collect();
    let faults: Vec<String> = bands
        .iter()
        .map(|b| format!("{} at {}", b.label, clock(b.from as f64)))
        .collect();
    if faults.is_empty() {
        format!("Time line: {}", curves.join("; "))
    } else {
        format!(
            "Time line: {}. Faults: {}",
            curves.join("; "),
            faults.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_every_peak_and_the_order() {
        let mut points: Vec<(i64, f64)> = (0..10_000).map(|t| (t, 1.0)).collect();
        points[7_777].1 = 99.0;

        let thin = thinned(&points);

        assert!(thin.len() <= 2 * BUCKETS, "{}", thin.len());
        assert!(thin.contains(&(7_777, 99.0)));
        assert!(thin.is_sorted_by_key(|p| p.0));
    }
}
