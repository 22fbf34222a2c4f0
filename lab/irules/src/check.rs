//! What the appliance checks when a rule is loaded: every command that stands literally in it.

use std::collections::HashSet;

use crate::commands;
use crate::expression::Expression;
use crate::facts::{DISABLED, Event, is_appliance_command, valid_phases};
use crate::list;
use crate::rule::{Reference, Use, first_line};
use crate::script::{Command, Part, Script, Word};
use crate::value::Value;

/// Bodies within bodies.
const NESTING_LIMIT: usize = 60;

/// A line and `[complaint][command]`.
pub(crate) type Complaint = (u32, String);

/// Walks scripts, and gathers the objects that they name.
pub(crate) struct Checker {
    procs: HashSet<String>,
    pub(crate) references: Vec<Reference>,
    pub(crate) uses: Vec<Use>,
    depth: usize,
    /// The commands whose substitutions we are in, outermost first.
    around: Vec<String>,
}

impl Checker {
    /// Procs may be called before they are defined, so their names come first.
    pub(crate) fn new(rule: &Script) -> Self {
        let named = rule
            .commands
            .iter()
            .filter(|command| word_text(command, 0).as_deref() == Some("proc"));
        Self {
            procs: named.filter_map(|command| word_text(command, 1)).collect(),
            references: Vec::new(),
            uses: Vec::new(),
            depth: 0,
            around: Vec::new(),
        }
    }

