//! Tcl's twelve rules: how text becomes commands, words and substitutions.

use std::sync::Arc;

use crate::backslash::backslash;
use crate::number::is_space;
use crate::value::Value;

/// Substitutions nest no deeper than this; rules that people write stay under ten.
const NESTING_LIMIT: usize = 60;

/// Parsed text, ready to run.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) commands: Vec<Command>,
}

/// One command: its words, the line it starts on, and its text for error messages.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) words: Vec<Word>,
    pub(crate) line: u32,
    pub(crate) text: Value,
}

#[derive(Debug, Clone)]
pub(crate) enum Word {
    /// Nothing to substitute. `line` is where the value starts, so that a body can be parsed in place.
    Literal {
        value: Value,
        line: u32,
    },
    Parts(Vec<Part>),
}

#[derive(Debug, Clone)]
pub(crate) enum Part {
    Literal(Value),
    Variable {
        name: Value,
        index: Option<Vec<Part>>,
    },
    Script(Arc<Script>),
}

/// What is wrong with the text, in Tcl's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ParseError {
    pub(crate) line: u32,
    pub(crate) message: String,
}

impl Script {
    /// Parses text whose first line has the number `line`.
    pub(crate) fn parse(text: &[u8], line: u32) -> Result<Self, ParseError> {
        let mut parser = Parser::new(text, line, 0);
        let script = parser.script(false)?;
        Ok(script)
    }
}

impl Word {
    pub(crate) fn literal(&self) -> Option<&Value> {
        match self {
            Self::Literal { value, .. } => Some(value),
            Self::Parts(_) => None,
        }
    }
}

/// Which substitutions `subst` performs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Substitutions {
    pub(crate) backslashes: bool,
    pub(crate) commands: bool,
    pub(crate) variables: bool,
}

/// Parses text as the inside of a quoted word without an end, as `subst` and `expr`'s strings need it.
pub(crate) fn parse_substitutions(
    text: &[u8],
    which: Substitutions,
) -> Result<Vec<Part>, ParseError> {
    Parser::new(text, 1, 0).parts(which, |_| false)
}

/// A cursor over text; also used by `expr` for the substitutions inside an expression.
pub(crate) struct Parser<'a> {
    text: &'a [u8],
    pub(crate) at: usize,
    line: u32,
    depth: usize,
}

const ALL: Substitutions = Substitutions {
    backslashes: true,
    commands: true,
    variables: true,
};

impl<'a> Parser<'a> {
    pub(crate) fn new(text: &'a [u8], line: u32, depth: usize) -> Self {
        Self {
            text,
            at: 0,
            line,
            depth,
        }
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    pub(crate) fn advance(&mut self, bytes: usize) {
        let end = (self.at + bytes).min(self.text.len());
        self.line += self.text[self.at..end]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count() as u32;
        self.at = end;
    }

    fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError {
            line: self.line,
            message: message.into(),
        }
    }

    fn escaped_newline(&self) -> bool {
        self.peek() == Some(b'\\') && self.peek_at(1) == Some(b'\n')
    }

    /// Commands up to the end of the text, or up to the `]` that closes a substitution.
    fn script(&mut self, bracketed: bool) -> Result<Script, ParseError> {
        let mut commands = Vec::new();
        loop {
            self.skip_between_commands();
            match self.peek() {
                None if bracketed => return Err(self.error("missing close-bracket")),
                None => return Ok(Script { commands }),
                Some(b']') if bracketed => {
                    self.advance(1);
                    return Ok(Script { commands });
                }
                Some(b'#') => self.skip_comment(),
                Some(_) => commands.push(self.command(bracketed)?),
            }
        }
    }

    fn skip_between_commands(&mut self) {
        while let Some(byte) = self.peek() {
            if is_space(byte) || byte == b';' {
                self.advance(1);
            } else if self.escaped_newline() {
                self.advance(2);
            } else {
                return;
            }
        }
    }

