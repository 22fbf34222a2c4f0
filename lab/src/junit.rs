//! `junit.xml`, for tools that collect test results: one suite per scenario file, one case per cell.

use std::fmt::Write as _;
use std::time::Duration;

use lab_record::run::{Cell, Run};
use lab_record::verdict::Verdict;

use crate::summary;

/// The text of `junit.xml`.
pub(crate) fn junit(runs: &[Run]) -> String {
    let mut xml =
        String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"lab\">\n");
    for run in runs {
        suite(&mut xml, run);
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn suite(xml: &mut String, run: &Run) {
    let count = |wanted: &[Verdict]| {
        run.cells
            .iter()
            .filter(|cell| wanted.contains(&cell.verdict))
            .count()
    };
    let took: u64 = run.cells.iter().map(|cell| cell.took_ms).sum();
    // Writing to a string cannot fail.
    let _ = writeln!(
        xml,
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\">",
        escaped(&run.scenario.file),
        run.cells.len(),
        count(&[Verdict::Fail]),
        count(&[
            Verdict::LabFailed,
            Verdict::Inconclusive,
            Verdict::Interrupted
        ]),
        count(&[Verdict::Unfit]),
        seconds(took),
    );
    for cell in &run.cells {
        case(xml, run, cell);
    }
    xml.push_str("  </testsuite>\n");
}

fn case(xml: &mut String, run: &Run, cell: &Cell) {
    let _ = write!(
        xml,
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{}\"",
        escaped(&run.scenario.file),
        escaped(&summary::heading(run, cell)),
        seconds(cell.took_ms),
    );
    let element = match cell.verdict {
        Verdict::Pass => {
            xml.push_str("/>\n");
            return;
        }
        Verdict::Fail => "failure",
        Verdict::Unfit => "skipped",
        Verdict::LabFailed | Verdict::Inconclusive | Verdict::Interrupted => "error",
    };
    let said = summary::cell(run, cell);
    let message = said.lines().nth(1).unwrap_or_default().trim();
    let _ = writeln!(
        xml,
        ">\n      <{element} message=\"{}\">{}</{element}>\n    </testcase>",
        escaped(message),
        escaped(&said)
    );
}

fn seconds(ms: u64) -> String {
    format!("{:.3}", Duration::from_millis(ms).as_secs_f64())
}

/// Text that XML 1.0 can hold.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' | '\t' => safe.push(c),
            c if c.is_control() || c == '\u{fffe}' || c == '\u{ffff}' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn a_failed_cell_is_a_failed_case_with_the_summary_as_its_text() {
        assert_eq!(
            junit(&[example::failed()]),
            r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="lab">
  <testsuite name="scenarios/a.toml" tests="1" failures="1" errors="0" skipped="0" time="1.900">
    <testcase classname="scenarios/a.toml" name="Even ports fill every workgroup [workgroups=4]" time="1.900">
      <failure message="rule      spread: even over 4 workgroups">FAIL  Even ports fill every workgroup [workgroups=4]
  rule      spread: even over 4 workgroups
  measured  2 of 4 groups idle with 2000 connections
  cause     all 2000 source ports are even
  groups    1001 0 999 0
  next      lab run scenarios/a.toml --seed 7 --cell 'workgroups=4'
</failure>
    </testcase>
  </testsuite>
</testsuites>
"#
        );
    }

    #[test]
    fn a_cell_that_cannot_be_played_is_skipped_not_passed() {
        assert!(
            junit(&[example::unfit()])
                .contains("<skipped message=\"reason    HAProxy is not installed\">")
        );
    }

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        assert_eq!(
            escaped("a<b> & \"c\" \u{1b}[0m"),
            "a&lt;b&gt; &amp; &quot;c&quot; \u{fffd}[0m"
        );
    }
}
