//! `string`, over bytes.

use super::Native;
use super::lists::{clip, position};
use crate::error::{Exception, Outcome, fail, usage};
use crate::glob;
use crate::list;
use crate::number::{self, Number, is_space};
use crate::run::{Run, VALUE_LIMIT, too_long};
use crate::value::Value;

pub(super) fn find(name: &str) -> Option<Native> {
    (name == "string").then_some(string)
}

fn string(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let Some((what, rest)) = words.split_first() else {
        return usage("string option arg ?arg ...?");
    };
    match (what.bytes(), rest) {
        (b"length" | b"bytelength", [text]) => Ok(Value::from(text.bytes().len())),
        (b"index", [text, at]) => {
            let at = usize::try_from(position(at, text.bytes().len())?).ok();
            Ok(at
                .and_then(|at| text.bytes().get(at..=at))
                .map(Value::from)
                .unwrap_or_default())
        }
        (b"range", [text, first, last]) => {
            let length = text.bytes().len();
            let range = clip(position(first, length)?, position(last, length)?, length);
            Ok(Value::from(&text.bytes()[range]))
        }
        (b"equal" | b"compare", rest) => compare(what.bytes() == b"equal", rest),
        (b"match", [pattern, text]) => Ok(Value::boolean(glob::matches(
            pattern.bytes(),
            text.bytes(),
            false,
        ))),
        (b"match", [option, pattern, text]) if option.bytes() == b"-nocase" => Ok(Value::boolean(
            glob::matches(pattern.bytes(), text.bytes(), true),
        )),
        (b"first", [needle, text]) => Ok(first(needle, text, 0)),
        (b"first", [needle, text, start]) => {
            let start = position(start, text.bytes().len())?.max(0);
            Ok(first(
                needle,
                text,
                usize::try_from(start).unwrap_or(usize::MAX),
            ))
        }
        (b"last", [needle, text]) => Ok(last(needle, text.bytes())),
        (b"last", [needle, text, end]) => {
            let range = clip(0, position(end, text.bytes().len())?, text.bytes().len());
            Ok(last(needle, &text.bytes()[range]))
        }
        (b"tolower" | b"toupper" | b"totitle", [text, range @ ..]) if range.len() <= 2 => {
            change_case(what, text, range)
        }
        (b"trim" | b"trimleft" | b"trimright", [text, set @ ..]) if set.len() <= 1 => {
            Ok(trim(what, text, set))
        }
        (b"repeat", [text, count]) => repeat(run, text, count),
        (b"replace", [text, first, last, new @ ..]) if new.len() <= 1 => {
            replace(text, first, last, new)
        }
        (b"map", [pairs, text]) => map(run, pairs, text, false),
        (b"map", [option, pairs, text]) if option.bytes() == b"-nocase" => {
            map(run, pairs, text, true)
        }
        (b"is", [class, text]) => is(class, text, false),
        (b"is", [class, option, text]) if option.bytes() == b"-strict" => is(class, text, true),
        (b"wordend" | b"wordstart", _) => Err(Exception::Unmodelled(format!("string {what}"))),
        (
            b"length" | b"bytelength" | b"index" | b"range" | b"match" | b"first" | b"last"
            | b"tolower" | b"toupper" | b"totitle" | b"trim" | b"trimleft" | b"trimright"
            | b"repeat" | b"replace" | b"map" | b"is",
            _,
        ) => fail(format!("wrong # args: should be \"string {what} ...\"")),
        _ => fail(format!(
            "bad option \"{what}\": must be bytelength, compare, equal, first, index, is, last, length, map, match, range, repeat, replace, tolower, toupper, totitle, trim, trimleft, trimright, wordend, or wordstart"
        )),
    }
}

fn compare(equal: bool, words: &[Value]) -> Outcome {
    let (mut no_case, mut length) = (false, None);
    let [options @ .., left, right] = words else {
        return usage(&format!(
            "string {} ?-nocase? ?-length int? string1 string2",
            if equal { "equal" } else { "compare" }
        ));
    };
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match option.bytes() {
            b"-nocase" => no_case = true,
            b"-length" => {
                length = options
                    .next()
                    .and_then(|word| number::integer(word.bytes()))
            }
            _ => {
                return fail(format!(
                    "bad option \"{option}\": must be -nocase or -length"
                ));
            }
        }
    }
    let shown = |value: &Value| {
        let all = value.bytes().len();
        let taken = length.map_or(all, |length| {
            usize::try_from(length).unwrap_or(all).min(all)
        });
        let bytes = &value.bytes()[..taken];
        if no_case {
            bytes.to_ascii_lowercase()
        } else {
            bytes.to_vec()
        }
    };
    let ordering = shown(left).cmp(&shown(right));
    Ok(if equal {
        Value::boolean(ordering.is_eq())
    } else {
        Value::from(ordering as i64)
    })
}

fn find_in(needle: &[u8], text: &[u8]) -> Option<usize> {
    if needle.is_empty() || needle.len() > text.len() {
        return None;
    }
    text.windows(needle.len())
        .position(|window| window == needle)
}

fn first(needle: &Value, text: &Value, start: usize) -> Value {
    let start = start.min(text.bytes().len());
    match find_in(needle.bytes(), &text.bytes()[start..]) {
        Some(at) => Value::from(start + at),
        None => Value::from("-1"),
    }
}

fn last(needle: &Value, text: &[u8]) -> Value {
    let needle = needle.bytes();
    let at = (!needle.is_empty() && needle.len() <= text.len())
        .then(|| {
            text.windows(needle.len())
                .rposition(|window| window == needle)
        })
        .flatten();
    at.map_or_else(|| Value::from("-1"), Value::from)
}

