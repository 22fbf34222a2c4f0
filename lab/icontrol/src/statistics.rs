//! Statistics in both of their shapes: nested below the URL of each object, or flat.

use std::collections::BTreeMap;

use serde_json::Value as Json;

/// Names and values of one object.
pub type Entries = BTreeMap<String, Json>;

/// The entries of every object in an answer.
pub fn each(answer: &Json) -> Vec<Entries> {
    let Some(entries) = answer.get("entries").and_then(Json::as_object) else {
        return vec![];
    };
    let nested: Vec<&Json> = entries
        .values()
        .filter_map(|entry| entry.get("nestedStats"))
        .collect();
    match nested.is_empty() {
        true => vec![values(answer)],
        false => nested.into_iter().map(values).collect(),
    }
}

/// The entries of an answer about one object; empty when there are none.
pub fn flat(answer: &Json) -> Entries {
    each(answer).into_iter().next().unwrap_or_default()
}

fn values(of: &Json) -> Entries {
    let entries = of.get("entries").and_then(Json::as_object);
    let value = |(name, entry): (&String, &Json)| {
        let value = entry.get("value").or_else(|| entry.get("description"))?;
        Some((name.clone(), value.clone()))
    };
    entries.into_iter().flatten().filter_map(value).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nested_and_flat_say_the_same() {
        let entries = json!({ "serverside.curConns": { "value": 3 }, "status.availabilityState": { "description": "available" } });
        let nested = json!({ "entries": { "https://localhost/mgmt/tm/ltm/pool/~Common~p/stats": { "nestedStats": { "entries": entries } } } });

        let flat_one = flat(&json!({ "entries": entries }));

        assert_eq!(flat(&nested), flat_one);
        assert_eq!(flat_one.get("serverside.curConns"), Some(&json!(3)));
        assert_eq!(each(&json!({})), Vec::<Entries>::new());
    }
}
