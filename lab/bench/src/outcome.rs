//! What was found, as data: one row for each target.

use serde::Serialize;

use crate::error::BenchError;
use crate::statistics::Sample;
use crate::target::{Judged, Target};

/// What a row's measurement found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) value: f64,
    pub(crate) control: f64,
    /// The judged number of each round; one of them if there was one round.
    pub(crate) judged: Sample,
    /// What a reader should know beside it.
    pub(crate) notes: Vec<String>,
    /// It is this machine that kept the number where it is; the notes say how.
    pub(crate) short: bool,
}

impl Found {
    /// Of rounds in which the two sides took turns.
    pub(crate) fn paired(judged: Judged, value: &Sample, control: &Sample) -> Self {
        Self {
            value: value.median(),
            control: control.median(),
            judged: match judged {
                Judged::Value => value.clone(),
                Judged::Ratio => value.over(control),
                Judged::TimesLess => control.over(value),
            },
            notes: Vec::new(),
            short: false,
        }
    }

    /// Of one round.
    pub(crate) fn single(value: f64, control: f64, judged: f64) -> Self {
        Self {
            value,
            control,
            judged: Sample::new(vec![judged]),
            notes: Vec::new(),
            short: false,
        }
    }

    pub(crate) fn note(mut self, note: String) -> Self {
        self.notes.push(note);
        self
    }
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// What must hold does.
    Holds,
    /// It does not, or the gateway failed while it was measured.
    Broken,
    /// It cannot be measured on this machine.
    Unfit,
    /// The bench itself failed.
    Failed,
}

/// A row of the result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The target's name.
    pub name: &'static str,
    /// What was measured.
    pub what: &'static str,
    /// The gateway's number, a median; none if it could not be measured.
    pub value: Option<f64>,
    /// The unit of `value` and `control`.
    pub unit: &'static str,
    /// The control's number, a median.
    pub control: Option<f64>,
    /// What the control is.
    pub control_is: &'static str,
    /// The gateway's number over the control's, or the other way round where `must` says so; the median over the rounds.
    pub ratio: Option<f64>,
    /// What must hold, in words.
    pub must: String,
    /// Whether it does; none if it could not be measured, or if this machine kept it from showing.
    pub ok: Option<bool>,
    /// What would be better still, in words.
    pub stretch: String,
    /// Whether it is.
    pub stretch_ok: Option<bool>,
    /// The lowest and the highest of the judged number.
    pub spread: Option<(f64, f64)>,
    /// Remarks, or why it could not be measured.
    pub notes: Vec<String>,
    /// Where it was measured, and with what.
    pub machine: String,
    /// What became of it.
    #[serde(skip)]
    pub verdict: Verdict,
}

impl Row {
    pub(crate) fn new(target: &Target, found: Result<Found, &BenchError>, machine: &str) -> Self {
        let mut row = Self {
            name: target.name,
            what: target.what,
            value: None,
            unit: target.unit,
            control: None,
            control_is: target.control,
            ratio: None,
            must: target.words(target.must),
            ok: None,
            stretch: target.words(target.stretch),
            stretch_ok: None,
            spread: None,
            notes: Vec::new(),
            machine: machine.to_owned(),
            verdict: Verdict::Failed,
        };
        match found {
            Ok(found) => row.fill(target, found),
            Err(error) => {
                row.notes.push(format!("not measured: {error}"));
                row.verdict = match error {
                    BenchError::Unfit { .. } => Verdict::Unfit,
                    BenchError::Gateway(_) => Verdict::Broken,
                    BenchError::Failed(_) | BenchError::Interrupted => Verdict::Failed,
                };
            }
        }
        row
    }

    fn fill(&mut self, target: &Target, found: Found) {
        let judged = found.judged.median();
        self.value = Some(found.value);
        self.control = Some(found.control);
        self.ratio = Some(match target.judged {
            Judged::Value => found.value / found.control,
            Judged::Ratio | Judged::TimesLess => judged,
        });
        let holds = target.must.holds(judged);
        (self.ok, self.verdict) = match (holds, found.short) {
            (true, _) => (Some(true), Verdict::Holds),
            (false, false) => (Some(false), Verdict::Broken),
            (false, true) => (None, Verdict::Unfit),
        };
        self.stretch_ok = Some(target.stretch.holds(judged));
        self.spread = Some(found.judged.spread());
        self.notes = found.notes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::TARGETS;

    #[test]
    fn a_row_says_what_was_promised_and_whether_it_holds() {
        let value = Sample::new(vec![7.0, 7.7]);
        let control = Sample::new(vec![7.0, 7.0]);
        let found = Found::paired(Judged::Ratio, &value, &control);
        let row = Row::new(&TARGETS[0], Ok(found), "a machine");

        assert_eq!(row.must, "ratio <= 1.05");
        assert_eq!(row.ratio, Some(1.05));
        assert_eq!((row.ok, row.stretch_ok), (Some(true), Some(false)));
        assert_eq!(row.spread, Some((1.0, 1.1)));
    }

    #[test]
    fn a_number_that_the_machine_kept_low_is_shown_and_not_held_against_the_gateway() {
        let found = Found {
            short: true,
            ..Found::single(7.0, 1.0, 7.0)
        };
        let row = Row::new(&TARGETS[0], Ok(found), "a machine");

        assert_eq!(
            (row.value, row.ok, row.verdict),
            (Some(7.0), None, Verdict::Unfit)
        );
    }

    #[test]
    fn a_row_that_was_not_measured_says_why_and_holds_nothing() {
        let error = BenchError::Unfit {
            what: "there is no io_uring".to_owned(),
            remedy: "allow it".to_owned(),
        };
        let row = Row::new(&TARGETS[0], Err(&error), "a machine");

        assert_eq!(
            (row.value, row.ok, row.verdict),
            (None, None, Verdict::Unfit)
        );
        assert_eq!(row.notes, ["not measured: there is no io_uring; allow it"]);
    }
}
