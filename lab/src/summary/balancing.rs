//! Ways to balance beside each other: one column a cell, one line a figure.

use std::fmt::Write as _;

use lab_record::balancing::{Balancing, Change};
use lab_record::run::{Cell, Run};

/// The columns of a run that compares ways to balance; empty when there are not two of them.
pub(crate) fn comparison(run: &Run) -> String {
    let columns: Vec<(&Cell, &Balancing)> = run
        .cells
        .iter()
        .filter_map(|cell| Some((cell, cell.balancing.as_ref()?)))
        .collect();
    if columns.len() < 2 {
        return String::new();
    }
    let mut rows = vec![row("", &columns, heading)];
    rows.extend(FIGURES.map(|(name, figure)| row(name, &columns, |_, figures| figure(figures))));
    table(&rows)
}

type Figure = fn(&Balancing) -> String;

const FIGURES: [(&str, Figure); 13] = [
    ("imbalance at rest", |figures| {
        ratio(figures.at_rest.imbalance)
    }),
    ("devices cut", |figures| {
        change(figures, |change| change.cut.to_string())
    }),
    ("first retry, p99 ms", |figures| {
        change(figures, |change| {
            reached(
                change.retried.devices,
                change.cut,
                99,
                change.retried.p99_ms,
            )
        })
    }),
    ("50 % back, ms", |figures| {
        change(figures, |change| {
            reached(
                change.reconnected.devices,
                change.cut,
                50,
                change.reconnected.p50_ms,
            )
        })
    }),
    ("99 % back, ms", |figures| {
        change(figures, |change| {
            reached(
                change.reconnected.devices,
                change.cut,
                99,
                change.reconnected.p99_ms,
            )
        })
    }),
    ("100 % back, ms", |figures| {
        change(figures, |change| {
            reached(
                change.reconnected.devices,
                change.cut,
                100,
                change.reconnected.max_ms,
            )
        })
    }),
    ("peak handshakes/s", |figures| {
        change(figures, |change| {
            change.handshakes_per_second_peak.to_string()
        })
    }),
    ("attempts", |figures| {
        change(figures, |change| change.attempts.to_string())
    }),
    ("attempts wasted", |figures| {
        change(figures, |change| change.wasted.to_string())
    }),
    ("by one device", |figures| {
        change(figures, |change| change.wasted_by_one_device.to_string())
    }),
    ("on known dead", |figures| {
        change(figures, |change| {
            change
                .known_dead
                .map_or_else(absent, |count| count.to_string())
        })
    }),
    ("imbalance after", |figures| ratio(figures.after.imbalance)),
    ("balanced after, ms", |figures| {
        change(figures, |change| {
            change
                .balanced_after_ms
                .map_or_else(|| "never".to_owned(), |after| format!("{after:.0}"))
        })
    }),
];

fn change(figures: &Balancing, figure: impl Fn(&Change) -> String) -> String {
    figures.change.as_ref().map_or_else(absent, figure)
}

/// A time that is only true if so many of a hundred devices got there.
fn reached(devices: u64, of: u64, percent: u64, ms: f64) -> String {
    match (of, devices * 100 >= of * percent) {
        (0, _) => absent(),
        (_, true) => figure_of(ms),
        (_, false) => "never".to_owned(),
    }
}

/// A tenth of a millisecond matters only below ten.
fn figure_of(ms: f64) -> String {
    if ms < 10.0 {
        format!("{ms:.1}")
    } else {
        format!("{ms:.0}")
    }
}

fn ratio(ratio: Option<f64>) -> String {
    ratio.map_or_else(absent, |ratio| format!("{ratio:.2}"))
}

fn absent() -> String {
    "-".to_owned()
}

/// What tells this cell from the others.
fn heading(cell: &Cell, figures: &Balancing) -> String {
    let choices: Vec<&str> = cell
        .name
        .split(' ')
        .map(|choice| choice.split_once('=').map_or(choice, |(_, value)| value))
        .collect();
    match choices.as_slice() {
        [] | [""] => figures.way.clone(),
        choices => choices.join(" "),
    }
}

fn row(
    name: &str,
    columns: &[(&Cell, &Balancing)],
    figure: impl Fn(&Cell, &Balancing) -> String,
) -> Vec<String> {
    let figures = columns.iter().map(|(cell, figures)| figure(cell, figures));
    std::iter::once(name.to_owned()).chain(figures).collect()
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
    use lab_record::balancing::Shares;
    use lab_record::recovery::Station;

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
            comparison(&run),
            "                         api  dns-first-address-only
  imbalance at rest     1.00                    1.00
  devices cut              2                       2
  first retry, p99 ms  never                   never
  50 % back, ms          5.0                     900
  99 % back, ms          6.0                   never
  100 % back, ms         6.0                   never
  peak handshakes/s        2                       2
  attempts                 3                       3
  attempts wasted          1                       1
  by one device            1                       1
  on known dead            0                       0
  imbalance after          -                       -
  balanced after, ms     150                   never
"
        );
    }

    #[test]
    fn one_way_alone_is_no_comparison() {
        let mut run = example::passed();
        run.cells[0].balancing = Some(figures("api", vec![], None));

        assert_eq!(comparison(&run), "");
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
