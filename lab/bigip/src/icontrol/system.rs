//! The rest of the device that clients ask about: version, readiness, provisioning, log, saving.

use std::net::SocketAddr;

use serde_json::{Value as Json, json};

use super::device::{Answer, Device};
use super::error::ApiError;
use super::partitions;
use super::resource::VERSION;

/// `None` for a URI that nobody serves.
pub(super) async fn answer(
    device: &mut Device,
    method: &str,
    parts: &[&str],
    body: &Json,
) -> Option<Answer> {
    let ["mgmt", rest @ ..] = parts else {
        return None;
    };
    if let ["tm", "auth", "partition", name @ ..] = rest {
        return Some(partitions::answer(device, method, name, body));
    }
    let link = |uri: &str| format!("https://localhost/mgmt/{uri}?ver={VERSION}");
    let entry = |uri: &str, entries: Json| {
        let nested = json!({ format!("https://localhost/mgmt/{uri}/0"): { "nestedStats": { "entries": entries } } });
        let last = uri.rsplit('/').next().unwrap_or(uri);
        json!({ "kind": format!("{}:{last}stats", uri.replace('/', ":")), "selfLink": link(uri), "entries": nested })
    };
    let word = |word: &str| json!({ "description": word });
    let body = match (method, rest) {
        ("GET", ["tm", "sys"]) => {
            json!({ "kind": "tm:sys:syscollectionstate", "selfLink": link("tm/sys"), "items": [] })
        }
        ("GET", ["tm", "ltm"]) => {
            json!({ "kind": "tm:ltm:ltmcollectionstate", "selfLink": link("tm/ltm"), "items": [] })
        }
        ("GET", ["tm", "sys", "version"]) => entry(
            "tm/sys/version",
            json!({ "Product": word("BIG-IP"), "Version": word(VERSION), "Build": word("0.0.0"), "Title": word("Tidegate stand-in") }),
        ),
        ("GET", ["tm", "sys", "ready"]) => entry(
            "tm/sys/ready",
            json!({ "configReady": word("yes"), "licenseReady": word("yes"), "provisionReady": word("yes") }),
        ),
        ("GET", ["tm", "cm", "failover-status"]) => entry(
            "tm/cm/failover-status",
            json!({ "color": word("green"), "status": word("ACTIVE"), "summary": word("1/1 active") }),
        ),
        ("GET", ["tm", "sys", "provision"]) => json!({
            "kind": "tm:sys:provision:provisioncollectionstate",
            "selfLink": link("tm/sys/provision"),
            "items": [{ "name": "ltm", "fullPath": "ltm", "level": "nominal", "cpuRatio": 0 }],
        }),
        // How clients find out whether their credentials are good.
        ("GET", ["shared", "echo-query"]) => {
            json!({ "stage": "STARTED", "kind": "shared:echo-query:echoqueryitemstate", "selfLink": "https://localhost/mgmt/shared/echo-query" })
        }
        ("GET", ["shared", "iapp", "global-installed-packages"]) => json!({
            "items": [{ "appName": "f5-appsvcs", "packageName": "f5-appsvcs-3.56.0-10.noarch", "version": "3.56.0", "release": "10" }],
        }),
        // The stand-in's own: a device listens where its configuration says, this one on the lab's machine.
        ("GET", ["shared", "tidegate", "listening"]) => {
            let listening = device.addresses().into_iter();
            let entry = |(path, address): (String, SocketAddr)| (path, json!(address));
            Json::Object(listening.map(entry).collect())
        }
        ("GET", ["shared", "identified-devices", "config", "device-info"]) => json!({
            "kind": "shared:resolver:device-groups:deviceinfostate",
            "version": VERSION,
            "product": "BIG-IP",
            "hostname": "stand-in.tidegate.lab",
            "platformMarketingName": "Tidegate stand-in",
        }),
        ("POST", ["tm", "sys", "config"])
            if body.get("command").and_then(Json::as_str) == Some("save") =>
        {
            json!({ "kind": "tm:sys:config:savestate", "command": "save" })
        }
        ("POST", ["tm", "util", "bash"]) => return Some(bash(device, body).await),
        _ => return None,
    };
    Some(Ok((200, body)))
}

/// Only what replays need: reading the log, ending the connections of a member. Anything else is refused, not pretended.
async fn bash(device: &Device, body: &Json) -> Answer {
    let arguments = body
        .get("utilCmdArgs")
        .and_then(Json::as_str)
        .unwrap_or_default();
    if let Some(member) = deleted_connections_of(arguments) {
        device.plane.end_connections(member).await;
        return Ok((
            200,
            json!({ "kind": "tm:util:bash:runstate", "command": "run", "utilCmdArgs": arguments }),
        ));
    }
    if !arguments.contains("/var/log/ltm") {
        return Err(ApiError::new(
            400,
            "the stand-in has no shell; of util/bash it answers reads of /var/log/ltm and `tmsh delete sys connection ss-server-addr A ss-server-port P` only",
        ));
    }
    let lines: Vec<String> = device
        .plane
        .log()
        .await
        .into_iter()
        .map(|line| line.line)
        .collect();
    let mut answer =
        json!({ "kind": "tm:util:bash:runstate", "command": "run", "utilCmdArgs": arguments });
    // Absent when there is nothing to say, as on the appliance.
    if !lines.is_empty() {
        answer["commandResult"] = json!(lines.join("\n") + "\n");
    }
    Ok((200, answer))
}

/// The member of `tmsh delete sys connection ss-server-addr A ss-server-port P`.
fn deleted_connections_of(arguments: &str) -> Option<SocketAddr> {
    let after = arguments.split_once("tmsh delete sys connection ")?.1;
    let words: Vec<&str> = after
        .split([' ', '\''])
        .filter(|word| !word.is_empty())
        .collect();
    match words.as_slice() {
        ["ss-server-addr", address, "ss-server-port", port] => {
            let address = address.split('%').next()?.parse().ok()?;
            Some(SocketAddr::new(address, port.parse().ok()?))
        }
        _ => None,
    }
}
