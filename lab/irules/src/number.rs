//! How Tcl 8.4 reads and writes numbers: `0x` is hexadecimal, a leading `0` octal, reals print twelve digits.

use crate::value::Value;

/// What an operand of `expr` turned out to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Integer(i64),
    Real(f64),
}

impl Number {
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let text = trim(text);
        integer(text)
            .map(Self::Integer)
            .or_else(|| real(text).map(Self::Real))
    }

    pub(crate) fn as_real(self) -> f64 {
        match self {
            Self::Integer(number) => number as f64,
            Self::Real(number) => number,
        }
    }

    pub(crate) fn is_true(self) -> bool {
        match self {
            Self::Integer(number) => number != 0,
            Self::Real(number) => number != 0.0,
        }
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        match number {
            Number::Integer(number) => Self::from(number),
            Number::Real(number) => Self::from(print_real(number)),
        }
    }
}

/// Reads an integer with optional blanks around it; `None` when it is none or does not fit 64 bits.
pub(crate) fn integer(text: &[u8]) -> Option<i64> {
    let text = trim(text);
    let (negative, digits) = match text.first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = match digits {
        [b'0', b'x' | b'X', rest @ ..] => (16, rest),
        [b'0', rest @ ..] if !rest.is_empty() => (8, rest),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    let digits = std::str::from_utf8(digits).ok()?;
    if radix == 16 {
        // 0xffffffffffffffff is -1: the bits count, as in strtoul.
        let number = u64::from_str_radix(digits, 16).ok()? as i64;
        return Some(if negative {
            number.wrapping_neg()
        } else {
            number
        });
    }
    let number = i128::from(u64::from_str_radix(digits, radix).ok()?);
    i64::try_from(if negative { -number } else { number }).ok()
}

/// True for a word that starts like an integer but cannot be one, such as `08`.
pub(crate) fn looks_like_bad_octal(text: &[u8]) -> bool {
    let text = trim(text);
    let digits = text
        .strip_prefix(b"-")
        .or_else(|| text.strip_prefix(b"+"))
        .unwrap_or(text);
    digits.len() > 1 && digits[0] == b'0' && digits.iter().all(u8::is_ascii_digit)
}

fn real(text: &[u8]) -> Option<f64> {
    let shaped = text
        .iter()
        .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte))
        && text.iter().any(u8::is_ascii_digit)
        && text.iter().any(|byte| b".eE".contains(byte));
    if !shaped {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Reads Tcl's words for truth: numbers, and true, false, yes, no, on, off in any unique abbreviation.
pub(crate) fn truth(text: &[u8]) -> Option<bool> {
    if let Some(number) = Number::parse(text) {
        return Some(number.is_true());
    }
    let word = trim(text).to_ascii_lowercase();
    if word.is_empty() {
        return None;
    }
    let means =
        |full: &str, least: usize| word.len() >= least && full.as_bytes().starts_with(&word);
    if means("true", 1) || means("yes", 1) || means("on", 2) {
        Some(true)
    } else if means("false", 1) || means("no", 1) || means("off", 2) {
        Some(false)
    } else {
        None
    }
}

/// Prints a real as Tcl 8.4 does: `%.12g`, and never so that it reads as an integer.
pub(crate) fn print_real(number: f64) -> String {
    let text = general(number, 12, false, false);
    if text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-')
    {
        text + ".0"
    } else {
        text
    }
}

/// C's `%g`: `precision` significant digits, trailing zeros dropped unless `keep_zeros`.
pub(crate) fn general(number: f64, precision: usize, keep_zeros: bool, upper: bool) -> String {
    if number.is_nan() {
        return "nan".into();
    }
    if number.is_infinite() {
        return if number > 0.0 {
            "inf".into()
        } else {
            "-inf".into()
        };
    }
    let precision = precision.clamp(1, 300);
    let scientific = format!("{:.*e}", precision - 1, number);
    let exponent: i32 = scientific
        .split_once('e')
        .and_then(|(_, power)| power.parse().ok())
        .unwrap_or(0);
    let text = if exponent < -4 || exponent >= precision as i32 {
        let (mantissa, _) = scientific.split_once('e').unwrap_or((&scientific, ""));
        format!(
            "{}{}",
            without_zeros(mantissa, keep_zeros),
            exponent_text(exponent)
        )
    } else {
        let decimals = usize::try_from(precision as i32 - 1 - exponent).unwrap_or(0);
        without_zeros(&format!("{number:.decimals$}"), keep_zeros).to_owned()
    };
    if upper {
        text.to_ascii_uppercase()
    } else {
        text
    }
}

/// C's exponent: a sign and at least two digits.
pub(crate) fn exponent_text(exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("e{sign}{:02}", exponent.unsigned_abs())
}

fn without_zeros(text: &str, keep: bool) -> &str {
    if keep || !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.')
}

/// Tcl's white space, which C's `isspace` defines.
pub(crate) fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

pub(crate) fn trim(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_space(*first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && is_space(*last)
    {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_follow_the_radix_of_their_prefix() {
        assert_eq!(integer(b" 42 "), Some(42));
        assert_eq!(integer(b"0x1f"), Some(31));
        assert_eq!(integer(b"-010"), Some(-8));
        assert_eq!(integer(b"08"), None);
        assert_eq!(integer(b"9223372036854775808"), None);
        assert_eq!(integer(b"-9223372036854775808"), Some(i64::MIN));
    }

    #[test]
    fn reals_print_twelve_digits_and_keep_a_point() {
        assert_eq!(print_real(1.0 / 3.0), "0.333333333333");
        assert_eq!(print_real(2.0), "2.0");
        assert_eq!(print_real(1e20), "1e+20");
        assert_eq!(print_real(1.5e-7), "1.5e-07");
    }
}
