//! `/mgmt/tm/auth/partition`: folders for objects. AS3's tenants are partitions that AS3 makes and removes.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::device::{Answer, Device};
use super::error::ApiError;
use super::resource::VERSION;

/// Where everything is that names no other.
const COMMON: &str = "Common";

/// Answers about one partition, or all of them when `name` is empty.
pub(super) fn answer(device: &mut Device, method: &str, name: &[&str], body: &Json) -> Answer {
    let known = all(device);
    match (method, name) {
        ("GET", []) => {
            let items: Vec<Json> = known.iter().map(|name| shown(name)).collect();
            let kind = "tm:auth:partition:partitioncollectionstate";
            Ok((
                200,
                json!({ "kind": kind, "selfLink": link(""), "items": items }),
            ))
        }
        ("GET", [name]) if known.contains(*name) => Ok((200, shown(name))),
        ("POST", []) => make(device, &known, body),
        ("DELETE", [name]) if known.contains(*name) => remove(device, name),
        (_, [name]) => Err(ApiError::new(
            404,
            format!("01020036:3: The requested folder (/{name}) was not found."),
        )),
        _ => Err(ApiError::new(
            405,
            format!("{method} does not go with partitions"),
        )),
    }
}

/// Those that were made, and those that objects are in.
fn all(device: &Device) -> BTreeSet<String> {
    let mut names = device.partitions.clone();
    names.insert(COMMON.to_owned());
    names.extend(device.store.partitions().map(str::to_owned));
    names.extend(device.tenants().map(str::to_owned));
    names
}

fn make(device: &mut Device, known: &BTreeSet<String>, body: &Json) -> Answer {
    let Some(name) = body.get("name").and_then(Json::as_str) else {
        return Err(ApiError::new(
            400,
            "one or more properties must be specified",
        ));
    };
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    if name.is_empty() || !name.chars().all(plain) {
        return Err(ApiError::bad_value("name", name));
    }
    if known.contains(name) {
        return Err(ApiError::new(
            409,
            format!("01020066:3: The requested folder (/{name}) already exists."),
        ));
    }
    device.partitions.insert(name.to_owned());
    Ok((200, shown(name)))
}

fn remove(device: &mut Device, name: &str) -> Answer {
    let in_use = name == COMMON || device.store.partitions().any(|used| used == name);
    if in_use {
        return Err(ApiError::new(
            400,
            format!("01070829:5: The folder /{name} cannot be removed: it is not empty."),
        ));
    }
    device.partitions.remove(name);
    Ok((200, Json::Null))
}

fn shown(name: &str) -> Json {
    json!({
        "kind": "tm:auth:partition:partitionstate",
        "name": name,
        "fullPath": name,
        "selfLink": link(&format!("/{name}")),
        "defaultRouteDomain": 0,
    })
}

fn link(rest: &str) -> String {
    format!("https://localhost/mgmt/tm/auth/partition{rest}?ver={VERSION}")
}
