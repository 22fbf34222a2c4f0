//! Objects as iControl REST shows and takes them: camelCase JSON for tmsh's kebab-case words.

use std::sync::Arc;

use lab_f5::object::{Object, Place, Property, Value, base_name, full_path};
use serde_json::{Map, Value as Json, json};

/// Properties of the resource itself, which are no configuration.
const ENVELOPE: &[&str] = &[
    "kind",
    "name",
    "partition",
    "fullPath",
    "generation",
    "selfLink",
    "subPath",
    "membersReference",
    "profilesReference",
    "poolReference",
    "policiesReference",
    "rulesReference",
];

/// `load-balancing-mode` as `loadBalancingMode`; a part that begins with a digit keeps a mark, `finWait_2Timeout`.
pub(crate) fn camel(kebab: &str) -> String {
    let mut out = String::new();
    for (index, part) in kebab.split('-').enumerate() {
        let mut letters = part.chars();
        match (index, letters.next()) {
            (0, _) => out.push_str(part),
            (_, Some(first)) if first.is_ascii_digit() => {
                out.push('_');
                out.push_str(part);
            }
            (_, Some(first)) => {
                out.push(first.to_ascii_uppercase());
                out.push_str(letters.as_str());
            }
            (_, None) => {}
        }
    }
    out
}

/// The other way.
pub(crate) fn kebab(camel: &str) -> String {
    let mut out = String::new();
    for letter in camel.chars() {
        match letter {
            '_' => out.push('-'),
            letter if letter.is_ascii_uppercase() => {
                out.push('-');
                out.push(letter.to_ascii_lowercase());
            }
            letter => out.push(letter),
        }
    }
    out
}

/// The partition of a path.
pub(crate) fn partition(path: &str) -> &str {
    path.split('/').nth(1).unwrap_or("Common")
}

/// The folder of a path within its partition, as AS3 makes one for each application.
fn sub_path(path: &str) -> Option<&str> {
    let (_, inside) = path.strip_prefix('/')?.split_once('/')?;
    inside.rsplit_once('/').map(|(folder, _)| folder)
}

/// The path that a body's `name`, `partition` and `subPath` mean.
pub(crate) fn path_of(body: &Map<String, Json>) -> Option<String> {
    let text = |key: &str| body.get(key).and_then(Json::as_str);
    let name = text("name")?;
    if name.starts_with('/') {
        return Some(name.to_owned());
    }
    let partition = text("partition").unwrap_or("Common");
    let folder = text("subPath")
        .map(|folder| format!("/{folder}"))
        .unwrap_or_default();
    Some(format!("/{partition}{folder}/{name}"))
}

/// A stored body as an object of the configuration.
pub(crate) fn object(kind: &str, path: &str, body: &Map<String, Json>) -> Object {
    let place = Place {
        file: Arc::from(path),
        line: 0,
    };
    let properties = body
        .iter()
        .filter(|(name, _)| !ENVELOPE.contains(&name.as_str()) && name.as_str() != "apiAnonymous")
        .filter_map(|(name, value)| property(&kebab(name), value, &place));
    Object {
        kind: kind.to_owned(),
        path: path.to_owned(),
        properties: properties.collect(),
        body: body
            .get("apiAnonymous")
            .and_then(Json::as_str)
            .map(str::to_owned),
        place: place.clone(),
    }
}

fn property(name: &str, value: &Json, place: &Place) -> Option<Property> {
    let value = match value {
        Json::Null | Json::Bool(false) => return None,
        Json::Bool(true) => Value::Flag,
        Json::String(text) => Value::Word(text.trim().to_owned()),
        Json::Number(number) => Value::Word(number.to_string()),
        Json::Array(elements) => Value::Block(
            elements
                .iter()
                .filter_map(|element| entry(element, place))
                .collect(),
        ),
        Json::Object(members) => Value::Block(
            members
                .iter()
                .filter_map(|(name, value)| property(&kebab(name), value, place))
                .collect(),
        ),
    };
    Some(Property {
        name: name.to_owned(),
        value,
        place: place.clone(),
    })
}

