//! Markdown for a pull request: the verdict, what did not hold, a line per cell.

use lab_record::run::Run;
use std::fmt::Write as _;

use crate::findings;
use crate::words::span_ms;

/// More lines than this are cut from each list: a comment is read, not scrolled.
const MOST: usize = 30;

/// The summary of one or several runs, in their order.
pub fn render(runs: &[Run]) -> String {
    let mut text = String::new();
    for run in runs {
        section(&mut text, run);
    }
    text
}

fn section(text: &mut String, run: &Run) {
    // Writing into a String cannot fail.
    let _ = writeln!(
        text,
        "### {}: {}\n\n{}.\n",
        run.verdict().word(),
        escaped(&run.scenario.title),
        findings::sentence(run)
    );
    let findings = findings::of(run);
    for finding in findings.iter().take(MOST) {
        let _ = writeln!(
            text,
            "- **{}** {}",
            escaped(finding.rule),
            escaped(finding.cell)
        );
        if !finding.wanted.is_empty() {
            let _ = writeln!(text, "  - wanted: {}", escaped(finding.wanted));
        }
        let _ = writeln!(text, "  - measured: {}", escaped(finding.measured));
        for (label, words) in [
            ("how sure", finding.interval),
            ("first broke", finding.since.as_deref()),
            ("likely cause", finding.cause),
            ("remedy", finding.remedy),
        ] {
            if let Some(words) = words {
                let _ = writeln!(text, "  - {label}: {}", escaped(words));
            }
        }
        let _ = writeln!(text, "  - next: `{}`", finding.next.replace('`', "'"));
    }
    if findings.len() > MOST {
        let _ = writeln!(text, "- and {} more", findings.len() - MOST);
    }
    let _ = writeln!(
        text,
        "\n| cell | verdict | Kafka | ADC | took |\n|---|---|---|---|---|"
    );
    for cell in run.cells.iter().take(MOST) {
        let name = if cell.name.is_empty() {
            "–"
        } else {
            &cell.name
        };
        let (kafka, adc) = (&cell.providers.kafka, &cell.providers.adc);
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            escaped(name),
            cell.verdict.word(),
            escaped(kafka),
            escaped(adc),
            span_ms(cell.took_ms)
        );
    }
    if run.cells.len() > MOST {
        let _ = writeln!(text, "| and {} more | | | | |", run.cells.len() - MOST);
    }
    let _ = writeln!(text, "\nAgain: `{}`\n", run.command.replace('`', "'"));
}

/// Text that Markdown and a table cell show as it is.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '|' | '*' | '_' | '`' | '<' | '[' | ']' | '\\' => {
                out.push('\\');
                out.push(letter);
            }
            '\n' | '\r' => out.push(' '),
            _ => out.push(letter),
        }
    }
    out
}
