//! What is wrong with a scenario file: where, what, and the nearest right word.

use std::fmt;
use std::ops::Range;
use std::path::Path;

/// A mistake at a place in a file. Shown as `file:line:column: what`, the line, a caret and a hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    file: String,
    line: usize,
    column: usize,
    text: String,
    width: usize,
    what: String,
    hint: Option<String>,
}

impl std::error::Error for Complaint {}

impl Complaint {
    /// A mistake at `span` (in bytes) of `text`.
    pub(crate) fn at(file: &Path, text: &str, span: Range<usize>, what: impl Into<String>) -> Self {
        let start = floor_char(text, span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..]
            .find('\n')
            .map_or(text.len(), |newline| start + newline);
        let end = floor_char(text, span.end.clamp(start, line_end));
        Self {
            file: file.display().to_string(),
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            text: text[line_start..line_end].trim_end().to_owned(),
            width: text[start..end].chars().count().max(1),
            what: what.into(),
            hint: None,
        }
    }

    /// A mistake that TOML or a type found.
    pub(crate) fn from_toml(file: &Path, text: &str, error: &toml::de::Error) -> Self {
        Self::from_toml_at(file, text, error.span().unwrap_or(0..0), error)
    }

    /// The same at another place, where the error has lost its own.
    pub(crate) fn from_toml_at(
        file: &Path,
        text: &str,
        span: Range<usize>,
        error: &toml::de::Error,
    ) -> Self {
        let mut complaint = Self::at(file, text, span, said_plainly(error.message()));
        complaint.hint = suggestion(error.message());
        complaint
    }

    /// The same with advice under the caret.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        let indent = " ".repeat(self.column - 1);
        writeln!(
            f,
            "{}:{}:{}: {}",
            self.file, self.line, self.column, self.what
        )?;
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{number} | {}", self.text)?;
        write!(f, "{gutter} | {indent}{}", "^".repeat(self.width))?;
        match &self.hint {
            Some(hint) => write!(f, " {hint}"),
            None => Ok(()),
        }
    }
}

/// The greatest character boundary at or before `index`.
fn floor_char(text: &str, index: usize) -> usize {
    (0..=index.min(text.len()))
        .rev()
        .find(|&i| text.is_char_boundary(i))
        .unwrap_or(0)
}

/// Serde's words for unknown names, without the list that [`suggestion`] prints.
fn said_plainly(message: &str) -> String {
    let first = message.lines().next().unwrap_or(message);
    let first = first
        .split(", expected")
        .next()
        .filter(|_| first.starts_with("unknown "))
        .unwrap_or(first);
    first
        .replacen("unknown field", "unknown key", 1)
        .replacen("unknown variant", "unknown word", 1)
}

/// "did you mean" with the nearest of the expected names, or the list of them.
fn suggestion(message: &str) -> Option<String> {
    let (before, after) = message.split_once(", expected ")?;
    let wrong = quoted(before).next()?;
    let known: Vec<&str> = quoted(after).collect();
    match nearest(wrong, &known) {
        Some(word) => Some(format!("did you mean `{word}`?")),
        None if known.is_empty() => None,
        None => Some(format!("known here: {}", known.join(", "))),
    }
}

/// The names between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The candidate that takes the fewest changes, when they are few enough to be a slip.
pub(crate) fn nearest<'a>(wrong: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let limit = (wrong.chars().count() / 3).max(1);
    candidates
        .iter()
        .map(|candidate| (edit_distance(wrong, candidate), *candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment).
fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1)
                .min(row[j - 1] + 1)
                .min(rows[i - 1][j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_shows_place_line_caret_and_hint() {
        let text = "title = \"x\"\n[stage]\n  wörk = 8\n";

        let complaint = Complaint::at(Path::new("a.toml"), text, 22..27, "unknown key `wörk`")
            .hint("did you mean `work`?");

        assert_eq!(
            complaint.to_string(),
            "a.toml:3:3: unknown key `wörk`\n  |\n3 |   wörk = 8\n  |   ^^^^ did you mean `work`?"
        );
    }

    #[test]
    fn a_span_outside_the_text_or_over_lines_is_kept_inside_its_line() {
        let shown = |span| Complaint::at(Path::new("a"), "one\ntwo", span, "wrong").to_string();

        assert_eq!(shown(900..901), "a:2:4: wrong\n  |\n2 | two\n  |    ^");
        assert_eq!(shown(0..7), "a:1:1: wrong\n  |\n1 | one\n  | ^^^");
    }

    #[test]
    fn only_slips_get_a_suggestion() {
        let known = ["connect", "subscribe", "publish"];

        assert_eq!(nearest("conect", &known), Some("connect"));
        assert_eq!(nearest("susbcribe", &known), Some("subscribe"));
        assert_eq!(nearest("kill", &known), None);
    }
}
