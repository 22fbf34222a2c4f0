//! The language of `expr`: Tcl 8.4's operators, and the words that F5 added.

use std::sync::Arc;

use crate::number::{Number, is_space, looks_like_bad_octal, truth};
use crate::script::{ParseError, Parser, Part, Script};
use crate::value::Value;

/// Parentheses and operators nest no deeper than this.
const NESTING_LIMIT: usize = 60;

/// A parsed expression.
#[derive(Debug)]
pub(crate) enum Expression {
    /// A number as written, or a text.
    Text(Value),
    Quoted(Vec<Part>),
    Variable(Part),
    Script(Arc<Script>),
    Unary(Unary, Box<Expression>),
    Binary(Binary, Box<Expression>, Box<Expression>),
    Choice(Box<Expression>, Box<Expression>, Box<Expression>),
    Function(String, Vec<Expression>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unary {
    Minus,
    Plus,
    BitNot,
    Not,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    Multiply,
    Divide,
    Remainder,
    Add,
    Subtract,
    ShiftLeft,
    ShiftRight,
    Less,
    Greater,
    LessEqual,
    GreaterEqual,
    Equal,
    NotEqual,
    TextEqual,
    TextNotEqual,
    Contains,
    StartsWith,
    EndsWith,
    MatchesGlob,
    MatchesRegex,
    BitAnd,
    BitXor,
    BitOr,
    And,
    Or,
}

/// Operators with their strength; longer spellings first, so that `<=` is not read as `<`.
const BINARY: &[(&str, u8, Binary)] = &[
    ("<<", 10, Binary::ShiftLeft),
    (">>", 10, Binary::ShiftRight),
    ("<=", 9, Binary::LessEqual),
    (">=", 9, Binary::GreaterEqual),
    ("==", 8, Binary::Equal),
    ("!=", 8, Binary::NotEqual),
    ("&&", 3, Binary::And),
    ("||", 2, Binary::Or),
    ("*", 12, Binary::Multiply),
    ("/", 12, Binary::Divide),
    ("%", 12, Binary::Remainder),
    ("+", 11, Binary::Add),
    ("-", 11, Binary::Subtract),
    ("<", 9, Binary::Less),
    (">", 9, Binary::Greater),
    ("&", 6, Binary::BitAnd),
    ("^", 5, Binary::BitXor),
    ("|", 4, Binary::BitOr),
];

/// Operators spelled as words. F5's bind like `eq`; `and` and `or` like `&&` and `||`.
const WORDS: &[(&str, u8, Binary)] = &[
    ("eq", 7, Binary::TextEqual),
    ("ne", 7, Binary::TextNotEqual),
    ("equals", 7, Binary::TextEqual),
    ("contains", 7, Binary::Contains),
    ("starts_with", 7, Binary::StartsWith),
    ("ends_with", 7, Binary::EndsWith),
    ("matches_glob", 7, Binary::MatchesGlob),
    ("matches", 7, Binary::MatchesGlob),
    ("matches_regex", 7, Binary::MatchesRegex),
    ("and", 3, Binary::And),
    ("or", 2, Binary::Or),
];

impl Expression {
    /// Parses the text of an expression whose first line has the number `line`.
    pub(crate) fn parse(text: &[u8], line: u32) -> Result<Self, ParseError> {
        let mut reader = Reader {
            text,
            cursor: Parser::new(text, line, 0),
            depth: 0,
            line,
        };
        let expression = reader.choice()?;
        reader.skip_blanks();
        if reader.cursor.peek().is_some() {
            return Err(reader.syntax("extra tokens at end of expression"));
        }
        Ok(expression)
    }
}

struct Reader<'a> {
    text: &'a [u8],
    cursor: Parser<'a>,
    depth: usize,
    line: u32,
}

impl Reader<'_> {
    fn rest(&self) -> &[u8] {
        &self.text[self.cursor.at.min(self.text.len())..]
    }

