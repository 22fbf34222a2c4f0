//! Colour repeats the verdict's word, it never replaces it. None without a terminal, none when `NO_COLOR` is set.

use std::io::IsTerminal;

use lab_record::verdict::Verdict;

/// Colours the verdict's word at the start of the first line of `text`.
pub(crate) fn paint(verdict: Verdict, text: &str) -> String {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || !std::io::stdout().is_terminal();
    match text.strip_prefix(verdict.word()) {
        Some(rest) if !plain => format!("\x1b[1;{}m{}\x1b[0m{rest}", code(verdict), verdict.word()),
        _ => text.to_owned(),
    }
}

/// The colour's number.
fn code(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Pass => 32,
        Verdict::Fail | Verdict::LabFailed => 31,
        Verdict::Inconclusive | Verdict::Unfit | Verdict::Interrupted => 33,
    }
}
