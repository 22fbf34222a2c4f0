//! Reads configuration files as `tmsh save` writes and `tmsh load` reads them.

use std::sync::Arc;

use crate::object::{Object, Place, Property, Value, full_path};

/// Blocks nest no deeper.
const NESTING_LIMIT: usize = 32;
/// Properties whose one-line block lists words; in other blocks on one line, words come in pairs.
const WORD_LISTS: &[&str] = &[
    "rules", "vlans", "members", "options", "images", "ciphers", "persist",
];

/// What is wrong with a file's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct SyntaxError {
    /// Where.
    pub place: Place,
    /// What.
    pub message: String,
}

/// Reads the `ltm` objects of a file; other modules are passed over.
///
/// # Errors
///
/// Where braces or quotes do not match.
pub fn parse(file: &str, text: &str) -> Result<Vec<Object>, SyntaxError> {
    let file: Arc<str> = Arc::from(file);
    let mut reader = Reader {
        file: &file,
        text: text.as_bytes(),
        at: 0,
        line: 1,
    };
    let mut objects = Vec::new();
    loop {
        reader.skip_blank_lines();
        if reader.at >= reader.text.len() {
            return Ok(objects);
        }
        if let Some(object) = reader.object()? {
            objects.push(object);
        }
    }
}

struct Reader<'a> {
    file: &'a Arc<str>,
    text: &'a [u8],
    at: usize,
    line: u32,
}

