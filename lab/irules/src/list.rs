//! Tcl lists: splitting a string into elements and quoting elements so that they split again.

use crate::backslash::backslash;
use crate::number::is_space;
use crate::value::Value;

/// Splits a list; the error is Tcl's own sentence.
pub(crate) fn split(text: &[u8]) -> Result<Vec<Value>, String> {
    let mut elements = Vec::new();
    let mut at = 0;
    loop {
        while at < text.len() && is_space(text[at]) {
            at += 1;
        }
        if at >= text.len() {
            return Ok(elements);
        }
        let (element, next) = match text[at] {
            b'{' => braced(text, at)?,
            b'"' => quoted(text, at)?,
            _ => bare(text, at),
        };
        elements.push(element);
        at = next;
    }
}

fn braced(text: &[u8], start: usize) -> Result<(Value, usize), String> {
    let mut depth = 0usize;
    let mut at = start;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 1,
            b'{' => depth += 1,
            b'}' if depth == 1 => {
                ends(text, at + 1, "braces")?;
                return Ok((Value::from(&text[start + 1..at]), at + 1));
            }
            b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    Err("unmatched open brace in list".into())
}

fn quoted(text: &[u8], start: usize) -> Result<(Value, usize), String> {
    let mut element = Vec::new();
    let mut at = start + 1;
    while at < text.len() {
        match text[at] {
            b'"' => {
                ends(text, at + 1, "quotes")?;
                return Ok((Value::from(element), at + 1));
            }
            b'\\' => at += backslash(&text[at..], &mut element),
            byte => {
                element.push(byte);
                at += 1;
            }
        }
    }
    Err("unmatched open quote in list".into())
}

fn bare(text: &[u8], start: usize) -> (Value, usize) {
    let mut element = Vec::new();
    let mut at = start;
    while at < text.len() && !is_space(text[at]) {
        if text[at] == b'\\' {
            at += backslash(&text[at..], &mut element);
        } else {
            element.push(text[at]);
            at += 1;
        }
    }
    (Value::from(element), at)
}

fn ends(text: &[u8], at: usize, what: &str) -> Result<(), String> {
    if at >= text.len() || is_space(text[at]) {
        return Ok(());
    }
    let rest = &text[at..];
    let word = rest
        .iter()
        .position(|byte| is_space(*byte))
        .map_or(rest, |end| &rest[..end]);
    let word = String::from_utf8_lossy(&word[..word.len().min(20)]).into_owned();
    Err(format!(
        "list element in {what} followed by \"{word}\" instead of space"
    ))
}

/// Makes a list of the elements, quoting as Tcl 8.4's `Tcl_Merge` does.
pub(crate) fn merge<'a>(elements: impl IntoIterator<Item = &'a Value>) -> Value {
    let mut list = Vec::new();
    for element in elements {
        append(&mut list, element.bytes());
    }
    Value::from(list)
}

/// Appends one element to a list under construction.
pub(crate) fn append(list: &mut Vec<u8>, element: &[u8]) {
    if !list.is_empty() {
        list.push(b' ');
    }
    let first = list.is_empty();
    match quoting(element, first) {
        Quoting::None => list.extend_from_slice(element),
        Quoting::Braces => {
            list.push(b'{');
            list.extend_from_slice(element);
            list.push(b'}');
        }
        Quoting::Backslashes => escape(list, element, first),
    }
}

enum Quoting {
    None,
    Braces,
    Backslashes,
}

// Braces are preferred for blanks and substitutions, backslashes for a lone quote or closing bracket; so prints Tcl.

fn quoting(element: &[u8], first: bool) -> Quoting {
    if element.is_empty() {
        return Quoting::Braces;
    }
    let mut prefer_braces = matches!(element[0], b'{' | b'"') || (first && element[0] == b'#');
    let mut special = prefer_braces;
    let mut depth = 0i64;
    let mut braces_work = true;
    let mut at = 0;
    while at < element.len() {
        match element[at] {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth < 0 {
                    braces_work = false;
                }
            }
            b'"' | b']' => special = true,
            b'[' | b'$' | b';' | b' ' | b'\n' | b'\t' | b'\r' | 0x0b | 0x0c => prefer_braces = true,
            b'\\' => {
                prefer_braces = true;
                match element.get(at + 1) {
                    None | Some(b'\n') => braces_work = false,
                    Some(b'{' | b'}' | b'\\') => at += 1,
                    Some(_) => {}
                }
            }
            _ => {}
        }
        at += 1;
    }
    match (braces_work && depth == 0, prefer_braces) {
        (true, true) => Quoting::Braces,
        (true, false) if !special => Quoting::None,
        _ => Quoting::Backslashes,
    }
}

fn escape(list: &mut Vec<u8>, element: &[u8], first: bool) {
    for (index, byte) in element.iter().enumerate() {
        match byte {
            b'\n' => list.extend_from_slice(b"\\n"),
            b'\t' => list.extend_from_slice(b"\\t"),
            b'\r' => list.extend_from_slice(b"\\r"),
            0x0b => list.extend_from_slice(b"\\v"),
            0x0c => list.extend_from_slice(b"\\f"),
            b'[' | b']' | b'$' | b';' | b' ' | b'\\' | b'"' | b'{' | b'}' => {
                list.extend_from_slice(&[b'\\', *byte])
            }
            b'#' if index == 0 && first => list.extend_from_slice(b"\\#"),
            _ => list.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_elements_split_again() {
        let elements: Vec<Value> = [
            "", "a b", "{", "}", "a\\", "$x", "[y]", "\"", "#c", "a\nb", "{a} b", "a{b",
        ]
        .map(Value::from)
        .to_vec();

        let merged = merge(&elements);

        assert_eq!(split(merged.bytes()), Ok(elements));
    }

    #[test]
    fn a_broken_list_says_what_is_wrong() {
        assert_eq!(split(b"{a"), Err("unmatched open brace in list".into()));
        assert_eq!(
            split(b"{a}b"),
            Err("list element in braces followed by \"b\" instead of space".into())
        );
    }
}
