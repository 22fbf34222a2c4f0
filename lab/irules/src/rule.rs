//! A rule as loaded: its handlers by event, its procs, and what it refers to.

use std::collections::HashMap;
use std::sync::Arc;

use crate::check::Checker;
use crate::error::{Exception, LoadError, usage};
use crate::facts::Event;
use crate::list;
use crate::script::{Command, Script, Word};
use crate::value::Value;
use crate::variables::{Scope, Variable};

/// The priority of a handler that names none.
const DEFAULT_PRIORITY: u16 = 500;

/// A rule that the appliance would load.
#[derive(Debug)]
pub struct Rule {
    pub(crate) name: String,
    pub(crate) handlers: Vec<Handler>,
    pub(crate) procs: HashMap<String, Arc<Proc>>,
    references: Vec<Reference>,
    uses: Vec<Use>,
}

/// One `when EVENT {...}`.
#[derive(Debug)]
pub(crate) struct Handler {
    pub(crate) event: Event,
    pub(crate) priority: u16,
    pub(crate) body: Arc<Script>,
}

/// An object that a rule names literally.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// `pool`, `snatpool` or `virtual`.
    pub kind: &'static str,
    /// As written.
    pub name: String,
    /// Where.
    pub line: u32,
}

/// One command of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Its name.
    pub command: String,
    /// The whole command as written.
    pub text: String,
    /// The command of which it is a `[substitution]`.
    pub within: Option<String>,
    /// The event; procs have none.
    pub event: Option<Event>,
    /// Where.
    pub line: u32,
}

/// A `proc`.
#[derive(Debug)]
pub(crate) struct Proc {
    parameters: Vec<(Value, Option<Value>)>,
    pub(crate) body: Arc<Script>,
}

impl Rule {
    /// Loads a rule under its full path, `/Common/proxy_v1`.
    ///
    /// # Errors
    ///
    /// What the appliance would refuse: broken Tcl, unknown events and commands, commands that TMM disables, and
    /// commands in events where they are not valid.
    pub fn load(name: &str, source: &str) -> Result<Self, LoadError> {
        let refuse = |line, complaint: String| LoadError {
            rule: name.to_owned(),
            line,
            complaint,
        };
        let script = Script::parse(source.as_bytes(), 1)
            .map_err(|error| refuse(error.line, format!("[parse error: {}][]", error.message)))?;
        let mut rule = Self {
            name: name.to_owned(),
            handlers: Vec::new(),
            procs: HashMap::new(),
            references: Vec::new(),
            uses: Vec::new(),
        };
        let mut checker = Checker::new(&script);
        let mut priority = DEFAULT_PRIORITY;
        for command in &script.commands {
            let loaded = match command
                .words
                .first()
                .and_then(Word::literal)
                .map(Value::text)
                .as_deref()
            {
                Some("when") => rule.when(command, priority, &mut checker),
                Some("proc") => rule.proc(command, &mut checker),
                Some("priority") => number_word(command, 1).map(|number| priority = number),
                Some("timing") => Ok(()),
                _ => Err((
                    command.line,
                    "[command is not valid in the current scope]".into(),
                )),
            };
            loaded.map_err(|(line, complaint)| {
                let told = if complaint.ends_with("][") || complaint.contains("][") {
                    complaint
                } else {
                    format!("{complaint}[{}]", first_line(&command.text))
                };
                refuse(line, told)
            })?;
        }
        rule.references = checker.references;
        rule.uses = checker.uses;
        Ok(rule)
    }

    /// Full path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The events that it handles, in the order written.
    pub fn events(&self) -> impl Iterator<Item = Event> {
        self.handlers.iter().map(|handler| handler.event)
    }

    /// Pools and other objects that it names literally.
    pub fn references(&self) -> &[Reference] {
        &self.references
    }

    /// Every command that stands literally in the rule, inner ones before the commands around them.
    pub fn uses(&self) -> &[Use] {
        &self.uses
    }

