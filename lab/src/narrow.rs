//! Text for terminals that are narrower than it: lines are broken between words, and go on below the words they belong to.
//!
//! A file or a pipe has no width, and whoever reads it breaks lines as they like.

use std::io::IsTerminal;

/// Columns that a line needs to hold at least a few words.
const FEWEST: usize = 20;

/// A line with this label is to be copied as it is, so the terminal breaks it.
const COPIED: &str = "  next ";

/// The columns of standard output; none where it is no terminal.
pub(crate) fn columns() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns >= FEWEST)
}

/// The text with no line longer than the terminal, but for those that are copied.
pub(crate) fn fitted(text: &str, columns: Option<usize>) -> String {
    let Some(columns) = columns else {
        return text.to_owned();
    };
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (words, end) = match line.strip_suffix('\n') {
            Some(words) => (words, "\n"),
            None => (line, ""),
        };
        if words.chars().count() <= columns || words.starts_with(COPIED) {
            out.push_str(words);
        } else {
            out.push_str(&broken(words, columns));
        }
        out.push_str(end);
    }
    out
}

/// One line over several, each but the first as far to the right as what it goes on with.
fn broken(line: &str, columns: usize) -> String {
    let indent = hanging(line).min(columns / 2);
    let lead: String = line.chars().take_while(|letter| *letter == ' ').collect();
    let (mut out, mut used, mut begun) = (lead.clone(), lead.len(), false);
    // The gap after a label is part of the label.
    for word in line.trim_start().split(' ') {
        let length = word.chars().count();
        let gap = usize::from(begun);
        if begun && used + gap + length > columns && !word.is_empty() {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            used = indent;
        } else if begun {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += length;
        begun = true;
    }
    out
}

/// Where the words after a label begin; two more than the line where it has none.
fn hanging(line: &str) -> usize {
    let lead = line.chars().take_while(|letter| *letter == ' ').count();
    let rest: String = line.chars().skip(lead).collect();
    match rest.find("  ") {
        Some(gap) => {
            let label = rest[..gap].chars().count();
            let after = rest[gap..].chars().take_while(|letter| *letter == ' ');
            lead + label + after.count()
        }
        None => lead + 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_goes_on_below_its_words() {
        let line = "  cause     all two thousand source ports are even, and the hash keeps that";

        assert_eq!(
            fitted(line, Some(40)),
            "  cause     all two thousand source\n            ports are even, and the hash\n            keeps that"
        );
    }

    #[test]
    fn what_is_copied_and_what_is_piped_stays_in_one_line() {
        let command = "  next      lab run scenarios/a/long/path/of/a/file.toml --seed 7\n";
        let line = "a line that is longer than twenty columns";

        assert_eq!(fitted(command, Some(30)), command);
        assert_eq!(fitted(line, None), line);
        assert_eq!(fitted("short\n\n", Some(30)), "short\n\n");
    }

    #[test]
    fn a_word_that_is_longer_than_the_terminal_stands_alone() {
        let long = "x".repeat(50);

        assert_eq!(
            fitted(&format!("a {long} b"), Some(30)),
            format!("a\n  {long}\n  b")
        );
    }
}
