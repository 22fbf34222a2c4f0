//! `binary format` and `binary scan`.

use super::Native;
use crate::error::{Exception, Outcome, fail, usage};
use crate::list;
use crate::number::{self, Number};
use crate::run::{Run, VALUE_LIMIT, too_long};
use crate::value::Value;
use crate::variables::Name;

pub(super) fn find(name: &str) -> Option<Native> {
    (name == "binary").then_some(binary)
}

fn binary(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    match words.split_first() {
        Some((what, [template, values @ ..])) if what.bytes() == b"format" => {
            pack(template.bytes(), values)
        }
        Some((what, [bytes, template, variables @ ..])) if what.bytes() == b"scan" => {
            unpack(run, bytes.bytes(), template.bytes(), variables)
        }
        Some((what, _)) if matches!(what.bytes(), b"format" | b"scan") => {
            usage(&format!("binary {what} ..."))
        }
        Some((what, _)) => fail(format!("bad option \"{what}\": must be format or scan")),
        None => usage("binary option ?arg arg ...?"),
    }
}

/// The count behind a letter of the template.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Count {
    None,
    All,
    Some(usize),
}

impl Count {
    fn of(self, all: usize) -> usize {
        match self {
            Self::None => 1,
            Self::All => all,
            Self::Some(count) => count,
        }
    }
}

/// The next letter and count; blanks between them are skipped.
fn item(template: &mut &[u8]) -> Option<(u8, Count)> {
    while let [b' ', rest @ ..] = *template {
        *template = rest;
    }
    let (letter, rest) = template.split_first()?;
    *template = rest;
    if let [b'*', rest @ ..] = *template {
        *template = rest;
        return Some((*letter, Count::All));
    }
    let digits = template
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if digits == 0 {
        return Some((*letter, Count::None));
    }
    let count = std::str::from_utf8(&template[..digits])
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(usize::MAX);
    *template = &template[digits..];
    Some((*letter, Count::Some(count)))
}

fn pack(mut template: &[u8], values: &[Value]) -> Outcome {
    let mut values = values.iter();
    let mut out: Vec<u8> = Vec::new();
    let mut at = 0;
    while let Some((letter, count)) = item(&mut template) {
        if let Count::Some(count) = count
            && count > VALUE_LIMIT
        {
            return Err(too_long());
        }
        let bytes = match letter {
            b'x' => vec![0; count.of(0)],
            b'X' => {
                at = match count {
                    Count::All => 0,
                    count => usize::saturating_sub(at, count.of(0)),
                };
                continue;
            }
            b'@' => {
                at = match count {
                    Count::All => out.len(),
                    Count::Some(count) => count,
                    Count::None => return fail("missing count for \"@\" field specifier"),
                };
                if out.len() < at {
                    out.resize(at, 0);
                }
                continue;
            }
            _ => {
                let Some(value) = values.next() else {
                    return fail("not enough arguments for all format specifiers");
                };
                packed(letter, count, value)?
            }
        };
        let end = at + bytes.len();
        if end > VALUE_LIMIT {
            return Err(too_long());
        }
        if out.len() < end {
            out.resize(end, 0);
        }
        out[at..end].copy_from_slice(&bytes);
        at = end;
    }
    match values.next() {
        Some(_) => Ok(Value::from(out)),
        None => Ok(Value::from(out)),
    }
}

fn packed(letter: u8, count: Count, value: &Value) -> Result<Vec<u8>, Exception> {
    let bytes = value.bytes();
    match letter {
        b'a' | b'A' => {
            let mut packed = bytes.to_vec();
            packed.resize(count.of(bytes.len()), if letter == b'a' { 0 } else { b' ' });
            Ok(packed)
        }
        b'b' | b'B' => digits(value, count, 1, letter == b'B', "binary"),
        b'h' | b'H' => digits(value, count, 4, letter == b'H', "hexadecimal"),
        b'c' | b's' | b'S' | b'i' | b'I' | b'w' | b'W' | b'f' | b'd' => {
            numbers(letter, count, value)
        }
        other => fail(format!("bad field specifier \"{}\"", other as char)),
    }
}

/// Digits of `bits` bits each, most significant first when `high` says so.
fn digits(
    value: &Value,
    count: Count,
    bits: u32,
    high: bool,
    what: &str,
) -> Result<Vec<u8>, Exception> {
    let per_byte = 8 / bits;
    let wanted = count.of(value.bytes().len());
    let mut packed = vec![0u8; wanted.div_ceil(per_byte as usize)];
    for (index, digit) in value.bytes().iter().take(wanted).enumerate() {
        let Some(number) = (*digit as char).to_digit(1 << bits) else {
            return fail(format!(
                "expected {what} string but got \"{value}\" instead"
            ));
        };
        let place = (index as u32) % per_byte;
        let shift = bits * if high { per_byte - 1 - place } else { place };
        packed[index / per_byte as usize] |= (number << shift) as u8;
    }
    Ok(packed)
}

