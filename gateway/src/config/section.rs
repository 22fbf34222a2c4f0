//! A table of the file, read key by key; what nobody asked for is unknown.

use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::complaint::{Complaint, nearest};
use super::value::Value;

/// Everything that is wrong with the file, in the order it was noticed.
#[derive(Debug, Default)]
pub(crate) struct Complaints(RefCell<Vec<Complaint>>);

impl Complaints {
    pub(crate) fn add(&self, complaint: Complaint) {
        self.0.borrow_mut().push(complaint);
    }

    /// In the order of the file.
    pub(crate) fn into_sorted(self) -> Vec<Complaint> {
        let mut all = self.0.into_inner();
        all.sort_by_key(|complaint| complaint.span.start);
        all
    }
}

/// One table: the keys that were asked for, and those nobody asked for.
pub(crate) struct Section<'a, 'i> {
    /// As people write it: `[kafka]`, `[[listener]]`, or "the file".
    name: String,
    table: Option<&'a DeTable<'i>>,
    span: Range<usize>,
    asked: Vec<&'static str>,
    complaints: &'a Complaints,
}

impl<'a, 'i> Section<'a, 'i> {
    /// The whole file.
    pub(crate) fn root(table: &'a Spanned<DeTable<'i>>, complaints: &'a Complaints) -> Self {
        Self {
            name: "the file".to_owned(),
            table: Some(table.get_ref()),
            span: 0..0,
            asked: Vec::new(),
            complaints,
        }
    }

    /// Where the table begins, for complaints about what is missing.
    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    pub(crate) fn complain(&self, span: Range<usize>, what: String, remedy: impl Into<String>) {
        self.complaints.add(Complaint::new(span, what, remedy));
    }

    /// The value of `key`, if it is there and makes sense.
    pub(crate) fn take<T: Value>(&mut self, key: &'static str) -> Option<Spanned<T>> {
        let value = self.raw(key)?;
        match T::read(value) {
            Ok(meaning) => Some(Spanned::new(value.span(), meaning)),
            Err(wanted) => {
                let what = format!("`{key}` in {} cannot be {}", self.name, shown(value));
                self.complain(value.span(), what, wanted);
                None
            }
        }
    }

    /// The value of `key`; its absence is a complaint.
    pub(crate) fn required<T: Value>(
        &mut self,
        key: &'static str,
        remedy: &str,
    ) -> Option<Spanned<T>> {
        if self.table.is_none_or(|table| !table.contains_key(key)) {
            self.complain(self.span(), format!("{} has no `{key}`", self.name), remedy);
        }
        self.take(key)
    }

    /// The value of `key`, else `default`.
    pub(crate) fn or<T: Value>(&mut self, key: &'static str, default: T) -> T {
        self.take(key).map_or(default, Spanned::into_inner)
    }

    /// The table `key`; an absent one is empty.
    pub(crate) fn section(&mut self, key: &'static str) -> Section<'a, 'i> {
        let name = if self.span.is_empty() {
            format!("[{key}]")
        } else {
            format!("[{}.{key}]", self.name.trim_matches(['[', ']']))
        };
        let mut inner = Section {
            name,
            table: None,
            span: self.span(),
            asked: Vec::new(),
            complaints: self.complaints,
        };
        if let Some(value) = self.raw(key) {
            inner.span = value.span();
            inner.table = value.get_ref().as_table();
            if inner.table.is_none() {
                let what = format!("`{key}` cannot be {}", shown(value));
                self.complain(value.span(), what, format!("write a table: [{key}]"));
            }
        }
        inner
    }

    /// The tables `[[key]]`, in the order of the file.
    pub(crate) fn sections(&mut self, key: &'static str) -> Vec<Section<'a, 'i>> {
        let Some(value) = self.raw(key) else {
            return Vec::new();
        };
        let Some(array) = value.get_ref().as_array() else {
            let what = format!("`{key}` cannot be {}", shown(value));
            self.complain(
                value.span(),
                what,
                format!("write [[{key}]]: there may be several"),
            );
            return Vec::new();
        };
        let mut sections = Vec::new();
        for element in array.iter() {
            let Some(table) = element.get_ref().as_table() else {
                let what = format!("`{key}` cannot hold {}", shown(element));
                self.complain(element.span(), what, format!("write [[{key}]]"));
                continue;
            };
            sections.push(Section {
                name: format!("[[{key}]]"),
                table: Some(table),
                span: element.span(),
                asked: Vec::new(),
                complaints: self.complaints,
            });
        }
        sections
    }

    /// Every pair as text, nested tables joined by dots: `a.b = 1` is `"a.b" = 1`.
    pub(crate) fn flattened(&mut self) -> Vec<(Spanned<String>, Spanned<String>)> {
        let mut pairs = Vec::new();
        if let Some(table) = self.table.take() {
            self.flatten(table, "", &mut pairs);
        }
        pairs
    }

    fn flatten(
        &self,
        table: &DeTable<'_>,
        prefix: &str,
        pairs: &mut Vec<(Spanned<String>, Spanned<String>)>,
    ) {
        for (key, value) in table.iter() {
            let name = format!("{prefix}{}", key.get_ref());
            if let Some(inner) = value.get_ref().as_table() {
                self.flatten(inner, &format!("{name}."), pairs);
                continue;
            }
            match plain_text(value.get_ref()) {
                Some(text) => pairs.push((
                    Spanned::new(key.span(), name),
                    Spanned::new(value.span(), text),
                )),
                None => {
                    let what = format!("`{name}` cannot be {}", shown(value));
                    self.complain(value.span(), what, "write a string, a number or a boolean");
                }
            }
        }
    }

    /// Complains about every key that was not asked for.
    pub(crate) fn finish(self) {
        for (key, _) in self.table.iter().flat_map(|table| table.iter()) {
            let word = key.get_ref().as_ref();
            if self.asked.contains(&word) {
                continue;
            }
            let remedy = match nearest(word, self.asked.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", self.asked.join(", ")),
            };
            self.complain(
                key.span(),
                format!("unknown key `{word}` in {}", self.name),
                remedy,
            );
        }
    }

    fn raw(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'i>>> {
        self.asked.push(key);
        self.table?.get(key)
    }
}

/// A value in the words of a complaint: `the integer 5`.
fn shown(value: &Spanned<DeValue<'_>>) -> String {
    match value.get_ref() {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(number) => format!("the number {number}"),
        DeValue::Float(number) => format!("the number {number}"),
        DeValue::Boolean(truth) => format!("{truth}"),
        DeValue::Datetime(date) => format!("the date {date}"),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

fn plain_text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}
