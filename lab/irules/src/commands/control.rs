//! Flow of control: conditions, loops, procs, errors.

use std::sync::Arc;

use super::Native;
use crate::error::{Code, Exception, Outcome, fail, usage};
use crate::glob;
use crate::list;
use crate::pattern;
use crate::rule::Proc;
use crate::run::Run;
use crate::script::{Script, Substitutions, parse_substitutions};
use crate::value::Value;
use crate::variables::Name;

pub(super) fn find(name: &str) -> Option<Native> {
    Some(match name {
        "if" => r#if,
        "while" => r#while,
        "for" => r#for,
        "foreach" => foreach,
        "switch" => switch,
        "break" => |_, _| Err(Exception::Break),
        "continue" => |_, _| Err(Exception::Continue),
        "return" => r#return,
        "catch" => catch,
        "error" => error,
        "eval" => eval,
        "expr" => expr,
        "subst" => subst,
        "proc" => proc,
        "call" => call,
        "info" => info,
        "clock" => clock,
        _ => return None,
    })
}

fn r#if(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let mut at = 0;
    loop {
        let Some(condition) = words.get(at) else {
            return fail("wrong # args: no expression after \"if\" argument");
        };
        let holds = run.condition(condition)?;
        at += 1;
        if words.get(at).is_some_and(|word| word.bytes() == b"then") {
            at += 1;
        }
        let Some(body) = words.get(at) else {
            return fail(format!(
                "wrong # args: no script following \"{condition}\" argument"
            ));
        };
        if holds {
            return run.eval(body);
        }
        at += 1;
        match words.get(at).map(Value::bytes) {
            None => return Ok(Value::empty()),
            Some(b"elseif") => at += 1,
            Some(b"else") => {
                return match words.get(at + 1..) {
                    Some([body]) => run.eval(body),
                    Some([]) | None => fail("wrong # args: no script following \"else\" argument"),
                    Some(_) => {
                        fail("wrong # args: extra words after \"else\" clause in \"if\" command")
                    }
                };
            }
            Some(_) if at + 1 == words.len() => return run.eval(&words[at]),
            Some(_) => {
                return fail("wrong # args: extra words after \"else\" clause in \"if\" command");
            }
        }
    }
}

/// Whether a loop goes on after its body ended this way.
fn goes_on(outcome: Outcome) -> Result<bool, Exception> {
    match outcome {
        Ok(_) | Err(Exception::Continue) => Ok(true),
        Err(Exception::Break) => Ok(false),
        Err(other) => Err(other),
    }
}

fn r#while(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let [condition, body] = words else {
        return usage("while test command");
    };
    while run.condition(condition)? {
        run.step(1)?;
        if !goes_on(run.eval(body))? {
            break;
        }
    }
    Ok(Value::empty())
}

fn r#for(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let [start, condition, next, body] = words else {
        return usage("for start test next command");
    };
    run.eval(start)?;
    while run.condition(condition)? {
        run.step(1)?;
        if !goes_on(run.eval(body))? || !goes_on(run.eval(next))? {
            break;
        }
    }
    Ok(Value::empty())
}

fn foreach(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let Some((body, pairs)) = words
        .split_last()
        .filter(|(_, pairs)| !pairs.is_empty() && pairs.len() % 2 == 0)
    else {
        return usage("foreach varList list ?varList list ...? command");
    };
    let mut columns = Vec::new();
    let mut rounds = 0;
    for pair in pairs.chunks(2) {
        let names = list::split(pair[0].bytes())?;
        let values = list::split(pair[1].bytes())?;
        if names.is_empty() {
            return fail("foreach varlist is empty");
        }
        rounds = rounds.max(values.len().div_ceil(names.len()));
        columns.push((names, values));
    }
    for round in 0..rounds {
        run.step(1)?;
        for (names, values) in &columns {
            for (index, name) in names.iter().enumerate() {
                let value = values
                    .get(round * names.len() + index)
                    .cloned()
                    .unwrap_or_default();
                run.scopes.set(&Name::parse(name), value)?;
            }
        }
        if !goes_on(run.eval(body))? {
            break;
        }
    }
    Ok(Value::empty())
}

#[derive(Clone, Copy)]
enum Matching {
    Exact,
    Glob,
    Regexp,
}

