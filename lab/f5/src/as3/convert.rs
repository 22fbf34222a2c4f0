//! Services, pools, monitors and the small classes.

use std::net::IpAddr;

use base64::Engine;

use super::{Folder, Reader, profiles};
use crate::json::{Json, Node};
use crate::object::{Object, Property, Value};

/// Adds what an AS3 object becomes.
pub(super) fn object(
    reader: &mut Reader,
    folder: &Folder<'_>,
    name: &str,
    class: &str,
    node: &Node,
) {
    let builder = Builder {
        reader: &*reader,
        folder,
        node,
        properties: Vec::new(),
    };
    let path = format!("{}/{name}", folder.path);
    let made = match class {
        "Service_TCP" | "Service_HTTP" | "Service_HTTPS" | "Service_L4" => {
            return services(reader, folder, name, class, node);
        }
        "Pool" => builder.pool(path),
        "Monitor" => builder.monitor(path),
        "SNAT_Pool" => builder.snat_pool(path),
        "Persist" => builder.persist(path),
        "iRule" => builder.rule(path),
        class => profiles::object(builder, class, path),
    };
    reader.declaration.objects.extend(made);
}

/// Gathers the properties of one object.
pub(super) struct Builder<'a> {
    pub(super) reader: &'a Reader,
    pub(super) folder: &'a Folder<'a>,
    pub(super) node: &'a Node,
    pub(super) properties: Vec<Property>,
}

