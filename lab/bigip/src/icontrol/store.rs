//! The device's configuration: objects by kind and path, changed one at a time, each change checked.

use std::collections::BTreeMap;

use lab_f5::object::{Object, full_path};
use serde_json::{Map, Value as Json, json};

use super::catalogue::{BUILT_IN, KINDS, kind, title, with_defaults};
use super::error::ApiError;
use super::wire;

/// Bodies, properties and objects a client may make.
const OBJECT_LIMIT: usize = 10_000;

/// Kind (as in URIs) and full path.
pub(crate) type Key = (&'static str, String);

/// The configuration.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    objects: BTreeMap<Key, Map<String, Json>>,
    generation: u64,
}

impl Store {
    pub(crate) fn new() -> Self {
        let mut store = Self {
            objects: BTreeMap::new(),
            generation: 1,
        };
        for (kind, name) in BUILT_IN {
            let body = json!({ "name": name, "partition": "Common", "generation": 0 });
            if let Json::Object(body) = body {
                store
                    .objects
                    .insert((kind, format!("/Common/{name}")), body);
            }
        }
        store
    }

    /// Puts objects that were read from files.
    pub(crate) fn load(&mut self, objects: &[Object]) {
        for object in objects {
            let Some((uri, _)) = KINDS.iter().find(|(_, kind)| kind.tmsh == object.kind) else {
                continue;
            };
            let mut body = with_defaults(uri, wire::body(object));
            self.stamp(&mut body);
            self.objects.insert((uri, object.path.clone()), body);
        }
    }

    /// Removes everything below a folder, `/Tenant/`.
    pub(crate) fn clear_folder(&mut self, folder: &str) {
        self.objects
            .retain(|(_, path), _| !path.starts_with(folder));
    }

    /// The partitions of all objects, with repetitions.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = &str> {
        self.objects.keys().map(|(_, path)| wire::partition(path))
    }

    /// Everything as objects of the configuration.
    pub(crate) fn configuration(&self) -> Vec<Object> {
        let of = |((uri, path), body): (&Key, &Map<String, Json>)| {
            kind(uri).map(|(_, kind)| wire::object(kind.tmsh, path, body))
        };
        self.objects
            .iter()
            .filter(|(_, body)| !is_built_in(body))
            .filter_map(of)
            .collect()
    }

    /// The bodies of a collection, by path.
    pub(crate) fn list<'a>(
        &'a self,
        uri: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Map<String, Json>)> {
        self.objects
            .iter()
            .filter(move |((of, _), _)| *of == uri)
            .map(|((_, path), body)| (path.as_str(), body))
    }

    pub(crate) fn get(
        &self,
        uri: &'static str,
        path: &str,
    ) -> Result<&Map<String, Json>, ApiError> {
        self.objects
            .get(&(uri, path.to_owned()))
            .ok_or_else(|| ApiError::not_found(title(uri), path))
    }

    /// Adds an object; answers its path.
    pub(crate) fn create(
        &mut self,
        uri: &'static str,
        body: Map<String, Json>,
    ) -> Result<String, ApiError> {
        let Some(path) = wire::path_of(&body) else {
            return Err(ApiError::new(
                400,
                "one or more properties must be specified",
            ));
        };
        if self.objects.contains_key(&(uri, path.clone())) {
            return Err(ApiError::exists(title(uri), &path));
        }
        if self.objects.len() >= OBJECT_LIMIT {
            return Err(ApiError::new(
                507,
                format!("the stand-in holds {OBJECT_LIMIT} objects and no more"),
            ));
        }
        let mut body = with_defaults(uri, normalized(uri, &path, body)?);
        body.insert("name".into(), json!(lab_f5::object::base_name(&path)));
        body.insert("partition".into(), json!(wire::partition(&path)));
        self.stamp(&mut body);
        self.objects.insert((uri, path.clone()), body);
        Ok(path)
    }

    /// Changes the given properties; with `replace` the others return to their defaults, subcollections excepted.
    pub(crate) fn modify(
        &mut self,
        uri: &'static str,
        path: &str,
        changes: Map<String, Json>,
        replace: bool,
    ) -> Result<(), ApiError> {
        let old = self.get(uri, path)?.clone();
        let changes = normalized(uri, path, changes)?;
        let mut body = match replace {
            true => {
                let kept = old.into_iter().filter(|(name, _)| {
                    matches!(name.as_str(), "name" | "partition" | "members" | "profiles")
                });
                with_defaults(uri, kept.collect())
            }
            false => old,
        };
        for (name, value) in changes {
            // Enabled and disabled are two spellings of one switch.
            match name.as_str() {
                "enabled" => drop(body.remove("disabled")),
                "disabled" => drop(body.remove("enabled")),
                "name" | "partition" | "fullPath" | "kind" | "selfLink" | "generation" => continue,
                _ => {}
            }
            body.insert(name, value);
        }
        self.stamp(&mut body);
        self.objects.insert((uri, path.to_owned()), body);
        Ok(())
    }

    pub(crate) fn delete(&mut self, uri: &'static str, path: &str) -> Result<(), ApiError> {
        if is_built_in(self.get(uri, path)?) {
            return Err(ApiError::new(
                400,
                format!(
                    "01070265:3: The {} ({path}) cannot be deleted: it is a system object.",
                    title(uri)
                ),
            ));
        }
        if let Some(user) = self.user_of(uri, path) {
            return Err(ApiError::in_use(title(uri), path, &user));
        }
        self.objects.remove(&(uri, path.to_owned()));
        Ok(())
    }

    /// Who refers to an object, as the appliance names it.
    fn user_of(&self, uri: &str, path: &str) -> Option<String> {
        let names = |value: Option<&Json>| -> Vec<String> {
            match value {
                Some(Json::String(text)) => text.split_whitespace().map(full_path).collect(),
                Some(Json::Array(elements)) => elements.iter().filter_map(named).collect(),
                Some(Json::Object(members)) => members
                    .get("pool")
                    .and_then(Json::as_str)
                    .map(full_path)
                    .into_iter()
                    .collect(),
                _ => Vec::new(),
            }
        };
        let (users, property) = match uri.split('/').next()? {
            "pool" => ("virtual", "pool"),
            "rule" => ("virtual", "rules"),
            "profile" => ("virtual", "profiles"),
            "persistence" => ("virtual", "persist"),
            "snatpool" => ("virtual", "sourceAddressTranslation"),
            "monitor" => ("pool", "monitor"),
            _ => return None,
        };
        let user = self
            .list(users)
            .find(|(_, body)| names(body.get(property)).iter().any(|name| name == path));
        user.map(|(user, _)| format!("a {} ({user})", title(users)))
    }

    fn stamp(&mut self, body: &mut Map<String, Json>) {
        self.generation += 1;
        body.insert("generation".into(), json!(self.generation));
    }
}

