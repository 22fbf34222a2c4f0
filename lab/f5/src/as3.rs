//! AS3 declarations as tmsh objects, AS3's own defaults included.

mod convert;
mod profiles;
mod service;

use std::sync::Arc;

use crate::json::{self, Json, Node};
use crate::object::{Object, Place};
use crate::vocabulary::{Verdict, as3_property};

/// Something in a declaration that AS3 would refuse, or would take and mean otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Where.
    pub place: Place,
    /// Which rule of the linter found it.
    pub rule: &'static str,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

/// A declaration, read.
#[derive(Debug, Default)]
pub struct Declaration {
    /// Its objects in tmsh's words; paths are `/Tenant/Application/name`.
    pub objects: Vec<Object>,
    /// What is wrong with it.
    pub complaints: Vec<Complaint>,
}

/// Reads a declaration: the request (`class: AS3`) or its inner `ADC`.
pub fn parse(file: &str, text: &str) -> Declaration {
    let mut reader = Reader {
        file: Arc::from(file),
        declaration: Declaration::default(),
    };
    match json::parse(text) {
        Ok(root) => reader.root(&root),
        Err((line, message)) => reader.complain(line, "as3-syntax", message, "write valid JSON"),
    }
    reader.declaration
}

struct Reader {
    file: Arc<str>,
    declaration: Declaration,
}

/// The folder of an application, in which names without a slash are looked up.
struct Folder<'a> {
    path: String,
    node: &'a Node,
}

impl Reader {
    fn place(&self, line: u32) -> Place {
        Place::new(&self.file, line)
    }

    fn complain(
        &mut self,
        line: u32,
        rule: &'static str,
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let place = self.place(line);
        self.declaration.complaints.push(Complaint {
            place,
            rule,
            reason: reason.into(),
            remedy: remedy.into(),
        });
    }

    fn root(&mut self, root: &Node) {
        let adc = match class_of(root).as_deref() {
            Some("AS3") => match root.get("declaration") {
                Some(adc) => adc,
                None => {
                    return self.complain(
                        root.line,
                        "as3-shape",
                        "an AS3 request without `declaration`",
                        "add the declaration of class ADC",
                    );
                }
            },
            Some("ADC") => root,
            _ => {
                return self.complain(
                    root.line,
                    "as3-shape",
                    "the document is no AS3 declaration",
                    "begin with \"class\": \"AS3\" or \"class\": \"ADC\"",
                );
            }
        };
        if class_of(adc).as_deref() != Some("ADC") {
            self.complain(
                adc.line,
                "as3-shape",
                "what is declared is not of class ADC",
                "write \"class\": \"ADC\" in `declaration`",
            );
        }
        if adc.get("schemaVersion").is_none() {
            self.complain(
                adc.line,
                "as3-shape",
                "schemaVersion is missing",
                "add \"schemaVersion\": \"3.50.0\", or what the device has",
            );
        }
        for (tenant, node) in adc
            .members()
            .iter()
            .filter(|(_, node)| class_of(node).as_deref() == Some("Tenant"))
        {
            for (application, folder) in node.members() {
                if class_of(folder).as_deref() == Some("Application") {
                    self.application(&Folder {
                        path: format!("/{tenant}/{application}"),
                        node: folder,
                    });
                }
            }
        }
    }

    fn application(&mut self, folder: &Folder<'_>) {
        for (name, node) in folder.node.members() {
            let Some(class) = class_of(node) else {
                continue;
            };
            self.check_properties(&class, node);
            convert::object(self, folder, name, &class, node);
        }
    }

    /// The schema is open for services, HTTP profiles, monitors and persistence: a misspelt property passes there in silence.
    fn check_properties(&mut self, class: &str, node: &Node) {
        for (property, value) in node.members() {
            let Verdict::Unknown { nearest } = as3_property(class, property) else {
                continue;
            };
            if property.starts_with("proxyProtocol") {
                self.complain(
                    value.line,
                    "no-native-proxy-protocol",
                    format!("{class} has no `{property}`: BIG-IP has no native PROXY protocol"),
                    "attach proxy-v1.irule or proxy-v2.irule to the service",
                );
            } else if property == "profileWebSocket" {
                self.complain(
                    value.line,
                    "websocket-needs-http",
                    format!("{class} has no `profileWebSocket`, and the schema does not say so"),
                    "use Service_HTTP or Service_HTTPS, or leave the WebSocket to the gateway",
                );
            } else {
                let remedy = nearest.map_or_else(
                    || "remove it".to_owned(),
                    |nearest| format!("write `{nearest}`, if that was meant"),
                );
                self.complain(
                    value.line,
                    "unknown-property",
                    format!("{class} has no `{property}`"),
                    remedy,
                );
            }
        }
        if class == "HTTP_Profile" {
            for deprecated in ["webSocketsEnabled", "webSocketMasking", "profileWebSocket"] {
                if let Some(value) = node.get(deprecated) {
                    self.complain(
                        value.line,
                        "deprecated-property",
                        format!("`{deprecated}` of HTTP_Profile is deprecated"),
                        "put profileWebSocket on the service",
                    );
                }
            }
        }
    }
}

fn class_of(node: &Node) -> Option<String> {
    match &node.get("class")?.value {
        Json::Text(class) => Some(class.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_that_bite_are_written_out() {
        let text = r#"{"class":"ADC","schemaVersion":"3.50.0","T":{"class":"Tenant","A":{"class":"Application","template":"generic",
            "vs":{"class":"Service_TCP","virtualAddresses":["192.0.2.1"],"virtualPort":443,"pool":"p"},
            "p":{"class":"Pool","members":[{"servicePort":8800,"serverAddresses":["10.0.0.1","2001:db8::1"]}]}}}}"#;

        let declaration = parse("a.json", text);

        assert_eq!(declaration.complaints, []);
        let virtual_server = &declaration.objects[0];
        assert_eq!(virtual_server.path, "/T/A/vs");
        assert_eq!(virtual_server.word("destination"), Some("/T/192.0.2.1:443"));
        assert_eq!(virtual_server.word("pool"), Some("/T/A/p"));
        assert_eq!(
            virtual_server.entries("persist")[0].name,
            "/Common/source_addr"
        );
        assert_eq!(
            virtual_server.entries("source-address-translation")[0].word(),
            "automap"
        );
        let members: Vec<_> = declaration.objects[1]
            .entries("members")
            .iter()
            .map(|member| member.name.as_str())
            .collect();
        assert_eq!(members, ["/T/10.0.0.1:8800", "/T/2001:db8::1.8800"]);
        assert_eq!(declaration.objects[1].word("slow-ramp-time"), Some("10"));
    }

    #[test]
    fn properties_that_the_schema_lets_pass_are_found() {
        let text = r#"{"class":"ADC","schemaVersion":"3.50.0","T":{"class":"Tenant","A":{"class":"Application",
            "vs":{"class":"Service_TCP","virtualAddresses":["192.0.2.1"],"virtualPort":443,
                  "profileWebSocket":"w","proxyProtocolVersion":2,"persistenceMethod":[]}}}}"#;

        let rules: Vec<_> = parse("a.json", text)
            .complaints
            .iter()
            .map(|found| found.rule)
            .collect();

        assert_eq!(
            rules,
            [
                "websocket-needs-http",
                "no-native-proxy-protocol",
                "unknown-property"
            ]
        );
    }
}
