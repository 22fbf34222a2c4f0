//! Pool members as a collection of their own.

use lab_f5::object::{base_name, endpoint};
use serde_json::{Map, Value as Json, json};

use super::error::ApiError;
use super::wire;

/// What a member has when nobody says otherwise.
const DEFAULTS: &str = r#"{"connectionLimit":0,"dynamicRatio":1,"ephemeral":"false","inheritProfile":"enabled","logging":"disabled",
    "priorityGroup":0,"rateLimit":"disabled","ratio":1,"session":"user-enabled","state":"user-up"}"#;

/// A list of members as stored: records with path, address and every property.
pub(crate) fn normalized(members: &Json, partition: &str) -> Result<Json, ApiError> {
    let elements = match members {
        Json::Array(elements) => elements.clone(),
        // tmsh's shorthand: names separated by blanks.
        Json::String(names) => names.split_whitespace().map(|name| json!(name)).collect(),
        _ => return Err(ApiError::bad_value("members", "not a list")),
    };
    elements
        .iter()
        .map(|element| one(element, partition))
        .collect::<Result<Vec<_>, _>>()
        .map(Json::Array)
}

/// One member, complete.
pub(crate) fn one(element: &Json, partition: &str) -> Result<Json, ApiError> {
    let mut member = match element {
        Json::String(name) => Map::from_iter([("name".to_owned(), json!(name))]),
        Json::Object(members) => members.clone(),
        _ => return Err(ApiError::bad_value("members", "not a name")),
    };
    member
        .entry("partition")
        .or_insert_with(|| json!(partition));
    let path =
        wire::path_of(&member).ok_or_else(|| ApiError::bad_value("members", "without a name"))?;
    let Some(found) = endpoint(&path).filter(|found| found.port != 0) else {
        return Err(ApiError::new(
            400,
            format!(
                "01070734:3: Configuration error: pool member {} must be address:port",
                base_name(&path)
            ),
        ));
    };
    check(&member)?;
    member.insert("name".into(), json!(base_name(&path)));
    member.insert("fullPath".into(), json!(path));
    let suffix = if found.route_domain == 0 {
        String::new()
    } else {
        format!("%{}", found.route_domain)
    };
    member
        .entry("address")
        .or_insert_with(|| json!(format!("{}{suffix}", found.address)));
    if let Ok(Json::Object(defaults)) = serde_json::from_str(DEFAULTS) {
        for (name, value) in defaults {
            member.entry(name).or_insert(value);
        }
    }
    Ok(Json::Object(member))
}

/// What is read back (`monitor-enabled`, `up`) cannot be written.
pub(crate) fn check(member: &Map<String, Json>) -> Result<(), ApiError> {
    let choices = [
        ("session", ["user-enabled", "user-disabled"]),
        ("state", ["user-up", "user-down"]),
    ];
    for (name, words) in choices {
        if let Some(value) = member.get(name)
            && !value.as_str().is_some_and(|word| words.contains(&word))
        {
            return Err(ApiError::bad_value(
                name,
                value.as_str().unwrap_or_default(),
            ));
        }
    }
    Ok(())
}

/// The members of a stored pool.
pub(crate) fn of(pool: &Map<String, Json>) -> Vec<&Map<String, Json>> {
    let elements = pool.get("members").and_then(Json::as_array);
    elements
        .into_iter()
        .flatten()
        .filter_map(Json::as_object)
        .collect()
}

/// The member of that path or name.
pub(crate) fn position(pool: &Map<String, Json>, path: &str) -> Option<usize> {
    of(pool)
        .iter()
        .position(|member| member.get("fullPath").and_then(Json::as_str) == Some(path))
}