fn change_case(what: &Value, text: &Value, range: &[Value]) -> Outcome {
    let length = text.bytes().len();
    let range = match range {
        [] => 0..length,
        [first] => {
            let first = position(first, length)?;
            clip(first, first, length)
        }
        [first, last, ..] => clip(position(first, length)?, position(last, length)?, length),
    };
    let mut changed = text.bytes().to_vec();
    let part = &mut changed[range];
    match what.bytes() {
        b"tolower" => part.make_ascii_lowercase(),
        b"toupper" => part.make_ascii_uppercase(),
        _ => {
            part.make_ascii_lowercase();
            if let Some(first) = part.first_mut() {
                first.make_ascii_uppercase();
            }
        }
    }
    Ok(Value::from(changed))
}

fn trim(what: &Value, text: &Value, set: &[Value]) -> Value {
    let trimmed = |byte: u8| match set.first() {
        Some(set) => set.bytes().contains(&byte),
        None => is_space(byte) || byte == 0,
    };
    let mut rest = text.bytes();
    if what.bytes() != b"trimright" {
        let skipped = rest.iter().take_while(|byte| trimmed(**byte)).count();
        rest = &rest[skipped..];
    }
    if what.bytes() != b"trimleft" {
        let skipped = rest.iter().rev().take_while(|byte| trimmed(**byte)).count();
        rest = &rest[..rest.len() - skipped];
    }
    Value::from(rest)
}

fn repeat(run: &mut Run<'_>, text: &Value, count: &Value) -> Outcome {
    let Some(times) = number::integer(count.bytes()) else {
        return fail(format!("expected integer but got \"{count}\""));
    };
    let times = usize::try_from(times.max(0)).unwrap_or(0);
    if text.bytes().len().saturating_mul(times) > VALUE_LIMIT {
        return Err(too_long());
    }
    run.step(text.bytes().len() * times / 256)?;
    Ok(Value::from(text.bytes().repeat(times)))
}

fn replace(text: &Value, first: &Value, last: &Value, new: &[Value]) -> Outcome {
    let length = text.bytes().len();
    let (first, last) = (position(first, length)?, position(last, length)?);
    let end = i64::try_from(length).unwrap_or(i64::MAX);
    if last < first || last < 0 || first >= end {
        return Ok(text.clone());
    }
    let mut changed = text.bytes().to_vec();
    changed.splice(
        clip(first, last, length),
        new.iter().flat_map(|new| new.bytes().to_vec()),
    );
    Ok(Value::from(changed))
}

fn map(run: &mut Run<'_>, pairs: &Value, text: &Value, no_case: bool) -> Outcome {
    let pairs = list::split(pairs.bytes())?;
    if pairs.len() % 2 == 1 {
        return fail("char map list unbalanced");
    }
    let starts = |rest: &[u8], key: &[u8]| match no_case {
        true => rest.len() >= key.len() && rest[..key.len()].eq_ignore_ascii_case(key),
        false => rest.starts_with(key),
    };
    let mut mapped = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.first() {
        run.step(1 + pairs.len() / 16)?;
        let hit = pairs
            .chunks(2)
            .find(|pair| !pair[0].bytes().is_empty() && starts(rest, pair[0].bytes()));
        match hit {
            Some(pair) => {
                mapped.extend_from_slice(pair[1].bytes());
                rest = &rest[pair[0].bytes().len()..];
            }
            None => {
                mapped.push(*byte);
                rest = &rest[1..];
            }
        }
        if mapped.len() > VALUE_LIMIT {
            return Err(too_long());
        }
    }
    Ok(Value::from(mapped))
}

fn is(class: &Value, text: &Value, strict: bool) -> Outcome {
    let bytes = text.bytes();
    let every = |test: fn(&u8) -> bool| bytes.iter().all(test);
    if bytes.is_empty() {
        return Ok(Value::boolean(!strict));
    }
    let holds = match class.bytes() {
        b"alnum" => every(u8::is_ascii_alphanumeric),
        b"alpha" => every(u8::is_ascii_alphabetic),
        b"ascii" => every(u8::is_ascii),
        b"control" => every(u8::is_ascii_control),
        b"digit" => every(u8::is_ascii_digit),
        b"graph" => every(u8::is_ascii_graphic),
        b"lower" => every(u8::is_ascii_lowercase),
        b"print" => every(|byte| byte.is_ascii_graphic() || *byte == b' '),
        b"punct" => every(|byte| byte.is_ascii_punctuation() && !b"$+<=>^`|~".contains(byte)),
        b"space" => every(|byte| is_space(*byte)),
        b"upper" => every(u8::is_ascii_uppercase),
        b"wordchar" => every(|byte| byte.is_ascii_alphanumeric() || *byte == b'_'),
        b"xdigit" => every(u8::is_ascii_hexdigit),
        b"boolean" => truth_word(bytes).is_some(),
        b"true" => truth_word(bytes) == Some(true),
        b"false" => truth_word(bytes) == Some(false),
        b"integer" => number::integer(bytes)
            .is_some_and(|number| (-(1i64 << 31)..(1 << 32)).contains(&number)),
        b"double" => Number::parse(bytes).is_some(),
        _ => {
            return fail(format!(
                "bad class \"{class}\": must be alnum, alpha, ascii, control, boolean, digit, double, false, graph, integer, lower, print, punct, space, true, upper, wordchar, or xdigit"
            ));
        }
    };
    Ok(Value::boolean(holds))
}

/// Of numbers only 0 and 1 are booleans to `string is`.
fn truth_word(bytes: &[u8]) -> Option<bool> {
    number::truth(bytes).filter(|_| Number::parse(bytes).is_none() || matches!(bytes, b"0" | b"1"))
}
