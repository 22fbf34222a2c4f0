//! Variables: a connection's own, a proc's, `static::` per TMM and `::` globals; scalars, arrays and links.

use std::collections::{BTreeMap, HashMap};

use crate::error::{Exception, fail};
use crate::value::Value;

/// Where a variable lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Frame 0 is the connection, the others are running procs.
    Frame(usize),
    Static,
    Global,
}

#[derive(Debug, Clone)]
pub(crate) enum Variable {
    Scalar(Value),
    Array(BTreeMap<Value, Value>),
    Link(Place, Name),
}

/// The variables of one place.
pub(crate) type Scope = HashMap<Value, Variable>;

/// A name with the element that `a(b)` adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) base: Value,
    pub(crate) index: Option<Value>,
}

impl Name {
    pub(crate) fn parse(text: &Value) -> Self {
        if let [head @ .., b')'] = text.bytes()
            && let Some(open) = head.iter().position(|byte| *byte == b'(')
        {
            return Self {
                base: Value::from(&head[..open]),
                index: Some(Value::from(&head[open + 1..])),
            };
        }
        Self {
            base: text.clone(),
            index: None,
        }
    }

    fn shown(&self) -> String {
        match &self.index {
            Some(index) => format!("{}({index})", self.base),
            None => self.base.text(),
        }
    }
}

/// All scopes that a running rule can reach.
#[derive(Debug)]
pub(crate) struct Scopes<'a> {
    pub(crate) frames: Vec<Scope>,
    pub(crate) statics: &'a mut Scope,
    pub(crate) globals: &'a mut Scope,
}

impl Scopes<'_> {
    /// The frame of the running proc, or of the connection.
    pub(crate) fn top(&self) -> usize {
        self.frames.len().saturating_sub(1)
    }

    fn scope(&self, place: Place) -> &Scope {
        match place {
            Place::Frame(frame) => &self.frames[frame.min(self.top())],
            Place::Static => self.statics,
            Place::Global => self.globals,
        }
    }

    fn scope_mut(&mut self, place: Place) -> &mut Scope {
        let top = self.top();
        match place {
            Place::Frame(frame) => &mut self.frames[frame.min(top)],
            Place::Static => self.statics,
            Place::Global => self.globals,
        }
    }

    /// Follows the name's prefix and any links to where the variable really is.
    pub(crate) fn resolve(&self, name: &Name, frame: usize) -> (Place, Name) {
        let (mut place, mut name) = qualified(name, frame);
        // Links point to older frames only, so this ends; the bound is for a reader's peace of mind.
        for _ in 0..100 {
            let Some(Variable::Link(to, target)) = self.scope(place).get(&name.base) else {
                break;
            };
            name = Name {
                base: target.base.clone(),
                index: target.index.clone().or(name.index),
            };
            place = *to;
        }
        (place, name)
    }

    pub(crate) fn get(&self, name: &Name) -> Result<Value, Exception> {
        let (place, real) = self.resolve(name, self.top());
        let why = match (self.scope(place).get(&real.base), &real.index) {
            (Some(Variable::Scalar(value)), None) => return Ok(value.clone()),
            (Some(Variable::Array(elements)), Some(index)) => match elements.get(index) {
                Some(value) => return Ok(value.clone()),
                None => "no such element in array",
            },
            (Some(Variable::Array(_)), None) => "variable is array",
            (Some(Variable::Scalar(_)), Some(_)) => "variable isn't array",
            (None | Some(Variable::Link(..)), _) => "no such variable",
        };
        fail(format!("can't read \"{}\": {why}", name.shown()))
    }

    pub(crate) fn exists(&self, name: &Name) -> bool {
        let (place, real) = self.resolve(name, self.top());
        match (self.scope(place).get(&real.base), &real.index) {
            (Some(Variable::Scalar(_) | Variable::Array(_)), None) => true,
            (Some(Variable::Array(elements)), Some(index)) => elements.contains_key(index),
            _ => false,
        }
    }

    pub(crate) fn set(&mut self, name: &Name, value: Value) -> Result<(), Exception> {
        let (place, real) = self.resolve(name, self.top());
        let scope = self.scope_mut(place);
        let why = match (scope.get_mut(&real.base), real.index) {
            (Some(Variable::Scalar(old)), None) => {
                *old = value;
                return Ok(());
            }
            (Some(Variable::Array(elements)), Some(index)) => {
                elements.insert(index, value);
                return Ok(());
            }
            (None | Some(Variable::Link(..)), None) => {
                scope.insert(real.base, Variable::Scalar(value));
                return Ok(());
            }
            (None | Some(Variable::Link(..)), Some(index)) => {
                scope.insert(real.base, Variable::Array(BTreeMap::from([(index, value)])));
                return Ok(());
            }
            (Some(Variable::Array(_)), None) => "variable is array",
            (Some(Variable::Scalar(_)), Some(_)) => "variable isn't array",
        };
        fail(format!("can't set \"{}\": {why}", name.shown()))
    }

    pub(crate) fn unset(&mut self, name: &Name) -> Result<(), Exception> {
        let (place, real) = self.resolve(name, self.top());
        let scope = self.scope_mut(place);
        let why = match (scope.get_mut(&real.base), &real.index) {
            (Some(Variable::Array(elements)), Some(index)) => {
                if elements.remove(index).is_some() {
                    return Ok(());
                }
                "no such element in array"
            }
            (Some(_), None) => {
                scope.remove(&real.base);
                return Ok(());
            }
            (Some(_), Some(_)) => "variable isn't array",
            (None, _) => "no such variable",
        };
        fail(format!("can't unset \"{}\": {why}", name.shown()))
    }

    /// The elements of an array; `None` when the name is no array.
    pub(crate) fn array(&self, name: &Value) -> Option<&BTreeMap<Value, Value>> {
        let (place, real) = self.resolve(
            &Name {
                base: name.clone(),
                index: None,
            },
            self.top(),
        );
        match (self.scope(place).get(&real.base), real.index) {
            (Some(Variable::Array(elements)), None) => Some(elements),
            _ => None,
        }
    }

    /// Makes `local` in the running frame another name for `target` in `place`.
    pub(crate) fn link(
        &mut self,
        local: &Value,
        place: Place,
        target: Name,
    ) -> Result<(), Exception> {
        let top = self.top();
        if place == Place::Frame(top) && target.base == *local {
            return fail("can't upvar from variable to itself");
        }
        self.frames[top].insert(local.clone(), Variable::Link(place, target));
        Ok(())
    }

    /// Names in the running frame, for `info vars` and `info locals`.
    pub(crate) fn names(&self) -> Vec<Value> {
        let mut names: Vec<_> = self.frames[self.top()].keys().cloned().collect();
        names.sort();
        names
    }
}

/// `static::x` and `::static::x` are per TMM, `::x` is global, the rest belongs to the frame.
fn qualified(name: &Name, frame: usize) -> (Place, Name) {
    let text = name.base.bytes();
    let (place, rest) = match text.strip_prefix(b"::") {
        Some(rest) => match rest.strip_prefix(b"static::") {
            Some(rest) => (Place::Static, rest),
            None => (Place::Global, rest),
        },
        None => match text.strip_prefix(b"static::") {
            Some(rest) => (Place::Static, rest),
            None => (Place::Frame(frame), text),
        },
    };
    (
        place,
        Name {
            base: Value::from(rest),
            index: name.index.clone(),
        },
    )
}
