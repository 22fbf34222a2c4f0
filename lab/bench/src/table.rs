//! The table that people read.

use std::fmt::Write as _;

use crate::outcome::Row;
use crate::target::TARGETS;

/// The whole table, with what was measured on above it.
#[must_use]
pub fn render(rows: &[Row], facts: &[String]) -> String {
    let mut text = String::new();
    for fact in facts {
        let _ = writeln!(text, "{fact}");
    }
    let _ = writeln!(
        text,
        "\n{:<19} {:>12} {:>14}  {:<22} {:<18} must",
        "", "gateway", "control", "judged", "lowest–highest"
    );
    for row in rows {
        line(&mut text, row);
    }
    text
}

fn line(text: &mut String, row: &Row) {
    let number = |number: Option<f64>| number.map_or_else(|| "–".to_owned(), significant);
    let with_unit = |value| format!("{} {}", number(value), row.unit);
    let judged = if row.must.starts_with("value") {
        with_unit(row.value)
    } else {
        format!("{} ×", number(row.ratio))
    };
    let spread = row.spread.map_or_else(String::new, |(low, high)| {
        format!("{}–{}", significant(low), significant(high))
    });
    let verdict = match (row.ok, row.stretch_ok) {
        (Some(true), Some(true)) => "holds, and the stretch",
        (Some(true), _) => "holds",
        (Some(false), _) => "DOES NOT HOLD",
        (None, _) if row.value.is_some() => "this machine falls short",
        (None, _) => "not measured",
    };
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{:<19} {:>12} {:>14}  {:<22} {:<18} {} ({verdict})",
        row.name,
        with_unit(row.value),
        with_unit(row.control),
        judged,
        spread,
        row.must,
    );
    let _ = writeln!(text, "    {}; control: {}", row.what, row.control_is);
    for note in &row.notes {
        let _ = writeln!(text, "    {note}");
    }
}

/// Three significant digits, and no exponent.
fn significant(number: f64) -> String {
    let digits = match number.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 0.1 => 2,
        size if size >= 0.01 => 3,
        _ => 4,
    };
    format!("{number:.digits$}")
}

/// The rows there are, for `--list`.
#[must_use]
pub fn list() -> String {
    let mut text = String::new();
    for target in &TARGETS {
        let _ = writeln!(text, "{:<19} {}", target.name, target.what);
        let _ = writeln!(
            text,
            "{:<19} must: {}; stretch: {}; control: {}",
            "",
            target.words(target.must),
            target.words(target.stretch),
            target.control
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_that_matter() {
        let shown = [134_000.4, 463.4, 12.34, 1.047, 0.1049, 0.0571, 0.0009].map(significant);

        assert_eq!(
            shown,
            ["134000", "463", "12.3", "1.05", "0.10", "0.057", "0.0009"]
        );
    }
}
