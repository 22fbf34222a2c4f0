//! Running scripts: words are substituted, commands looked up, work counted.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::commands;
use crate::error::{Code, Exception, Outcome, fail};
use crate::evaluate::canonical;
use crate::expression::Expression;
use crate::facts::{DISABLED, Event, is_appliance_command};
use crate::host::{Host, Side};
use crate::rule::{Proc, Rule};
use crate::script::{Part, Script, Word};
use crate::table::Table;
use crate::value::Value;
use crate::variables::{Name, Scope, Scopes};

/// Commands that one event may run. TMM aborts a rule that hogs it; a million is far beyond any real one.
const STEP_LIMIT: u32 = 1_000_000;
/// Scripts within scripts. Each level costs some kilobytes of stack, and a proc call takes three or four levels.
const DEPTH_LIMIT: u32 = 120;
/// Bytes in one value.
pub(crate) const VALUE_LIMIT: usize = 4 << 20;
/// Parsed scripts and expressions kept; rules build few texts at run time.
const CACHE_LIMIT: usize = 4096;

/// One event being handled.
pub(crate) struct Run<'a> {
    pub(crate) host: &'a mut dyn Host,
    pub(crate) scopes: Scopes<'a>,
    pub(crate) cache: &'a mut Cache,
    pub(crate) table: &'a Table,
    pub(crate) rules: &'a [Arc<Rule>],
    pub(crate) rule: Arc<Rule>,
    pub(crate) disabled: &'a mut HashSet<Event>,
    pub(crate) event: Event,
    pub(crate) side: Side,
    pub(crate) priority: u16,
    /// Procs defined while running, which only plain Tcl scripts do.
    pub(crate) procs: HashMap<Value, Arc<Proc>>,
    pub(crate) steps: u32,
    pub(crate) depth: u32,
}

/// Texts parsed once.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    scripts: HashMap<Value, Arc<Script>>,
    expressions: HashMap<Value, Arc<Expression>>,
}

impl Cache {
    fn script(&mut self, text: &Value) -> Result<Arc<Script>, Exception> {
        if let Some(script) = self.scripts.get(text) {
            return Ok(Arc::clone(script));
        }
        let script = Arc::new(Script::parse(text.bytes(), 1)?);
        if self.scripts.len() >= CACHE_LIMIT {
            self.scripts.clear();
        }
        self.scripts.insert(text.clone(), Arc::clone(&script));
        Ok(script)
    }

    pub(crate) fn expression(&mut self, text: &Value) -> Result<Arc<Expression>, Exception> {
        if let Some(expression) = self.expressions.get(text) {
            return Ok(Arc::clone(expression));
        }
        let expression = Arc::new(Expression::parse(text.bytes(), 1)?);
        if self.expressions.len() >= CACHE_LIMIT {
            self.expressions.clear();
        }
        self.expressions
            .insert(text.clone(), Arc::clone(&expression));
        Ok(expression)
    }
}