impl Builder<'_> {
    pub(super) fn object(self, kind: &str, path: String) -> Object {
        let place = self.reader.place(self.node.line);
        Object {
            kind: kind.into(),
            path,
            properties: self.properties,
            body: None,
            place,
        }
    }

    /// The line of a member of the AS3 object, else of the object.
    fn line(&self, member: &str) -> u32 {
        self.node
            .get(member)
            .map_or(self.node.line, |node| node.line)
    }

    fn push(&mut self, name: &str, value: Value, line: u32) {
        let place = self.reader.place(line);
        self.properties.push(Property {
            name: name.into(),
            value,
            place,
        });
    }

    /// `name` from `member`, or AS3's default.
    pub(super) fn word(&mut self, name: &str, member: &str, default: Option<&str>) {
        let word = self
            .node
            .get(member)
            .and_then(Node::word)
            .or_else(|| default.map(str::to_owned));
        if let Some(word) = word {
            self.push(name, Value::Word(word), self.line(member));
        }
    }

    /// A word that tmsh spells differently.
    pub(super) fn mapped(
        &mut self,
        name: &str,
        member: &str,
        default: &str,
        spellings: &[(&str, &str)],
    ) {
        let word = self
            .node
            .get(member)
            .and_then(Node::word)
            .unwrap_or_else(|| default.to_owned());
        let spelled = spellings
            .iter()
            .find(|(theirs, _)| *theirs == word)
            .map_or(word.as_str(), |(_, ours)| *ours);
        self.push(name, Value::Word(spelled.to_owned()), self.line(member));
    }

    /// A boolean member as `enabled` or `disabled`.
    pub(super) fn switch(&mut self, name: &str, member: &str, default: bool) {
        let on = self
            .node
            .get(member)
            .and_then(Node::word)
            .map_or(default, |word| word == "true");
        let word = if on { "enabled" } else { "disabled" };
        self.push(name, Value::Word(word.into()), self.line(member));
    }

    pub(super) fn names(&mut self, name: &str, names: Vec<(String, u32)>, line: u32) {
        let entry = |(name, line)| Property {
            name,
            value: Value::Flag,
            place: self.reader.place(line),
        };
        let entries = names.into_iter().map(entry).collect();
        self.push(name, Value::Block(entries), line);
    }

    /// What a pointer means: `{use}`, `{bigip}`, or a name that AS3 maps to an object of its own choice.
    fn pointer(
        &self,
        node: &Node,
        built_in: impl Fn(&str) -> Option<&'static str>,
    ) -> Option<String> {
        if let Some(name) = node.get("bigip").and_then(Node::word) {
            return Some(name);
        }
        if let Some(name) = node.get("use").and_then(Node::word) {
            return Some(self.in_folder(&name));
        }
        let Json::Text(name) = &node.value else {
            return None;
        };
        Some(
            built_in(name).map_or_else(|| self.in_folder(name), |known| format!("/Common/{known}")),
        )
    }

    fn in_folder(&self, name: &str) -> String {
        if name.starts_with('/') {
            name.to_owned()
        } else {
            format!("{}/{name}", self.folder.path)
        }
    }

    fn tenant(&self) -> &str {
        let end = self.folder.path[1..]
            .find('/')
            .map_or(self.folder.path.len(), |at| at + 1);
        &self.folder.path[..end]
    }

    fn pool(mut self, path: String) -> Option<Object> {
        self.word(
            "load-balancing-mode",
            "loadBalancingMode",
            Some("round-robin"),
        );
        self.word("service-down-action", "serviceDownAction", Some("none"));
        self.word("slow-ramp-time", "slowRampTime", Some("10"));
        self.word("min-active-members", "minimumMembersActive", Some("1"));
        self.word("reselect-tries", "reselectTries", Some("0"));
        let mut members = Vec::new();
        for node in self
            .node
            .get("members")
            .map(Node::elements)
            .unwrap_or_default()
        {
            members.extend(self.members(node));
        }
        self.push("members", Value::Block(members), self.line("members"));
        let monitors = self
            .node
            .get("monitors")
            .map(Node::elements)
            .unwrap_or_default();
        let paths: Vec<String> = monitors
            .iter()
            .filter_map(|monitor| self.pointer(monitor, built_in_monitor))
            .collect();
        if !paths.is_empty() {
            self.push(
                "monitor",
                Value::Word(paths.join(" and ")),
                self.line("monitors"),
            );
        }
        Some(self.object("pool", path))
    }

    /// One member per address.
    fn members(&self, node: &Node) -> Vec<Property> {
        let port = node
            .get("servicePort")
            .and_then(Node::word)
            .unwrap_or_default();
        let addresses = node
            .get("serverAddresses")
            .map(Node::elements)
            .unwrap_or_default();
        let mut members = Vec::new();
        for address in addresses {
            let text = address.word().unwrap_or_default();
            let separator = if text.contains(':') { '.' } else { ':' };
            let place = self.reader.place(address.line);
            let entry = |name: &str, word: String| Property {
                name: name.into(),
                value: Value::Word(word),
                place: place.clone(),
            };
            let mut properties = vec![entry("address", text.clone())];
            let optional = [
                ("connection-limit", "connectionLimit"),
                ("priority-group", "priorityGroup"),
                ("ratio", "ratio"),
            ];
            for (name, member) in optional {
                properties.extend(
                    node.get(member)
                        .and_then(Node::word)
                        .map(|word| entry(name, word)),
                );
            }
            let (session, state) = match node.get("adminState").and_then(Node::word).as_deref() {
                Some("disable") => ("user-disabled", "user-up"),
                Some("offline") => ("user-disabled", "user-down"),
                _ => ("user-enabled", "user-up"),
            };
            properties.push(entry("session", session.into()));
            properties.push(entry("state", state.into()));
            let name = format!("{}/{text}{separator}{port}", self.tenant());
            members.push(Property {
                name,
                value: Value::Block(properties),
                place,
            });
        }
        members
    }

    fn monitor(mut self, path: String) -> Option<Object> {
        let kind = self.node.get("monitorType").and_then(Node::word)?;
        let address = self
            .node
            .get("targetAddress")
            .and_then(Node::word)
            .filter(|address| !address.is_empty());
        let port = self
            .node
            .get("targetPort")
            .and_then(Node::word)
            .filter(|port| port != "0");
        let destination = format!(
            "{}:{}",
            address.as_deref().unwrap_or("*"),
            port.as_deref().unwrap_or("*")
        );
        self.push(
            "destination",
            Value::Word(destination),
            self.line("targetPort"),
        );
        self.word("interval", "interval", Some("5"));
        self.word("timeout", "timeout", Some("16"));
        self.word(
            "send",
            "send",
            (kind == "http").then_some("HEAD / HTTP/1.0\\r\\n\\r\\n"),
        );
        self.word("recv", "receive", (kind == "http").then_some("HTTP/1."));
        self.word("recv-disable", "receiveDown", None);
        Some(self.object(&format!("monitor {kind}"), path))
    }

    fn snat_pool(mut self, path: String) -> Option<Object> {
        let addresses = self
            .node
            .get("snatAddresses")
            .map(Node::elements)
            .unwrap_or_default();
        let names = addresses
            .iter()
            .filter_map(|address| Some((address.word()?, address.line)))
            .collect();
        self.names("members", names, self.line("snatAddresses"));
        Some(self.object("snatpool", path))
    }

    fn persist(mut self, path: String) -> Option<Object> {
        let method = self.node.get("persistenceMethod").and_then(Node::word)?;
        self.word("timeout", "duration", Some("180"));
        self.word("hash-algorithm", "hashAlgorithm", None);
        let kind = match method.as_str() {
            "source-address" => "source-addr",
            "destination-address" => "dest-addr",
            other => other,
        };
        Some(self.object(&format!("persistence {kind}"), path))
    }

    fn rule(self, path: String) -> Option<Object> {
        let source = self.node.get("iRule")?;
        let text = match &source.value {
            Json::Text(text) => text.clone(),
            _ => match (
                source.get("base64").and_then(Node::word),
                source.get("text").and_then(Node::word),
            ) {
                (Some(encoded), _) => {
                    let bytes = base64::engine::general_purpose::STANDARD
                        .decode(encoded.trim())
                        .ok()?;
                    String::from_utf8_lossy(&bytes).into_owned()
                }
                (None, text) => text?,
            },
        };
        let mut object = self.object("rule", path);
        object.body = Some(text);
        Some(object)
    }
}

/// One virtual server per address, as AS3 makes them.
fn services(reader: &mut Reader, folder: &Folder<'_>, name: &str, class: &str, node: &Node) {
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
    let separator = if text.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()) {
        '.'
    } else {
        ':'
    };
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

fn built_in_monitor(name: &str) -> Option<&'static str> {
    match name {
        "http" => Some("http"),
        "https" => Some("https"),
        "tcp" => Some("tcp"),
        "tcp-half-open" => Some("tcp_half_open"),
        "icmp" => Some("gateway_icmp"),
        _ => None,
    }
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