impl Reader<'_> {
    fn place(&self) -> Place {
        Place::new(self.file, self.line)
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, SyntaxError> {
        Err(SyntaxError {
            place: self.place(),
            message: message.into(),
        })
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn bump(&mut self) {
        if self.peek() == Some(b'\n') {
            self.line += 1;
        }
        self.at += 1;
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r')) {
            self.bump();
        }
    }

    fn skip_blank_lines(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.bump(),
                Some(b'#') => self.skip_line(),
                _ => return,
            }
        }
    }

    fn skip_line(&mut self) {
        while !matches!(self.peek(), None | Some(b'\n')) {
            self.bump();
        }
    }

    /// A word, quoted or not; `None` at a brace or the end of the line.
    fn word(&mut self) -> Result<Option<String>, SyntaxError> {
        self.skip_blanks();
        match self.peek() {
            None | Some(b'\n' | b'{' | b'}') => Ok(None),
            Some(b'"') => self.quoted().map(Some),
            Some(_) => {
                let start = self.at;
                while !matches!(
                    self.peek(),
                    None | Some(b' ' | b'\t' | b'\r' | b'\n' | b'{' | b'}')
                ) {
                    self.bump();
                }
                Ok(Some(
                    String::from_utf8_lossy(&self.text[start..self.at]).into_owned(),
                ))
            }
        }
    }

    fn quoted(&mut self) -> Result<String, SyntaxError> {
        let opened = self.place();
        self.bump();
        let mut word = Vec::new();
        loop {
            match self.peek() {
                None => {
                    return Err(SyntaxError {
                        place: opened,
                        message: "a quote is never closed".into(),
                    });
                }
                Some(b'"') => {
                    self.bump();
                    return Ok(String::from_utf8_lossy(&word).into_owned());
                }
                // tmsh writes \" and \\ for the two, and leaves \r\n of send strings to the monitor.
                Some(b'\\') if matches!(self.text.get(self.at + 1), Some(b'"' | b'\\')) => {
                    word.extend(self.text.get(self.at + 1));
                    self.bump();
                    self.bump();
                }
                Some(byte) => {
                    word.push(byte);
                    self.bump();
                }
            }
        }
    }

    fn object(&mut self) -> Result<Option<Object>, SyntaxError> {
        let place = self.place();
        let mut words = Vec::new();
        while let Some(word) = self.word()? {
            words.push(word);
        }
        match self.peek() {
            Some(b'{') => {}
            Some(b'}') => return self.error("a brace is closed that was never opened"),
            _ => return self.error(format!("`{}` is not followed by a block", words.join(" "))),
        }
        if words.first().map(String::as_str) == Some("ltm")
            && words.get(1).map(String::as_str) == Some("rule")
        {
            let path = full_path(words.get(2).map_or("", String::as_str));
            let body = self.raw_block()?;
            return Ok(Some(Object {
                kind: "rule".into(),
                path,
                properties: Vec::new(),
                body: Some(body),
                place,
            }));
        }
        let properties = self.block(0)?;
        let [module, kind @ .., name] = words.as_slice() else {
            return Ok(None);
        };
        if module != "ltm" || kind.is_empty() {
            return Ok(None);
        }
        Ok(Some(Object {
            kind: kind.join(" "),
            path: full_path(name),
            properties,
            body: None,
            place,
        }))
    }

    /// The text between braces, untouched; the cursor stands on the opening one. Braces count as in Tcl.
    fn raw_block(&mut self) -> Result<String, SyntaxError> {
        let opened = self.place();
        self.bump();
        let start = self.at;
        let mut depth = 1usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'\\' => self.bump(),
                b'{' => depth += 1,
                b'}' if depth == 1 => {
                    let body = String::from_utf8_lossy(&self.text[start..self.at]).into_owned();
                    self.bump();
                    return Ok(body);
                }
                b'}' => depth -= 1,
                _ => {}
            }
            self.bump();
        }
        Err(SyntaxError {
            place: opened,
            message: "a brace is never closed".into(),
        })
    }

    fn block(&mut self, depth: usize) -> Result<Vec<Property>, SyntaxError> {
        let opened = self.place();
        if depth > NESTING_LIMIT {
            return self.error(format!("blocks nest deeper than {NESTING_LIMIT}"));
        }
        self.bump();
        let mut properties = Vec::new();
        loop {
            self.skip_blank_lines();
            match self.peek() {
                None => {
                    return Err(SyntaxError {
                        place: opened,
                        message: "a brace is never closed".into(),
                    });
                }
                Some(b'}') => {
                    self.bump();
                    return Ok(properties);
                }
                Some(b'{') => return self.error("a block without a name"),
                Some(_) => self.line_of_block(depth, &mut properties)?,
            }
        }
    }

    /// One line: `name`, `name words…`, `name { … }`, or several of them before the closing brace.
    fn line_of_block(
        &mut self,
        depth: usize,
        properties: &mut Vec<Property>,
    ) -> Result<(), SyntaxError> {
        let place = self.place();
        let Some(name) = self.word()? else {
            return self.error("a name is missing");
        };
        self.skip_blanks();
        if self.peek() == Some(b'{') {
            let value = Value::Block(self.inner_block(&name, depth)?);
            properties.push(Property { name, value, place });
            return Ok(());
        }
        let mut words = Vec::new();
        while let Some(word) = self.word()? {
            words.push(word);
        }
        // `monitor min 1 of { /Common/a /Common/b }` is one value.
        if self.peek() == Some(b'{') {
            words.extend(
                self.inner_block("members", depth)?
                    .into_iter()
                    .map(|entry| entry.name),
            );
        }
        let value = if words.is_empty() {
            Value::Flag
        } else {
            Value::Word(words.join(" "))
        };
        properties.push(Property { name, value, place });
        Ok(())
    }

    fn inner_block(&mut self, name: &str, depth: usize) -> Result<Vec<Property>, SyntaxError> {
        let rest = &self.text[self.at + 1..];
        let end = rest
            .iter()
            .position(|byte| matches!(byte, b'\n' | b'{' | b'}' | b'"'));
        if end.and_then(|end| rest.get(end)) == Some(&b'}') {
            return self.one_line_block(name);
        }
        self.block(depth + 1)
    }

    fn one_line_block(&mut self, name: &str) -> Result<Vec<Property>, SyntaxError> {
        let place = self.place();
        self.bump();
        let mut words = Vec::new();
        while let Some(word) = self.word()? {
            words.push(word);
        }
        self.bump();
        if WORD_LISTS.contains(&name) {
            let entry = |name| Property {
                name,
                value: Value::Flag,
                place: place.clone(),
            };
            return Ok(words.into_iter().map(entry).collect());
        }
        let pairs = words.chunks(2).map(|pair| Property {
            name: pair[0].clone(),
            value: pair
                .get(1)
                .map_or(Value::Flag, |word| Value::Word(word.clone())),
            place: place.clone(),
        });
        Ok(pairs.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_read_with_their_lines() {
        let text = "# exported\nsys global-settings {\n    hostname x\n}\nltm pool /Common/p {\n    members {\n        /Common/10.0.0.1:80 {\n            address 10.0.0.1\n        }\n    }\n    monitor min 1 of { /Common/a /Common/b }\n    description \"two \\\"words\\\"\"\n}\nltm rule r {\nwhen CLIENT_ACCEPTED {\n  log local0. \"}\"\\}\n}}\n";

        let objects = parse("bigip.conf", text);

        // A brace in quotes counts in Tcl, so this rule ends early and the rest is an error.
        assert_eq!(
            objects.unwrap_err().to_string(),
            "bigip.conf:17: a brace is closed that was never opened"
        );
        let objects = parse("bigip.conf", &text.replace("\"}\"\\}", "x")).unwrap();
        assert_eq!(objects.len(), 2);
        assert_eq!(
            (
                objects[0].kind.as_str(),
                objects[0].path.as_str(),
                objects[0].place.line
            ),
            ("pool", "/Common/p", 5)
        );
        assert_eq!(
            objects[0].entries("members")[0].get("address"),
            Some("10.0.0.1")
        );
        assert_eq!(
            objects[0].word("monitor"),
            Some("min 1 of /Common/a /Common/b")
        );
        assert_eq!(objects[0].word("description"), Some("two \"words\""));
        assert_eq!(objects[0].place_of("monitor").line, 11);
        assert_eq!(objects[1].path, "/Common/r");
        assert_eq!(
            objects[1].body.as_deref(),
            Some("\nwhen CLIENT_ACCEPTED {\n  log local0. x\n}")
        );
    }

    #[test]
    fn one_line_blocks_hold_pairs_or_words() {
        let text = "ltm virtual v {\n profiles {\n /Common/tcp { context all }\n /Common/http { }\n }\n rules { a b }\n disabled\n}";

        let object = parse("v", text).unwrap().remove(0);

        let profiles: Vec<_> = object
            .entries("profiles")
            .iter()
            .map(|entry| (entry.name.as_str(), entry.get("context")))
            .collect();
        assert_eq!(
            profiles,
            [("/Common/tcp", Some("all")), ("/Common/http", None)]
        );
        let rules: Vec<_> = object
            .entries("rules")
            .iter()
            .map(|entry| entry.name.as_str())
            .collect();
        assert_eq!(rules, ["a", "b"]);
        assert!(object.property("disabled").is_some());
    }

    #[test]
    fn what_does_not_close_is_told_where_it_opened() {
        let complaint = |text: &str| parse("x", text).unwrap_err().to_string();

        assert_eq!(
            complaint("ltm pool p {\n  members {\n"),
            "x:2: a brace is never closed"
        );
        assert_eq!(
            complaint("ltm pool p {\n  description \"x\n"),
            "x:2: a quote is never closed"
        );
        assert_eq!(
            complaint("ltm rule r {\n when X {\n"),
            "x:1: a brace is never closed"
        );
        assert_eq!(
            complaint("ltm pool p\n"),
            "x:1: `ltm pool p` is not followed by a block"
        );
    }
}
