//! Lists, split and join.

use std::cmp::Ordering;

use super::Native;
use crate::error::{Exception, Outcome, fail, usage};
use crate::glob;
use crate::list::{merge, split};
use crate::number::{self, Number, trim};
use crate::pattern;
use crate::run::Run;
use crate::value::Value;
use crate::variables::Name;

pub(super) fn find(name: &str) -> Option<Native> {
    Some(match name {
        "list" => |_, words| Ok(merge(words)),
        "concat" => |_, words| Ok(concatenate(words)),
        "llength" => llength,
        "lindex" => lindex,
        "lrange" => lrange,
        "linsert" => linsert,
        "lreplace" => lreplace,
        "lsearch" => lsearch,
        "lsort" => lsort,
        "lset" => lset,
        "join" => join,
        "split" => split_text,
        _ => return None,
    })
}

/// Joins with single blanks, ends trimmed, as `concat` and `eval` do.
pub(crate) fn concatenate(words: &[Value]) -> Value {
    let trimmed: Vec<&[u8]> = words
        .iter()
        .map(|word| trim(word.bytes()))
        .filter(|word| !word.is_empty())
        .collect();
    Value::from(trimmed.join(&b' '))
}

/// Reads `5`, `end` or `end-2` for a list or string of `length`; may point outside.
pub(crate) fn position(word: &Value, length: usize) -> Result<i64, Exception> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let text = trim(word.bytes());
    if text == b"end" {
        return Ok(length - 1);
    }
    let offset = match text.strip_prefix(b"end-") {
        Some(rest) => number::integer(rest).map(|back| (length - 1).saturating_sub(back)),
        None => number::integer(text),
    };
    match offset {
        Some(offset) => Ok(offset),
        None => fail(format!(
            "bad index \"{word}\": must be integer or end?-integer?"
        )),
    }
}

/// Clips `first..=last` to what there is.
pub(crate) fn clip(first: i64, last: i64, length: usize) -> std::ops::Range<usize> {
    let end = i64::try_from(length).unwrap_or(i64::MAX);
    let first = first.clamp(0, end);
    let last = last.saturating_add(1).clamp(first, end);
    usize::try_from(first).unwrap_or(0)..usize::try_from(last).unwrap_or(0)
}

fn llength(_: &mut Run<'_>, words: &[Value]) -> Outcome {
    let [list] = words else {
        return usage("llength list");
    };
    Ok(Value::from(split(list.bytes())?.len()))
}

fn lindex(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let Some((list, path)) = words.split_first() else {
        return usage("lindex list ?index...?");
    };
    let path = match path {
        [path] => split(path.bytes())?,
        path => path.to_vec(),
    };
    let mut current = list.clone();
    for index in &path {
        let elements = split(current.bytes())?;
        run.step(elements.len() / 64)?;
        let at = position(index, elements.len())?;
        current = usize::try_from(at)
            .ok()
            .and_then(|at| elements.get(at).cloned())
            .unwrap_or_default();
    }
    Ok(current)
}

fn lrange(_: &mut Run<'_>, words: &[Value]) -> Outcome {
    let [list, first, last] = words else {
        return usage("lrange list first last");
    };
    let elements = split(list.bytes())?;
    let range = clip(
        position(first, elements.len())?,
        position(last, elements.len())?,
        elements.len(),
    );
    Ok(merge(&elements[range]))
}

fn linsert(_: &mut Run<'_>, words: &[Value]) -> Outcome {
    let [list, index, new @ ..] = words else {
        return usage("linsert list index element ?element ...?");
    };
    let mut elements = split(list.bytes())?;
    // `end` means after the last element here.
    let at = match index.bytes().starts_with(b"end") {
        true => position(index, elements.len() + 1)?,
        false => position(index, elements.len())?,
    };
    let at = usize::try_from(at.max(0)).unwrap_or(0).min(elements.len());
    elements.splice(at..at, new.iter().cloned());
    Ok(merge(&elements))
}

fn lreplace(_: &mut Run<'_>, words: &[Value]) -> Outcome {
    let [list, first, last, new @ ..] = words else {
        return usage("lreplace list first last ?element element ...?");
    };
    let mut elements = split(list.bytes())?;
    let range = clip(
        position(first, elements.len())?,
        position(last, elements.len())?,
        elements.len(),
    );
    elements.splice(range, new.iter().cloned());
    Ok(merge(&elements))
}

