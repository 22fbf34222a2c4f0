//! How many devices had got so far, by time since the fault: one rising curve per station.

use lab_record::recovery::Fault;
use maud::{Markup, html};

use super::{LEFT, RIGHT, WIDTH, at, points, scale::Scale};
use crate::words::{figure, grouped, span_us};

const HEIGHT: f64 = 250.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 206.0;

/// The picture of one fault's stations.
pub(crate) fn draw(title: &str, fault: &Fault) -> Markup {
    let longest = fault.stations.iter().map(|s| s.max_ms).fold(1.0, f64::max);
    let x = Scale::new((0.0, longest), (LEFT, WIDTH - RIGHT));
    let y = Scale::new((0.0, fault.touched.max(1) as f64), (BOTTOM, TOP));
    html! {
        svg.chart viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(said(title, fault)) {
            title { (title) }
            @for tick in y.ticks(4) {
                line.grid x1=(LEFT) x2=(at(WIDTH - RIGHT)) y1=(at(y.place(tick))) y2=(at(y.place(tick))) {}
                text.tick x=(at(LEFT - 8.0)) y=(at(y.place(tick) + 4.0)) text-anchor="end" { (figure(tick)) }
            }
            @for tick in x.ticks(8) {
                line.grid x1=(at(x.place(tick))) x2=(at(x.place(tick))) y1=(TOP) y2=(BOTTOM) {}
                text.tick x=(at(x.place(tick))) y=(at(BOTTOM + 16.0)) text-anchor="middle" { (milliseconds(tick)) }
            }
            @for (place, station) in fault.stations.iter().enumerate() {
                @let left = LEFT + 200.0 * place as f64;
                polyline class=(format!("line c{}", place % 5)) points=(points(stairs(&station.curve).into_iter().map(|(ms, devices)| (x.clamped(ms), y.clamped(devices))))) {}
                line class=(format!("line c{}", place % 5)) x1=(at(left)) x2=(at(left + 18.0)) y1=(at(HEIGHT - 8.0)) y2=(at(HEIGHT - 8.0)) {}
                text.tick x=(at(left + 24.0)) y=(at(HEIGHT - 4.0)) { (station.name) }
            }
        }
    }
}

/// From nobody on, a step at every point: between two of them nothing is known.
fn stairs(curve: &[(f64, u64)]) -> Vec<(f64, f64)> {
    let mut path = vec![(0.0, 0.0)];
    let mut devices = 0.0;
    for (ms, reached) in curve {
        path.push((*ms, devices));
        devices = *reached as f64;
        path.push((*ms, devices));
    }
    path
}

/// A time in the unit a person would choose.
pub(crate) fn milliseconds(ms: f64) -> String {
    span_us((ms.max(0.0) * 1e3) as u64)
}

fn said(title: &str, fault: &Fault) -> String {
    let stations: Vec<String> = fault
        .stations
        .iter()
        .map(|station| {
            format!(
                "{} by {} devices, half of them within {}, all within {}",
                station.name,
                grouped(station.devices),
                milliseconds(station.p50_ms),
                milliseconds(station.max_ms)
            )
        })
        .collect();
    format!("{title}: {}", stations.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_begins_with_nobody_and_rises_in_steps() {
        assert_eq!(
            stairs(&[(5.0, 2), (9.0, 3)]),
            [(0.0, 0.0), (5.0, 0.0), (5.0, 2.0), (9.0, 2.0), (9.0, 3.0)]
        );
    }
}