fn numbers(letter: u8, count: Count, value: &Value) -> Result<Vec<u8>, Exception> {
    let elements = match count {
        Count::None => vec![value.clone()],
        _ => list::split(value.bytes())?,
    };
    let wanted = count.of(elements.len());
    if elements.len() < wanted {
        return fail("number of elements in list does not match count");
    }
    let mut packed = Vec::new();
    for element in &elements[..wanted] {
        if matches!(letter, b'f' | b'd') {
            let Some(number) = Number::parse(element.bytes()) else {
                return fail(format!(
                    "expected floating-point number but got \"{element}\""
                ));
            };
            match letter {
                b'f' => packed.extend_from_slice(&(number.as_real() as f32).to_le_bytes()),
                _ => packed.extend_from_slice(&number.as_real().to_le_bytes()),
            }
            continue;
        }
        let Some(number) = number::integer(element.bytes()) else {
            return fail(format!("expected integer but got \"{element}\""));
        };
        match letter {
            b'c' => packed.push(number as u8),
            b's' => packed.extend_from_slice(&(number as u16).to_le_bytes()),
            b'S' => packed.extend_from_slice(&(number as u16).to_be_bytes()),
            b'i' => packed.extend_from_slice(&(number as u32).to_le_bytes()),
            b'I' => packed.extend_from_slice(&(number as u32).to_be_bytes()),
            b'w' => packed.extend_from_slice(&number.to_le_bytes()),
            _ => packed.extend_from_slice(&number.to_be_bytes()),
        }
    }
    Ok(packed)
}

fn unpack(run: &mut Run<'_>, bytes: &[u8], mut template: &[u8], variables: &[Value]) -> Outcome {
    let mut variables = variables.iter();
    let mut at = 0usize;
    let mut found = 0i64;
    while let Some((letter, count)) = item(&mut template) {
        let rest = &bytes[at.min(bytes.len())..];
        match letter {
            b'x' => {
                at = at.saturating_add(count.of(rest.len())).min(bytes.len());
                continue;
            }
            b'X' => {
                at = if count == Count::All {
                    0
                } else {
                    at.saturating_sub(count.of(0))
                };
                continue;
            }
            b'@' => {
                at = match count {
                    Count::None => return fail("missing count for \"@\" field specifier"),
                    count => count.of(bytes.len()).min(bytes.len()),
                };
                continue;
            }
            _ => {}
        }
        let Some(variable) = variables.next() else {
            return fail("not enough arguments for all format specifiers");
        };
        let Some((value, taken)) = unpacked(letter, count, rest)? else {
            break;
        };
        run.scopes.set(&Name::parse(variable), value)?;
        at += taken;
        found += 1;
    }
    Ok(Value::from(found))
}

/// The value of one item and the bytes it took; `None` when too few are left.
fn unpacked(letter: u8, count: Count, rest: &[u8]) -> Result<Option<(Value, usize)>, Exception> {
    match letter {
        b'a' | b'A' => {
            let length = count.of(rest.len());
            let Some(taken) = rest.get(..length) else {
                return Ok(None);
            };
            let mut text = taken;
            while let (b'A', [shorter @ .., b' ' | 0]) = (letter, text) {
                text = shorter;
            }
            Ok(Some((Value::from(text), length)))
        }
        b'b' | b'B' => Ok(spelled(rest, count, 1, letter == b'B')),
        b'h' | b'H' => Ok(spelled(rest, count, 4, letter == b'H')),
        b'c' | b's' | b'S' | b'i' | b'I' | b'w' | b'W' | b'f' | b'd' => {
            Ok(read_numbers(letter, count, rest))
        }
        other => fail(format!("bad field specifier \"{}\"", other as char)),
    }
}

fn spelled(rest: &[u8], count: Count, bits: u32, high: bool) -> Option<(Value, usize)> {
    let per_byte = (8 / bits) as usize;
    let wanted = count.of(rest.len() * per_byte);
    let length = wanted.div_ceil(per_byte);
    let taken = rest.get(..length)?;
    let digit = |index: usize| {
        let place = (index % per_byte) as u32;
        let shift = bits
            * if high {
                per_byte as u32 - 1 - place
            } else {
                place
            };
        let number = (u32::from(taken[index / per_byte]) >> shift) & ((1 << bits) - 1);
        char::from_digit(number, 16).unwrap_or('0')
    };
    Some((
        Value::from((0..wanted).map(digit).collect::<String>()),
        length,
    ))
}

fn read_numbers(letter: u8, count: Count, rest: &[u8]) -> Option<(Value, usize)> {
    let size = match letter {
        b'c' => 1,
        b's' | b'S' => 2,
        b'i' | b'I' | b'f' => 4,
        _ => 8,
    };
    let wanted = count.of(rest.len() / size);
    let length = wanted.checked_mul(size)?;
    let taken = rest.get(..length)?;
    let numbers: Vec<Value> = taken
        .chunks_exact(size)
        .map(|chunk| one_number(letter, chunk))
        .collect();
    let value = match count {
        Count::None => numbers.into_iter().next().unwrap_or_default(),
        _ => list::merge(&numbers),
    };
    Some((value, length))
}

fn one_number(letter: u8, chunk: &[u8]) -> Value {
    let mut wide = [0u8; 8];
    wide[..chunk.len()].copy_from_slice(chunk);
    let big = letter.is_ascii_uppercase();
    if big {
        wide[..chunk.len()].reverse();
    }
    let bits = u64::from_le_bytes(wide);
    match letter {
        b'f' => Value::from(Number::Real(f64::from(f32::from_bits(bits as u32)))),
        b'd' => Value::from(Number::Real(f64::from_bits(bits))),
        _ => {
            let unused = 64 - 8 * chunk.len() as u32;
            Value::from(((bits << unused) as i64) >> unused)
        }
    }
}
