//! Ways to balance beside each other: one column a cell, one line a figure. The terminal shows the same lines.

use lab_record::balancing::{Balancing, Change};
use lab_record::cost::Costs;
use lab_record::recovery::Station;
use lab_record::run::{Cell, Run};
use maud::{Markup, html};

/// What stands for a figure that a cell does not have.
const ABSENT: &str = "-";
/// What stands for a time that was not reached.
const NEVER: &str = "never";

/// The comparison of a run's cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// What tells each cell from the others.
    pub headings: Vec<String>,
    /// A name, and the figure of each cell.
    pub rows: Vec<(&'static str, Vec<String>)>,
}

/// The columns of a run that compares ways to balance; none when there are not two of them. A line that no cell has a figure for is left out.
#[must_use]
pub fn columns(run: &Run) -> Option<Columns> {
    let compared: Vec<Seen<'_>> = run.cells.iter().filter_map(Seen::of).collect();
    if compared.len() < 2 {
        return None;
    }
    let row = |(name, figure): (&'static str, Figure)| {
        let figures: Vec<Option<String>> = compared.iter().map(figure).collect();
        let is_known = figures.iter().any(Option::is_some);
        let or_absent = |figure: Option<String>| figure.unwrap_or_else(|| ABSENT.to_owned());
        is_known.then(|| (name, figures.into_iter().map(or_absent).collect()))
    };
    Some(Columns {
        headings: compared.iter().map(Seen::heading).collect(),
        rows: FIGURES.into_iter().filter_map(row).collect(),
    })
}

/// The comparison as a section; nothing where nothing is compared.
pub(crate) fn section(run: &Run) -> Markup {
    let Some(columns) = columns(run) else {
        return html! {};
    };
    html! {
        section aria-labelledby="balancing" {
            h2 #balancing { "What balancing costs, cell by cell" }
            (table(&columns))
        }
    }
}

/// The table alone.
pub(crate) fn table(columns: &Columns) -> Markup {
    html! {
        div.wide { table.columns {
            thead { tr { th { "" } @for heading in &columns.headings { th.number { (heading) } } } }
            tbody { @for (name, figures) in &columns.rows { tr {
                th scope="row" { (name) }
                @for figure in figures { td.number { (figure) } }
            } } }
        } }
    }
}

/// One cell and what was made of it.
struct Seen<'a> {
    cell: &'a Cell,
    balancing: &'a Balancing,
    costs: Costs,
}

type Figure = fn(&Seen<'_>) -> Option<String>;

const FIGURES: [(&str, Figure); 18] = [
    ("imbalance at rest", |seen| {
        seen.balancing.at_rest.imbalance.map(ratio)
    }),
    ("devices cut", |seen| {
        seen.change().map(|change| change.cut.to_string())
    }),
    ("first retry, max ms", |seen| {
        let change = seen.change()?;
        reached(&change.retried, change.cut, 100, change.retried.max_ms)
    }),
    ("50 % back, ms", |seen| {
        let change = seen.change()?;
        reached(
            &change.reconnected,
            change.cut,
            50,
            change.reconnected.p50_ms,
        )
    }),
    ("99 % back, ms", |seen| {
        let change = seen.change()?;
        reached(
            &change.reconnected,
            change.cut,
            99,
            change.reconnected.p99_ms,
        )
    }),
    ("100 % back, ms", |seen| {
        let change = seen.change()?;
        reached(
            &change.reconnected,
            change.cut,
            100,
            change.reconnected.max_ms,
        )
    }),
    ("peak handshakes/s", |seen| {
        let change = seen.change()?;
        Some(change.handshakes_per_second_peak.to_string())
    }),
    ("attempts", |seen| {
        seen.change().map(|change| change.attempts.to_string())
    }),
    ("turned away", |seen| {
        let turned_away = seen.change()?.turned_away;
        (turned_away > 0).then(|| turned_away.to_string())
    }),
    ("attempts wasted", |seen| {
        seen.change().map(|change| change.wasted.to_string())
    }),
    ("by one device", |seen| {
        let change = seen.change()?;
        Some(change.wasted_by_one_device.to_string())
    }),
    ("on known dead", |seen| {
        Some(seen.change()?.known_dead?.to_string())
    }),
    ("imbalance after", |seen| {
        seen.balancing.after.imbalance.map(ratio)
    }),
    ("balanced after, ms", |seen| {
        let after = seen.change()?.balanced_after_ms;
        Some(after.map_or_else(|| NEVER.to_owned(), |after| format!("{after:.0}")))
    }),
    ("gateway CPU a handshake, µs", |seen| {
        seen.costs.gateway_per_handshake_us.map(figure_of)
    }),
    ("ADC CPU a handshake, µs", |seen| {
        seen.costs.adc_per_handshake_us.map(figure_of)
    }),
    ("gateway CPU a message, µs", |seen| {
        seen.costs.gateway_per_message_us.map(figure_of)
    }),
    ("ADC CPU a message, µs", |seen| {
        seen.costs.adc_per_message_us.map(figure_of)
    }),
];

impl<'a> Seen<'a> {
    fn of(cell: &'a Cell) -> Option<Self> {
        Some(Self {
            cell,
            balancing: cell.balancing.as_ref()?,
            costs: Costs::of(&cell.events),
        })
    }

    fn change(&self) -> Option<&Change> {
        self.balancing.change.as_ref()
    }

    /// What tells this cell from the others.
    fn heading(&self) -> String {
        let choices: Vec<&str> = self
            .cell
            .name
            .split(' ')
            .map(|choice| choice.split_once('=').map_or(choice, |(_, value)| value))
            .collect();
        match choices.as_slice() {
            [] | [""] => self.balancing.way.clone(),
            choices => choices.join(" "),
        }
    }
}

/// A time that is only true if so many of a hundred devices got there; none where no device had to.
fn reached(station: &Station, of: u64, percent: u64, ms: f64) -> Option<String> {
    match (of, station.devices * 100 >= of * percent) {
        (0, _) => None,
        (_, true) => Some(figure_of(ms)),
        (_, false) => Some(NEVER.to_owned()),
    }
}

/// A tenth matters only below ten.
fn figure_of(value: f64) -> String {
    if value < 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

fn ratio(ratio: f64) -> String {
    format!("{ratio:.2}")
}
