//! Cells beside each other, as the terminal shows them; the figures are [`lab_report::balancing`]'s and [`lab_report::upkeep`]'s.

use std::fmt::Write as _;

use lab_record::run::Run;
use lab_report::balancing::Columns;

/// The columns of a run that compares ways to balance, or numbers of gateways; empty when it compares neither. Where they do not fit side by side, a
/// table goes on below itself with the columns that are left.
pub(crate) fn comparisons(run: &Run, room: Option<usize>) -> String {
    let both = [
        lab_report::balancing::columns(run),
        lab_report::upkeep::columns(run),
    ];
    let tables = both.into_iter().flatten();
    tables.map(|columns| comparison(columns, room)).collect()
}

fn comparison(columns: Columns, room: Option<usize>) -> String {
    let heading = std::iter::once(String::new()).chain(columns.headings);
    let mut rows: Vec<Vec<String>> = vec![heading.collect()];
    rows.extend(columns.rows.into_iter().map(|(name, figures)| {
        let name = std::iter::once(name.to_owned());
        name.chain(figures).collect()
    }));
    let parts: Vec<String> = beside(&rows, room.unwrap_or(usize::MAX))
        .iter()
        .map(|part| table(part))
        .collect();
    parts.join("\n")
}

/// The table, and again with its first column for what does not fit beside it.
fn beside(rows: &[Vec<String>], room: usize) -> Vec<Vec<Vec<String>>> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        2 + cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let (mut parts, mut part, mut used): (Vec<Vec<usize>>, _, _) = (vec![], vec![], width(0));
    for column in 1..columns {
        if !part.is_empty() && used + width(column) > room {
            parts.push(std::mem::take(&mut part));
            used = width(0);
        }
        part.push(column);
        used += width(column);
    }
    parts.push(part);
    let cut = |part: &Vec<usize>| {
        let chosen = |row: &Vec<String>| {
            let columns = std::iter::once(&0).chain(part);
            columns.filter_map(|c| row.get(*c).cloned()).collect()
        };
        rows.iter().map(chosen).collect()
    };
    parts.iter().map(cut).collect()
}

/// The first column to the left, numbers to the right.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = match column {
                0 => write!(line, "  {cell:<width$}"),
                _ => write!(line, "  {cell:>width$}"),
            };
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use lab_record::balancing::{Balancing, Change, Shares};
    use lab_record::recovery::Station;
    use lab_record::run::Cell;

    use super::*;
    use crate::example;

    #[test]
    fn ways_stand_beside_each_other() {
        let mut run = example::passed();
        let cell = run.cells[0].clone();
        run.cells = vec![
            Cell {
                name: "balancing=api".to_owned(),
                balancing: Some(figures("api", vec![5.0, 6.0], Some(150.0))),
                ..cell.clone()
            },
            Cell {
                name: "balancing=dns-first-address-only".to_owned(),
                balancing: Some(figures("dns-first-address-only", vec![900.0], None)),
                ..cell
            },
        ];

        assert_eq!(
            comparisons(&run, None),
            "                         api  dns-first-address-only
  imbalance at rest     1.00                    1.00
  devices cut              2                       2
  first retry, max ms  never                   never
  50 % back, ms          5.0                     900
  99 % back, ms          6.0                   never
  100 % back, ms         6.0                   never
  peak handshakes/s        2                       2
  attempts                 3                       3
  attempts wasted          1                       1
  by one device            1                       1
  on known dead            0                       0
  balanced after, ms     150                   never
"
        );
    }

    #[test]
    fn a_narrow_terminal_gets_the_ways_below_each_other() {
        let mut run = example::passed();
        let way = |way: &str| Cell {
            name: format!("balancing={way}"),
            balancing: Some(figures(way, vec![5.0], None)),
            ..example::passed().cells.remove(0)
        };
        run.cells = ["api", "dns", "dns-ignore-ttl"].map(way).to_vec();

        let text = comparisons(&run, Some(40));

        assert!(
            text.lines().all(|line| line.chars().count() <= 40),
            "{text}"
        );
        assert_eq!(text.matches("devices cut").count(), 2, "{text}");
        for way in ["api", "dns", "dns-ignore-ttl"] {
            assert!(text.contains(way), "{text}");
        }
    }

    #[test]
    fn one_way_alone_is_no_comparisons() {
        let mut run = example::passed();
        run.cells[0].balancing = Some(figures("api", vec![], None));

        assert_eq!(comparisons(&run, None), "");
    }

    fn figures(way: &str, back: Vec<f64>, balanced_after_ms: Option<f64>) -> Balancing {
        Balancing {
            way: way.to_owned(),
            at_rest: Shares {
                connections: vec![2, 2],
                weights: vec![1, 1],
                imbalance: Some(1.0),
            },
            after: Shares::default(),
            change: Some(Change {
                cut: 2,
                reconnected: Station::of("reconnected", back),
                handshakes_per_second_peak: 2,
                attempts: 3,
                wasted: 1,
                wasted_by_one_device: 1,
                known_dead: Some(0),
                balanced_after_ms,
                ..Change::default()
            }),
        }
    }
}
