//! The comparison as a page, both sides beside each other.

use maud::html;

use super::text::{ratio, side};
use super::{Change, Comparison};
use crate::page::document;

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
                thead { tr { th { "change" } th { "where" } th { "what" } th { (before) } th { (after) } th { "ratio" } } }
                tbody {
                    @for d in &comparison.differences {
                        tr {
                            td { span.(colour(d.change)) { (d.change.word()) } }
                            th scope="row" { (d.place) }
                            td { (d.metric) }
                            td.number { (side(&d.before, d.unit)) }
                            td.number { (side(&d.after, d.unit)) }
                            td.number { (ratio(d)) }
                        }
                    }
                }
            } }
            p.small { "In brackets: where the value lies with 95 % confidence. One run has only the spread within it; three or more runs on both sides count the spread between runs. Of fewer, processor time and memory are taken to move by 15 %." }
        }
    };
    document(&format!("{before} → {after}"), &body)
}

fn colour(change: Change) -> &'static str {
    match change {
        Change::Worse => "bad",
        Change::Better => "good",
        Change::Noise => "small",
    }
}
