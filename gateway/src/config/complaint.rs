//! What is wrong with a configuration, told with the place, a caret and the remedy.

use std::fmt::Write as _;
use std::ops::Range;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// Bytes of the file that the caret underlines.
    pub(crate) span: Range<usize>,
    /// What is wrong, without a full stop.
    pub(crate) what: String,
    /// What to write instead; stands beside the caret.
    pub(crate) remedy: String,
}

impl Complaint {
    pub(crate) fn new(
        span: Range<usize>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            span,
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    /// The complaint as people read it: place, line, caret, remedy.
    pub(crate) fn render(&self, file: &str, text: &str) -> String {
        let place = Place::of(&self.span, text);
        let number = place.line.to_string();
        let margin = " ".repeat(number.len());
        let lead = " ".repeat(place.column - 1);
        let carets = "^".repeat(place.width);

        let mut out = String::new();
        let _ = writeln!(out, "{file}:{}:{}: {}", place.line, place.column, self.what);
        let _ = writeln!(out, "{margin} |");
        let _ = writeln!(out, "{number} | {}", place.source);
        let _ = writeln!(out, "{margin} | {lead}{carets} {}", self.remedy);
        out
    }
}

/// Where a span begins, counted as editors count: from one, in characters.
struct Place<'a> {
    line: usize,
    column: usize,
    width: usize,
    source: &'a str,
}

impl<'a> Place<'a> {
    fn of(span: &Range<usize>, text: &'a str) -> Self {
        let start = floor_char_boundary(text, span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let end = floor_char_boundary(text, span.end).clamp(start, line_end);
        Self {
            line: text[..line_start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            width: text[start..end].chars().count().max(1),
            source: text[line_start..line_end].trim_end(),
        }
    }
}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The word of `known` that somebody who typed `word` most likely meant.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let tolerated = 1 + word.chars().count() / 3;
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= tolerated)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edits from one word to the other; swapping two neighbours is one edit.
fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.to_lowercase().chars().collect();
    let to: Vec<char> = to.to_lowercase().chars().collect();
    let mut rows = vec![vec![0; to.len() + 1]; from.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, first) in rows[0].iter_mut().enumerate() {
        *first = j;
    }
    for i in 1..=from.len() {
        for j in 1..=to.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_shows_file_line_caret_and_remedy() {
        let text = "[admin]\n  adress = \"x\"\n";
        let complaint = Complaint::new(10..16, "unknown key `adress`", "did you mean `address`?");

        assert_eq!(
            complaint.render("gateway.toml", text),
            "gateway.toml:2:3: unknown key `adress`\n  \
             |\n2 |   adress = \"x\"\n  |   ^^^^^^ did you mean `address`?\n"
        );
    }

    #[test]
    fn a_span_past_the_end_points_at_the_end() {
        let complaint = Complaint::new(90..95, "cut off", "finish it");

        assert_eq!(
            complaint.render("f", "a = 1"),
            "f:1:6: cut off\n  |\n1 | a = 1\n  |      ^ finish it\n"
        );
    }

    #[test]
    fn the_nearest_word_tolerates_a_third_of_the_letters() {
        let known = ["address", "trusted", "path"];

        assert_eq!(nearest("adress", known), Some("address"));
        assert_eq!(nearest("tursted", known), Some("trusted"));
        assert_eq!(nearest("Path", known), Some("path"));
        assert_eq!(nearest("zzzzzzz", known), None);
    }
}
