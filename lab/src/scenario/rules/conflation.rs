//! Rules about conflation.

use std::time::Duration;

use super::{Cell, Complaint, Sheet, Written};
use crate::stage::{Conflation, Stage};
use crate::units::Span;

/// The gateway's own bounds on an interval.
const SHORTEST: Span = Span(Duration::from_millis(1));
const LONGEST: Span = Span(Duration::from_secs(3600));

/// The first rule that is broken.
pub(super) fn check(
    sheet: &Sheet<'_, '_>,
    written: &Written,
    cells: &[Cell],
) -> Result<(), Complaint> {
    for cell in cells {
        for (number, conflation) in cell.stage.conflation.iter().enumerate() {
            check_one(sheet, &cell.stage, number, conflation)?;
        }
    }
    let conflates = cells.iter().any(|cell| !cell.stage.conflation.is_empty());
    if written.expect.updates_apart.is_some() && !conflates {
        return Err(sheet
            .complain(
                &["expect", "updates-apart"],
                "`updates-apart` is the gateways' doing only where they conflate",
            )
            .hint("add [[stage.conflation]]"));
    }
    Ok(())
}

fn check_one(
    sheet: &Sheet<'_, '_>,
    stage: &Stage,
    number: usize,
    conflation: &Conflation,
) -> Result<(), Complaint> {
    let number = number.to_string();
    let path = |key| ["stage", "conflation", &number, key];
    let topics = &stage.kafka.topics;
    let Some(topic) = conflation.topic() else {
        let what = format!("\"{}\" names no subjects", conflation.subjects);
        return Err(sheet
            .complain(&path("subjects"), what)
            .hint("write \"/topic/*\" for every key of a topic, or \"/topic/key\""));
    };
    if !topics.iter().any(|carried| carried == topic) {
        let what = format!("the gateways do not carry the topic `{topic}`");
        let hint = format!("the stage's are {}", topics.join(", "));
        return Err(sheet.complain(&path("subjects"), what).hint(hint));
    }
    if !(SHORTEST..=LONGEST).contains(&conflation.interval) {
        let what = format!(
            "`interval` takes {SHORTEST} to {LONGEST}, not {}",
            conflation.interval
        );
        return Err(sheet.complain(&path("interval"), what));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::scenario::Scenario;

    fn parsed(conflation: &str, expect: &str) -> Result<Scenario, String> {
        let text = format!(
            "title = \"T\"\nwhy = \"W\"\n{conflation}\n[[step]]\ndo.subscribe = {{ over = \"1s\" }}\n\
             [[step]]\ndo.produce = {{ records = 1, rate = \"1/s\" }}\n[expect]\n{expect}\n"
        );
        Scenario::parse(Path::new("a.toml"), text).map_err(|complaint| complaint.to_string())
    }

    #[test]
    fn a_stage_says_what_its_gateways_conflate() {
        let scenario = parsed(
            "[[stage.conflation]]\nsubjects = \"/telemetry/*\"\ninterval = \"200ms\"",
            "updates-apart = \"200ms\"",
        );

        let stage = &scenario.unwrap().cells[0].stage;
        assert_eq!(stage.conflation[0].topic(), Some("telemetry"));
    }

    #[test]
    fn what_no_gateway_would_take_is_told_before_one_starts() {
        let written = |subjects: &str, interval: &str| {
            format!("[[stage.conflation]]\nsubjects = \"{subjects}\"\ninterval = \"{interval}\"")
        };
        for (conflation, expect, words) in [
            (written("telemetry", "1s"), "", "names no subjects"),
            (written("/orders/*", "1s"), "", "the stage's are telemetry"),
            (written("/telemetry/*", "0s"), "", "`interval` takes"),
            (
                String::new(),
                "updates-apart = \"1s\"",
                "only where they conflate",
            ),
        ] {
            let complaint = parsed(&conflation, expect).unwrap_err();

            assert!(complaint.contains(words), "{conflation}: {complaint}");
        }
    }
}