fn named(element: &Json) -> Option<String> {
    match element {
        Json::String(name) => Some(full_path(name)),
        Json::Object(members) => wire::path_of(members),
        _ => None,
    }
}

/// Objects that were there from the start have generation 0.
fn is_built_in(body: &Map<String, Json>) -> bool {
    body.get("generation").and_then(Json::as_u64) == Some(0)
}

/// Names as full paths, members with their addresses, and values that the appliance takes.
fn normalized(
    uri: &str,
    path: &str,
    mut body: Map<String, Json>,
) -> Result<Map<String, Json>, ApiError> {
    let partition = wire::partition(path).to_owned();
    let place = |name: &str| {
        if name.starts_with('/') {
            name.to_owned()
        } else {
            format!("/{partition}/{name}")
        }
    };
    match uri {
        "pool" => {
            if let Some(members) = body.get_mut("members") {
                *members = super::members::normalized(members, &partition)?;
            }
        }
        "virtual" => {
            if let Some(Json::String(destination)) = body.get_mut("destination") {
                *destination = place(destination);
                if lab_f5::object::endpoint(destination).is_none() {
                    return Err(ApiError::new(
                        400,
                        format!(
                            "01070734:3: Configuration error: invalid destination ({destination})"
                        ),
                    ));
                }
            }
            for property in ["pool", "rules", "profiles"] {
                full_paths(body.get_mut(property), &place);
            }
        }
        _ => {}
    }
    check_choices(uri, &body)?;
    Ok(body)
}

fn full_paths(value: Option<&mut Json>, place: &dyn Fn(&str) -> String) {
    match value {
        Some(Json::String(name)) if !name.is_empty() && name != "none" => *name = full_path(name),
        Some(Json::Array(elements)) => {
            for element in elements {
                if let Json::String(name) = element {
                    // Profiles come as bare names or as records; both end as records with a path.
                    *name = if name.starts_with('/') {
                        name.clone()
                    } else {
                        full_path(name)
                    };
                } else if let Json::Object(members) = element
                    && let Some(path) = wire::path_of(members)
                {
                    members.insert("fullPath".into(), json!(place(&path)));
                }
            }
        }
        _ => {}
    }
}

fn check_choices(uri: &str, body: &Map<String, Json>) -> Result<(), ApiError> {
    let Some((_, kind)) = kind(uri) else {
        return Ok(());
    };
    for (name, value) in body {
        if let Json::String(word) = value
            && let Some(choices) = lab_f5::lint::choices(kind.tmsh, &wire::kebab(name))
            && !choices.split(' ').any(|choice| choice == word)
        {
            return Err(ApiError::bad_value(name, word));
        }
    }
    Ok(())
}
