//! Services: virtual servers with the defaults that AS3 gives them.

use super::convert::Builder;
use super::{Folder, Reader};
use crate::json::Node;
use crate::object::{Object, Property, Value};

/// One virtual server per address, as AS3 makes them.
pub(super) fn services(
    reader: &mut Reader,
    folder: &Folder<'_>,
    name: &str,
    class: &str,
    node: &Node,
) {
    let addresses = node
        .get("virtualAddresses")
        .map(Node::elements)
        .unwrap_or_default();
    let mut made = Vec::new();
    for (index, address) in addresses.iter().enumerate() {
        // A pair is a destination and the sources that may use it.
        let address = address.elements().first().unwrap_or(address);
        let builder = Builder {
            reader: &*reader,
            folder,
            node,
            properties: Vec::new(),
        };
        let suffix = if index == 0 {
            String::new()
        } else {
            format!("-{index}-")
        };
        made.push(service(
            builder,
            format!("{}/{name}{suffix}", folder.path),
            class,
            address,
        ));
    }
    reader.declaration.objects.extend(made);
}

fn service(mut builder: Builder<'_>, path: String, class: &str, address: &Node) -> Object {
    let text = address
        .word()
        .or_else(|| builder.pointer(address, |_| None))
        .unwrap_or_default();
    let default_port = if class == "Service_HTTPS" {
        "443"
    } else {
        "80"
    };
    let port = builder
        .node
        .get("virtualPort")
        .and_then(Node::word)
        .unwrap_or_else(|| default_port.into());
    // An address may end in a route domain, `%7`.
    let separator = if text.contains(':') { '.' } else { ':' };
    let destination = format!("{}/{text}{separator}{port}", builder.tenant());
    builder.push("destination", Value::Word(destination), address.line);
    builder.word("ip-protocol", "layer4", Some("tcp"));
    if let Some(pool) = builder
        .node
        .get("pool")
        .and_then(|node| builder.pointer(node, |_| None))
    {
        builder.push("pool", Value::Word(pool), builder.line("pool"));
    }
    let rules = builder
        .node
        .get("iRules")
        .map(Node::elements)
        .unwrap_or_default();
    let rules = rules
        .iter()
        .filter_map(|rule| Some((builder.pointer(rule, |_| None)?, rule.line)))
        .collect();
    builder.names("rules", rules, builder.line("iRules"));
    service_profiles(&mut builder, class);
    service_persistence(&mut builder, class);
    service_snat(&mut builder);
    let changes = builder
        .node
        .get("translateClientPort")
        .and_then(Node::word)
        .is_some_and(|word| word == "true");
    let source_port = if changes { "change" } else { "preserve" };
    builder.push(
        "source-port",
        Value::Word(source_port.into()),
        builder.line("translateClientPort"),
    );
    builder.word(
        "service-down-immediate-action",
        "serviceDownImmediateAction",
        Some("none"),
    );
    builder.word("connection-limit", "maxConnections", Some("0"));
    let mirrored = builder
        .node
        .get("mirroring")
        .and_then(Node::word)
        .is_some_and(|word| word != "none");
    builder.push(
        "mirror",
        Value::Word(if mirrored { "enabled" } else { "disabled" }.into()),
        builder.line("mirroring"),
    );
    builder.object("virtual", path)
}

