//! Pictures of what was measured and what follows; no number is only in a picture.

use lab_report::chart::scale::Scale;
use lab_report::chart::{LEFT, RIGHT, WIDTH, at, points};
use lab_report::words::figure;
use maud::{Markup, html};

use crate::answer::{Demand, FAR};
use crate::line::Line;
use crate::usl::Usl;

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
    let said = format!(
        "{title}: {} points from {} to {} {across}, {} at 0 and {} for each thousand more; marked as extrapolated beyond {}",
        measured.len(),
        figure(line.from),
        figure(line.to),
        up(line.base.value),
        up(line.slope.value * 1e3),
        figure(line.to * FAR)
    );
    let curve = Curve {
        title,
        across,
        from: 0.0,
        to: line.to,
        steps: 1,
    };
    let value = |x: f64| line.base.value + line.slope.value * x;
    curve.draw(&said, measured, value, up)
}

/// Deliveries against workgroups, and the scalability law through them.
pub(crate) fn scaling(measured: &[(f64, f64)], law: &Usl) -> Markup {
    let to = measured.iter().map(|point| point.0).fold(1.0, f64::max);
    let said = format!(
        "Deliveries against workgroups: {} points up to {} workgroups, and the universal scalability law through them; {}/s with one, {}/s with {}; marked as extrapolated beyond {}",
        measured.len(),
        figure(to),
        figure(law.at(1.0)),
        figure(law.at(to)),
        figure(to),
        figure(to * FAR)
    );
    let curve = Curve {
        title: "Deliveries against workgroups",
        across: "workgroups",
        from: 1.0,
        to,
        steps: 40,
    };
    let up = |value: f64| format!("{}/s", figure(value));
    curve.draw(&said, measured, |n| law.at(n), up)
}

/// A curve through measured points, and on beyond them.
struct Curve<'a> {
    title: &'a str,
    /// What the horizontal axis counts.
    across: &'a str,
    /// Where the curve begins.
    from: f64,
    /// The greatest that was measured.
    to: f64,
    /// Straight pieces of each of its two parts.
    steps: usize,
}

impl Curve<'_> {
    fn draw(
        &self,
        said: &str,
        measured: &[(f64, f64)],
        value: impl Fn(f64) -> f64,
        up: impl Fn(f64) -> String,
    ) -> Markup {
        let far = self.to * FAR;
        let end = far * 1.25;
        let part = |from: f64, to: f64| -> Vec<(f64, f64)> {
            (0..=self.steps)
                .map(|step| from + (to - from) * step as f64 / self.steps.max(1) as f64)
                .map(|x| (x, value(x)))
                .collect()
        };
        let (known, beyond) = (part(self.from, self.to), part(self.to, end));
        let all = measured.iter().chain(&known).chain(&beyond);
        let highest = all.map(|point| point.1).fold(0.0, f64::max);
        let x = Scale::new((0.0, end), (LEFT, WIDTH - RIGHT));
        let y = Scale::new((0.0, highest.max(f64::MIN_POSITIVE) * 1.05), (BOTTOM, TOP));
        let placed = |part: &[(f64, f64)]| {
            let place = |(a, b): &(f64, f64)| (x.place(*a), y.clamped(*b));
            points(part.iter().map(place))
        };
        html! {
            div.wide { svg.chart viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(said) {
                title { (self.title) }
                rect.fault x=(at(x.place(far))) y=(TOP) width=(at(x.place(end) - x.place(far))) height=(at(BOTTOM - TOP)) {}
                text.fault-label x=(at(x.place(far) + 4.0)) y=(at(TOP + 12.0)) { "† beyond 4 × measured" }
                @for tick in y.ticks(4) {
                    line.grid x1=(LEFT) x2=(at(WIDTH - RIGHT)) y1=(at(y.place(tick))) y2=(at(y.place(tick))) {}
                    text.tick x=(at(LEFT - 6.0)) y=(at(y.place(tick) + 4.0)) text-anchor="end" { (up(tick)) }
                }
                @for tick in x.ticks(6) { text.tick x=(at(x.place(tick))) y=(at(BOTTOM + 16.0)) text-anchor="middle" { (figure(tick)) } }
                text.tick x=(at(WIDTH - RIGHT)) y=(at(BOTTOM + 34.0)) text-anchor="end" { (self.across) }
                polyline.line points=(placed(&known)) {}
                polyline class="line c1" points=(placed(&beyond)) {}
                @for (a, b) in measured { circle.bar cx=(at(x.place(*a))) cy=(at(y.clamped(*b))) r="4" { title { (figure(*a)) ": " (up(*b)) } } }
            } }
        }
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
