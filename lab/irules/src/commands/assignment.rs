//! Variables: set, unset, incr, append, lappend, array, global, upvar, uplevel.

use super::Native;
use crate::error::{Exception, Outcome, fail, usage};
use crate::glob;
use crate::list;
use crate::number::{self, Number};
use crate::run::{Run, VALUE_LIMIT, too_long};
use crate::value::Value;
use crate::variables::{Name, Place};

pub(super) fn find(name: &str) -> Option<Native> {
    Some(match name {
        "set" => set,
        "unset" => unset,
        "incr" => incr,
        "append" => append,
        "lappend" => lappend,
        "array" => array,
        "global" => global,
        "upvar" => upvar,
        "uplevel" => uplevel,
        _ => return None,
    })
}

fn set(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    match words {
        [name] => run.scopes.get(&Name::parse(name)),
        [name, value] => {
            run.scopes.set(&Name::parse(name), value.clone())?;
            Ok(value.clone())
        }
        _ => usage("set varName ?newValue?"),
    }
}

fn unset(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let (quiet, names) = match words {
        [option, names @ ..] if option.bytes() == b"-nocomplain" => (true, names),
        names => (false, names),
    };
    let names = match names {
        [option, names @ ..] if option.bytes() == b"--" => names,
        names => names,
    };
    for name in names {
        let outcome = run.scopes.unset(&Name::parse(name));
        if !quiet {
            outcome?;
        }
    }
    Ok(Value::empty())
}

fn incr(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let (name, by) = match words {
        [name] => (name, 1),
        [name, by] => (name, whole(by)?),
        _ => return usage("incr varName ?increment?"),
    };
    let name = Name::parse(name);
    let old = whole(&run.scopes.get(&name)?)?;
    let new = Value::from(old.wrapping_add(by));
    run.scopes.set(&name, new.clone())?;
    Ok(new)
}

fn whole(value: &Value) -> Result<i64, Exception> {
    match number::integer(value.bytes()) {
        Some(number) => Ok(number),
        None if matches!(Number::parse(value.bytes()), Some(Number::Real(_)))
            || number::trim(value.bytes()).is_empty() =>
        {
            fail(format!("expected integer but got \"{value}\""))
        }
        None if number::looks_like_bad_octal(value.bytes()) => fail(format!(
            "expected integer but got \"{value}\" (looks like invalid octal number)"
        )),
        None => fail(format!("expected integer but got \"{value}\"")),
    }
}

/// The current value, or nothing when there is no such variable yet.
fn current(run: &Run<'_>, name: &Name) -> Result<Option<Value>, Exception> {
    match run.scopes.exists(name) {
        true => run.scopes.get(name).map(Some),
        false => Ok(None),
    }
}

fn append(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let Some((name, parts)) = words.split_first() else {
        return usage("append varName ?value value ...?");
    };
    let name = Name::parse(name);
    if parts.is_empty() {
        return run.scopes.get(&name);
    }
    let mut joined = current(run, &name)?.unwrap_or_default().bytes().to_vec();
    for part in parts {
        joined.extend_from_slice(part.bytes());
    }
    store_grown(run, &name, joined)
}

fn lappend(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let Some((name, elements)) = words.split_first() else {
        return usage("lappend varName ?value value ...?");
    };
    let name = Name::parse(name);
    let mut grown = current(run, &name)?.unwrap_or_default().bytes().to_vec();
    list::split(&grown)?;
    for element in elements {
        list::append(&mut grown, element.bytes());
    }
    store_grown(run, &name, grown)
}

fn store_grown(run: &mut Run<'_>, name: &Name, grown: Vec<u8>) -> Outcome {
    if grown.len() > VALUE_LIMIT {
        return Err(too_long());
    }
    run.step(grown.len() / 256)?;
    let value = Value::from(grown);
    run.scopes.set(name, value.clone())?;
    Ok(value)
}