    fn syntax(&self, why: &str) -> ParseError {
        let shown = String::from_utf8_lossy(&self.text[..self.text.len().min(60)]).into_owned();
        ParseError {
            line: self.line,
            message: format!("syntax error in expression \"{shown}\": {why}"),
        }
    }

    fn skip_blanks(&mut self) {
        loop {
            match self.rest() {
                [byte, ..] if is_space(*byte) => self.cursor.advance(1),
                [b'\\', b'\n', ..] => self.cursor.advance(2),
                _ => return,
            }
        }
    }

    fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, ParseError>,
    ) -> Result<T, ParseError> {
        self.depth += 1;
        if self.depth > NESTING_LIMIT {
            return Err(self.syntax("too deeply nested"));
        }
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn choice(&mut self) -> Result<Expression, ParseError> {
        let condition = self.binary(0)?;
        self.skip_blanks();
        if self.cursor.peek() != Some(b'?') {
            return Ok(condition);
        }
        self.cursor.advance(1);
        let yes = self.deeper(Self::choice)?;
        self.skip_blanks();
        if self.cursor.peek() != Some(b':') {
            return Err(self.syntax("missing colon from ternary conditional"));
        }
        self.cursor.advance(1);
        let no = self.deeper(Self::choice)?;
        Ok(Expression::Choice(
            Box::new(condition),
            Box::new(yes),
            Box::new(no),
        ))
    }

    /// Precedence climbing: takes operators that bind tighter than `weakest`.
    fn binary(&mut self, weakest: u8) -> Result<Expression, ParseError> {
        let mut left = self.unary()?;
        // A left-deep chain is evaluated by recursion, so its length is bounded as nesting is.
        let mut chain = 0;
        while let Some((length, strength, operator)) = self.operator() {
            if strength <= weakest {
                break;
            }
            chain += 1;
            if chain > NESTING_LIMIT {
                return Err(self.syntax("too many operators"));
            }
            self.cursor.advance(length);
            let right = self.deeper(|reader| reader.binary(strength))?;
            left = Expression::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn operator(&mut self) -> Option<(usize, u8, Binary)> {
        self.skip_blanks();
        let rest = self.rest();
        let word = &rest[..word_length(rest)];
        if !word.is_empty() {
            let (spelled, strength, operator) = WORDS
                .iter()
                .find(|(spelled, ..)| spelled.as_bytes() == word)?;
            return Some((spelled.len(), *strength, *operator));
        }
        let (spelled, strength, operator) = BINARY
            .iter()
            .find(|(spelled, ..)| rest.starts_with(spelled.as_bytes()))?;
        Some((spelled.len(), *strength, *operator))
    }

    fn unary(&mut self) -> Result<Expression, ParseError> {
        self.skip_blanks();
        let rest = self.rest();
        let (length, operator) = match rest.first() {
            Some(b'-') => (1, Unary::Minus),
            Some(b'+') => (1, Unary::Plus),
            Some(b'~') => (1, Unary::BitNot),
            Some(b'!') => (1, Unary::Not),
            // `not` binds as tightly as `!`, which is why `not $a starts_with b` surprises its author.
            Some(b'n') if &rest[..word_length(rest)] == b"not" => (3, Unary::Not),
            _ => return self.primary(),
        };
        self.cursor.advance(length);
        let operand = self.deeper(Self::unary)?;
        Ok(Expression::Unary(operator, Box::new(operand)))
    }

    fn primary(&mut self) -> Result<Expression, ParseError> {
        match self.cursor.peek() {
            None => Err(self.syntax("premature end of expression")),
            Some(b'(') => {
                self.cursor.advance(1);
                let inner = self.deeper(Self::choice)?;
                self.skip_blanks();
                if self.cursor.peek() != Some(b')') {
                    return Err(self.syntax("looking for close parenthesis"));
                }
                self.cursor.advance(1);
                Ok(inner)
            }
            Some(b'$') => match self.cursor.variable()? {
                Some(variable) => Ok(Expression::Variable(variable)),
                None => Err(self.syntax("character not legal in expressions")),
            },
            Some(b'[') => Ok(Expression::Script(self.cursor.bracketed()?)),
            Some(b'"') => {
                self.cursor.advance(1);
                Ok(Expression::Quoted(self.cursor.quoted()?))
            }
            Some(b'{') => Ok(Expression::Text(self.cursor.braced()?)),
            Some(byte) if byte.is_ascii_digit() || byte == b'.' => self.number(),
            Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' => self.named(),
            Some(_) => Err(self.syntax("character not legal in expressions")),
        }
    }

    fn number(&mut self) -> Result<Expression, ParseError> {
        let length = number_length(self.rest());
        let digits = &self.rest()[..length];
        if Number::parse(digits).is_none() {
            let shown = String::from_utf8_lossy(digits).into_owned();
            return Err(self.syntax(&if looks_like_bad_octal(digits) {
                format!("\"{shown}\" is an invalid octal number")
            } else if digits.iter().all(u8::is_ascii_digit) {
                "integer value too large to represent".into()
            } else {
                "character not legal in expressions".into()
            }));
        }
        let literal = Value::from(digits);
        self.cursor.advance(length);
        Ok(Expression::Text(literal))
    }

    fn named(&mut self) -> Result<Expression, ParseError> {
        let length = word_length(self.rest());
        let name = String::from_utf8_lossy(&self.rest()[..length]).into_owned();
        self.cursor.advance(length);
        self.skip_blanks();
        if self.cursor.peek() != Some(b'(') {
            return match truth(name.as_bytes()) {
                Some(_) => Ok(Expression::Text(Value::from(name))),
                None => Err(self.syntax("variable references require preceding $")),
            };
        }
        self.cursor.advance(1);
        Ok(Expression::Function(name, self.deeper(Self::arguments)?))
    }

    fn arguments(&mut self) -> Result<Vec<Expression>, ParseError> {
        let mut arguments = Vec::new();
        self.skip_blanks();
        if self.cursor.peek() == Some(b')') {
            self.cursor.advance(1);
            return Ok(arguments);
        }
        loop {
            arguments.push(self.choice()?);
            self.skip_blanks();
            match self.cursor.peek() {
                Some(b',') => self.cursor.advance(1),
                Some(b')') => {
                    self.cursor.advance(1);
                    return Ok(arguments);
                }
                _ => return Err(self.syntax("missing close parenthesis at end of function call")),
            }
        }
    }
}

fn word_length(text: &[u8]) -> usize {
    if !text
        .first()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
    {
        return 0;
    }
    text.iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
        .count()
}

fn number_length(text: &[u8]) -> usize {
    if let [b'0', b'x' | b'X', rest @ ..] = text {
        return 2 + rest
            .iter()
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
    }
    let digits = |from: usize| {
        text[from.min(text.len())..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let mut length = digits(0);
    if text.get(length) == Some(&b'.') {
        length += 1;
        length += digits(length);
    }
    if matches!(text.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(length + 1), Some(b'+' | b'-')));
        let power = digits(length + 1 + sign);
        if power > 0 {
            length += 1 + sign + power;
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_no_operands_are_refused() {
        let complaint = Expression::parse(b"foo == 1", 1).unwrap_err().message;

        assert_eq!(
            complaint,
            "syntax error in expression \"foo == 1\": variable references require preceding $"
        );
    }

    #[test]
    fn nesting_is_bounded() {
        assert!(Expression::parse("(".repeat(5000).as_bytes(), 1).is_err());
        assert!(Expression::parse("-".repeat(5000).as_bytes(), 1).is_err());
        assert!(Expression::parse("1+".repeat(5000).as_bytes(), 1).is_err());
    }
}