impl Run<'_> {
    /// Runs text as a script.
    pub(crate) fn eval(&mut self, text: &Value) -> Outcome {
        let script = self.cache.script(text)?;
        self.script(&script)
    }

    /// Runs a parsed script; its result is that of the last command.
    pub(crate) fn script(&mut self, script: &Script) -> Outcome {
        self.nested(|run| {
            let mut result = Value::empty();
            for command in &script.commands {
                result = run
                    .command(&command.words)
                    .map_err(|exception| name_command(exception, &command.text))?;
            }
            Ok(result)
        })
    }

    /// Keeps recursion within the stack.
    pub(crate) fn nested(&mut self, work: impl FnOnce(&mut Self) -> Outcome) -> Outcome {
        if self.depth >= DEPTH_LIMIT {
            return fail("too many nested calls to Tcl_EvalObj (infinite loop?)");
        }
        self.depth += 1;
        let outcome = work(self);
        self.depth -= 1;
        outcome
    }

    /// Charges work; a loop ends here at the latest.
    pub(crate) fn step(&mut self, steps: usize) -> Result<(), Exception> {
        self.steps = self
            .steps
            .saturating_add(u32::try_from(steps).unwrap_or(u32::MAX));
        if self.steps > STEP_LIMIT {
            return Err(Exception::Limit(format!(
                "the rule ran more than {STEP_LIMIT} steps in one event"
            )));
        }
        Ok(())
    }

    fn command(&mut self, words: &[Word]) -> Outcome {
        self.step(1)?;
        let mut values = Vec::with_capacity(words.len());
        for word in words {
            values.push(self.word(word)?);
        }
        self.call(&values)
    }

    fn word(&mut self, word: &Word) -> Outcome {
        match word {
            Word::Literal { value, .. } => Ok(value.clone()),
            Word::Parts(parts) => self.parts(parts),
        }
    }

    /// Substitutes and joins.
    pub(crate) fn parts(&mut self, parts: &[Part]) -> Outcome {
        if let [part] = parts {
            return self.part(part);
        }
        let mut joined = Vec::new();
        for part in parts {
            joined.extend_from_slice(self.part(part)?.bytes());
            if joined.len() > VALUE_LIMIT {
                return Err(too_long());
            }
        }
        self.step(joined.len() / 256)?;
        Ok(Value::from(joined))
    }

    pub(crate) fn part(&mut self, part: &Part) -> Outcome {
        match part {
            Part::Literal(value) => Ok(value.clone()),
            Part::Script(script) => self.script(script),
            Part::Variable { name, index: None } => self.scopes.get(&Name::parse(name)),
            Part::Variable {
                name,
                index: Some(index),
            } => {
                let index = self.parts(index)?;
                self.scopes.get(&Name {
                    base: name.clone(),
                    index: Some(index),
                })
            }
        }
    }

    /// Runs one command whose words are ready.
    pub(crate) fn call(&mut self, words: &[Value]) -> Outcome {
        let Some((name, arguments)) = words.split_first() else {
            return Ok(Value::empty());
        };
        let spelled = String::from_utf8_lossy(name.bytes());
        let plain = spelled.strip_prefix("::").unwrap_or(&spelled);
        if let Some(native) = commands::native(plain) {
            return native(self, arguments);
        }
        if let Some(proc) = self.procs.get(name).cloned() {
            return self.invoke(plain, &proc, arguments);
        }
        if DISABLED.contains(&plain) {
            return fail(format!("command is disabled: \"{plain}\""));
        }
        if is_appliance_command(plain) {
            return Err(Exception::Unmodelled(plain.to_owned()));
        }
        fail(format!("invalid command name \"{spelled}\""))
    }

    /// Runs a proc in a frame of its own.
    pub(crate) fn invoke(&mut self, name: &str, proc: &Proc, arguments: &[Value]) -> Outcome {
        let frame = proc.bind(name, arguments)?;
        self.scopes.frames.push(frame);
        let outcome = self.script(&proc.body);
        self.scopes.frames.pop();
        match outcome {
            Err(Exception::Return { value, code }) => returned(value, code),
            Err(Exception::Break) => fail("invoked \"break\" outside of a loop"),
            Err(Exception::Continue) => fail("invoked \"continue\" outside of a loop"),
            other => other,
        }
    }

    /// Runs `work` as if in an older frame, as `uplevel` does.
    pub(crate) fn in_frame(
        &mut self,
        frame: usize,
        work: impl FnOnce(&mut Self) -> Outcome,
    ) -> Outcome {
        let younger = self.scopes.frames.split_off(frame + 1);
        let outcome = work(self);
        self.scopes.frames.truncate(frame + 1);
        self.scopes.frames.extend(younger);
        outcome
    }

    pub(crate) fn expression(&mut self, text: &Value) -> Outcome {
        let expression = self.cache.expression(text)?;
        self.evaluate(&expression).map(canonical)
    }

    pub(crate) fn condition(&mut self, text: &Value) -> Result<bool, Exception> {
        let value = self.expression(text)?;
        match crate::number::truth(value.bytes()) {
            Some(truth) => Ok(truth),
            None => fail(format!("expected boolean value but got \"{value}\"")),
        }
    }
}

/// What a `return` with this code means where the proc was called.
pub(crate) fn returned(value: Value, code: Code) -> Outcome {
    match code {
        Code::Ok => Ok(value),
        Code::Error => fail(value.text()),
        Code::Return => Err(Exception::Return {
            value,
            code: Code::Ok,
        }),
        Code::Break => Err(Exception::Break),
        Code::Continue => Err(Exception::Continue),
    }
}

pub(crate) fn too_long() -> Exception {
    Exception::Limit(format!("a value grew beyond {VALUE_LIMIT} bytes"))
}

/// The innermost command names itself in the log.
fn name_command(exception: Exception, text: &Value) -> Exception {
    match exception {
        Exception::Error {
            message,
            command: None,
        } => Exception::Error {
            message,
            command: Some(text.text()),
        },
        other => other,
    }
}

/// A fresh frame for a connection.
pub(crate) fn connection_frame(scope: &mut Scope) -> Vec<Scope> {
    vec![std::mem::take(scope)]
}
