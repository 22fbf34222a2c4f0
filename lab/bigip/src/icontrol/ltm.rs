//! `/mgmt/tm/ltm/…`: what a URI means, for reading and for changing.

use serde_json::{Map, Value as Json, json};

use super::catalogue::{kind, title};
use super::device::{Answer, Device};
use super::error::ApiError;
use super::request::Query;
use super::store::Store;
use super::{members, resource, stats, wire};

/// Where a URI points.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    uri: &'static str,
    path: Option<String>,
    /// `members`, `profiles` or `stats`, and what follows.
    rest: Vec<String>,
}

/// What a change did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// The object at these segments below /mgmt/tm/ltm.
    Made(Vec<String>),
    /// It is gone.
    Gone,
}

fn target(segments: &[&str]) -> Result<Target, ApiError> {
    let unknown = || ApiError::not_registered(&format!("/mgmt/tm/ltm/{}", segments.join("/")));
    let (uri, after) = match segments {
        [one, rest @ ..] if kind(one).is_some() => (kind(one), rest),
        [one, two, rest @ ..] => (kind(&format!("{one}/{two}")), rest),
        _ => (None, &[][..]),
    };
    let (uri, _) = uri.ok_or_else(unknown)?;
    let (path, rest) = match after {
        [] => (None, Vec::new()),
        ["stats"] => (None, vec!["stats".to_owned()]),
        [name, rest @ ..] => (
            Some(object_path(name)),
            rest.iter().map(|part| (*part).to_owned()).collect(),
        ),
    };
    Ok(Target { uri, path, rest })
}

/// `~Common~a` is `/Common/a`; a bare name lives in /Common.
fn object_path(segment: &str) -> String {
    if segment.starts_with('~') {
        segment.replace('~', "/")
    } else {
        format!("/Common/{segment}")
    }
}

/// Reads an object, a collection or statistics.
pub(super) async fn read(device: &Device, segments: &[&str], query: &Query) -> Answer {
    let target = target(segments)?;
    let rest: Vec<&str> = target.rest.iter().map(String::as_str).collect();
    let Some(path) = &target.path else {
        return match rest.as_slice() {
            [] => {
                let items = device
                    .store
                    .list(target.uri)
                    .map(|(path, body)| resource::shown(target.uri, path, body, query));
                Ok((
                    200,
                    resource::collection(target.uri, items.collect(), query),
                ))
            }
            _ => statistics_of_all(device, target.uri, query).await,
        };
    };
    let body = device.store.get(target.uri, path)?;
    match (target.uri, rest.as_slice()) {
        (_, []) => Ok((200, resource::shown(target.uri, path, body, query))),
        ("pool", ["members"]) => {
            let items = members::of(body)
                .into_iter()
                .map(|one| live_member(device, path, body, one));
            let mut shown = Vec::new();
            for item in items {
                shown.push(item.await);
            }
            Ok((
                200,
                resource::collection(
                    &format!("pool/{}/members", resource::tilde(path)),
                    shown,
                    query,
                ),
            ))
        }
        ("pool", ["members", "stats"]) => {
            let entries = member_entries(device, path, body).await;
            let uri = resource::link(&format!("pool/{}/members", resource::tilde(path)));
            Ok((
                200,
                stats::nested(
                    "tm:ltm:pool:members:memberscollectionstats",
                    &uri,
                    entries,
                    false,
                ),
            ))
        }
        ("pool", ["members", member]) => Ok((
            200,
            live_member(device, path, body, find(body, member)?).await,
        )),
        ("pool", ["members", member, "stats"]) => {
            let wanted = find(body, member)?
                .get("fullPath")
                .and_then(Json::as_str)
                .unwrap_or_default();
            let uri = stats::member_uri(path, wanted);
            let entries = member_entries(device, path, body)
                .await
                .into_iter()
                .filter(|(of, _)| *of == uri)
                .collect();
            Ok((
                200,
                stats::nested(
                    "tm:ltm:pool:members:membersstats",
                    &uri,
                    entries,
                    flat(query),
                ),
            ))
        }
        ("virtual", ["profiles"]) => {
            let uri = format!("virtual/{}/profiles", resource::tilde(path));
            Ok((
                200,
                resource::collection(&uri, resource::profiles(path, body), query),
            ))
        }
        ("pool" | "virtual", ["stats"]) => {
            let uri = resource::link(&format!("{}/{}", target.uri, resource::tilde(path)));
            let entries = vec![(
                uri.clone(),
                statistics(device, target.uri, path, body).await,
            )];
            Ok((
                200,
                stats::nested(
                    &format!("tm:ltm:{0}:{0}stats", target.uri),
                    &uri,
                    entries,
                    flat(query),
                ),
            ))
        }
        _ => Err(ApiError::not_registered(&format!(
            "/mgmt/tm/ltm/{}",
            segments.join("/")
        ))),
    }
}