/// An element of a list: a name, or an object with one.
fn entry(element: &Json, place: &Place) -> Option<Property> {
    let flag = |name: String| Property {
        name,
        value: Value::Flag,
        place: place.clone(),
    };
    match element {
        Json::String(name) => Some(flag(name.clone())),
        Json::Object(members) => {
            let inner = members
                .iter()
                .filter(|(name, _)| !ENVELOPE.contains(&name.as_str()));
            let inner = inner
                .filter_map(|(name, value)| property(&kebab(name), value, place))
                .collect();
            Some(Property {
                name: path_of(members)?,
                value: Value::Block(inner),
                place: place.clone(),
            })
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) => None,
    }
}

/// An object of the configuration as a body to store.
pub(crate) fn body(object: &Object) -> Map<String, Json> {
    let mut body = Map::new();
    body.insert("name".into(), json!(base_name(&object.path)));
    body.insert("partition".into(), json!(partition(&object.path)));
    for property in &object.properties {
        body.insert(camel(&property.name), json_of(property));
    }
    if let Some(text) = &object.body {
        body.insert("apiAnonymous".into(), json!(text));
    }
    body
}

fn json_of(property: &Property) -> Json {
    match &property.value {
        Value::Flag => json!(true),
        Value::Word(word) => word
            .parse::<i64>()
            .map_or_else(|_| json!(word), |number| json!(number)),
        // The one block that is a record and not a list.
        Value::Block(entries) if property.name == "source-address-translation" => Json::Object(
            entries
                .iter()
                .map(|entry| (camel(&entry.name), json!(entry.word())))
                .collect(),
        ),
        Value::Block(entries) => Json::Array(entries.iter().map(element).collect()),
    }
}

fn element(entry: &Property) -> Json {
    match &entry.value {
        Value::Flag | Value::Word(_) => json!(entry.name),
        Value::Block(inner) => {
            let path = full_path(&entry.name);
            let mut members: Map<String, Json> = inner
                .iter()
                .map(|property| (camel(&property.name), json_of(property)))
                .collect();
            members.insert("name".into(), json!(base_name(&path)));
            members.insert("partition".into(), json!(partition(&path)));
            if let Some(folder) = sub_path(&path) {
                members.insert("subPath".into(), json!(folder));
            }
            members.insert("fullPath".into(), json!(path));
            Json::Object(members)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_change_their_case_and_come_back() {
        for (kebabed, cameled) in [
            ("load-balancing-mode", "loadBalancingMode"),
            ("fin-wait-2-timeout", "finWait_2Timeout"),
            ("pool", "pool"),
        ] {
            assert_eq!(
                (camel(kebabed).as_str(), kebab(cameled).as_str()),
                (cameled, kebabed)
            );
        }
    }

    #[test]
    fn what_an_application_of_as3_names_is_found_in_its_folder() {
        let text = "ltm virtual /T/app/v {\n profiles {\n /T/app/client_ssl {\n context clientside\n }\n }\n}\n";
        let object = lab_f5::tmsh::parse("x", text).unwrap().remove(0);

        let back = super::object("virtual", &object.path, &body(&object));

        assert_eq!(back.entries("profiles")[0].name, "/T/app/client_ssl");
    }

    #[test]
    fn a_virtual_server_survives_both_ways() {
        let text = "ltm virtual /Common/v {\n destination /Common/192.0.2.1:443\n pool /Common/p\n profiles {\n /Common/tcp {\n context all\n }\n }\n rules {\n /Common/r\n }\n source-address-translation {\n pool /Common/s\n type snat\n }\n connection-limit 5\n}\n";
        let object = lab_f5::tmsh::parse("x", text).unwrap().remove(0);

        let back = super::object("virtual", &object.path, &body(&object));

        for name in ["destination", "pool", "connection-limit"] {
            assert_eq!(back.word(name), object.word(name), "{name}");
        }
        assert_eq!(back.entries("profiles")[0].get("context"), Some("all"));
        assert_eq!(back.entries("rules")[0].name, "/Common/r");
        assert_eq!(
            super::super::super::translate::entry(
                back.entries("source-address-translation"),
                "pool"
            ),
            Some("/Common/s")
        );
    }
}
