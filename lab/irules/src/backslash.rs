//! Backslash sequences, as Tcl 8.4 reads them.

/// Appends what the backslash sequence at the start of `text` stands for; answers how many bytes it took.
pub(crate) fn backslash(text: &[u8], out: &mut Vec<u8>) -> usize {
    let Some(&next) = text.get(1) else {
        out.push(b'\\');
        return 1;
    };
    let simple = match next {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        b'x' => return hexadecimal(text, usize::MAX, out),
        b'u' => return hexadecimal(text, 4, out),
        b'0'..=b'7' => return octal(text, out),
        b'\n' => {
            out.push(b' ');
            return 2 + text[2..]
                .iter()
                .take_while(|byte| matches!(**byte, b' ' | b'\t'))
                .count();
        }
        other => other,
    };
    out.push(simple);
    2
}

/// Tcl 8.4 takes every hexadecimal digit that follows and keeps the low byte.
fn hexadecimal(text: &[u8], limit: usize, out: &mut Vec<u8>) -> usize {
    let digits = text[2..]
        .iter()
        .take(limit)
        .take_while(|byte| byte.is_ascii_hexdigit());
    let mut low = 0u8;
    let mut count = 0;
    for digit in digits {
        low = (low << 4) | (*digit as char).to_digit(16).map_or(0, |digit| digit as u8);
        count += 1;
    }
    out.push(if count == 0 { text[1] } else { low });
    2 + count
}

fn octal(text: &[u8], out: &mut Vec<u8>) -> usize {
    let digits = text[1..]
        .iter()
        .take(3)
        .take_while(|byte| (b'0'..=b'7').contains(*byte));
    let mut low = 0u8;
    let mut count = 0;
    for digit in digits {
        low = (low << 3) | (digit - b'0');
        count += 1;
    }
    out.push(low);
    1 + count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backslashes_follow_tcl_8_4() {
        let mut out = Vec::new();

        assert_eq!(backslash(b"\\x123z", &mut out), 5);
        assert_eq!(backslash(b"\\101", &mut out), 4);
        assert_eq!(backslash(b"\\\n   y", &mut out), 5);

        assert_eq!(out, [0x23, b'A', b' ']);
    }
}