fn flat(query: &Query) -> bool {
    query.get("options") == Some("flat")
}

fn find<'a>(pool: &'a Map<String, Json>, member: &str) -> Result<&'a Map<String, Json>, ApiError> {
    let path = object_path(member);
    let found = members::position(pool, &path).and_then(|at| members::of(pool).get(at).copied());
    found.ok_or_else(|| ApiError::not_found("Pool Member", &path))
}

/// By the pool's monitor, or by monitors of its members' own.
fn is_monitored(pool: &Map<String, Json>) -> bool {
    let named = |of: &Map<String, Json>| {
        of.get("monitor")
            .and_then(Json::as_str)
            .is_some_and(|monitor| !matches!(monitor.trim(), "" | "none" | "default"))
    };
    named(pool) || members::of(pool).into_iter().any(named)
}

/// A member with what its monitors say in place of what was written.
async fn live_member(
    device: &Device,
    pool: &str,
    stored: &Map<String, Json>,
    member: &Map<String, Json>,
) -> Json {
    let text = |key: &str| member.get(key).and_then(Json::as_str).unwrap_or_default();
    let live = device.plane.member_stats(pool).await;
    let address = lab_f5::object::endpoint(text("name"));
    let found = live.iter().find(|live| {
        address.is_some_and(|wanted| {
            live.address.ip() == wanted.address && live.address.port() == wanted.port
        })
    });
    let monitored = is_monitored(stored);
    let [_, _, monitor, _] = stats::member_status(found, monitored, text("session"), text("state"));
    let mut shown = resource::member(pool, member);
    if text("session") == "user-enabled" && monitored {
        shown["session"] = json!("monitor-enabled");
    }
    shown["state"] = json!(if monitor == "forced-down" {
        "user-down"
    } else {
        monitor
    });
    shown
}

async fn member_entries(
    device: &Device,
    pool: &str,
    body: &Map<String, Json>,
) -> Vec<(String, Map<String, Json>)> {
    let live = device.plane.member_stats(pool).await;
    let monitored = is_monitored(body);
    let entry = |member: &Map<String, Json>| {
        let path = member
            .get("fullPath")
            .and_then(Json::as_str)
            .unwrap_or_default();
        let wanted = lab_f5::object::endpoint(path);
        let found = live.iter().find(|live| {
            wanted.is_some_and(|wanted| {
                live.address.ip() == wanted.address && live.address.port() == wanted.port
            })
        });
        (
            stats::member_uri(pool, path),
            stats::member(pool, member, found, monitored),
        )
    };
    members::of(body).into_iter().map(entry).collect()
}

async fn statistics(
    device: &Device,
    uri: &str,
    path: &str,
    body: &Map<String, Json>,
) -> Map<String, Json> {
    if uri == "pool" {
        let members: Vec<_> = member_entries(device, path, body)
            .await
            .into_iter()
            .map(|(_, entries)| entries)
            .collect();
        return stats::pool(path, &members);
    }
    let destination = body
        .get("destination")
        .and_then(Json::as_str)
        .unwrap_or_default();
    let live = device.plane.server_stats(path).await;
    stats::server(path, destination, live.as_ref(), device.plane.offline(path))
}