fn switch(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    const USAGE: &str = "switch ?switches? string pattern body ... ?default body?";
    let mut matching = Matching::Exact;
    let mut at = 0;
    while let Some(option) = words.get(at).filter(|word| word.bytes().starts_with(b"-")) {
        at += 1;
        match option.bytes() {
            b"-exact" => matching = Matching::Exact,
            b"-glob" => matching = Matching::Glob,
            b"-regexp" => matching = Matching::Regexp,
            b"--" => break,
            _ => {
                return fail(format!(
                    "bad option \"{option}\": must be -exact, -glob, -regexp, or --"
                ));
            }
        }
    }
    let Some(text) = words.get(at) else {
        return usage(USAGE);
    };
    let pairs = match &words[at + 1..] {
        [] => return usage(USAGE),
        [pairs] => list::split(pairs.bytes())?,
        pairs => pairs.to_vec(),
    };
    if pairs.is_empty() || pairs.len() % 2 == 1 {
        return fail("extra switch pattern with no body");
    }
    for (index, pair) in pairs.chunks(2).enumerate() {
        let last = (index + 1) * 2 == pairs.len();
        if !switch_takes(matching, &pair[0], text, last)? {
            continue;
        }
        let body = pairs[index * 2 + 1..]
            .iter()
            .step_by(2)
            .find(|body| body.bytes() != b"-");
        return match body {
            Some(body) => run.eval(body),
            None => fail(format!("no body specified for pattern \"{}\"", pair[0])),
        };
    }
    Ok(Value::empty())
}

fn switch_takes(
    matching: Matching,
    pattern: &Value,
    text: &Value,
    last: bool,
) -> Result<bool, Exception> {
    if last && pattern.bytes() == b"default" {
        return Ok(true);
    }
    Ok(match matching {
        Matching::Exact => pattern == text,
        Matching::Glob => glob::matches(pattern.bytes(), text.bytes(), false),
        Matching::Regexp => {
            pattern::compile(pattern.bytes(), pattern::Flags::default())?.is_match(text.bytes())
        }
    })
}

fn r#return(_: &mut Run<'_>, words: &[Value]) -> Outcome {
    let mut code = Code::Ok;
    let mut rest = words;
    while let [option, value, more @ ..] = rest {
        match option.bytes() {
            b"-code" => code = return_code(value)?,
            b"-errorinfo" | b"-errorcode" => {}
            _ => break,
        }
        rest = more;
    }
    match rest {
        [] => Err(Exception::Return {
            value: Value::empty(),
            code,
        }),
        [value] => Err(Exception::Return {
            value: value.clone(),
            code,
        }),
        _ => usage("return ?-code code? ?-errorinfo info? ?-errorcode code? ?string?"),
    }
}

fn return_code(word: &Value) -> Result<Code, Exception> {
    match word.bytes() {
        b"ok" | b"0" => Ok(Code::Ok),
        b"error" | b"1" => Ok(Code::Error),
        b"return" | b"2" => Ok(Code::Return),
        b"break" | b"3" => Ok(Code::Break),
        b"continue" | b"4" => Ok(Code::Continue),
        _ => fail(format!(
            "bad completion code \"{word}\": must be ok, error, return, break, continue, or an integer"
        )),
    }
}

/// Catches what Tcl can catch; a limit or a command that is not modelled ends the rule all the same.
fn catch(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let (script, variable) = match words {
        [script] => (script, None),
        [script, variable] => (script, Some(variable)),
        _ => return usage("catch command ?varName?"),
    };
    let (code, value): (i64, Value) = match run.eval(script) {
        Ok(value) => (0, value),
        Err(Exception::Error { message, .. }) => {
            let info = Name {
                base: Value::from("::errorInfo"),
                index: None,
            };
            run.scopes.set(&info, Value::from(message.as_str()))?;
            (1, Value::from(message))
        }
        Err(Exception::Return { value, .. }) => (2, value),
        Err(Exception::Break) => (3, Value::empty()),
        Err(Exception::Continue) => (4, Value::empty()),
        Err(fatal @ (Exception::Unmodelled(_) | Exception::Limit(_))) => return Err(fatal),
    };
    if let Some(variable) = variable {
        run.scopes.set(&Name::parse(variable), value)?;
    }
    Ok(Value::from(code))
}

fn error(_: &mut Run<'_>, words: &[Value]) -> Outcome {
    match words {
        [message] | [message, _] | [message, _, _] => fail(message.text()),
        _ => usage("error message ?errorInfo? ?errorCode?"),
    }
}

