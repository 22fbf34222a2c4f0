//! Numbers over time, one panel each under a common clock, with bands where a fault was in force.

use lab_record::faults::Fault;
use lab_record::run::Series;
use maud::{Markup, html};

use super::{LEFT, RIGHT, WIDTH, at, points, scale::Scale};
use crate::words::{figure, moment};

const PANEL: f64 = 108.0;
const INNER: f64 = 76.0;
const HEADER: f64 = 22.0;
/// More points than this are thinned: the picture is some 800 pixels wide.
const BUCKETS: usize = 400;

/// One picture of the column: series of one kind share it.
struct Panel<'a> {
    title: String,
    curves: Vec<(&'a str, &'a Series)>,
}

/// All series that have points, with bands where a fault was in force.
pub(crate) fn panels(series: &[Series], faults: &[Fault]) -> Markup {
    let drawn: Vec<&Series> = series.iter().filter(|s| s.points.len() > 1).collect();
    let moments = || drawn.iter().flat_map(|s| &s.points).map(|point| point.0);
    let (Some(first), Some(last)) = (moments().min(), moments().max()) else {
        return html! {};
    };
    let x = Scale::new((first as f64, last as f64), (LEFT, WIDTH - RIGHT));
    let panels = grouped(&drawn);
    let bottom = HEADER + PANEL * panels.len() as f64;
    html! {
        svg.chart viewBox=(format!("0 0 {WIDTH} {}", at(bottom + 24.0))) role="img" aria-label=(said(&drawn, faults)) {
            title { "Time line" }
            @for fault in faults { (shade(fault, &x, bottom)) }
            @for (place, panel) in panels.iter().enumerate() {
                (draw(panel, HEADER + PANEL * place as f64, &x, last))
            }
            @for tick in x.ticks(8) {
                text.tick x=(at(x.place(tick))) y=(at(bottom + 16.0)) text-anchor="middle" { (moment(tick as i64)) }
            }
        }
        (table(&drawn))
    }
}

/// `delivery p50` and `delivery p99` share a panel: the last word tells the curve.
fn grouped<'a>(series: &[&'a Series]) -> Vec<Panel<'a>> {
    let mut panels: Vec<Panel<'a>> = vec![];
    for series in series {
        let (kind, curve) = match series.name.rsplit_once(' ') {
            Some((kind, curve @ ("p50" | "p99" | "max"))) => (kind, curve),
            _ => (series.name.as_str(), ""),
        };
        let title = format!("{kind} ({})", series.unit);
        match panels.iter_mut().find(|panel| panel.title == title) {
            Some(panel) => panel.curves.push((curve, series)),
            None => panels.push(Panel {
                title,
                curves: vec![(curve, series)],
            }),
        }
    }
    panels
}

fn draw(panel: &Panel<'_>, top: f64, x: &Scale, end: i64) -> Markup {
    let values = panel
        .curves
        .iter()
        .flat_map(|(_, s)| &s.points)
        .map(|p| p.1);
    let y = Scale::new(
        (0.0, values.fold(0.0, f64::max) * 1.05),
        (top + 20.0 + INNER, top + 20.0),
    );
    html! {
        text.label x=(LEFT) y=(at(top + 13.0)) { (panel.title) }
        @for (place, (name, _)) in panel.curves.iter().enumerate() {
            @if !name.is_empty() {
                @let left = WIDTH - RIGHT - 70.0 * (panel.curves.len() - place) as f64;
                line class=(format!("line c{}", place % 5)) x1=(at(left)) x2=(at(left + 18.0)) y1=(at(top + 9.0)) y2=(at(top + 9.0)) {}
                text.tick x=(at(left + 24.0)) y=(at(top + 13.0)) { (name) }
            }
        }
        @for tick in y.ticks(3) {
            line.grid x1=(LEFT) x2=(at(WIDTH - RIGHT)) y1=(at(y.place(tick))) y2=(at(y.place(tick))) {}
            text.tick x=(at(LEFT - 8.0)) y=(at(y.place(tick) + 4.0)) text-anchor="end" { (figure(tick)) }
        }
        @for (place, (_, series)) in panel.curves.iter().enumerate() {
            @for path in paths(series, end) {
                polyline class=(format!("line c{}", place % 5)) points=(points(path.into_iter().map(|(t, v)| (x.place(t as f64), y.place(v))))) {}
            }
        }
    }
}