fn array(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let [what, name, rest @ ..] = words else {
        return usage("array option arrayName ?arg ...?");
    };
    let selected = |run: &Run<'_>| -> Vec<(Value, Value)> {
        let elements = run.scopes.array(name).into_iter().flatten();
        let wanted = |key: &Value| {
            rest.last()
                .is_none_or(|pattern| glob::matches(pattern.bytes(), key.bytes(), false))
        };
        elements
            .filter(|(key, _)| wanted(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    match (what.bytes(), rest) {
        (b"exists", []) => Ok(Value::boolean(run.scopes.array(name).is_some())),
        (b"size", []) => Ok(Value::from(
            run.scopes.array(name).map_or(0, |elements| elements.len()),
        )),
        (b"get", [] | [_]) => Ok(list::merge(
            &selected(run)
                .into_iter()
                .flat_map(|(key, value)| [key, value])
                .collect::<Vec<_>>(),
        )),
        (b"names", [] | [_]) => Ok(list::merge(
            &selected(run)
                .into_iter()
                .map(|(key, _)| key)
                .collect::<Vec<_>>(),
        )),
        (b"set", [pairs]) => {
            let pairs = list::split(pairs.bytes())?;
            if pairs.len() % 2 == 1 {
                return fail("list must have an even number of elements");
            }
            for pair in pairs.chunks(2) {
                run.scopes.set(
                    &Name {
                        base: name.clone(),
                        index: Some(pair[0].clone()),
                    },
                    pair[1].clone(),
                )?;
            }
            Ok(Value::empty())
        }
        (b"unset", [] | [_]) => {
            if rest.is_empty() {
                let whole = Name {
                    base: name.clone(),
                    index: None,
                };
                return if run.scopes.array(name).is_some() {
                    run.scopes.unset(&whole).map(|()| Value::empty())
                } else {
                    Ok(Value::empty())
                };
            }
            for (key, _) in selected(run) {
                run.scopes.unset(&Name {
                    base: name.clone(),
                    index: Some(key),
                })?;
            }
            Ok(Value::empty())
        }
        _ => Err(Exception::Unmodelled(format!("array {what}"))),
    }
}

fn global(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    if words.is_empty() {
        return usage("global varName ?varName ...?");
    }
    // At the top of an event the connection's own variables are the nearest thing to Tcl's globals.
    if run.scopes.top() == 0 {
        return Ok(Value::empty());
    }
    for name in words {
        run.scopes.link(
            name,
            Place::Frame(0),
            Name {
                base: name.clone(),
                index: None,
            },
        )?;
    }
    Ok(Value::empty())
}

/// The frame that a level names, and how many words told it.
fn level(run: &Run<'_>, words: &[Value]) -> Result<(usize, usize), Exception> {
    let top = run.scopes.top();
    let Some(first) = words.first() else {
        return Ok((top.saturating_sub(1), 0));
    };
    let bad = || fail(format!("bad level \"{first}\""));
    if let Some(absolute) = first.bytes().strip_prefix(b"#") {
        return match number::integer(absolute).and_then(|level| usize::try_from(level).ok()) {
            Some(level) if level <= top => Ok((level, 1)),
            _ => bad(),
        };
    }
    if first.bytes().first().is_some_and(u8::is_ascii_digit) {
        return match number::integer(first.bytes()).and_then(|up| usize::try_from(up).ok()) {
            Some(up) if up <= top => Ok((top - up, 1)),
            _ => bad(),
        };
    }
    if top == 0 {
        return fail("bad level \"1\"");
    }
    Ok((top - 1, 0))
}

fn upvar(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    const USAGE: &str = "upvar ?level? otherVar localVar ?otherVar localVar ...?";
    let told = usize::from(words.len() % 2 == 1);
    let (frame, _) = level(run, &words[..told.min(words.len())])?;
    let pairs = &words[told.min(words.len())..];
    if pairs.is_empty() {
        return usage(USAGE);
    }
    for pair in pairs.chunks(2) {
        let (place, target) = run.scopes.resolve(&Name::parse(&pair[0]), frame);
        run.scopes.link(&pair[1], place, target)?;
    }
    Ok(Value::empty())
}

fn uplevel(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let (frame, told) = if words.len() > 1 {
        level(run, words)?
    } else {
        level(run, &[])?
    };
    let script = match &words[told..] {
        [] => return usage("uplevel ?level? command ?arg ...?"),
        [script] => script.clone(),
        words => super::lists::concatenate(words),
    };
    run.in_frame(frame, |run| run.eval(&script))
}
