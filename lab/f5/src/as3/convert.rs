//! Services, pools, monitors and the small classes.

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
            return super::service::services(reader, folder, name, class, node);
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
    pub(super) fn line(&self, member: &str) -> u32 {
        self.node
            .get(member)
            .map_or(self.node.line, |node| node.line)
    }

    pub(super) fn push(&mut self, name: &str, value: Value, line: u32) {
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
    pub(super) fn pointer(
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

    pub(super) fn tenant(&self) -> &str {
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
        let paths = self.monitors_of(self.node);
        if !paths.is_empty() {
            self.push(
                "monitor",
                Value::Word(paths.join(" and ")),
                self.line("monitors"),
            );
        }
        Some(self.object("pool", path))
    }

    /// The paths of the monitors that a pool or one of its members names.
    fn monitors_of(&self, node: &Node) -> Vec<String> {
        let monitors = node.get("monitors").map(Node::elements).unwrap_or_default();
        monitors
            .iter()
            .filter_map(|monitor| self.pointer(monitor, built_in_monitor))
            .collect()
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
            let monitors = self.monitors_of(node);
            if !monitors.is_empty() {
                properties.push(entry("monitor", monitors.join(" and ")));
            }
            // Shared nodes live in /Common, and their members with them.
            let folder = match node.get("shareNodes").and_then(Node::word).as_deref() {
                Some("true") => "/Common",
                _ => self.tenant(),
            };
            let name = format!("{folder}/{text}{separator}{port}");
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
        self.word("time-until-up", "timeUntilUp", Some("0"));
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