async fn statistics_of_all(device: &Device, uri: &'static str, query: &Query) -> Answer {
    if !matches!(uri, "pool" | "virtual") {
        return Err(ApiError::not_registered(&format!(
            "/mgmt/tm/ltm/{uri}/stats"
        )));
    }
    let mut entries = Vec::new();
    for (path, body) in device.store.list(uri) {
        let of = resource::link(&format!("{uri}/{}", resource::tilde(path)));
        entries.push((of, statistics(device, uri, path, body).await));
    }
    Ok((
        200,
        stats::nested(
            &format!("tm:ltm:{uri}:{uri}collectionstats"),
            uri,
            entries,
            flat(query),
        ),
    ))
}

/// Carries out one change on a store; nothing else is touched.
pub(super) fn change(
    store: &mut Store,
    method: &str,
    segments: &[&str],
    body: &Json,
) -> Result<Change, ApiError> {
    let target = target(segments)?;
    let rest: Vec<&str> = target.rest.iter().map(String::as_str).collect();
    let empty = Map::new();
    let body = body.as_object().unwrap_or(&empty);
    let made = |path: &str| {
        Change::Made(
            target
                .uri
                .split('/')
                .map(str::to_owned)
                .chain([resource::tilde(path)])
                .collect(),
        )
    };
    match (method, &target.path, rest.as_slice()) {
        ("POST", None, []) => {
            let path = store.create(target.uri, body.clone())?;
            Ok(made(&path))
        }
        ("PATCH" | "PUT", Some(path), []) => {
            store.modify(target.uri, path, body.clone(), method == "PUT")?;
            Ok(made(path))
        }
        ("DELETE", Some(path), []) => {
            store.delete(target.uri, path)?;
            Ok(Change::Gone)
        }
        (_, Some(pool), ["members", member @ ..]) if target.uri == "pool" => {
            change_member(store, method, pool, member.first().copied(), body)
        }
        _ => Err(ApiError::new(
            405,
            format!("{method} does not go with {}", title(target.uri)),
        )),
    }
}

fn change_member(
    store: &mut Store,
    method: &str,
    pool: &str,
    member: Option<&str>,
    body: &Map<String, Json>,
) -> Result<Change, ApiError> {
    let stored = store.get("pool", pool)?;
    let mut all: Vec<Json> = members::of(stored)
        .into_iter()
        .map(|one| Json::Object(one.clone()))
        .collect();
    let at = match member {
        Some(member) => {
            let path = object_path(member);
            let at = members::position(stored, &path);
            Some(at.ok_or_else(|| ApiError::not_found("Pool Member", &path))?)
        }
        None => None,
    };
    let path = match (method, at) {
        ("POST", None) => {
            let new = members::one(&Json::Object(body.clone()), wire::partition(pool))?;
            let path = new
                .get("fullPath")
                .and_then(Json::as_str)
                .unwrap_or_default()
                .to_owned();
            if members::position(stored, &path).is_some() {
                return Err(ApiError::exists("Pool Member", &path));
            }
            all.push(new);
            Some(path)
        }
        ("PATCH" | "PUT", Some(at)) => {
            members::check(body)?;
            let changes = body.iter().filter(|(name, _)| {
                !matches!(name.as_str(), "name" | "partition" | "fullPath" | "address")
            });
            for (name, value) in changes {
                all[at][name.as_str()] = value.clone();
            }
            all[at]
                .get("fullPath")
                .and_then(Json::as_str)
                .map(str::to_owned)
        }
        ("DELETE", Some(at)) => {
            all.remove(at);
            None
        }
        _ => {
            return Err(ApiError::new(
                405,
                format!("{method} does not go with pool members"),
            ));
        }
    };
    store.modify(
        "pool",
        pool,
        Map::from_iter([("members".to_owned(), Json::Array(all))]),
        false,
    )?;
    Ok(match path {
        Some(path) => Change::Made(vec![
            "pool".into(),
            resource::tilde(pool),
            "members".into(),
            resource::tilde(&path),
        ]),
        None => Change::Gone,
    })
}
