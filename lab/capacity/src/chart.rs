//! Pictures of what was measured and what follows; no number is only in a picture.

use lab_report::chart::scale::Scale;
use lab_report::chart::{LEFT, RIGHT, WIDTH, at, points};
use lab_report::words::figure;
use maud::{Markup, html};

use crate::answer::{Demand, FAR};
use crate::line::Line;

const HEIGHT: f64 = 230.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 190.0;

/// Measured points, the line through them, and the shade where it would be an extrapolation that is marked.
pub(crate) fn fitted(
    title: &str,
    measured: &[(f64, f64)],
    line: &Line,
    across: &str,
    up: impl Fn(f64) -> String,
) -> Markup {
    let far = line.to * FAR;
    let end = far * 1.25;
    let value = |x: f64| line.base.value + line.slope.value * x;
    let highest = measured.iter().map(|p| p.1).fold(value(end), f64::max);
    let x = Scale::new((0.0, end), (LEFT, WIDTH - RIGHT));
    let y = Scale::new((0.0, highest.max(f64::MIN_POSITIVE) * 1.05), (BOTTOM, TOP));
    let said = format!(
        "{title}: {} points from {} to {} {across}, {} at 0 and {} for each thousand more; marked as extrapolated beyond {}",
        measured.len(),
        figure(line.from),
        figure(line.to),
        up(line.base.value),
        up(line.slope.value * 1e3),
        figure(far)
    );
    html! {
        div.wide { svg.chart viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(said) {
            title { (title) }
            rect.fault x=(at(x.place(far))) y=(TOP) width=(at(x.place(end) - x.place(far))) height=(at(BOTTOM - TOP)) {}
            text.fault-label x=(at(x.place(far) + 4.0)) y=(at(TOP + 12.0)) { "† beyond 4 × measured" }
            @for tick in y.ticks(4) {
                line.grid x1=(LEFT) x2=(at(WIDTH - RIGHT)) y1=(at(y.place(tick))) y2=(at(y.place(tick))) {}
                text.tick x=(at(LEFT - 6.0)) y=(at(y.place(tick) + 4.0)) text-anchor="end" { (up(tick)) }
            }
            @for tick in x.ticks(6) { text.tick x=(at(x.place(tick))) y=(at(BOTTOM + 16.0)) text-anchor="middle" { (figure(tick)) } }
            text.tick x=(at(WIDTH - RIGHT)) y=(at(BOTTOM + 34.0)) text-anchor="end" { (across) }
            polyline.line points=(points([(0.0, value(0.0)), (line.to, value(line.to))].map(|(a, b)| (x.place(a), y.clamped(b))))) {}
            polyline class="line c1" points=(points([(line.to, value(line.to)), (end, value(end))].map(|(a, b)| (x.place(a), y.clamped(b))))) {}
            @for (a, b) in measured { circle.bar cx=(at(x.place(*a))) cy=(at(y.clamped(*b))) r="4" { title { (figure(*a)) ": " (up(*b)) } } }
        } }
    }
}

/// How many gateways each resource asks for.
pub(crate) fn demands(demands: &[Demand], mark: &str) -> Markup {
    let most = demands.iter().filter_map(|d| d.gateways).max().unwrap_or(1);
    let row = 30.0;
    let x = Scale::new((0.0, most as f64), (130.0, WIDTH - 180.0));
    let height = row * demands.len() as f64 + 8.0;
    let said: Vec<String> = demands
        .iter()
        .map(|d| format!("{} {}", d.resource, told(d)))
        .collect();
    html! {
        div.wide { svg.chart viewBox=(format!("0 0 {WIDTH} {}", at(height))) role="img" aria-label=(format!("Gateways that each resource asks for: {}{mark}", said.join(", "))) {
            title { "Gateways that each resource asks for" }
            @for (place, demand) in demands.iter().enumerate() {
                @let y = 4.0 + row * place as f64;
                @let end = demand.gateways.map_or(WIDTH - 180.0, |n| x.place(n as f64));
                text.label x="122" y=(at(y + 17.0)) text-anchor="end" { (demand.resource) }
                rect class=(if demand.gateways.is_none() { "bar over" } else { "bar" }) x="130" y=(at(y + 3.0)) width=(at((end - 130.0).max(2.0))) height="18" {}
                text.tick x=(at(end + 8.0)) y=(at(y + 17.0)) { (told(demand)) (mark) }
            }
        } }
    }
}

fn told(demand: &Demand) -> String {
    demand
        .gateways
        .map_or_else(|| "no number is enough".to_owned(), |n| figure(n as f64))
}