/// The lines of a series. A time that was not measured is a hole; a count stays what it was until it is told again.
fn paths(series: &Series, end: i64) -> Vec<Vec<(i64, f64)>> {
    let points = thinned(&series.points);
    if series.unit != "ms" {
        return vec![if series.unit.ends_with("/s") {
            points
        } else {
            held(&points, end)
        }];
    }
    let usual = points.windows(2).map(|pair| pair[1].0 - pair[0].0).min();
    points
        .chunk_by(|a, b| b.0 - a.0 <= usual.unwrap_or(0).saturating_mul(3))
        .map(|part| match part {
            // A single point would be invisible.
            [(at, value)] => vec![(at - usual.unwrap_or(0) / 2, *value), (*at, *value)],
            several => several.to_vec(),
        })
        .collect()
}

/// A staircase: every value until the next, the last one to the end.
fn held(points: &[(i64, f64)], end: i64) -> Vec<(i64, f64)> {
    let mut stairs = Vec::with_capacity(points.len() * 2);
    for pair in points.windows(2) {
        stairs.push(pair[0]);
        // Points that are close together need no stair to be read rightly.
        if pair[1].0 - pair[0].0 > 200 {
            stairs.push((pair[1].0 - 1, pair[0].1));
        }
    }
    if let Some(last) = points.last() {
        stairs.extend([*last, (end.max(last.0), last.1)]);
    }
    stairs
}

fn shade(fault: &Fault, x: &Scale, bottom: f64) -> Markup {
    let from = x.clamped(fault.from_ms as f64);
    let width = fault
        .until_ms
        .map_or(1.5, |until| (x.clamped(until as f64) - from).max(1.5));
    html! {
        rect.fault x=(at(from)) y=(at(HEADER - 4.0)) width=(at(width)) height=(at(bottom - HEADER + 4.0)) { title { (fault.name) } }
        text.fault-label x=(at(from.min(WIDTH - RIGHT - 120.0))) y="13" { (fault.name) }
    }
}

/// The same in numbers, for who does not see the picture.
fn table(series: &[&Series]) -> Markup {
    html! {
        details {
            summary { "The time line in numbers" }
            div.wide { table {
                thead { tr { th { "what" } th { "unit" } th { "least" } th { "greatest" } th { "when greatest" } th { "at the end" } } }
                tbody {
                    @for s in series {
                        @let least = s.points.iter().map(|p| p.1).fold(f64::INFINITY, f64::min);
                        @let most = s.points.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or_default();
                        tr {
                            th scope="row" { (s.name) }
                            td { (s.unit) }
                            td.number { (figure(least)) }
                            td.number { (figure(most.1)) }
                            td.number { (moment(most.0)) }
                            td.number { (figure(s.points.last().map_or(0.0, |p| p.1))) }
                        }
                    }
                }
            } }
        }
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

fn said(series: &[&Series], faults: &[Fault]) -> String {
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
    let faults: Vec<String> = faults
        .iter()
        .map(|fault| format!("{} at {}", fault.name, moment(fault.from_ms)))
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
    fn a_time_that_nobody_measured_is_a_hole() {
        let series = Series {
            name: "delivery p99".to_owned(),
            unit: "ms".to_owned(),
            points: vec![(500, 1.0), (1_000, 2.0), (9_000, 3.0), (9_500, 4.0)],
        };

        assert_eq!(
            paths(&series, 10_000),
            [
                vec![(500, 1.0), (1_000, 2.0)],
                vec![(9_000, 3.0), (9_500, 4.0)]
            ]
        );
    }

    #[test]
    fn a_count_stays_what_it_was() {
        assert_eq!(
            held(&[(0, 5.0), (1_000, 7.0)], 1_500),
            [(0, 5.0), (999, 5.0), (1_000, 7.0), (1_500, 7.0)]
        );
    }

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
