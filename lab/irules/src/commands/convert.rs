//! `format`: C's printf.

use super::Native;
use crate::error::{Exception, Outcome, fail, usage};
use crate::number::{self, Number, exponent_text, general};
use crate::run::{Run, VALUE_LIMIT, too_long};
use crate::value::Value;

/// Wider fields and precisions are refused.
const FIELD_LIMIT: i64 = 65_536;

pub(super) fn find(name: &str) -> Option<Native> {
    (name == "format").then_some(format)
}

/// The flags, width and precision of one conversion.
#[derive(Debug, Default)]
struct Field {
    left: bool,
    zero: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    width: usize,
    precision: Option<usize>,
}

/// The arguments, taken in order or by `%2$s`.
struct Arguments<'a> {
    words: &'a [Value],
    next: usize,
}

impl<'a> Arguments<'a> {
    fn take(&mut self) -> Result<&'a Value, Exception> {
        let word = self.words.get(self.next);
        self.next += 1;
        word.ok_or_else(|| {
            "not enough arguments for all format specifiers"
                .to_owned()
                .into()
        })
    }

    fn take_integer(&mut self) -> Result<i64, Exception> {
        let word = self.take()?;
        match number::integer(word.bytes()) {
            Some(number) => Ok(number),
            None => fail(format!("expected integer but got \"{word}\"")),
        }
    }
}

fn format(_: &mut Run<'_>, words: &[Value]) -> Outcome {
    let Some((pattern, words)) = words.split_first() else {
        return usage("format formatString ?arg arg ...?");
    };
    let mut arguments = Arguments { words, next: 0 };
    let mut out = Vec::new();
    let mut rest = pattern.bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        if let [b'%', after @ ..] = rest {
            out.push(b'%');
            rest = after;
            continue;
        }
        let field = field(&mut rest, &mut arguments)?;
        let Some((conversion, after)) = rest.split_first() else {
            return fail("format string ended in middle of field specifier");
        };
        rest = after;
        convert(*conversion, &field, &mut arguments, &mut out)?;
        if out.len() > VALUE_LIMIT {
            return Err(too_long());
        }
    }
    Ok(Value::from(out))
}

fn field(rest: &mut &[u8], arguments: &mut Arguments<'_>) -> Result<Field, Exception> {
    let mut field = Field::default();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits > 0 && rest.get(digits) == Some(&b'$') {
        let position =
            number::integer(&rest[..digits]).and_then(|position| usize::try_from(position).ok());
        match position.filter(|position| (1..=arguments.words.len()).contains(position)) {
            Some(position) => arguments.next = position - 1,
            None => return fail("\"%n$\" argument index out of range"),
        }
        *rest = &rest[digits + 1..];
    }
    while let Some((flag, after)) = rest.split_first() {
        match flag {
            b'-' => field.left = true,
            b'0' => field.zero = true,
            b'+' => field.plus = true,
            b' ' => field.space = true,
            b'#' => field.alternate = true,
            _ => break,
        }
        *rest = after;
    }
    if let Some(width) = size(rest, arguments)? {
        field.left |= width < 0;
        field.width = usize::try_from(width.abs()).unwrap_or(0);
    }
    if let [b'.', after @ ..] = *rest {
        *rest = after;
        field.precision = Some(
            size(rest, arguments)?
                .and_then(|size| usize::try_from(size).ok())
                .unwrap_or(0),
        );
    }
    if let [b'l' | b'h', after @ ..] = *rest {
        *rest = after;
    }
    Ok(field)
}

fn size(rest: &mut &[u8], arguments: &mut Arguments<'_>) -> Result<Option<i64>, Exception> {
    let size = if let [b'*', after @ ..] = *rest {
        *rest = after;
        Some(arguments.take_integer()?)
    } else {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let text = std::str::from_utf8(&rest[..digits]).unwrap_or("");
        *rest = &rest[digits..];
        if digits == 0 {
            None
        } else {
            Some(text.parse().unwrap_or(i64::MAX))
        }
    };
    if size.is_some_and(|size| size.unsigned_abs() > FIELD_LIMIT.unsigned_abs()) {
        return Err(Exception::Limit(format!(
            "a field of format is wider than {FIELD_LIMIT}"
        )));
    }
    Ok(size)
}