fn lset(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let [variable, path @ .., value] = words else {
        return usage("lset listVar index ?index...? value");
    };
    let name = Name::parse(variable);
    let list = run.scopes.get(&name)?;
    let path = match path {
        [path] => split(path.bytes())?,
        path => path.to_vec(),
    };
    let new = replaced(&list, &path, value)?;
    run.scopes.set(&name, new.clone())?;
    Ok(new)
}

fn replaced(list: &Value, path: &[Value], value: &Value) -> Outcome {
    let Some((index, deeper)) = path.split_first() else {
        return Ok(value.clone());
    };
    let mut elements = split(list.bytes())?;
    let at = usize::try_from(position(index, elements.len())?)
        .ok()
        .filter(|at| *at < elements.len());
    let Some(at) = at else {
        return fail("list index out of range");
    };
    elements[at] = replaced(&elements[at], deeper, value)?;
    Ok(merge(&elements))
}

fn join(_: &mut Run<'_>, words: &[Value]) -> Outcome {
    let (list, with) = match words {
        [list] => (list, &b" "[..]),
        [list, with] => (list, with.bytes()),
        _ => return usage("join list ?joinString?"),
    };
    let elements = split(list.bytes())?;
    Ok(Value::from(
        elements
            .iter()
            .map(Value::bytes)
            .collect::<Vec<_>>()
            .join(with),
    ))
}

fn split_text(_: &mut Run<'_>, words: &[Value]) -> Outcome {
    let (text, at) = match words {
        [text] => (text.bytes(), &b" \n\t\r"[..]),
        [text, at] => (text.bytes(), at.bytes()),
        _ => return usage("split string ?splitChars?"),
    };
    if text.is_empty() {
        return Ok(Value::empty());
    }
    let pieces: Vec<Value> = match at.is_empty() {
        true => text.chunks(1).map(Value::from).collect(),
        false => text
            .split(|byte| at.contains(byte))
            .map(Value::from)
            .collect(),
    };
    Ok(merge(&pieces))
}

/// How `lsearch` and `lsort` compare.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ascii,
    Dictionary,
    Integer,
    Real,
}

fn order(kind: Kind, left: &Value, right: &Value) -> Result<Ordering, Exception> {
    let whole = |value: &Value| {
        number::integer(value.bytes())
            .ok_or_else(|| format!("expected integer but got \"{value}\""))
    };
    let real = |value: &Value| {
        Number::parse(value.bytes())
            .map(Number::as_real)
            .ok_or_else(|| format!("expected floating-point number but got \"{value}\""))
    };
    Ok(match kind {
        Kind::Ascii => left.cmp(right),
        Kind::Dictionary => dictionary(left.bytes(), right.bytes()),
        Kind::Integer => whole(left)?.cmp(&whole(right)?),
        Kind::Real => real(left)?.total_cmp(&real(right)?),
    })
}

/// Letters without case, digits as numbers; case decides between equals.
fn dictionary(left: &[u8], right: &[u8]) -> Ordering {
    let (mut a, mut b) = (left, right);
    let mut tie = Ordering::Equal;
    while let ([first, ..], [second, ..]) = (a, b) {
        if first.is_ascii_digit() && second.is_ascii_digit() {
            let (x, y) = (digits(a), digits(b));
            let (short_x, short_y) = (without_zeros(x), without_zeros(y));
            let ordering = short_x
                .len()
                .cmp(&short_y.len())
                .then_with(|| short_x.cmp(short_y));
            if ordering.is_ne() {
                return ordering;
            }
            tie = tie.then(x.len().cmp(&y.len()));
            (a, b) = (&a[x.len()..], &b[y.len()..]);
            continue;
        }
        let ordering = first.to_ascii_lowercase().cmp(&second.to_ascii_lowercase());
        if ordering.is_ne() {
            return ordering;
        }
        tie = tie.then(first.cmp(second));
        (a, b) = (&a[1..], &b[1..]);
    }
    a.len().cmp(&b.len()).then(tie)
}

fn digits(text: &[u8]) -> &[u8] {
    &text[..text.iter().take_while(|byte| byte.is_ascii_digit()).count()]
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|byte| **byte == b'0').count();
    &digits[zeros.min(digits.len().saturating_sub(1))..]
}