fn service_profiles(builder: &mut Builder<'_>, class: &str) {
    let mut entries = Vec::new();
    let mut add = |builder: &Builder<'_>, path: Option<String>, context: &str, line: u32| {
        let place = builder.reader.place(line);
        let context = Property {
            name: "context".into(),
            value: Value::Word(context.into()),
            place: place.clone(),
        };
        entries.extend(path.map(|name| Property {
            name,
            value: Value::Block(vec![context]),
            place,
        }));
    };
    let line = builder.line("profileTCP");
    match (class, builder.node.get("profileTCP")) {
        ("Service_L4", _) => {
            let line = builder.line("profileL4");
            let path = builder.node.get("profileL4").and_then(|node| {
                builder.pointer(node, |name| (name == "basic").then_some("fastL4"))
            });
            add(
                builder,
                path.or_else(|| Some("/Common/fastL4".into())),
                "all",
                line,
            );
        }
        (_, Some(node)) if node.get("ingress").is_some() || node.get("egress").is_some() => {
            for (member, context) in [("ingress", "clientside"), ("egress", "serverside")] {
                let side = node
                    .get(member)
                    .and_then(|side| builder.pointer(side, built_in_tcp));
                add(
                    builder,
                    side.or_else(|| Some("/Common/f5-tcp-progressive".into())),
                    context,
                    line,
                );
            }
        }
        (_, node) => {
            let path = node.and_then(|node| builder.pointer(node, built_in_tcp));
            add(
                builder,
                path.or_else(|| Some("/Common/f5-tcp-progressive".into())),
                "all",
                line,
            );
        }
    }
    let http = class == "Service_HTTP" || class == "Service_HTTPS";
    let members: [(&str, Option<&str>, &str); 5] = [
        ("profileHTTP", http.then_some("/Common/http"), "all"),
        ("profileWebSocket", None, "all"),
        ("profileMultiplex", None, "all"),
        ("serverTLS", None, "clientside"),
        ("clientTLS", None, "serverside"),
    ];
    for (member, default, context) in members {
        let path = builder
            .node
            .get(member)
            .and_then(|node| builder.pointer(node, |name| built_in_profile(member, name)));
        add(
            builder,
            path.or_else(|| default.map(str::to_owned)),
            context,
            builder.line(member),
        );
    }
    let line = builder.node.line;
    builder.push("profiles", Value::Block(entries), line);
}

fn service_persistence(builder: &mut Builder<'_>, class: &str) {
    let line = builder.line("persistenceMethods");
    let default = match class {
        "Service_TCP" | "Service_L4" => "/Common/source_addr",
        _ => "/Common/cookie",
    };
    let names = match builder.node.get("persistenceMethods") {
        None => vec![(default.to_owned(), line)],
        Some(list) => {
            let known = |name: &str| match name {
                "source-address" => Some("source_addr"),
                "destination-address" => Some("dest_addr"),
                "cookie" => Some("cookie"),
                "hash-cookie" | "universal" | "tls-session-id" => Some("hash"),
                _ => None,
            };
            list.elements()
                .iter()
                .filter_map(|node| Some((builder.pointer(node, known)?, node.line)))
                .collect()
        }
    };
    builder.names("persist", names, line);
}

fn service_snat(builder: &mut Builder<'_>) {
    let line = builder.line("snat");
    let place = builder.reader.place(line);
    let property = |name: &str, word: String| Property {
        name: name.into(),
        value: Value::Word(word),
        place: place.clone(),
    };
    let entries = match builder.node.get("snat") {
        None => vec![property("type", "automap".into())],
        Some(node) => match node.word().as_deref() {
            Some("auto" | "self") => vec![property("type", "automap".into())],
            Some("none") => vec![property("type", "none".into())],
            _ => {
                let pool = builder.pointer(node, |_| None).unwrap_or_default();
                vec![property("type", "snat".into()), property("pool", pool)]
            }
        },
    };
    builder.push("source-address-translation", Value::Block(entries), line);
}

fn built_in_tcp(name: &str) -> Option<&'static str> {
    match name {
        "normal" => Some("f5-tcp-progressive"),
        "lan" => Some("f5-tcp-lan"),
        "wan" => Some("f5-tcp-wan"),
        "mobile" => Some("f5-tcp-mobile"),
        "mptcp" => Some("mptcp-mobile-optimized"),
        _ => None,
    }
}

fn built_in_profile(member: &str, name: &str) -> Option<&'static str> {
    match (member, name) {
        ("profileHTTP", "basic") => Some("http"),
        ("profileWebSocket", "basic") => Some("websocket"),
        ("profileMultiplex", "basic") => Some("oneconnect"),
        _ => None,
    }
}