    /// Checks a body in its event; procs have none, so commands there are checked for existence only.
    pub(crate) fn check(&mut self, script: &Script, event: Option<Event>) -> Result<(), Complaint> {
        self.depth += 1;
        if self.depth > NESTING_LIMIT {
            return Err((0, "[too many nested bodies][]".into()));
        }
        for command in &script.commands {
            self.command(command, event)?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn command(&mut self, command: &Command, event: Option<Event>) -> Result<(), Complaint> {
        let name = word_text(command, 0);
        self.around.push(name.clone().unwrap_or_default());
        let substitutions = command.words.iter().try_for_each(|word| match word {
            Word::Parts(parts) => self.parts(parts, event),
            Word::Literal { .. } => Ok(()),
        });
        self.around.pop();
        substitutions?;
        let Some(name) = name else {
            return Ok(());
        };
        self.name(&name, command, event)?;
        self.uses.push(Use {
            command: name.clone(),
            text: command.text.text(),
            within: self
                .around
                .last()
                .cloned()
                .filter(|outer| !outer.is_empty()),
            event,
            line: command.line,
        });
        self.reference(&name, command);
        self.bodies(&name, command, event)
    }

    fn name(&self, name: &str, command: &Command, event: Option<Event>) -> Result<(), Complaint> {
        let complain = |what: String| {
            Err((
                command.line,
                format!("[{what}][{}]", first_line(&command.text)),
            ))
        };
        let plain = name.strip_prefix("::").unwrap_or(name);
        if DISABLED.contains(&plain) {
            return complain(format!("command is disabled: \"{plain}\""));
        }
        if !commands::is_tcl(plain) && !is_appliance_command(plain) {
            return complain(format!("undefined procedure: {plain}"));
        }
        if let (Some(event), Some(phases)) = (event, valid_phases(plain))
            && !phases.contains(&event.phase())
        {
            return complain(format!(
                "command is not valid in current event context ({event})"
            ));
        }
        if plain == "call"
            && let Some(called) = word_text(command, 1)
            && !called.contains("::")
            && !self.procs.contains(&called)
        {
            return complain(format!("undefined procedure: {called}"));
        }
        Ok(())
    }

    fn reference(&mut self, name: &str, command: &Command) {
        let kind = match name {
            "pool" => "pool",
            "snatpool" => "snatpool",
            "virtual" => "virtual",
            _ => return,
        };
        if let Some(object) = word_text(command, 1)
            && object != "name"
        {
            self.references.push(Reference {
                kind,
                name: object,
                line: command.line,
            });
        }
    }

    /// The scripts and expressions among the words of Tcl's control commands.
    fn bodies(
        &mut self,
        name: &str,
        command: &Command,
        event: Option<Event>,
    ) -> Result<(), Complaint> {
        let words = &command.words;
        match name {
            "if" => self.if_bodies(words, event),
            "while" => {
                self.expression(words.get(1), event)?;
                self.body(words.get(2), event)
            }
            "for" => {
                self.body(words.get(1), event)?;
                self.expression(words.get(2), event)?;
                self.body(words.get(3), event)?;
                self.body(words.get(4), event)
            }
            "foreach" => self.body(words.last(), event),
            "catch" | "clientside" | "serverside" | "eval" if words.len() <= 3 => {
                self.body(words.get(1), event)
            }
            "after" => self.body(words.get(2), event),
            "switch" => self.switch_bodies(words, event),
            "expr" => words.iter().skip(1).try_for_each(|word| match words.len() {
                2 => self.expression(Some(word), event),
                _ => Ok(()),
            }),
            _ => Ok(()),
        }
    }

    fn if_bodies(&mut self, words: &[Word], event: Option<Event>) -> Result<(), Complaint> {
        let mut at = 1;
        loop {
            self.expression(words.get(at), event)?;
            at += 1;
            if words
                .get(at)
                .and_then(Word::literal)
                .is_some_and(|word| word.bytes() == b"then")
            {
                at += 1;
            }
            self.body(words.get(at), event)?;
            at += 1;
            match words
                .get(at)
                .and_then(Word::literal)
                .map(Value::text)
                .as_deref()
            {
                Some("elseif") => at += 1,
                Some("else") => return self.body(words.get(at + 1), event),
                _ => return self.body(words.get(at), event),
            }
        }
    }

    fn switch_bodies(&mut self, words: &[Word], event: Option<Event>) -> Result<(), Complaint> {
        let options = words[1..].iter().take_while(|word| {
            word.literal()
                .is_some_and(|word| word.bytes().starts_with(b"-"))
        });
        let first = 1 + options.count() + 1;
        if words.len() != first + 1 {
            return words
                .iter()
                .skip(first + 1)
                .step_by(2)
                .try_for_each(|word| self.body(Some(word), event));
        }
        let Some(Word::Literal { value, line }) = words.get(first) else {
            return Ok(());
        };
        // Elements of the list are words of no script, so their line is that of the whole list.
        let Ok(pairs) = list::split(value.bytes()) else {
            return Ok(());
        };
        for body in pairs
            .iter()
            .skip(1)
            .step_by(2)
            .filter(|body| body.bytes() != b"-")
        {
            self.body(
                Some(&Word::Literal {
                    value: body.clone(),
                    line: line_of(value, body, *line),
                }),
                event,
            )?;
        }
        Ok(())
    }

    fn body(&mut self, word: Option<&Word>, event: Option<Event>) -> Result<(), Complaint> {
        let Some(Word::Literal { value, line }) = word else {
            return Ok(());
        };
        let script = Script::parse(value.bytes(), *line).map_err(|error| {
            (
                error.line,
                format!("[parse error: {}][{}]", error.message, first_line(value)),
            )
        })?;
        self.check(&script, event)
    }

    fn expression(&mut self, word: Option<&Word>, event: Option<Event>) -> Result<(), Complaint> {
        let Some(Word::Literal { value, line }) = word else {
            return Ok(());
        };
        let expression = Expression::parse(value.bytes(), *line).map_err(|error| {
            (
                error.line,
                format!("[parse error: {}][{}]", error.message, first_line(value)),
            )
        })?;
        self.operands(&expression, event)
    }

    fn operands(&mut self, expression: &Expression, event: Option<Event>) -> Result<(), Complaint> {
        match expression {
            Expression::Text(_) => Ok(()),
            Expression::Quoted(parts) => self.parts(parts, event),
            Expression::Variable(part) => self.parts(std::slice::from_ref(part), event),
            Expression::Script(script) => self.check(script, event),
            Expression::Unary(_, operand) => self.operands(operand, event),
            Expression::Binary(_, left, right) => {
                self.operands(left, event)?;
                self.operands(right, event)
            }
            Expression::Choice(condition, yes, no) => [condition, yes, no]
                .into_iter()
                .try_for_each(|part| self.operands(part, event)),
            Expression::Function(_, arguments) => arguments
                .iter()
                .try_for_each(|argument| self.operands(argument, event)),
        }
    }

    fn parts(&mut self, parts: &[Part], event: Option<Event>) -> Result<(), Complaint> {
        for part in parts {
            match part {
                Part::Literal(_) | Part::Variable { index: None, .. } => {}
                Part::Variable {
                    index: Some(index), ..
                } => self.parts(index, event)?,
                Part::Script(script) => self.check(script, event)?,
            }
        }
        Ok(())
    }
}

fn word_text(command: &Command, at: usize) -> Option<String> {
    command
        .words
        .get(at)
        .and_then(Word::literal)
        .map(Value::text)
}

/// The line on which `part` starts within `whole`, whose first line has the number `line`.
fn line_of(whole: &Value, part: &Value, line: u32) -> u32 {
    let (whole, part) = (whole.bytes(), part.bytes());
    if part.is_empty() {
        return line;
    }
    let start = whole
        .windows(part.len())
        .position(|window| window == part)
        .unwrap_or(0);
    line + whole[..start].iter().filter(|byte| **byte == b'\n').count() as u32
}