    /// A script outside any rule, for tests of plain Tcl.
    pub(crate) fn bare(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            handlers: Vec::new(),
            procs: HashMap::new(),
            references: Vec::new(),
            uses: Vec::new(),
        }
    }

    fn when(
        &mut self,
        command: &Command,
        mut priority: u16,
        checker: &mut Checker,
    ) -> Result<(), (u32, String)> {
        let Some(name) = command.words.get(1).and_then(Word::literal) else {
            return Err((command.line, "[wrong # args]".into()));
        };
        let Some(event) = Event::named(&name.text()) else {
            return Err((command.line, format!("[unknown event ({name})]")));
        };
        let mut at = 2;
        while at + 2 < command.words.len() {
            match command.words[at].literal().map(Value::text).as_deref() {
                Some("priority") => priority = number_word(command, at + 1)?,
                Some("timing") => {}
                _ => return Err((command.line, "[wrong # args]".into())),
            }
            at += 2;
        }
        let body = body_of(command, at)?;
        checker.check(&body, Some(event))?;
        self.handlers.push(Handler {
            event,
            priority,
            body: Arc::new(body),
        });
        Ok(())
    }

    fn proc(&mut self, command: &Command, checker: &mut Checker) -> Result<(), (u32, String)> {
        let [_, name, parameters, _] = command.words.as_slice() else {
            return Err((command.line, "[wrong # args]".into()));
        };
        let (Some(name), Some(parameters)) = (name.literal(), parameters.literal()) else {
            return Err((
                command.line,
                "[proc name and parameters must be literal]".into(),
            ));
        };
        let body = body_of(command, 3)?;
        checker.check(&body, None)?;
        let proc = Proc::new(parameters, Arc::new(body))
            .map_err(|why| (command.line, format!("[{why}]")))?;
        self.procs.insert(name.text(), Arc::new(proc));
        Ok(())
    }
}

/// The literal body at a word, parsed where it stands.
fn body_of(command: &Command, at: usize) -> Result<Script, (u32, String)> {
    match command.words.get(at) {
        Some(Word::Literal { value, line }) if at + 1 == command.words.len() => {
            Script::parse(value.bytes(), *line)
                .map_err(|error| (error.line, format!("[parse error: {}]", error.message)))
        }
        _ => Err((command.line, "[wrong # args]".into())),
    }
}

fn number_word(command: &Command, at: usize) -> Result<u16, (u32, String)> {
    let number = command
        .words
        .get(at)
        .and_then(Word::literal)
        .and_then(|value| value.text().parse::<u16>().ok());
    number
        .filter(|number| (1..=1000).contains(number))
        .ok_or_else(|| (command.line, "[invalid priority, 1 to 1000]".into()))
}

pub(crate) fn first_line(text: &Value) -> String {
    text.text().lines().next().unwrap_or_default().to_owned()
}

impl Proc {
    pub(crate) fn new(parameters: &Value, body: Arc<Script>) -> Result<Self, String> {
        let mut list = Vec::new();
        for parameter in list::split(parameters.bytes())? {
            match list::split(parameter.bytes())?.as_slice() {
                [name] => list.push((name.clone(), None)),
                [name, default] => list.push((name.clone(), Some(default.clone()))),
                [] => return Err("argument with no name".into()),
                _ => {
                    return Err(format!(
                        "too many fields in argument specifier \"{parameter}\""
                    ));
                }
            }
        }
        Ok(Self {
            parameters: list,
            body,
        })
    }

    /// A frame in which the parameters have their values.
    pub(crate) fn bind(&self, name: &str, arguments: &[Value]) -> Result<Scope, Exception> {
        let mut frame = Scope::new();
        let mut rest = arguments.iter();
        for (index, (parameter, default)) in self.parameters.iter().enumerate() {
            if parameter.bytes() == b"args" && index + 1 == self.parameters.len() {
                let all = list::merge(rest.by_ref());
                frame.insert(parameter.clone(), Variable::Scalar(all));
                return Ok(frame);
            }
            let Some(value) = rest.next().or(default.as_ref()) else {
                return usage(&self.usage(name));
            };
            frame.insert(parameter.clone(), Variable::Scalar(value.clone()));
        }
        match rest.next() {
            Some(_) => usage(&self.usage(name)),
            None => Ok(frame),
        }
    }

    fn usage(&self, name: &str) -> String {
        let mut words = vec![name.to_owned()];
        for (parameter, default) in &self.parameters {
            words.push(match default {
                Some(_) => format!("?{parameter}?"),
                None => parameter.text(),
            });
        }
        words.join(" ")
    }
}