fn lsort(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let Some((list, options)) = words.split_last() else {
        return usage("lsort ?options? list");
    };
    let (mut kind, mut decreasing, mut unique, mut index) = (Kind::Ascii, false, false, None);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match option.bytes() {
            b"-ascii" => kind = Kind::Ascii,
            b"-dictionary" => kind = Kind::Dictionary,
            b"-integer" => kind = Kind::Integer,
            b"-real" => kind = Kind::Real,
            b"-increasing" => decreasing = false,
            b"-decreasing" => decreasing = true,
            b"-unique" => unique = true,
            b"-index" => {
                index =
                    Some(options.next().ok_or_else(|| {
                        "\"-index\" option must be followed by list index".to_owned()
                    })?)
            }
            b"-command" => return Err(Exception::Unmodelled("lsort -command".into())),
            _ => {
                return fail(format!(
                    "bad option \"{option}\": must be -ascii, -command, -decreasing, -dictionary, -increasing, -index, -integer, -real, or -unique"
                ));
            }
        }
    }
    let mut keyed = Vec::new();
    for element in split(list.bytes())? {
        let key = match index {
            Some(index) => lindex(run, &[element.clone(), index.clone()])?,
            None => element.clone(),
        };
        keyed.push((key, element));
    }
    run.step(keyed.len())?;
    let mut failure = None;
    keyed.sort_by(|(a, _), (b, _)| {
        let ordering = order(kind, a, b).unwrap_or_else(|error| {
            failure = Some(error);
            Ordering::Equal
        });
        if decreasing {
            ordering.reverse()
        } else {
            ordering
        }
    });
    if let Some(error) = failure {
        return Err(error);
    }
    let mut sorted: Vec<(Value, Value)> = Vec::new();
    for pair in keyed {
        // Of equal elements Tcl keeps the last.
        if unique
            && sorted
                .last()
                .is_some_and(|last| order(kind, &last.0, &pair.0).is_ok_and(Ordering::is_eq))
        {
            sorted.pop();
        }
        sorted.push(pair);
    }
    Ok(merge(sorted.iter().map(|(_, element)| element)))
}

fn lsearch(_: &mut Run<'_>, words: &[Value]) -> Outcome {
    let [options @ .., list, wanted] = words else {
        return usage("lsearch ?options? list pattern");
    };
    let (mut mode, mut kind, mut all, mut inline, mut not, mut start) =
        ("-glob", Kind::Ascii, false, false, false, None);
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        match option.bytes() {
            b"-exact" | b"-sorted" => mode = "-exact",
            b"-glob" => mode = "-glob",
            b"-regexp" => mode = "-regexp",
            b"-all" => all = true,
            b"-inline" => inline = true,
            b"-not" => not = true,
            b"-start" => start = rest.next(),
            b"-ascii" => kind = Kind::Ascii,
            b"-dictionary" => kind = Kind::Dictionary,
            b"-integer" => kind = Kind::Integer,
            b"-real" => kind = Kind::Real,
            b"-increasing" | b"-decreasing" => {}
            _ => return fail(format!("bad option \"{option}\"")),
        }
    }
    let elements = split(list.bytes())?;
    let first = match start {
        Some(start) => usize::try_from(position(start, elements.len())?.max(0)).unwrap_or(0),
        None => 0,
    };
    let regex = match mode {
        "-regexp" => Some(pattern::compile(wanted.bytes(), pattern::Flags::default())?),
        _ => None,
    };
    let mut found = Vec::new();
    for (at, element) in elements.iter().enumerate().skip(first) {
        let equal = match &regex {
            Some(regex) => regex.is_match(element.bytes()),
            None if mode == "-glob" => glob::matches(wanted.bytes(), element.bytes(), false),
            None => order(kind, element, wanted)?.is_eq(),
        };
        if equal != not {
            found.push(if inline {
                element.clone()
            } else {
                Value::from(at)
            });
            if !all {
                break;
            }
        }
    }
    match (all, found.pop()) {
        (true, last) => Ok(merge(found.iter().chain(last.iter()))),
        (false, Some(one)) => Ok(one),
        (false, None) if inline => Ok(Value::empty()),
        (false, None) => Ok(Value::from("-1")),
    }
}
