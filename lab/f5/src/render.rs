//! The files of `f5-irules/`, from a [`Site`]. Pure: whoever calls writes them.

mod as3;
mod tmsh;

use crate::site::{ProxyVersion, Site};

/// The iRules as shipped: the only copy of their text is in `f5-irules/`.
pub const RULES: &[(&str, &str)] = &[
    (
        "proxy-v1",
        include_str!("../../../f5-irules/proxy-v1.irule"),
    ),
    (
        "proxy-v2",
        include_str!("../../../f5-irules/proxy-v2.irule"),
    ),
    (
        "x-forwarded-for",
        include_str!("../../../f5-irules/x-forwarded-for.irule"),
    ),
    (
        "drain-by-websocket-close",
        include_str!("../../../f5-irules/drain-by-websocket-close.irule"),
    ),
    (
        "event-trace",
        include_str!("../../../f5-irules/event-trace.irule"),
    ),
];

/// The two complete configurations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// TLS goes through to the gateway, or there is none.
    TlsPassthrough,
    /// TLS ends here; http and websocket profiles.
    TlsOffload,
}

impl Variant {
    /// Both.
    pub const ALL: [Self; 2] = [Self::TlsPassthrough, Self::TlsOffload];

    /// The files' stem.
    pub fn name(self) -> &'static str {
        match self {
            Self::TlsPassthrough => "tls-passthrough",
            Self::TlsOffload => "tls-offload",
        }
    }

    /// The iRules of the virtual server, in order.
    fn rules(self, site: &Site) -> Vec<&'static str> {
        let mut rules = match site.proxy_protocol {
            ProxyVersion::Off => vec![],
            ProxyVersion::V1 => vec!["proxy-v1"],
            ProxyVersion::V2 => vec!["proxy-v2"],
        };
        if self == Self::TlsOffload {
            rules.extend(["x-forwarded-for", "drain-by-websocket-close"]);
        }
        if site.event_trace {
            rules.push("event-trace");
        }
        rules
    }
}

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name, `tls-passthrough.tmsh.conf`.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// All files for a site: both variants, as tmsh and as AS3.
pub fn files(site: &Site) -> Vec<File> {
    let mut files = Vec::new();
    for variant in Variant::ALL {
        files.push(File {
            name: format!("{}.tmsh.conf", variant.name()),
            text: tmsh::render(site, variant),
        });
        files.push(File {
            name: format!("{}.as3.json", variant.name()),
            text: as3::render(site, variant),
        });
    }
    files
}

/// The text of a shipped rule; empty for a name that is not shipped.
fn rule_text(name: &str) -> &'static str {
    RULES
        .iter()
        .find(|(rule, _)| *rule == name)
        .map_or("", |(_, text)| *text)
}
