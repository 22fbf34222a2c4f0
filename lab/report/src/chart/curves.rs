//! Distributions of times as curves: how the worst compare with the rest.

use hdrhistogram::Histogram;
use maud::{Markup, html};

use super::{LEFT, RIGHT, WIDTH, at, points, scale::Scale};
use crate::words::span_us;

const HEIGHT: f64 = 250.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 212.0;

/// A named distribution of times in microseconds.
pub(crate) struct Curve<'a> {
    /// What was timed.
    pub(crate) name: &'a str,
    /// All of it.
    pub(crate) times: Histogram<u64>,
}

/// Time against percentile, the axis stretched towards 100 %: the HDR spectrum.
pub(crate) fn spectrum(title: &str, curves: &[Curve<'_>]) -> Markup {
    let longest = curves.iter().map(|c| c.times.max()).max().unwrap_or(0);
    let most = curves.iter().map(|c| c.times.len()).max().unwrap_or(1);
    // One part in `most` is the finest that was measured; 99.999 % is as far as the axis goes.
    let nines = (most as f64).log10().clamp(1.0, 5.0);
    let x = Scale::new((0.0, nines), (LEFT, WIDTH - RIGHT));
    let y = Scale::new((0.0, longest as f64 * 1.05), (BOTTOM, TOP));
    let ticks: Vec<f64> = (0..=nines.floor() as i32).map(f64::from).collect();
    html! {
        svg.chart viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(said(title, curves)) {
            title { (title) }
            (frame(&x, &y, &ticks, percentile_label, |us| span_us(us as u64)))
            @for (place, curve) in curves.iter().enumerate() {
                polyline class=(format!("line c{}", place % 5)) points=(points(tail(&curve.times, nines).into_iter().map(|(n, us)| (x.place(n), y.place(us))))) {}
            }
            (legend(curves))
        }
    }
}

fn frame(
    x: &Scale,
    y: &Scale,
    ticks: &[f64],
    below: impl Fn(f64) -> String,
    beside: impl Fn(f64) -> String,
) -> Markup {
    html! {
        @for tick in y.ticks(4) {
            line.grid x1=(LEFT) x2=(at(WIDTH - RIGHT)) y1=(at(y.place(tick))) y2=(at(y.place(tick))) {}
            text.tick x=(at(LEFT - 8.0)) y=(at(y.place(tick) + 4.0)) text-anchor="end" { (beside(tick)) }
        }
        @for tick in ticks {
            line.grid x1=(at(x.place(*tick))) x2=(at(x.place(*tick))) y1=(TOP) y2=(BOTTOM) {}
            text.tick x=(at(x.place(*tick))) y=(at(BOTTOM + 16.0)) text-anchor="middle" { (below(*tick)) }
        }
    }
}

fn legend(curves: &[Curve<'_>]) -> Markup {
    html! {
        @for (place, curve) in curves.iter().enumerate() {
            @let x = LEFT + 220.0 * place as f64;
            line class=(format!("line c{}", place % 5)) x1=(at(x)) x2=(at(x + 18.0)) y1=(at(HEIGHT - 8.0)) y2=(at(HEIGHT - 8.0)) {}
            text.tick x=(at(x + 24.0)) y=(at(HEIGHT - 4.0)) { (curve.name) }
        }
    }
}

/// `90%`, `99%`, `99.9%`: the place `n` stands for all but one in ten to the `n`.
fn percentile_label(nines: f64) -> String {
    match nines.round() as i32 {
        0 => "0%".to_owned(),
        1 => "90%".to_owned(),
        2 => "99%".to_owned(),
        n => format!("99.{}%", "9".repeat((n - 2) as usize)),
    }
}

/// (nines, time) along the stretched axis.
fn tail(times: &Histogram<u64>, nines: f64) -> Vec<(f64, f64)> {
    const STEPS: usize = 240;
    (0..=STEPS)
        .map(|step| {
            let place = nines * step as f64 / STEPS as f64;
            let quantile = 1.0 - 10f64.powf(-place);
            (place, times.value_at_quantile(quantile) as f64)
        })
        .collect()
}

fn said(title: &str, curves: &[Curve<'_>]) -> String {
    let each: Vec<String> = curves
        .iter()
        .map(|c| {
            let at = |q| span_us(c.times.value_at_quantile(q));
            format!(
                "{}: median {}, 99% {}, longest {}",
                c.name,
                at(0.5),
                at(0.99),
                span_us(c.times.max())
            )
        })
        .collect();
    format!("{title}. {}", each.join("; "))
}