fn eval(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    match words {
        [] => usage("eval arg ?arg ...?"),
        [script] => run.eval(script),
        words => run.eval(&super::lists::concatenate(words)),
    }
}

fn expr(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    match words {
        [] => usage("expr arg ?arg ...?"),
        [expression] => run.expression(expression),
        words => {
            let joined = words
                .iter()
                .map(Value::bytes)
                .collect::<Vec<_>>()
                .join(&b' ');
            run.expression(&Value::from(joined))
        }
    }
}

fn subst(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let mut which = Substitutions {
        backslashes: true,
        commands: true,
        variables: true,
    };
    let Some((text, options)) = words.split_last() else {
        return usage("subst ?-nobackslashes? ?-nocommands? ?-novariables? string");
    };
    for option in options {
        match option.bytes() {
            b"-nobackslashes" => which.backslashes = false,
            b"-nocommands" => which.commands = false,
            b"-novariables" => which.variables = false,
            _ => {
                return fail(format!(
                    "bad switch \"{option}\": must be -nobackslashes, -nocommands, or -novariables"
                ));
            }
        }
    }
    let parts = parse_substitutions(text.bytes(), which)?;
    run.parts(&parts)
}

/// Only scripts outside rules define procs while they run; in a rule a proc stands at the top.
fn proc(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let [name, parameters, body] = words else {
        return usage("proc name args body");
    };
    let body = Arc::new(Script::parse(body.bytes(), 1)?);
    run.procs
        .insert(name.clone(), Arc::new(Proc::new(parameters, body)?));
    Ok(Value::empty())
}

/// `call proc` of this rule, `call rule::proc` of another.
fn call(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let Some((name, arguments)) = words.split_first() else {
        return usage("call procedure ?arg ...?");
    };
    let spelled = name.text();
    let found = match spelled.rsplit_once("::") {
        Some((rule, proc)) => run
            .rules
            .iter()
            .find(|known| names_rule(&known.name, rule))
            .and_then(|rule| rule.procs.get(proc)),
        None => run.rule.procs.get(&spelled),
    };
    match found.cloned().or_else(|| run.procs.get(name).cloned()) {
        Some(proc) => run.invoke(&spelled, &proc, arguments),
        None => fail(format!("undefined procedure: {spelled}")),
    }
}

/// A rule may be named by its full path or, within /Common, by its last part.
fn names_rule(path: &str, named: &str) -> bool {
    path == named || path.strip_prefix("/Common/") == Some(named)
}

fn info(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    match words {
        [what, name] if what.bytes() == b"exists" => {
            Ok(Value::boolean(run.scopes.exists(&Name::parse(name))))
        }
        [what, pattern @ ..] if matches!(what.bytes(), b"vars" | b"locals") => {
            let mut names = run.scopes.names();
            if let [pattern] = pattern {
                names.retain(|name| glob::matches(pattern.bytes(), name.bytes(), false));
            }
            Ok(list::merge(&names))
        }
        [what, script] if what.bytes() == b"complete" => {
            Ok(Value::boolean(Script::parse(script.bytes(), 1).is_ok()))
        }
        [what] if what.bytes() == b"level" => Ok(Value::from(run.scopes.top())),
        [what] if what.bytes() == b"tclversion" => Ok(Value::from("8.4")),
        [what] if what.bytes() == b"patchlevel" => Ok(Value::from("8.4.6")),
        [] => usage("info option ?arg arg ...?"),
        [what, ..] => Err(Exception::Unmodelled(format!("info {what}"))),
    }
}

fn clock(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let now = run.host.now();
    let Some(what) = words.first() else {
        return usage("clock option ?arg ...?");
    };
    match (what.bytes(), words.get(1).map(Value::bytes)) {
        (b"seconds", None) => Ok(Value::from(
            i64::try_from(now.as_secs()).unwrap_or(i64::MAX),
        )),
        (b"clicks", None) => Ok(Value::from(
            i64::try_from(now.as_micros()).unwrap_or(i64::MAX),
        )),
        (b"clicks", Some(b"-milliseconds")) => Ok(Value::from(
            i64::try_from(now.as_millis()).unwrap_or(i64::MAX),
        )),
        _ => Err(Exception::Unmodelled(format!("clock {what}"))),
    }
}
