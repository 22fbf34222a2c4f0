//! What follows from what was expected and measured. Pure: expectations in, one word out.

use serde::{Deserialize, Serialize};

use crate::run::Expectation;

/// The answer of a cell, of a file or of a whole command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every expectation held.
    Pass,
    /// At least one did not.
    Fail,
    /// None failed, but at least one could not be decided.
    Inconclusive,
    /// The machine cannot play the stage; nothing was tried.
    Unfit,
    /// The lab itself failed; nothing is known about the gateway.
    LabFailed,
    /// The user wanted out.
    Interrupted,
}

impl Verdict {
    /// The verdict on one cell. A broken expectation outweighs an undecided one; without any expectation nothing was decided.
    pub fn of(expectations: &[Expectation]) -> Self {
        if expectations.iter().any(|e| e.held == Some(false)) {
            Self::Fail
        } else if expectations.is_empty() || expectations.iter().any(|e| e.held.is_none()) {
            Self::Inconclusive
        } else {
            Self::Pass
        }
    }

    /// The verdict over several: an interruption, then failed, lab failed, unfit, inconclusive, passed. Of nothing: inconclusive.
    pub fn over(verdicts: impl IntoIterator<Item = Self>) -> Self {
        verdicts
            .into_iter()
            .max_by_key(|v| v.weight())
            .unwrap_or(Self::Inconclusive)
    }

    /// The exit status of the command.
    pub fn exit_status(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail => 1,
            Self::Unfit => 3,
            Self::Inconclusive => 4,
            Self::LabFailed => 5,
            Self::Interrupted => 130,
        }
    }

    /// The word at the start of a verdict line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Unfit => "UNFIT",
            Self::LabFailed => "LAB FAILED",
            Self::Interrupted => "INTERRUPTED",
        }
    }

    /// What outweighs what, over several.
    fn weight(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Inconclusive => 1,
            Self::Unfit => 2,
            Self::LabFailed => 3,
            Self::Fail => 4,
            Self::Interrupted => 5,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_expectation_outweighs_an_undecided_one() {
        assert_eq!(
            Verdict::of(&[held(Some(true)), held(Some(true))]),
            Verdict::Pass
        );
        assert_eq!(
            Verdict::of(&[held(Some(true)), held(None)]),
            Verdict::Inconclusive
        );
        assert_eq!(Verdict::of(&[held(None), held(Some(false))]), Verdict::Fail);
    }

    #[test]
    fn without_expectations_nothing_is_decided() {
        assert_eq!(Verdict::of(&[]), Verdict::Inconclusive);
        assert_eq!(Verdict::over([]), Verdict::Inconclusive);
    }

    #[test]
    fn over_several_files_1_beats_5_beats_3_beats_4() {
        use Verdict::{Fail, Inconclusive, Interrupted, LabFailed, Pass, Unfit};
        let status = |verdicts: &[Verdict]| Verdict::over(verdicts.iter().copied()).exit_status();

        assert_eq!(
            status(&[Pass, Inconclusive, Unfit, LabFailed, Fail, Pass]),
            1
        );
        assert_eq!(status(&[Pass, Inconclusive, Unfit, LabFailed]), 5);
        assert_eq!(status(&[Inconclusive, Unfit, Pass]), 3);
        assert_eq!(status(&[Pass, Inconclusive]), 4);
        assert_eq!(status(&[Pass, Pass]), 0);
        assert_eq!(status(&[Fail, Interrupted]), 130);
    }

    fn held(held: Option<bool>) -> Expectation {
        Expectation {
            name: String::new(),
            wanted: String::new(),
            measured: String::new(),
            interval: None,
            held,
            first_broke_ms: None,
            cause: None,
            remarks: vec![],
        }
    }
}
