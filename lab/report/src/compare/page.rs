//! The comparison as a page, both sides beside each other.

use maud::{Markup, html};

use super::text::{more, ratio, side};
use super::{Change, Comparison};
use crate::chart::curves::{Curve, spectrum};
use crate::page::document;

/// More pictures than this make the page long and say nothing new.
const DISTRIBUTIONS: usize = 12;

/// The page; `before` and `after` name the sides.
pub fn page(comparison: &Comparison, before: &str, after: &str) -> String {
    let (word, class) = if comparison.regressed() {
        ("WORSE", "bad")
    } else {
        ("NOT WORSE", "good")
    };
    let body = html! {
        header {
            p.verdict.(class) { (word) }
            h1 { (before) " → " (after) }
            @for caution in &comparison.cautions { p.unknown { "Caution: " (caution) } }
            @for line in &comparison.unmatched { p.small { (line) } }
        }
        main {
            div.wide { table {
                thead { tr { th { "change" } th { "where" } th { "what" } th { (before) } th { (after) } th.number { "difference" } th.number { "ratio" } } }
                tbody {
                    @for d in &comparison.differences {
                        tr {
                            td { span.(colour(d.change)) { (d.change.word()) } }
                            th scope="row" { (d.place) }
                            td { (d.metric) }
                            td.number { (side(&d.before, d.unit)) }
                            td.number { (side(&d.after, d.unit)) }
                            td.number { (more(d)) }
                            td.number { (ratio(d)) }
                        }
                    }
                }
            } }
            p.small { "In brackets: where the value, the difference or the ratio lies with 95 % confidence. Worse or better is only what has no value in common with the other side, and differs by more than the threshold."
                " One run has only the spread within it; three or more runs on both sides count the spread between runs. Of fewer, processor time and memory are taken to move by 15 %." }
            (distributions(comparison))
        }
    };
    document(&format!("{before} → {after}"), &body)
}

/// Both sides' distributions as two curves in one picture.
fn distributions(comparison: &Comparison) -> Markup {
    let all = &comparison.distributions;
    html! {
        @if !all.is_empty() {
            section aria-labelledby="distributions" {
                h2 #distributions { "Times by percentile, beside each other" }
                @for one in all.iter().take(DISTRIBUTIONS) {
                    h3 { (one.name) }
                    p.small { (one.place) }
                    @let curves = [("before", &one.before), ("after", &one.after)].map(|(name, times)| Curve { name, times: times.clone() });
                    div.wide { (spectrum(&format!("{} before and after", one.name), &curves)) }
                }
                @if all.len() > DISTRIBUTIONS { p.small { ((all.len() - DISTRIBUTIONS)) " more are in the table only." } }
            }
        }
    }
}

fn colour(change: Change) -> &'static str {
    match change {
        Change::Worse => "bad",
        Change::Better => "good",
        Change::Noise => "small",
    }
}
