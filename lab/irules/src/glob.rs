//! `string match`: `*`, `?`, `[a-z]` and backslash, over bytes.

/// Matches without recursion over `*`, so that a hostile pattern costs at most pattern times text.
pub(crate) fn matches(pattern: &[u8], text: &[u8], ignore_case: bool) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while seen < text.len() {
        if pattern.get(at) == Some(&b'*') {
            retry = Some((at + 1, seen));
            at += 1;
            continue;
        }
        if let Some(next) = one(pattern, at, text[seen], ignore_case) {
            at = next;
            seen += 1;
            continue;
        }
        let Some((after_star, matched)) = retry else {
            return false;
        };
        retry = Some((after_star, matched + 1));
        at = after_star;
        seen = matched + 1;
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// The position after the pattern item at `at`, when that item takes `byte`.
fn one(pattern: &[u8], at: usize, byte: u8, ignore_case: bool) -> Option<usize> {
    let fold = |byte: u8| {
        if ignore_case {
            byte.to_ascii_lowercase()
        } else {
            byte
        }
    };
    match *pattern.get(at)? {
        b'?' => Some(at + 1),
        b'[' => class(pattern, at + 1, fold(byte), fold),
        b'\\' if at + 1 < pattern.len() => (fold(pattern[at + 1]) == fold(byte)).then_some(at + 2),
        literal => (fold(literal) == fold(byte)).then_some(at + 1),
    }
}

fn class(pattern: &[u8], mut at: usize, byte: u8, fold: impl Fn(u8) -> u8) -> Option<usize> {
    let mut found = false;
    while at < pattern.len() && pattern[at] != b']' {
        let low = fold(pattern[at]);
        if pattern.get(at + 1) == Some(&b'-') && at + 2 < pattern.len() {
            let high = fold(pattern[at + 2]);
            found |= (low.min(high)..=low.max(high)).contains(&byte);
            at += 3;
        } else {
            found |= low == byte;
            at += 1;
        }
    }
    found.then_some((at + 1).min(pattern.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_as_in_string_match() {
        assert!(matches(b"a*c?[0-9]", b"abbcx7", false));
        assert!(matches(b"\\*", b"*", false));
        assert!(matches(b"ABC", b"abc", true));
        assert!(!matches(b"a?", b"a", false));
        assert!(!matches(b"*a", b"ab", false));
    }
}
