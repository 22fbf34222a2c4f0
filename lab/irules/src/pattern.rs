//! Tcl's regular expressions, carried out by the `regex` crate: linear time, whatever a rule writes.
//!
//! What that engine cannot do (back references, look-around) is an error that says so.

use regex::bytes::{Regex, RegexBuilder};

use crate::error::{Exception, fail};

/// The switches of `regexp` and `regsub` that change what matches.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Flags {
    pub(crate) ignore_case: bool,
    /// `-line`, `-linestop`: `.` and negated classes stop at newlines.
    pub(crate) stop_at_newline: bool,
    /// `-line`, `-lineanchor`: `^` and `$` match at lines.
    pub(crate) line_anchors: bool,
    pub(crate) expanded: bool,
}

/// Compiled patterns larger than this are refused.
const SIZE_LIMIT: usize = 1 << 20;

pub(crate) fn compile(pattern: &[u8], flags: Flags) -> Result<Regex, Exception> {
    let translated = translate(pattern);
    let regex = RegexBuilder::new(&translated)
        .unicode(false)
        .case_insensitive(flags.ignore_case)
        .dot_matches_new_line(!flags.stop_at_newline)
        .multi_line(flags.line_anchors)
        .ignore_whitespace(flags.expanded)
        .size_limit(SIZE_LIMIT)
        .nest_limit(100)
        .build();
    match regex {
        Ok(regex) => Ok(regex),
        Err(error) => {
            let why = error
                .to_string()
                .lines()
                .last()
                .unwrap_or_default()
                .trim()
                .to_owned();
            fail(format!(
                "couldn't compile regular expression pattern: {why}"
            ))
        }
    }
}

/// Rewrites what Tcl spells differently: `\m` `\M` `\y` word ends, and bytes that are not ASCII.
fn translate(pattern: &[u8]) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut at = 0;
    let mut in_class = false;
    while at < pattern.len() {
        match pattern[at] {
            b'\\' if at + 1 < pattern.len() => {
                escape(pattern[at + 1], in_class, &mut out);
                at += 1;
            }
            b'[' if in_class && !pattern[at..].starts_with(b"[:") => out.push_str("\\["),
            b'[' if in_class => {
                // A named class such as [:alpha:] passes as it is.
                let end = pattern[at..]
                    .windows(2)
                    .position(|pair| pair == b":]")
                    .map_or(1, |end| end + 2);
                out.push_str(&String::from_utf8_lossy(&pattern[at..at + end]));
                at += end - 1;
            }
            b'[' => {
                in_class = true;
                out.push('[');
                let negated = pattern.get(at + 1) == Some(&b'^');
                if negated {
                    out.push('^');
                    at += 1;
                }
                // A bracket directly after the opening one stands for itself.
                if pattern.get(at + 1) == Some(&b']') {
                    out.push_str("\\]");
                    at += 1;
                }
            }
            b']' if in_class => {
                in_class = false;
                out.push(']');
            }
            byte @ (b'&' | b'~') if in_class => {
                out.push('\\');
                out.push(byte as char);
            }
            byte if byte.is_ascii() => out.push(byte as char),
            byte => out.push_str(&format!("(?-u:\\x{byte:02x})")),
        }
        at += 1;
    }
    out
}

fn escape(byte: u8, in_class: bool, out: &mut String) {
    match byte {
        b'm' if !in_class => out.push_str("\\b{start}"),
        b'M' if !in_class => out.push_str("\\b{end}"),
        b'y' if !in_class => out.push_str("\\b"),
        b'Y' if !in_class => out.push_str("\\B"),
        b'A' if !in_class => out.push_str("\\A"),
        b'Z' if !in_class => out.push_str("\\z"),
        b'B' => out.push_str("\\\\"),
        b'b' => out.push_str("\\x08"),
        b'e' => out.push_str("\\x1b"),
        byte if byte.is_ascii_alphanumeric() => {
            out.push('\\');
            out.push(byte as char);
        }
        byte if byte.is_ascii() => out.push_str(&format!("\\x{byte:02x}")),
        byte => out.push_str(&format!("\\x{byte:02x}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tcls_spellings_are_understood() {
        let found = |pattern: &str, text: &str| {
            compile(pattern.as_bytes(), Flags::default())
                .unwrap()
                .is_match(text.as_bytes())
        };

        assert!(found(r"^[^]a]+$", "xyz"));
        assert!(found(r"\mword\M", "a word here"));
        assert!(!found(r"\mword\M", "swords"));
        assert!(found(r"^\d{1,3}(\.\d{1,3}){3}$", "10.0.0.1"));
        assert!(found(r"[[:digit:]]", "7"));
    }

    #[test]
    fn a_back_reference_is_refused() {
        assert!(compile(br"(a)\1", Flags::default()).is_err());
    }
}
