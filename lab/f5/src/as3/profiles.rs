//! Profiles, with the defaults of AS3 that differ from what one expects.

use super::convert::Builder;
use crate::json::Node;
use crate::object::{Object, Property, Value};

/// The profile that a class makes; `None` for classes that are not read.
pub(super) fn object(builder: Builder<'_>, class: &str, path: String) -> Option<Object> {
    match class {
        "TCP_Profile" => Some(tcp(builder, path)),
        "HTTP_Profile" => Some(http(builder, path)),
        "WebSocket_Profile" => Some(websocket(builder, path)),
        "TLS_Server" => Some(tls(builder, "profile client-ssl", path)),
        "TLS_Client" => Some(tls(builder, "profile server-ssl", path)),
        "Multiplex_Profile" => Some(one_connect(builder, path)),
        "L4_Profile" => Some(fast_l4(builder, path)),
        _ => None,
    }
}

fn tcp(mut builder: Builder<'_>, path: String) -> Object {
    builder.word("idle-timeout", "idleTimeout", Some("300"));
    builder.word("keep-alive-interval", "keepAliveInterval", Some("1800"));
    builder.word("fin-wait-2-timeout", "finWait2Timeout", Some("300"));
    builder.word("zero-window-timeout", "zeroWindowTimeout", Some("20000"));
    for (name, default) in [("mptcp", "disable"), ("nagle", "disable")] {
        builder.mapped(
            name,
            name,
            default,
            &[("enable", "enabled"), ("disable", "disabled")],
        );
    }
    builder.switch("verified-accept", "verifiedAccept", false);
    builder.switch("deferred-accept", "deferredAccept", false);
    builder.switch("fast-open", "fastOpen", true);
    builder.switch("reset-on-timeout", "resetOnTimeout", true);
    builder.switch("syn-cookie-enable", "synCookieEnable", true);
    builder.object("profile tcp", path)
}

fn http(mut builder: Builder<'_>, path: String) -> Object {
    builder.switch("insert-xforwarded-for", "xForwardedFor", true);
    builder.switch("accept-xff", "trustXFF", false);
    builder.object("profile http", path)
}

fn websocket(mut builder: Builder<'_>, path: String) -> Object {
    builder.word("masking", "masking", Some("selective"));
    builder.word("compress-mode", "compressMode", Some("preserved"));
    builder.word("window-bits", "maximumWindowSize", None);
    builder.object("profile websocket", path)
}

fn one_connect(mut builder: Builder<'_>, path: String) -> Object {
    builder.word("source-mask", "sourceMask", Some("any"));
    builder.object("profile one-connect", path)
}

fn fast_l4(mut builder: Builder<'_>, path: String) -> Object {
    builder.word("idle-timeout", "idleTimeout", Some("300"));
    builder.object("profile fastl4", path)
}

/// TLS versions become the options that switch them off.
fn tls(mut builder: Builder<'_>, kind: &str, path: String) -> Object {
    let on = |member: &str, default: bool| {
        builder
            .node
            .get(member)
            .and_then(Node::word)
            .map_or(default, |word| word == "true")
    };
    let versions = [
        ("no-tlsv1", on("tls1_0Enabled", true)),
        ("no-tlsv1.1", on("tls1_1Enabled", true)),
        ("no-tlsv1.2", on("tls1_2Enabled", true)),
        ("no-tlsv1.3", on("tls1_3Enabled", false)),
    ];
    let line = builder.node.line;
    let options = versions
        .iter()
        .filter(|(_, enabled)| !enabled)
        .map(|(option, _)| ((*option).to_owned(), line))
        .collect();
    builder.names("options", options, line);
    certificates(&mut builder);
    builder.object(kind, path)
}

/// The certificates that the profile shows; one that the declaration holds itself has no path on the device.
fn certificates(builder: &mut Builder<'_>) {
    let shown = builder.node.get("certificates").map(Node::elements);
    let mut chain = Vec::new();
    for shown in shown.unwrap_or_default() {
        let Some(name) = shown.get("certificate").and_then(Node::word) else {
            continue;
        };
        let Some(object) = builder.folder.node.get(&name) else {
            continue;
        };
        let entries = [("cert", "certificate"), ("key", "privateKey")];
        let entry = |(name, member): (&str, &str)| {
            let place = builder.reader.place(object.line);
            let path = object.get(member)?.get("bigip").and_then(Node::word);
            Some(Property {
                name: name.into(),
                value: Value::Word(path.unwrap_or_else(|| "inline".into())),
                place,
            })
        };
        chain.push(Property {
            name,
            value: Value::Block(entries.into_iter().filter_map(entry).collect()),
            place: builder.reader.place(shown.line),
        });
    }
    if !chain.is_empty() {
        let line = builder.line("certificates");
        builder.push("cert-key-chain", Value::Block(chain), line);
    }
}
