//! One bar per workgroup or gateway, with the mean and the greatest bar that chance explains.

use maud::{Markup, html};

use super::{LEFT, RIGHT, WIDTH, at, scale::Scale};
use crate::words::{figure, grouped};

const HEIGHT: f64 = 220.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 190.0;

/// What is drawn.
pub(crate) struct Bars<'a> {
    /// The name of the picture.
    pub(crate) title: &'a str,
    /// What a bar is, in one word: `workgroup`.
    pub(crate) of: &'a str,
    /// The label and the height of each bar.
    pub(crate) bars: Vec<(String, u64)>,
    /// The greatest bar that chance explains, as a multiple of the mean.
    pub(crate) limit: Option<f64>,
}

impl Bars<'_> {
    /// The picture.
    pub(crate) fn draw(&self) -> Markup {
        let total: u64 = self.bars.iter().map(|(_, n)| n).sum();
        let mean = total as f64 / self.bars.len().max(1) as f64;
        let highest = self
            .bars
            .iter()
            .map(|(_, n)| *n as f64)
            .fold(mean, f64::max);
        let limit = self.limit.map(|ratio| mean * ratio);
        let y = Scale::new(
            (0.0, highest.max(limit.unwrap_or(0.0)) * 1.08),
            (BOTTOM, TOP),
        );
        let slot = (WIDTH - LEFT - RIGHT) / self.bars.len().max(1) as f64;
        html! {
            svg.chart viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(self.said(total, mean)) {
                title { (self.title) }
                @for tick in y.ticks(4) {
                    line.grid x1=(LEFT) x2=(at(WIDTH - RIGHT)) y1=(at(y.place(tick))) y2=(at(y.place(tick))) {}
                    text.tick x=(at(LEFT - 8.0)) y=(at(y.place(tick) + 4.0)) text-anchor="end" { (grouped(tick as u64)) }
                }
                @if let Some(limit) = limit {
                    rect.band x=(LEFT) width=(at(WIDTH - LEFT - RIGHT)) y=(at(y.place(limit))) height=(at((y.clamped(2.0 * mean - limit) - y.place(limit)).max(0.0))) {}
                }
                @for (place, (label, count)) in self.bars.iter().enumerate() {
                    (self.bar(place, label, *count, slot, &y, limit))
                }
                line.mean x1=(LEFT) x2=(at(WIDTH - RIGHT)) y1=(at(y.place(mean))) y2=(at(y.place(mean))) {}
            }
            (self.numbers())
        }
    }

    /// Every bar as a number, for print and for readers who see no picture.
    fn numbers(&self) -> Markup {
        html! {
            details {
                summary { "In numbers" }
                div.wide { table {
                    thead { tr { th { (self.of) } th.number { "connections" } } }
                    tbody { @for (label, count) in &self.bars { tr { th scope="row" { (label) } td.number { (grouped(*count)) } } } }
                } }
            }
        }
    }

    fn bar(
        &self,
        place: usize,
        label: &str,
        count: u64,
        slot: f64,
        y: &Scale,
        limit: Option<f64>,
    ) -> Markup {
        let x = LEFT + slot * place as f64;
        let kind = match limit {
            _ if count == 0 => "bar idle",
            Some(limit) if count as f64 > limit => "bar over",
            _ => "bar",
        };
        html! {
            rect class=(kind) x=(at(x + slot * 0.12)) width=(at(slot * 0.76)) y=(at(y.place(count as f64))) height=(at(BOTTOM - y.place(count as f64))) {
                title { (self.of) " " (label) ": " (grouped(count)) }
            }
            @if count == 0 { text.mark x=(at(x + slot / 2.0)) y=(at(BOTTOM - 6.0)) text-anchor="middle" { "idle" } }
            @if slot >= 18.0 || place.is_multiple_of(4) {
                text.tick x=(at(x + slot / 2.0)) y=(at(BOTTOM + 16.0)) text-anchor="middle" { (label) }
            }
        }
    }

    fn said(&self, total: u64, mean: f64) -> String {
        let most = self.bars.iter().map(|(_, n)| *n).max().unwrap_or(0);
        let least = self.bars.iter().map(|(_, n)| *n).min().unwrap_or(0);
        format!(
            "{}: {} in {} bars, mean {}, least {}, most {}",
            self.title,
            grouped(total),
            self.bars.len(),
            figure(mean),
            grouped(least),
            grouped(most)
        )
    }
}
