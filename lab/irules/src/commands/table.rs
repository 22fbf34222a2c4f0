//! `table`: set, add, replace, lookup, incr, append, delete, keys.

use std::time::Duration;

use super::Native;
use crate::error::{Exception, Outcome, fail, usage};
use crate::list;
use crate::number;
use crate::run::Run;
use crate::table::Entry;
use crate::value::Value;

pub(super) fn find(name: &str) -> Option<Native> {
    (name == "table").then_some(table)
}

/// What precedes the key: flags and the subtable.
#[derive(Debug, Default)]
struct Options {
    subtable: Value,
    no_touch: bool,
    must_exist: bool,
    exclusive: bool,
    count: bool,
}

fn options(words: &[Value]) -> Result<(Options, &[Value]), Exception> {
    let mut options = Options::default();
    let mut rest = words;
    while let [option, after @ ..] = rest {
        match option.bytes() {
            b"-subtable" => {
                let [subtable, after @ ..] = after else {
                    return fail("missing value for -subtable");
                };
                options.subtable = subtable.clone();
                rest = after;
                continue;
            }
            b"-notouch" => options.no_touch = true,
            b"-mustexist" => options.must_exist = true,
            b"-excl" => options.exclusive = true,
            b"-count" => options.count = true,
            b"--" => {
                rest = after;
                break;
            }
            _ => break,
        }
        rest = after;
    }
    Ok((options, rest))
}

fn table(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let Some((what, rest)) = words.split_first() else {
        return usage("table command ?arg ...?");
    };
    let (mut options, rest) = options(rest)?;
    let now = run.host.now();
    let table = run.table.clone();
    match (what.bytes(), rest) {
        (b"set" | b"add" | b"replace", [key, value, clocks @ ..]) => {
            options.exclusive |= what.bytes() == b"add";
            options.must_exist |= what.bytes() == b"replace";
            let key = (options.subtable, key.clone());
            let old = table.lookup(&key, !options.no_touch, now);
            match (&old, options.exclusive, options.must_exist) {
                (Some(old), true, _) => return Ok(old.clone()),
                (None, _, true) => return Ok(Value::empty()),
                _ => {}
            }
            let timeout = clock(clocks.first(), Entry::default_timeout())?;
            let lifetime = clock(clocks.get(1), None)?;
            match table.set(key, Entry::new(value.clone(), timeout, lifetime, now), now) {
                true => Ok(value.clone()),
                false => Err(Exception::Limit("the session table is full".into())),
            }
        }
        (b"lookup", [key]) => {
            let key = (options.subtable, key.clone());
            Ok(table
                .lookup(&key, !options.no_touch, now)
                .unwrap_or_default())
        }
        (b"incr", [key, by @ ..]) if by.len() <= 1 => {
            let by = match by.first() {
                Some(by) => number::integer(by.bytes())
                    .ok_or_else(|| format!("expected integer but got \"{by}\""))?,
                None => 1,
            };
            let key = (options.subtable, key.clone());
            let sum = |old: &Value| {
                number::integer(old.bytes()).map(|old| Value::from(old.wrapping_add(by)))
            };
            match table.update(&key, now, sum) {
                Some(value) => Ok(value),
                None if options.must_exist => Ok(Value::empty()),
                None => {
                    table.set(
                        key,
                        Entry::new(Value::from(by), Entry::default_timeout(), None, now),
                        now,
                    );
                    Ok(Value::from(by))
                }
            }
        }
        (b"append", [key, text]) => {
            let key = (options.subtable, key.clone());
            let joined = table.update(&key, now, |old| {
                Some(Value::from([old.bytes(), text.bytes()].concat()))
            });
            Ok(joined.unwrap_or_else(|| {
                table.set(
                    key,
                    Entry::new(text.clone(), Entry::default_timeout(), None, now),
                    now,
                );
                text.clone()
            }))
        }
        (b"delete", [key]) => {
            table.delete(&(options.subtable, key.clone()), now);
            Ok(Value::empty())
        }
        (b"delete", []) => {
            table.delete_all(&options.subtable, now);
            Ok(Value::empty())
        }
        (b"keys", []) => {
            let keys = table.keys(&options.subtable, now);
            Ok(if options.count {
                Value::from(keys.len())
            } else {
                list::merge(&keys)
            })
        }
        _ => Err(Exception::Unmodelled(format!("table {what}"))),
    }
}

/// Seconds, or `indef`.
fn clock(word: Option<&Value>, default: Option<Duration>) -> Result<Option<Duration>, Exception> {
    let Some(word) = word else { return Ok(default) };
    if word.bytes().starts_with(b"indef") {
        return Ok(None);
    }
    match number::integer(word.bytes()).and_then(|seconds| u64::try_from(seconds).ok()) {
        Some(seconds) => Ok(Some(Duration::from_secs(seconds))),
        None => fail(format!("expected integer but got \"{word}\"")),
    }
}