    fn skip_comment(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b'\\' => self.advance(2),
                b'\n' => return self.advance(1),
                _ => self.advance(1),
            }
        }
    }

    fn command(&mut self, bracketed: bool) -> Result<Command, ParseError> {
        let (start, line) = (self.at, self.line);
        let mut words = Vec::new();
        loop {
            self.skip_blanks();
            match self.peek() {
                None | Some(b'\n' | b';') => break,
                Some(b']') if bracketed => break,
                Some(_) => words.push(self.word(bracketed)?),
            }
        }
        let text = Value::from(crate::number::trim(&self.text[start..self.at]));
        Ok(Command { words, line, text })
    }

    fn skip_blanks(&mut self) {
        while let Some(byte) = self.peek() {
            if is_space(byte) && byte != b'\n' {
                self.advance(1);
            } else if self.escaped_newline() {
                self.advance(2);
            } else {
                return;
            }
        }
    }

    fn word(&mut self, bracketed: bool) -> Result<Word, ParseError> {
        let line = self.line;
        match self.peek() {
            Some(b'{') => {
                let value = self.braced()?;
                self.word_must_end("close-brace", bracketed)?;
                Ok(Word::Literal { value, line })
            }
            Some(b'"') => {
                self.advance(1);
                let parts = self.quoted()?;
                self.word_must_end("close-quote", bracketed)?;
                Ok(word_of(parts, line))
            }
            _ => {
                let parts = self.parts(ALL, |parser| {
                    parser.escaped_newline()
                        || parser.peek().is_none_or(|byte| {
                            is_space(byte) || byte == b';' || (bracketed && byte == b']')
                        })
                })?;
                Ok(word_of(parts, line))
            }
        }
    }

    /// The parts of a quoted string; the cursor stands behind the opening quote and ends behind the closing one.
    pub(crate) fn quoted(&mut self) -> Result<Vec<Part>, ParseError> {
        let parts = self.parts(ALL, |parser| parser.peek() == Some(b'"'))?;
        if self.peek().is_none() {
            return Err(self.error("missing \""));
        }
        self.advance(1);
        Ok(parts)
    }

    fn word_must_end(&self, after: &str, bracketed: bool) -> Result<(), ParseError> {
        match self.peek() {
            None | Some(b';') => Ok(()),
            Some(byte)
                if is_space(byte) || (bracketed && byte == b']') || self.escaped_newline() =>
            {
                Ok(())
            }
            Some(_) => Err(self.error(format!("extra characters after {after}"))),
        }
    }

    /// The text between matching braces; only backslash-newline is replaced.
    pub(crate) fn braced(&mut self) -> Result<Value, ParseError> {
        let opened = self.line;
        self.advance(1);
        let mut depth = 1usize;
        let mut value = Vec::new();
        while let Some(byte) = self.peek() {
            match byte {
                b'\\' if self.escaped_newline() => {
                    self.skip_escaped_newline();
                    value.push(b' ');
                    continue;
                }
                b'\\' => {
                    value.push(byte);
                    self.advance(1);
                    let Some(next) = self.peek() else { continue };
                    value.push(next);
                    self.advance(1);
                    continue;
                }
                b'{' => depth += 1,
                b'}' => {
                    depth -= 1;
                    if depth == 0 {
                        self.advance(1);
                        return Ok(Value::from(value));
                    }
                }
                _ => {}
            }
            value.push(byte);
            self.advance(1);
        }
        Err(ParseError {
            line: opened,
            message: "missing close-brace".into(),
        })
    }

    fn skip_escaped_newline(&mut self) {
        self.advance(2);
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.advance(1);
        }
    }

    /// Literals and substitutions until `ends` says so or the text is over.
    fn parts(
        &mut self,
        which: Substitutions,
        ends: impl Fn(&Self) -> bool,
    ) -> Result<Vec<Part>, ParseError> {
        let mut parts = Vec::new();
        let mut literal = Vec::new();
        while let Some(byte) = self.peek() {
            if ends(self) {
                break;
            }
            let part = match byte {
                b'\\' if which.backslashes => {
                    let taken = backslash(&self.text[self.at..], &mut literal);
                    self.advance(taken);
                    continue;
                }
                b'$' if which.variables => self.variable()?,
                b'[' if which.commands => Some(Part::Script(self.bracketed()?)),
                _ => None,
            };
            let Some(part) = part else {
                literal.push(byte);
                self.advance(1);
                continue;
            };
            if !literal.is_empty() {
                parts.push(Part::Literal(Value::from(std::mem::take(&mut literal))));
            }
            parts.push(part);
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(Value::from(literal)));
        }
        Ok(parts)
    }

    /// `[...]`; the cursor stands on the bracket.
    pub(crate) fn bracketed(&mut self) -> Result<Arc<Script>, ParseError> {
        self.advance(1);
        self.deeper()?;
        let script = self.script(true)?;
        self.depth -= 1;
        Ok(Arc::new(script))
    }

    fn deeper(&mut self) -> Result<(), ParseError> {
        self.depth += 1;
        if self.depth > NESTING_LIMIT {
            return Err(self.error("too many nested substitutions"));
        }
        Ok(())
    }

    /// `$name`, `$name(index)` or `${name}`; `None` (cursor unmoved) when the dollar stands for itself.
    pub(crate) fn variable(&mut self) -> Result<Option<Part>, ParseError> {
        if self.peek_at(1) == Some(b'{') {
            let rest = &self.text[self.at + 2..];
            let Some(end) = rest.iter().position(|byte| *byte == b'}') else {
                return Err(self.error("missing close-brace for variable name"));
            };
            let name = &rest[..end];
            self.advance(end + 3);
            return Ok(Some(braced_variable(name)));
        }
        let length = name_length(&self.text[self.at + 1..]);
        let opens_index = self.peek_at(1 + length) == Some(b'(');
        if length == 0 && !opens_index {
            return Ok(None);
        }
        let name = Value::from(&self.text[self.at + 1..self.at + 1 + length]);
        self.advance(1 + length);
        if !opens_index {
            return Ok(Some(Part::Variable { name, index: None }));
        }
        self.advance(1);
        self.deeper()?;
        let index = self.parts(ALL, |parser| parser.peek() == Some(b')'))?;
        self.depth -= 1;
        if self.peek().is_none() {
            return Err(self.error("missing )"));
        }
        self.advance(1);
        Ok(Some(Part::Variable {
            name,
            index: Some(index),
        }))
    }
}

