//! A configuration as the linter asks about it: inherited settings, built-in objects, profiles of a virtual server.

use lab_irules::{LoadError, Rule};

use crate::object::{Object, Place, Property, full_path};

/// What profiles have when nobody says otherwise.
const DEFAULTS: &[(&str, &str, &str)] = &[
    ("profile tcp", "idle-timeout", "300"),
    ("profile tcp", "keep-alive-interval", "1800"),
    ("profile tcp", "verified-accept", "disabled"),
    ("profile tcp", "deferred-accept", "disabled"),
    ("profile tcp", "mptcp", "disabled"),
    ("profile tcp", "reset-on-timeout", "enabled"),
    ("profile http", "insert-xforwarded-for", "disabled"),
    ("profile http", "accept-xff", "disabled"),
    ("profile websocket", "masking", "selective"),
    ("profile websocket", "compress-mode", "preserved"),
    ("profile one-connect", "source-mask", "any"),
    ("profile fastl4", "idle-timeout", "300"),
];

/// Objects and the rules among them, loaded.
pub(super) struct View {
    pub(super) objects: Vec<Object>,
    pub(super) rules: Vec<LoadedRule>,
}

/// An iRule and where it stands.
pub(super) struct LoadedRule {
    pub(super) path: String,
    pub(super) place: Place,
    /// Lines between the file's first and the rule's first; none when the rule is one JSON string.
    offset: Option<u32>,
    pub(super) text: String,
    pub(super) loaded: Result<Rule, LoadError>,
}

impl LoadedRule {
    /// The place of a line of the rule.
    pub(super) fn line(&self, line: u32) -> Place {
        Place {
            file: self.place.file.clone(),
            line: self.offset.map_or(self.place.line, |offset| offset + line),
        }
    }

    /// True for a rule that sends PROXY headers.
    pub(super) fn is_proxy(&self) -> bool {
        let text = self.text.to_ascii_lowercase();
        let has_signature = text.contains("0d0a0d0a000d0a515549540a")
            || text.contains(r"\x0d\x0a\x0d\x0a\x00\x0d\x0a");
        has_signature || self.text.contains("\"PROXY ") || self.text.contains("PROXY TCP")
    }

    pub(super) fn handles(&self, wanted: impl Fn(lab_irules::Event) -> bool) -> bool {
        self.loaded
            .as_ref()
            .is_ok_and(|rule| rule.events().any(wanted))
    }
}

/// A profile of a virtual server.
pub(super) struct UsedProfile<'a> {
    pub(super) path: String,
    /// `profile tcp` and so on; empty when nobody can tell.
    pub(super) kind: &'a str,
    pub(super) context: &'a str,
    pub(super) place: &'a Place,
}

impl View {
    pub(super) fn new(objects: Vec<Object>) -> Self {
        let rules = objects.iter().filter_map(|object| {
            let text = object.body.clone()?;
            // In tmsh the text begins on the line of the opening brace, in AS3 it is one string.
            let offset = (!object.place.file.ends_with(".json")).then(|| object.place.line - 1);
            let loaded = Rule::load(&object.path, &text);
            Some(LoadedRule {
                path: object.path.clone(),
                place: object.place.clone(),
                offset,
                text,
                loaded,
            })
        });
        Self {
            rules: rules.collect(),
            objects,
        }
    }

    pub(super) fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Object> {
        self.objects
            .iter()
            .filter(move |object| object.kind == kind)
    }

    pub(super) fn find(&self, path: &str, kind: impl Fn(&str) -> bool) -> Option<&Object> {
        let path = full_path(path);
        self.objects
            .iter()
            .find(|object| object.path == path && kind(&object.kind))
    }

    pub(super) fn rule(&self, path: &str) -> Option<&LoadedRule> {
        let path = full_path(path);
        self.rules.iter().find(|rule| rule.path == path)
    }

    /// The rules of a virtual server that could be found.
    pub(super) fn rules_of(&self, server: &Object) -> Vec<&LoadedRule> {
        server
            .entries("rules")
            .iter()
            .filter_map(|entry| self.rule(&entry.name))
            .collect()
    }

    pub(super) fn profiles_of<'a>(&'a self, server: &'a Object) -> Vec<UsedProfile<'a>> {
        let used = |entry: &'a Property| {
            let path = full_path(&entry.name);
            let defined = self.find(&path, |kind| kind.starts_with("profile "));
            let kind = defined.map_or_else(|| built_in_kind(&path), |object| object.kind.as_str());
            UsedProfile {
                path,
                kind,
                context: entry.get("context").unwrap_or("all"),
                place: &entry.place,
            }
        };
        server.entries("profiles").iter().map(used).collect()
    }

    /// What a profile or monitor has after inheritance and defaults, and where that is written, if it is.
    pub(super) fn setting(
        &self,
        kind: &str,
        path: &str,
        name: &str,
    ) -> Option<(String, Option<&Place>)> {
        let mut path = full_path(path);
        for _ in 0..10 {
            let Some(object) = self.find(&path, |found| found == kind) else {
                break;
            };
            if let Some(property) = object.property(name) {
                return Some((property.word().to_owned(), Some(&property.place)));
            }
            match object.word("defaults-from") {
                Some(parent) if parent != "none" => path = full_path(parent),
                _ => break,
            }
        }
        let default = DEFAULTS
            .iter()
            .find(|(of, property, _)| *of == kind && *property == name);
        default.map(|(.., word)| ((*word).to_owned(), None))
    }

    pub(super) fn setting_is(&self, kind: &str, path: &str, name: &str, word: &str) -> bool {
        self.setting(kind, path, name)
            .is_some_and(|(found, _)| found == word)
    }
}

/// The kind of a profile that comes with the device.
fn built_in_kind(path: &str) -> &'static str {
    match path.strip_prefix("/Common/").unwrap_or_default() {
        name if name.contains("tcp") => "profile tcp",
        "fastL4" | "full-acceleration" | "apm-forwarding-fastL4" => "profile fastl4",
        "oneconnect" => "profile one-connect",
        "websocket" => "profile websocket",
        name if name.starts_with("clientssl") => "profile client-ssl",
        name if name.starts_with("serverssl") => "profile server-ssl",
        name if name.starts_with("http") => "profile http",
        name if name.starts_with("udp") => "profile udp",
        _ => "",
    }
}

/// Seconds; `None` for `indefinite` and what is no number.
pub(super) fn seconds(word: &str) -> Option<u64> {
    word.parse().ok()
}
