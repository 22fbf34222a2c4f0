//! The delivery ledger: what was owed, what came, and what was wrong with it.

use lab_record::ledger::Flaw;
use maud::{Markup, html};
use serde_json::Value;

use super::plain;
use crate::words::{grouped, moment};

/// Findings shown; the others are in the record.
const MOST: usize = 50;

/// Numbers that are neither good nor bad, in reading order.
const FACTS: [(&str, &str); 6] = [
    ("records", "records in the log"),
    ("deliveries", "messages that reached devices"),
    ("acknowledged", "publishes that were acknowledged"),
    (
        "signalled",
        "messages that did not come, as the gateway said",
    ),
    (
        "repeated",
        "publishes that are in the log twice: legal, suppressed on delivery",
    ),
    (
        "unjudged",
        "deliveries that could not be judged, because the log had lost the records",
    ),
];

/// The ledger's numbers, in words, and the first findings with their place.
pub(super) fn draw(ledger: Option<&Value>) -> Markup {
    let Some(Value::Object(fields)) = ledger else {
        return html! {};
    };
    let number = |name: &str| fields.get(name).and_then(Value::as_u64);
    let first_ms = |flaw| fields.get("first_ms")?.get(key(flaw))?.as_i64();
    let flaws: Vec<(&str, u64, Option<i64>)> = Flaw::ALL
        .iter()
        .filter_map(|flaw| Some((flaw.words(), number(key(*flaw))?, first_ms(*flaw))))
        .collect();
    let known = |name: &str| {
        FACTS.iter().any(|(fact, _)| *fact == name) || Flaw::ALL.iter().any(|f| key(*f) == name)
    };
    html! {
        h3 { "Delivery ledger" }
        p.small { "Truth is an independent read of the topic; every delivery of every device was held against it." }
        div.wide { table { tbody {
            @for (name, words) in FACTS {
                @if let Some(count) = number(name) { tr { th scope="row" { (words) } td.number { (grouped(count)) } td {} } }
            }
            @for (words, count, first) in &flaws {
                tr {
                    th scope="row" { "messages: " (words) }
                    td.number { (grouped(*count)) }
                    td { @if *count == 0 { span.good { "✓ none" } } @else { span.bad { "✗ wrong" } @if let Some(ms) = first { ", first " (moment(*ms)) " into the run" } } }
                }
            }
            @for (name, value) in fields {
                @if !known(name) && !matches!(value, Value::Array(_) | Value::Object(_)) {
                    tr { th scope="row" { (name) } td.number { (plain(value)) } td {} }
                }
            }
        } } }
        @for (name, value) in fields {
            @if let Value::Array(list) = value {
                @if !list.is_empty() {
                    h4 { (name) }
                    ol { @for entry in list.iter().take(MOST) { li { (plain(entry)) } } }
                    @if list.len() > MOST { p.small { (grouped((list.len() - MOST) as u64)) " more are in the record." } }
                }
            }
        }
    }
}

/// The flaw's field in the account.
fn key(flaw: Flaw) -> &'static str {
    match flaw {
        Flaw::Lost => "lost",
        Flaw::Doubled => "doubled",
        Flaw::Swapped => "swapped",
        Flaw::Corrupted => "corrupted",
        Flaw::Foreign => "foreign",
        Flaw::Disagreeing => "disagreeing",
        Flaw::Vanished => "vanished",
        Flaw::Misplaced => "misplaced",
        Flaw::Disordered => "disordered",
        Flaw::Contradicted => "contradicted",
        Flaw::Reanswered => "reanswered",
    }
}
