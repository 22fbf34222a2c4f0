//! A configuration object in tmsh's words, wherever it came from.

use std::fmt;
use std::sync::Arc;

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file, as the caller named it.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
}

impl Place {
    /// A line of a file.
    pub fn new(file: &Arc<str>, line: u32) -> Self {
        Self {
            file: Arc::clone(file),
            line,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.file, self.line)
    }
}

/// One object: `ltm pool /Common/gateways { … }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Without `ltm`: `pool`, `monitor http`, `profile tcp`, `virtual`, `rule`.
    pub kind: String,
    /// Full path: `/Common/gateways`.
    pub path: String,
    /// What it says about itself.
    pub properties: Vec<Property>,
    /// The text of an iRule.
    pub body: Option<String>,
    /// Where it begins; for a rule, the line before the first of its text.
    pub place: Place,
}

/// One property, or one entry of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// `idle-timeout`, or the name of an entry such as `/Common/10.0.0.11:8800`.
    pub name: String,
    /// What it is set to.
    pub value: Value,
    /// Where.
    pub place: Place,
}

/// What a property is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing: a flag such as `disabled`, or a bare word of a list.
    Flag,
    /// The rest of the line, unquoted.
    Word(String),
    /// Properties or entries in braces.
    Block(Vec<Property>),
}

impl Property {
    /// The value as a word; empty for flags and blocks.
    pub fn word(&self) -> &str {
        match &self.value {
            Value::Word(word) => word,
            Value::Flag | Value::Block(_) => "",
        }
    }

    /// The entries of a block; none for anything else.
    pub fn entries(&self) -> &[Property] {
        match &self.value {
            Value::Block(entries) => entries,
            Value::Flag | Value::Word(_) => &[],
        }
    }

    /// The word of an entry's property.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.entries()
            .iter()
            .find(|property| property.name == name)
            .map(Property::word)
    }
}

impl Object {
    /// The property of that name; the last one counts, as when tmsh merges.
    pub fn property(&self, name: &str) -> Option<&Property> {
        self.properties
            .iter()
            .rev()
            .find(|property| property.name == name)
    }

    /// The word of a property.
    pub fn word(&self, name: &str) -> Option<&str> {
        self.property(name).map(Property::word)
    }

    /// The entries of a block property.
    pub fn entries(&self, name: &str) -> &[Property] {
        self.property(name).map_or(&[], Property::entries)
    }

    /// Where a property stands, else the object.
    pub fn place_of(&self, name: &str) -> &Place {
        self.property(name)
            .map_or(&self.place, |property| &property.place)
    }

    /// The kind after its first word: `tcp` of `profile tcp`.
    pub fn subkind(&self) -> &str {
        self.kind.split_once(' ').map_or("", |(_, rest)| rest)
    }

    /// True for `profile …`.
    pub fn is_profile(&self) -> bool {
        self.kind.starts_with("profile ")
    }
}

/// The path that a name means: names without a folder live in `/Common`.
pub fn full_path(name: &str) -> String {
    if name.starts_with('/') {
        name.to_owned()
    } else {
        format!("/Common/{name}")
    }
}

/// The last part of a path.
pub fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// An address and port as tmsh writes them: `10.0.0.1:443`, `10.0.0.1%7:443`, `2001:db8::1.443`, with or without a folder.
pub fn endpoint(text: &str) -> Option<Endpoint> {
    let bare = base_name(text);
    let (address, port) = match bare.matches(':').count() {
        1 => bare.rsplit_once(':')?,
        _ => bare.rsplit_once('.')?,
    };
    let (address, route_domain) = match address.split_once('%') {
        Some((address, domain)) => (address, domain.parse().ok()?),
        None => (address, 0),
    };
    Some(Endpoint {
        address: address.parse().ok()?,
        route_domain,
        port: service(port)?,
    })
}

/// An address in a route domain, and a port; 0 is any port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// The address without its route domain.
    pub address: std::net::IpAddr,
    /// 0 unless the text said otherwise.
    pub route_domain: u16,
    /// 0 is any.
    pub port: u16,
}

/// tmsh prints well-known ports by name.
fn service(port: &str) -> Option<u16> {
    match port {
        "any" | "*" => Some(0),
        "http" => Some(80),
        "https" => Some(443),
        number => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_in_all_their_spellings() {
        let seen = |text: &str| {
            endpoint(text).map(|found| (found.address.to_string(), found.route_domain, found.port))
        };

        assert_eq!(
            seen("/Common/192.0.2.1:443"),
            Some(("192.0.2.1".into(), 0, 443))
        );
        assert_eq!(
            seen("192.0.2.1%7:https"),
            Some(("192.0.2.1".into(), 7, 443))
        );
        assert_eq!(
            seen("/Common/2001:db8::1.8800"),
            Some(("2001:db8::1".into(), 0, 8800))
        );
        assert_eq!(seen("192.0.2.1:any"), Some(("192.0.2.1".into(), 0, 0)));
        assert_eq!(seen("192.0.2.1"), None);
        assert_eq!(seen("192.0.2.300:1"), None);
    }
}
