//! What was broken on purpose, and when: read off a cell's figures of recovery, else off its events.

use serde_json::Value;

use crate::run::{Cell, Event};

/// A time during which something was broken on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What was done, in the scenario's words: `kill gateway 1`.
    pub name: String,
    /// Milliseconds since the first step.
    pub from_ms: i64,
    /// Until when, in the same clock; none for what happens at one moment or lasted to the end.
    pub until_ms: Option<i64>,
}

/// The faults of a cell, in the order they began.
#[must_use]
pub fn faults(cell: &Cell) -> Vec<Fault> {
    let Some(recovery) = &cell.recovery else {
        return among(&cell.events);
    };
    let faults = recovery.faults.iter().map(|fault| Fault {
        name: format!("{} {}", fault.kind, fault.target),
        from_ms: fault.from_ms,
        until_ms: fault.until_ms,
    });
    faults.collect()
}

/// Each event of kind `fault` lasts until the next of kind `fault-over` upon the same target.
fn among(events: &[Event]) -> Vec<Fault> {
    let over = |fault: &Event| {
        let ends = events.iter().filter(|event| event.kind == "fault-over");
        ends.filter(|end| end.at_ms >= fault.at_ms && word(end, "target") == word(fault, "target"))
            .map(|end| end.at_ms)
            .min()
    };
    events
        .iter()
        .filter(|event| event.kind == "fault")
        .map(|event| Fault {
            name: name(event),
            from_ms: event.at_ms,
            until_ms: over(event),
        })
        .collect()
}

/// What was in force at a moment, in words: "during kill gateway 1", "1.2 s after kill gateway 1"; none before the first fault.
#[must_use]
pub fn in_force(cell: &Cell, at_ms: i64) -> Option<String> {
    told(&faults(cell), at_ms)
}

fn told(faults: &[Fault], at_ms: i64) -> Option<String> {
    let began: Vec<&Fault> = faults
        .iter()
        .filter(|fault| fault.from_ms <= at_ms)
        .collect();
    let during: Vec<&str> = began
        .iter()
        .filter(|fault| fault.until_ms.is_some_and(|until| at_ms <= until))
        .map(|fault| fault.name.as_str())
        .collect();
    if !during.is_empty() {
        return Some(format!("during {}", during.join(" and ")));
    }
    let last = began.last()?;
    let since = last.until_ms.unwrap_or(last.from_ms);
    #[expect(clippy::cast_precision_loss, reason = "shown rounded")]
    let seconds = (at_ms - since) as f64 / 1_000.0;
    let end = if last.until_ms.is_some() {
        "the end of "
    } else {
        ""
    };
    Some(format!("{seconds:.1} s after {end}{}", last.name))
}

/// `kill gateway 1`.
fn name(event: &Event) -> String {
    [word(event, "fault"), word(event, "target")].join(" ")
}

fn word<'a>(event: &'a Event, key: &str) -> &'a str {
    event
        .detail
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_fault_lasts_until_it_is_over() {
        let events = [
            event(1_000, "fault", "freeze", "gateway 0"),
            event(1_500, "fault", "kill", "gateway 1"),
            event(3_000, "fault-over", "freeze", "gateway 0"),
        ];

        assert_eq!(
            among(&events),
            [
                Fault {
                    name: "freeze gateway 0".to_owned(),
                    from_ms: 1_000,
                    until_ms: Some(3_000)
                },
                Fault {
                    name: "kill gateway 1".to_owned(),
                    from_ms: 1_500,
                    until_ms: None
                }
            ]
        );
    }

    #[test]
    fn a_moment_is_told_by_the_faults_around_it() {
        let events = [
            event(1_000, "fault", "freeze", "gateway 0"),
            event(3_000, "fault-over", "freeze", "gateway 0"),
            event(5_000, "fault", "kill", "gateway 1"),
        ];
        let at = |ms| told(&among(&events), ms);

        assert_eq!(at(500), None);
        assert_eq!(at(2_000).as_deref(), Some("during freeze gateway 0"));
        assert_eq!(
            at(4_200).as_deref(),
            Some("1.2 s after the end of freeze gateway 0")
        );
        assert_eq!(at(6_200).as_deref(), Some("1.2 s after kill gateway 1"));
    }

    fn event(at_ms: i64, kind: &str, fault: &str, target: &str) -> Event {
        Event {
            at_ms,
            kind: kind.to_owned(),
            detail: BTreeMap::from(
                [("fault", fault), ("target", target)]
                    .map(|(key, word)| (key.to_owned(), Value::from(word))),
            ),
        }
    }
}
