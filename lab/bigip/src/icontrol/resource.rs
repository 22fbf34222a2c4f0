//! Resources as they are shown: kinds, links, collections and the query options that cut them down.

use serde_json::{Map, Value as Json, json};

use super::members;
use super::wire;
use crate::icontrol::request::Query;

/// The version that links and answers name.
pub(crate) const VERSION: &str = "17.1.0";

/// A path in a URI: `/Common/a` as `~Common~a`.
pub(crate) fn tilde(path: &str) -> String {
    path.replace('/', "~")
}

/// `%` of a route domain is written `%25` in a URI.
pub(crate) fn link(uri: &str) -> String {
    uri.replace('%', "%25")
}

fn kind(uri: &str, suffix: &str) -> String {
    let last = uri.rsplit('/').next().unwrap_or(uri);
    format!("tm:ltm:{}:{last}{suffix}", uri.replace('/', ":"))
}

/// One stored object with its envelope.
pub(crate) fn shown(uri: &str, path: &str, body: &Map<String, Json>, query: &Query) -> Json {
    let mut shown = Map::new();
    let self_uri = link(&format!("{uri}/{}", tilde(path)));
    let url = |rest: &str| format!("https://localhost/mgmt/tm/ltm/{self_uri}{rest}?ver={VERSION}");
    shown.insert("kind".into(), json!(kind(uri, "state")));
    shown.insert("fullPath".into(), json!(path));
    shown.insert("selfLink".into(), json!(url("")));
    for (name, value) in body {
        match (uri, name.as_str()) {
            ("pool", "members") | ("virtual", "profiles") => {}
            _ => drop(shown.insert(name.clone(), value.clone())),
        }
    }
    match uri {
        "pool" => {
            let items: Vec<Json> = members::of(body)
                .into_iter()
                .map(|one| member(path, one))
                .collect();
            shown.insert(
                "membersReference".into(),
                subcollection(&url("/members"), items, query),
            );
        }
        "virtual" => {
            let items = profiles(path, body);
            shown.insert(
                "profilesReference".into(),
                subcollection(&url("/profiles"), items, query),
            );
            if let Some(pool) = body.get("pool").and_then(Json::as_str) {
                let pool = format!(
                    "https://localhost/mgmt/tm/ltm/pool/{}?ver={VERSION}",
                    link(&tilde(pool))
                );
                shown.insert("poolReference".into(), json!({ "link": pool }));
            }
        }
        _ => {}
    }
    selected(Json::Object(shown), query)
}

fn subcollection(url: &str, items: Vec<Json>, query: &Query) -> Json {
    match query.get("expandSubcollections") {
        Some("true") => json!({ "link": url, "isSubcollection": true, "items": items }),
        _ => json!({ "link": url, "isSubcollection": true }),
    }
}

/// A pool member with its envelope.
pub(crate) fn member(pool: &str, body: &Map<String, Json>) -> Json {
    let mut shown = body.clone();
    let path = body
        .get("fullPath")
        .and_then(Json::as_str)
        .unwrap_or_default();
    let uri = link(&format!("pool/{}/members/{}", tilde(pool), tilde(path)));
    shown.insert("kind".into(), json!("tm:ltm:pool:members:membersstate"));
    shown.insert("generation".into(), json!(1));
    shown.insert(
        "selfLink".into(),
        json!(format!("https://localhost/mgmt/tm/ltm/{uri}?ver={VERSION}")),
    );
    Json::Object(shown)
}

/// The profiles of a virtual server as a collection.
pub(crate) fn profiles(server: &str, body: &Map<String, Json>) -> Vec<Json> {
    let elements = body.get("profiles").and_then(Json::as_array);
    let one = |element: &Json| {
        let path = match element {
            Json::String(name) => lab_f5::object::full_path(name),
            Json::Object(members) => wire::path_of(members)?,
            _ => return None,
        };
        let uri = link(&format!(
            "virtual/{}/profiles/{}",
            tilde(server),
            tilde(&path)
        ));
        Some(json!({
            "kind": "tm:ltm:virtual:profiles:profilesstate",
            "name": lab_f5::object::base_name(&path),
            "partition": wire::partition(&path),
            "fullPath": path,
            "generation": 1,
            "selfLink": format!("https://localhost/mgmt/tm/ltm/{uri}?ver={VERSION}"),
            "context": element.get("context").and_then(Json::as_str).unwrap_or("all"),
        }))
    };
    elements.into_iter().flatten().filter_map(one).collect()
}

/// A collection: `$filter=partition eq X`, then `$skip` and `$top`.
pub(crate) fn collection(uri: &str, items: Vec<Json>, query: &Query) -> Json {
    let partition = query
        .get("$filter")
        .and_then(|filter| filter.strip_prefix("partition eq "))
        .map(str::trim);
    let wanted = |item: &Json| {
        partition.is_none_or(|wanted| item.get("partition").and_then(Json::as_str) == Some(wanted))
    };
    let all: Vec<Json> = items.into_iter().filter(wanted).collect();
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let (skip, top) = (
        number("$skip").unwrap_or(0),
        number("$top").unwrap_or(usize::MAX),
    );
    let total = all.len();
    let page: Vec<Json> = all
        .into_iter()
        .skip(skip)
        .take(top)
        .map(|item| selected(item, query))
        .collect();
    let base = format!("https://localhost/mgmt/tm/ltm/{}", link(uri));
    let mut shown = json!({ "kind": kind(uri, "collectionstate"), "selfLink": format!("{base}?ver={VERSION}") });
    if skip.saturating_add(page.len()) < total {
        shown["nextLink"] = json!(format!("{base}?%24top={top}&%24skip={}", skip + page.len()));
    }
    if top != usize::MAX {
        shown["currentItemCount"] = json!(page.len());
        shown["totalItems"] = json!(total);
    }
    if !page.is_empty() {
        shown["items"] = Json::Array(page);
    }
    shown
}

/// `$select=name,fullPath`.
fn selected(item: Json, query: &Query) -> Json {
    let (Some(names), Json::Object(members)) = (query.get("$select"), &item) else {
        return item;
    };
    let wanted = |name: &str| name == "kind" || names.split(',').any(|one| one.trim() == name);
    Json::Object(
        members
            .iter()
            .filter(|(name, _)| wanted(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    )
}
