//! `regexp` and `regsub`.

use super::Native;
use super::lists::position;
use crate::error::{Outcome, fail, usage};
use crate::list;
use crate::pattern::{Flags, compile};
use crate::run::{Run, VALUE_LIMIT, too_long};
use crate::value::Value;
use crate::variables::Name;

pub(super) fn find(name: &str) -> Option<Native> {
    Some(match name {
        "regexp" => regexp,
        "regsub" => regsub,
        _ => return None,
    })
}

#[derive(Debug, Default)]
struct Options {
    flags: Flags,
    all: bool,
    inline: bool,
    indices: bool,
    start: Option<Value>,
}

/// Reads the options; answers them and the words behind.
fn options(words: &[Value]) -> Result<(Options, &[Value]), crate::error::Exception> {
    let mut options = Options::default();
    let mut rest = words;
    while let [option, after @ ..] = rest {
        if !option.bytes().starts_with(b"-") {
            break;
        }
        rest = after;
        match option.bytes() {
            b"-nocase" => options.flags.ignore_case = true,
            b"-expanded" => options.flags.expanded = true,
            b"-line" => {
                options.flags.line_anchors = true;
                options.flags.stop_at_newline = true;
            }
            b"-linestop" => options.flags.stop_at_newline = true,
            b"-lineanchor" => options.flags.line_anchors = true,
            b"-all" => options.all = true,
            b"-inline" => options.inline = true,
            b"-indices" => options.indices = true,
            b"-start" => {
                let [start, after @ ..] = rest else {
                    return fail("missing value for -start");
                };
                options.start = Some(start.clone());
                rest = after;
            }
            b"--" => break,
            _ => return fail(format!("bad switch \"{option}\"")),
        }
    }
    Ok((options, rest))
}

fn start_of(options: &Options, text: &Value) -> Result<usize, crate::error::Exception> {
    let length = text.bytes().len();
    match &options.start {
        Some(start) => Ok(usize::try_from(position(start, length)?.max(0))
            .unwrap_or(0)
            .min(length)),
        None => Ok(0),
    }
}

fn regexp(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let (options, rest) = options(words)?;
    let [pattern, text, variables @ ..] = rest else {
        return usage("regexp ?switches? exp string ?matchVar? ?subMatchVar subMatchVar ...?");
    };
    if options.inline && !variables.is_empty() {
        return fail("regexp match variables not allowed when using -inline");
    }
    let regex = compile(pattern.bytes(), options.flags)?;
    run.step(text.bytes().len() / 64)?;
    let mut at = start_of(&options, text)?;
    let (mut count, mut inline) = (0i64, Vec::new());
    while let Some(captures) = regex.captures_at(text.bytes(), at) {
        run.step(1)?;
        count += 1;
        let groups: Vec<Value> = (0..captures.len())
            .map(|group| {
                let found = captures.get(group).map(|found| found.range());
                group_value(text, found, options.indices)
            })
            .collect();
        if options.inline {
            inline.extend(groups);
        } else {
            for (index, variable) in variables.iter().enumerate() {
                let missing = if options.indices {
                    Value::from("-1 -1")
                } else {
                    Value::empty()
                };
                run.scopes.set(
                    &Name::parse(variable),
                    groups.get(index).cloned().unwrap_or(missing),
                )?;
            }
        }
        let whole = captures.get(0).map_or(at..at, |found| found.range());
        at = if whole.is_empty() {
            whole.end + 1
        } else {
            whole.end
        };
        if !options.all || at >= text.bytes().len() {
            break;
        }
    }
    Ok(if options.inline {
        list::merge(&inline)
    } else {
        Value::from(count)
    })
}

fn group_value(text: &Value, found: Option<std::ops::Range<usize>>, indices: bool) -> Value {
    match (found, indices) {
        (Some(range), false) => Value::from(&text.bytes()[range]),
        (None, false) => Value::empty(),
        (Some(range), true) => Value::from(format!("{} {}", range.start, range.end as i64 - 1)),
        (None, true) => Value::from("-1 -1"),
    }
}

fn regsub(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let (options, rest) = options(words)?;
    let (pattern, text, with, variable) = match rest {
        [pattern, text, with] => (pattern, text, with, None),
        [pattern, text, with, variable] => (pattern, text, with, Some(variable)),
        _ => return usage("regsub ?switches? exp string subSpec ?varName?"),
    };
    let regex = compile(pattern.bytes(), options.flags)?;
    run.step(text.bytes().len() / 64)?;
    let mut at = start_of(&options, text)?;
    let mut out = text.bytes()[..at].to_vec();
    let mut count = 0i64;
    while let Some(captures) = regex.captures_at(text.bytes(), at) {
        run.step(1)?;
        let whole = captures.get(0).map_or(at..at, |found| found.range());
        out.extend_from_slice(&text.bytes()[at..whole.start]);
        substitute(with.bytes(), &captures, &mut out);
        count += 1;
        at = whole.end;
        if whole.is_empty() {
            out.extend(text.bytes().get(at));
            at += 1;
        }
        if out.len() > VALUE_LIMIT {
            return Err(too_long());
        }
        if !options.all || at > text.bytes().len() {
            break;
        }
    }
    out.extend_from_slice(text.bytes().get(at..).unwrap_or_default());
    let result = Value::from(out);
    match variable {
        Some(variable) => {
            run.scopes.set(&Name::parse(variable), result)?;
            Ok(Value::from(count))
        }
        None => Ok(result),
    }
}

/// `&` and `\0` are the match, `\1` to `\9` its groups.
fn substitute(with: &[u8], captures: &regex::bytes::Captures<'_>, out: &mut Vec<u8>) {
    let group = |index: usize, out: &mut Vec<u8>| {
        out.extend_from_slice(
            captures
                .get(index)
                .map_or(&[][..], |found| found.as_bytes()),
        );
    };
    let mut rest = with;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match (byte, rest.first()) {
            (b'&', _) => group(0, out),
            (b'\\', Some(digit)) if digit.is_ascii_digit() => {
                group(usize::from(digit - b'0'), out);
                rest = &rest[1..];
            }
            (b'\\', Some(next @ (b'&' | b'\\'))) => {
                out.push(*next);
                rest = &rest[1..];
            }
            _ => out.push(*byte),
        }
    }
}