fn convert(
    conversion: u8,
    field: &Field,
    arguments: &mut Arguments<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Exception> {
    match conversion {
        b'd' | b'i' => {
            let number = arguments.take_integer()?;
            let sign = if number < 0 {
                "-"
            } else {
                positive_sign(field)
            };
            pad(
                sign,
                &digits(number.unsigned_abs().to_string(), field),
                field,
                out,
            );
        }
        b'u' => pad(
            "",
            &digits((arguments.take_integer()? as u64).to_string(), field),
            field,
            out,
        ),
        b'x' => pad_radix("0x", format!("{:x}", arguments.take_integer()?), field, out),
        b'X' => pad_radix("0X", format!("{:X}", arguments.take_integer()?), field, out),
        b'o' => pad_radix("0", format!("{:o}", arguments.take_integer()?), field, out),
        // Strings are bytes: `format %c 233` is the one byte e9.
        b'c' => pad_text(&[arguments.take_integer()? as u8], field, out),
        b's' => {
            let text = arguments.take()?.bytes();
            pad_text(
                &text[..field.precision.unwrap_or(text.len()).min(text.len())],
                field,
                out,
            );
        }
        b'f' | b'e' | b'E' | b'g' | b'G' => real(conversion, field, arguments, out)?,
        other => return fail(format!("bad field specifier \"{}\"", other as char)),
    }
    Ok(())
}

fn positive_sign(field: &Field) -> &'static str {
    match (field.plus, field.space) {
        (true, _) => "+",
        (false, true) => " ",
        (false, false) => "",
    }
}

fn digits(text: String, field: &Field) -> String {
    let missing = field.precision.unwrap_or(0).saturating_sub(text.len());
    "0".repeat(missing) + &text
}

fn pad_radix(prefix: &str, text: String, field: &Field, out: &mut Vec<u8>) {
    let shown = if field.alternate && text != "0" {
        prefix
    } else {
        ""
    };
    pad(shown, &digits(text, field), field, out);
}

/// Sign or prefix, then digits; zeros go between the two.
fn pad(sign: &str, digits: &str, field: &Field, out: &mut Vec<u8>) {
    let missing = field.width.saturating_sub(sign.len() + digits.len());
    let zeros = field.zero && !field.left && field.precision.is_none();
    pad_parts(sign, digits, missing, zeros, field.left, out);
}

fn pad_parts(sign: &str, digits: &str, missing: usize, zeros: bool, left: bool, out: &mut Vec<u8>) {
    if !zeros && !left {
        out.extend(std::iter::repeat_n(b' ', missing));
    }
    out.extend_from_slice(sign.as_bytes());
    if zeros {
        out.extend(std::iter::repeat_n(b'0', missing));
    }
    out.extend_from_slice(digits.as_bytes());
    if left {
        out.extend(std::iter::repeat_n(b' ', missing));
    }
}

fn pad_text(text: &[u8], field: &Field, out: &mut Vec<u8>) {
    let missing = field.width.saturating_sub(text.len());
    let filler = if field.zero && !field.left {
        b'0'
    } else {
        b' '
    };
    if !field.left {
        out.extend(std::iter::repeat_n(filler, missing));
    }
    out.extend_from_slice(text);
    if field.left {
        out.extend(std::iter::repeat_n(b' ', missing));
    }
}

fn real(
    conversion: u8,
    field: &Field,
    arguments: &mut Arguments<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Exception> {
    let word = arguments.take()?;
    let Some(number) = Number::parse(word.bytes()).map(Number::as_real) else {
        return fail(format!("expected floating-point number but got \"{word}\""));
    };
    let precision = field.precision.unwrap_or(6).min(300);
    let text = match conversion {
        b'f' => format!("{:.precision$}", number.abs()),
        b'e' | b'E' => scientific(number.abs(), precision, conversion == b'E'),
        _ => general(number.abs(), precision, field.alternate, conversion == b'G'),
    };
    let sign = if number.is_sign_negative() {
        "-"
    } else {
        positive_sign(field)
    };
    let missing = field.width.saturating_sub(sign.len() + text.len());
    pad_parts(
        sign,
        &text,
        missing,
        field.zero && !field.left,
        field.left,
        out,
    );
    Ok(())
}

fn scientific(number: f64, precision: usize, upper: bool) -> String {
    let text = format!("{number:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let text = format!("{mantissa}{}", exponent_text(exponent.parse().unwrap_or(0)));
    if upper {
        text.to_ascii_uppercase()
    } else {
        text
    }
}