/// `${a(b)}` is an element too.
fn braced_variable(name: &[u8]) -> Part {
    if let [head @ .., b')'] = name
        && let Some(open) = head.iter().position(|byte| *byte == b'(')
    {
        let index = vec![Part::Literal(Value::from(&head[open + 1..]))];
        return Part::Variable {
            name: Value::from(&head[..open]),
            index: Some(index),
        };
    }
    Part::Variable {
        name: Value::from(name),
        index: None,
    }
}

/// Letters, digits, underscores and `::`.
fn name_length(text: &[u8]) -> usize {
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'_' => at += 1,
            byte if byte.is_ascii_alphanumeric() => at += 1,
            b':' if text.get(at + 1) == Some(&b':') => {
                while text.get(at) == Some(&b':') {
                    at += 1;
                }
            }
            _ => break,
        }
    }
    at
}

fn word_of(mut parts: Vec<Part>, line: u32) -> Word {
    match parts.as_mut_slice() {
        [] => Word::Literal {
            value: Value::empty(),
            line,
        },
        [Part::Literal(value)] => Word::Literal {
            value: value.clone(),
            line,
        },
        _ => Word::Parts(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_knows_its_line_and_text() {
        let script = Script::parse(b"# why\nset a 1\n\nset b \\\n  2; set c 3", 1).unwrap();

        let seen: Vec<_> = script
            .commands
            .iter()
            .map(|command| (command.line, command.text.text()))
            .collect();

        assert_eq!(
            seen,
            [
                (2, "set a 1".into()),
                (4, "set b \\\n  2".into()),
                (5, "set c 3".into())
            ]
        );
    }

    #[test]
    fn broken_text_is_refused_in_tcls_words() {
        let complaint = |text: &str| Script::parse(text.as_bytes(), 1).unwrap_err().message;

        assert_eq!(complaint("set a {"), "missing close-brace");
        assert_eq!(complaint("set a \"x"), "missing \"");
        assert_eq!(complaint("set a [b"), "missing close-bracket");
        assert_eq!(
            complaint("if {1} {}else {}"),
            "extra characters after close-brace"
        );
        assert_eq!(
            complaint("set a \"b\"c"),
            "extra characters after close-quote"
        );
        assert_eq!(complaint("set a $x(1"), "missing )");
        assert_eq!(
            complaint(&"[".repeat(1000)),
            "too many nested substitutions"
        );
    }
}
