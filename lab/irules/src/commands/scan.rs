//! `scan`: C's sscanf, as far as Tcl 8.4 has it.

use super::Native;
use crate::error::{Exception, Outcome, fail, usage};
use crate::list;
use crate::number::{Number, is_space};
use crate::run::Run;
use crate::value::Value;
use crate::variables::Name;

pub(super) fn find(name: &str) -> Option<Native> {
    (name == "scan").then_some(scan)
}

/// What is left of the text, and how far we are.
struct Input<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        self.at += self
            .rest()
            .iter()
            .take_while(|byte| is_space(**byte))
            .count();
    }

    fn take(&mut self, width: usize, test: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let length = rest
            .iter()
            .take(width)
            .take_while(|byte| test(**byte))
            .count();
        self.at += length;
        &rest[..length]
    }
}

fn scan(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let [text, pattern, variables @ ..] = words else {
        return usage("scan string format ?varName varName ...?");
    };
    let mut input = Input {
        text: text.bytes(),
        at: 0,
    };
    let outcome = read(&mut input, pattern.bytes())?;
    if variables.is_empty() {
        let mut found = outcome.values;
        if found.is_empty() && outcome.ended_early {
            return Ok(Value::empty());
        }
        found.resize(outcome.wanted, Value::empty());
        return Ok(list::merge(&found));
    }
    if variables.len() != outcome.wanted {
        return fail("different numbers of variable names and field specifiers");
    }
    for (variable, value) in variables.iter().zip(&outcome.values) {
        run.scopes.set(&Name::parse(variable), value.clone())?;
    }
    match outcome.values.len() {
        0 if outcome.ended_early => Ok(Value::from("-1")),
        found => Ok(Value::from(found)),
    }
}

struct Read {
    values: Vec<Value>,
    wanted: usize,
    ended_early: bool,
}

fn read(input: &mut Input<'_>, pattern: &[u8]) -> Result<Read, Exception> {
    let mut read = Read {
        values: Vec::new(),
        wanted: 0,
        ended_early: false,
    };
    let mut stopped = false;
    let mut rest = pattern;
    while let [byte, after @ ..] = rest {
        rest = after;
        if is_space(*byte) {
            input.skip_space();
            continue;
        }
        if *byte != b'%' || rest.first() == Some(&b'%') {
            if *byte == b'%' {
                rest = &rest[1..];
            }
            if !stopped && input.rest().first() != Some(byte) {
                read.ended_early |= input.rest().is_empty() && read.values.is_empty();
                stopped = true;
            } else if !stopped {
                input.at += 1;
            }
            continue;
        }
        let suppressed = rest.first() == Some(&b'*');
        rest = &rest[usize::from(suppressed)..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let width = std::str::from_utf8(&rest[..digits])
            .ok()
            .and_then(|width| width.parse().ok())
            .unwrap_or(usize::MAX);
        rest = &rest[digits..];
        if let [b'l' | b'h' | b'L', after @ ..] = rest {
            rest = after;
        }
        let Some((conversion, after)) = rest.split_first() else {
            return fail("bad scan conversion character");
        };
        let class = if *conversion == b'[' {
            Some(class(after)?)
        } else {
            None
        };
        rest = class.as_ref().map_or(after, |(_, rest)| rest);
        read.wanted += usize::from(!suppressed);
        if stopped {
            continue;
        }
        match field(
            input,
            *conversion,
            width,
            class.as_ref().map(|(class, _)| class),
        )? {
            Some(value) if !suppressed => read.values.push(value),
            Some(_) => {}
            None => {
                read.ended_early = input.rest().is_empty() && read.values.is_empty();
                stopped = true;
            }
        }
    }
    Ok(read)
}

fn field(
    input: &mut Input<'_>,
    conversion: u8,
    width: usize,
    class: Option<&Class>,
) -> Result<Option<Value>, Exception> {
    if conversion == b'n' {
        return Ok(Some(Value::from(input.at)));
    }
    if conversion == b'c' {
        let byte = input.rest().first().copied();
        input.at += usize::from(byte.is_some());
        return Ok(byte.map(|byte| Value::from(i64::from(byte))));
    }
    if let Some(class) = class {
        let taken = input.take(width, |byte| class.takes(byte));
        return Ok((!taken.is_empty()).then(|| Value::from(taken)));
    }
    input.skip_space();
    match conversion {
        b'd' | b'u' => Ok(whole(input, width, 10)),
        b'x' | b'X' => Ok(whole(input, width, 16)),
        b'o' => Ok(whole(input, width, 8)),
        b'i' => {
            let unsigned = input.rest().strip_prefix(b"-").unwrap_or(input.rest());
            let radix = match unsigned {
                [b'0', b'x' | b'X', ..] => 16,
                [b'0', ..] => 8,
                _ => 10,
            };
            Ok(whole(input, width, radix))
        }
        b's' => {
            let taken = input.take(width, |byte| !is_space(byte));
            Ok((!taken.is_empty()).then(|| Value::from(taken)))
        }
        b'f' | b'e' | b'g' | b'E' | b'G' => Ok(real(input, width)),
        other => fail(format!(
            "bad scan conversion character \"{}\"",
            other as char
        )),
    }
}

fn whole(input: &mut Input<'_>, width: usize, radix: u32) -> Option<Value> {
    let start = input.at;
    let sign = input.take(width.min(1), |byte| byte == b'-' || byte == b'+');
    if radix == 16
        && matches!(input.rest(), [b'0', b'x' | b'X', digit, ..] if digit.is_ascii_hexdigit())
    {
        input.at += 2;
    }
    let digits = input.take(width.saturating_sub(input.at - start), |byte| {
        (byte as char).is_digit(radix)
    });
    let number = std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| u64::from_str_radix(digits, radix).ok());
    let Some(number) = number else {
        input.at = start;
        return None;
    };
    let number = number as i64;
    Some(Value::from(if sign == b"-" {
        number.wrapping_neg()
    } else {
        number
    }))
}

fn real(input: &mut Input<'_>, width: usize) -> Option<Value> {
    let start = input.at;
    let rest = input.rest();
    let longest = rest
        .iter()
        .take(width)
        .take_while(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte))
        .count();
    let number = (1..=longest)
        .rev()
        .find_map(|length| Number::parse(&rest[..length]).map(|number| (length, number)));
    let (length, number) = number?;
    input.at = start + length;
    Some(Value::from(Number::Real(number.as_real())))
}

/// `[a-z]` or `[^a-z]`.
struct Class {
    negated: bool,
    ranges: Vec<(u8, u8)>,
}

impl Class {
    fn takes(&self, byte: u8) -> bool {
        self.ranges
            .iter()
            .any(|(low, high)| (*low..=*high).contains(&byte))
            != self.negated
    }
}

fn class(text: &[u8]) -> Result<(Class, &[u8]), Exception> {
    let negated = text.first() == Some(&b'^');
    let mut at = usize::from(negated);
    let mut ranges = Vec::new();
    let first = at;
    loop {
        match text.get(at) {
            None => return fail("unmatched [ in format string"),
            Some(b']') if at > first => return Ok((Class { negated, ranges }, &text[at + 1..])),
            Some(low) => match (text.get(at + 1), text.get(at + 2)) {
                (Some(b'-'), Some(high)) if *high != b']' => {
                    ranges.push((*low.min(high), *low.max(high)));
                    at += 3;
                }
                _ => {
                    ranges.push((*low, *low));
                    at += 1;
                }
            },
        }
    }
}
