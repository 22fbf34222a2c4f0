//! JSON that remembers its lines, so that a finding can name one.

/// Arrays and objects nest no deeper.
const NESTING_LIMIT: usize = 64;

/// A value and the line it starts on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) line: u32,
    pub(crate) value: Json,
}

/// A JSON value; members of an object keep their order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Boolean(bool),
    /// As written.
    Number(String),
    Text(String),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Node {
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        self.members()
            .iter()
            .find(|(member, _)| member == name)
            .map(|(_, node)| node)
    }

    pub(crate) fn members(&self) -> &[(String, Node)] {
        match &self.value {
            Json::Object(members) => members,
            _ => &[],
        }
    }

    pub(crate) fn elements(&self) -> &[Node] {
        match &self.value {
            Json::Array(elements) => elements,
            _ => &[],
        }
    }

    /// Text, number or boolean as a word.
    pub(crate) fn word(&self) -> Option<String> {
        match &self.value {
            Json::Text(text) => Some(text.clone()),
            Json::Number(number) => Some(number.clone()),
            Json::Boolean(truth) => Some(truth.to_string()),
            Json::Null | Json::Array(_) | Json::Object(_) => None,
        }
    }
}

/// Line and complaint.
pub(crate) type Broken = (u32, String);

pub(crate) fn parse(text: &str) -> Result<Node, Broken> {
    let mut reader = Reader {
        text: text.as_bytes(),
        at: 0,
        line: 1,
    };
    let node = reader.node(0)?;
    reader.skip_space();
    match reader.peek() {
        None => Ok(node),
        Some(_) => reader.error("text after the end of the document"),
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    line: u32,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn bump(&mut self) {
        if self.peek() == Some(b'\n') {
            self.line += 1;
        }
        self.at += 1;
    }

    fn error<T>(&self, message: &str) -> Result<T, Broken> {
        Err((self.line, format!("not JSON: {message}")))
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.bump();
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Broken> {
        self.skip_space();
        if self.peek() != Some(byte) {
            return self.error(&format!("`{}` is missing", byte as char));
        }
        self.bump();
        Ok(())
    }

    fn node(&mut self, depth: usize) -> Result<Node, Broken> {
        if depth > NESTING_LIMIT {
            return self.error("nested too deeply");
        }
        self.skip_space();
        let line = self.line;
        let value = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Json::Text(self.text_value()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(byte) if byte.is_ascii_alphabetic() => self.keyword()?,
            _ => return self.error("a value is missing"),
        };
        Ok(Node { line, value })
    }

    fn object(&mut self, depth: usize) -> Result<Json, Broken> {
        self.bump();
        let mut members = Vec::new();
        loop {
            self.skip_space();
            match self.peek() {
                Some(b'}') if members.is_empty() => break,
                Some(b'"') => {}
                _ => return self.error("a name is missing"),
            }
            let name = self.text_value()?;
            self.expect(b':')?;
            members.push((name, self.node(depth + 1)?));
            self.skip_space();
            match self.peek() {
                Some(b',') => self.bump(),
                Some(b'}') => break,
                _ => return self.error("`,` or `}` is missing"),
            }
        }
        self.bump();
        Ok(Json::Object(members))
    }

    fn array(&mut self, depth: usize) -> Result<Json, Broken> {
        self.bump();
        let mut elements = Vec::new();
        loop {
            self.skip_space();
            if elements.is_empty() && self.peek() == Some(b']') {
                break;
            }
            elements.push(self.node(depth + 1)?);
            self.skip_space();
            match self.peek() {
                Some(b',') => self.bump(),
                Some(b']') => break,
                _ => return self.error("`,` or `]` is missing"),
            }
        }
        self.bump();
        Ok(Json::Array(elements))
    }

    /// Strings and numbers are rare enough to let serde_json read them.
    fn text_value(&mut self) -> Result<String, Broken> {
        let start = self.at;
        self.bump();
        loop {
            match self.peek() {
                None | Some(b'\n') => return self.error("a string is never closed"),
                Some(b'\\') => {
                    self.bump();
                    self.bump();
                }
                Some(b'"') => {
                    self.bump();
                    break;
                }
                Some(_) => self.bump(),
            }
        }
        let slice = self.text.get(start..self.at).unwrap_or_default();
        serde_json::from_slice(slice).or_else(|_| self.error("a string has a bad escape"))
    }

    fn number(&mut self) -> Result<Json, Broken> {
        let start = self.at;
        while matches!(
            self.peek(),
            Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
        ) {
            self.bump();
        }
        let text = String::from_utf8_lossy(&self.text[start..self.at]).into_owned();
        match serde_json::from_str::<serde_json::Number>(&text) {
            Ok(_) => Ok(Json::Number(text)),
            Err(_) => self.error(&format!("`{text}` is no number")),
        }
    }

    fn keyword(&mut self) -> Result<Json, Broken> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphabetic()) {
            self.bump();
        }
        match &self.text[start..self.at] {
            b"true" => Ok(Json::Boolean(true)),
            b"false" => Ok(Json::Boolean(false)),
            b"null" => Ok(Json::Null),
            other => self.error(&format!("`{}` is no value", String::from_utf8_lossy(other))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_know_their_lines() {
        let node = parse("{\n \"a\": [1,\n  \"x\\n\"],\n \"b\": true }").unwrap();

        assert_eq!(node.get("a").map(|a| a.line), Some(2));
        assert_eq!(
            node.get("a").map(|a| a.elements()[1].clone()),
            Some(Node {
                line: 3,
                value: Json::Text("x\n".into())
            })
        );
        assert_eq!(node.get("b").and_then(Node::word).as_deref(), Some("true"));
    }

    #[test]
    fn what_is_no_json_is_told_with_its_line() {
        assert_eq!(
            parse("{\n\"a\" 1}"),
            Err((2, "not JSON: `:` is missing".into()))
        );
        assert_eq!(
            parse("[1,]"),
            Err((1, "not JSON: a value is missing".into()))
        );
        assert_eq!(
            parse("{} x"),
            Err((1, "not JSON: text after the end of the document".into()))
        );
        assert!(parse(&"[".repeat(1000)).is_err());
    }
}
