//! Source ports by residue: the picture that shows why workgroups stay idle. A row per modulus, a cell per residue, darker where more ports fall.

use lab_record::statistics::Residues;
use maud::{Markup, html};

use super::{WIDTH, at};
use crate::words::grouped;

const ROW: f64 = 34.0;
const LABEL: f64 = 84.0;
/// The darkest a cell may be for its number to be read, on a light and on a dark page.
const DARKEST: f64 = 0.5;

/// The table of residues; its cells are coloured by their share.
pub(crate) fn residues(ports: &Residues) -> Markup {
    let rows = [
        (2, &ports.mod2[..]),
        (4, &ports.mod4[..]),
        (8, &ports.mod8[..]),
        (16, &ports.mod16[..]),
    ];
    let total: u64 = ports.mod2.iter().sum();
    html! {
        svg.chart viewBox=(format!("0 0 {WIDTH} {}", at(ROW * 4.0 + 8.0))) role="img" aria-label=(said(&rows, total)) {
            title { "Source ports by residue" }
            @for (row, (modulus, counts)) in rows.iter().enumerate() {
                text.tick x="0" y=(at(ROW * row as f64 + 22.0)) { "port mod " (modulus) }
                (cells(row, counts, total))
            }
        }
        (numbers(&rows))
    }
}

/// Every residue as a number, for print and for readers who see no picture.
fn numbers(rows: &[(u32, &[u64]); 4]) -> Markup {
    html! {
        details {
            summary { "In numbers" }
            div.wide { table {
                thead { tr { th { "port mod" } th { "ports with residue 0, 1, 2, …" } } }
                tbody { @for (modulus, counts) in rows { tr {
                    th scope="row" { (modulus) }
                    td { (counts.iter().map(|n| grouped(*n)).collect::<Vec<_>>().join(" · ")) }
                } } }
            } }
        }
    }
}

fn cells(row: usize, counts: &[u64], total: u64) -> Markup {
    let width = (WIDTH - LABEL) / counts.len().max(1) as f64;
    let y = ROW * row as f64 + 2.0;
    html! {
        @for (residue, count) in counts.iter().enumerate() {
            @let even = total as f64 / counts.len() as f64;
            @let weight = if even > 0.0 { (*count as f64 / even / 2.0).min(1.0) } else { 0.0 };
            @let x = LABEL + width * residue as f64;
            rect class=(if *count == 0 { "heat empty" } else { "heat" }) x=(at(x + 1.0)) y=(at(y)) width=(at(width - 2.0)) height=(at(ROW - 4.0)) fill-opacity=(at_two(weight * DARKEST)) {
                title { "residue " (residue) ": " (grouped(*count)) " ports" }
            }
            @if width >= 40.0 {
                text.heat-text x=(at(x + width / 2.0)) y=(at(y + 20.0)) text-anchor="middle" { (grouped(*count)) }
            }
        }
    }
}

fn at_two(share: f64) -> String {
    format!("{share:.2}")
}

fn said(rows: &[(u32, &[u64]); 4], total: u64) -> String {
    let empty: Vec<String> = rows
        .iter()
        .filter_map(|(modulus, counts)| {
            let empty = counts.iter().filter(|n| **n == 0).count();
            (empty > 0)
                .then(|| format!("{empty} of {modulus} residues modulo {modulus} have no port"))
        })
        .collect();
    let rest = if empty.is_empty() {
        "every residue is in use".to_owned()
    } else {
        empty.join(", ")
    };
    format!("Source ports by residue, {} ports: {rest}", grouped(total))
}
