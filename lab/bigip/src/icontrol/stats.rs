//! Statistics in the nested shape of current devices; `?options=flat` gives the older one.

use lab_adc::engine::{MemberStats, VirtualServerStats};
use lab_adc::health::Condition;
use lab_adc::model::MemberState;
use serde_json::{Map, Value as Json, json};

use super::resource::{VERSION, link, tilde};

fn value(number: u64) -> Json {
    json!({ "value": number })
}

fn description(text: &str) -> Json {
    json!({ "description": text })
}

/// Entries under the resource's own URL, as devices answer since version 11.6; flat when asked for.
pub(crate) fn nested(
    kind: &str,
    uri: &str,
    entries: Vec<(String, Map<String, Json>)>,
    flat: bool,
) -> Json {
    let self_link = format!("https://localhost/mgmt/tm/ltm/{uri}/stats?ver={VERSION}");
    if flat && let Some((_, entries)) = entries.first() {
        return json!({ "kind": kind, "selfLink": self_link, "entries": entries });
    }
    let nest = |(uri, entries): (String, Map<String, Json>)| {
        let url = format!("https://localhost/mgmt/tm/ltm/{uri}/stats");
        let inner = json!({ "nestedStats": { "kind": kind, "selfLink": format!("{url}?ver={VERSION}"), "entries": entries } });
        (url, inner)
    };
    let entries: Map<String, Json> = entries.into_iter().map(nest).collect();
    json!({ "kind": kind, "generation": 1, "selfLink": self_link, "entries": entries })
}

/// Status words of a member: availability, enabled state, monitor and session status.
pub(crate) fn member_status(
    member: Option<&MemberStats>,
    monitored: bool,
    session: &str,
    state: &str,
) -> [&'static str; 4] {
    let forced = state == "user-down"
        || member.is_some_and(|member| member.state == MemberState::ForcedOffline);
    let condition = member.map_or(Condition::Checking, |member| member.condition);
    // Disabled by an operator, or by a monitor that found what disables.
    let disabled = session == "user-disabled" || condition == Condition::Draining;
    let monitor = match (forced, monitored, condition) {
        (true, ..) => "forced-down",
        (_, false, _) => "unchecked",
        (_, true, Condition::Checking) => "checking",
        (_, true, Condition::Down) => "down",
        (_, true, _) => "up",
    };
    let availability = match monitor {
        "up" => "available",
        "down" | "forced-down" => "offline",
        _ => "unknown",
    };
    let enabled = if disabled || forced {
        "disabled"
    } else {
        "enabled"
    };
    [availability, enabled, monitor, enabled]
}

/// One member.
pub(crate) fn member(
    pool: &str,
    stored: &Map<String, Json>,
    live: Option<&MemberStats>,
    monitored: bool,
) -> Map<String, Json> {
    let text = |key: &str| stored.get(key).and_then(Json::as_str).unwrap_or_default();
    let [availability, enabled, monitor, session] =
        member_status(live, monitored, text("session"), text("state"));
    let port = text("name")
        .rsplit([':', '.'])
        .next()
        .and_then(|port| port.parse().ok())
        .unwrap_or(0);
    let count = |of: fn(&MemberStats) -> u64| value(live.map_or(0, of));
    let reason = match availability {
        "available" => "Pool member is available",
        "offline" => "Pool member has been marked down by a monitor or by order",
        _ => "Pool member does not have service checking enabled",
    };
    Map::from_iter([
        ("addr".to_owned(), description(text("address"))),
        ("connq.depth".to_owned(), value(0)),
        ("connq.serviced".to_owned(), value(0)),
        (
            "curSessions".to_owned(),
            count(|live| u64::from(live.connections)),
        ),
        ("monitorStatus".to_owned(), description(monitor)),
        (
            "nodeName".to_owned(),
            description(&format!("/Common/{}", text("address"))),
        ),
        ("poolName".to_owned(), description(pool)),
        ("port".to_owned(), value(port)),
        (
            "serverside.curConns".to_owned(),
            count(|live| u64::from(live.connections)),
        ),
        ("serverside.totConns".to_owned(), count(|live| live.total)),
        ("sessionStatus".to_owned(), description(session)),
        (
            "status.availabilityState".to_owned(),
            description(availability),
        ),
        ("status.enabledState".to_owned(), description(enabled)),
        ("status.statusReason".to_owned(), description(reason)),
        ("totRequests".to_owned(), value(0)),
    ])
}

/// A pool: the sum of its members.
pub(crate) fn pool(path: &str, members: &[Map<String, Json>]) -> Map<String, Json> {
    let number = |member: &Map<String, Json>, key: &str| {
        member
            .get(key)
            .and_then(|entry| entry.get("value"))
            .and_then(Json::as_u64)
            .unwrap_or(0)
    };
    let word = |member: &Map<String, Json>, key: &str| {
        member
            .get(key)
            .and_then(|entry| entry.get("description"))
            .and_then(Json::as_str)
            .map(str::to_owned)
    };
    let sum = |key: &str| value(members.iter().map(|member| number(member, key)).sum());
    let counted = |wanted: &str| {
        let of = |member: &&Map<String, Json>| {
            word(member, "status.availabilityState").as_deref() == Some(wanted)
        };
        members.iter().filter(of).count() as u64
    };
    let available = counted("available");
    let state = match (available, counted("unknown")) {
        (0, 0) => "offline",
        (0, _) => "unknown",
        _ => "available",
    };
    Map::from_iter([
        ("activeMemberCnt".to_owned(), value(available)),
        ("availableMemberCnt".to_owned(), value(available)),
        ("curSessions".to_owned(), sum("curSessions")),
        ("memberCnt".to_owned(), value(members.len() as u64)),
        ("serverside.curConns".to_owned(), sum("serverside.curConns")),
        ("serverside.totConns".to_owned(), sum("serverside.totConns")),
        ("status.availabilityState".to_owned(), description(state)),
        ("status.enabledState".to_owned(), description("enabled")),
        (
            "status.statusReason".to_owned(),
            description("The pool's state is that of its members"),
        ),
        ("tmName".to_owned(), description(path)),
    ])
}

/// A virtual server; `offline` tells why it does not run.
pub(crate) fn server(
    path: &str,
    destination: &str,
    live: Option<&VirtualServerStats>,
    offline: Option<&str>,
) -> Map<String, Json> {
    let state = if offline.is_some() {
        "offline"
    } else {
        "available"
    };
    Map::from_iter([
        (
            "clientside.curConns".to_owned(),
            value(live.map_or(0, |live| u64::from(live.connections))),
        ),
        (
            "clientside.totConns".to_owned(),
            value(live.map_or(0, |live| live.accepted)),
        ),
        ("clientside.evictedConns".to_owned(), value(0)),
        ("clientside.slowKilled".to_owned(), value(0)),
        ("destination".to_owned(), description(destination)),
        ("status.availabilityState".to_owned(), description(state)),
        ("status.enabledState".to_owned(), description("enabled")),
        (
            "status.statusReason".to_owned(),
            description(offline.unwrap_or("The virtual server is available")),
        ),
        ("syncookieStatus".to_owned(), description("not-activated")),
        ("tmName".to_owned(), description(path)),
    ])
}

/// The URI of a member below /mgmt/tm/ltm.
pub(crate) fn member_uri(pool: &str, member: &str) -> String {
    link(&format!("pool/{}/members/{}", tilde(pool), tilde(member)))
}
