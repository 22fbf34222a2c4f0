//! What collections there are, what is in them from the start, and what objects have by default.

use serde_json::{Map, Value as Json};

/// What a collection is called in URIs, in errors, and in tmsh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    /// `pool`, `monitor http`, `profile tcp`.
    pub(crate) tmsh: &'static str,
    /// `Pool`, as in `The requested Pool (…) was not found.`
    pub(crate) title: &'static str,
}

/// Collections under /mgmt/tm/ltm.
pub(crate) const KINDS: &[(&str, Kind)] = &[
    (
        "virtual",
        Kind {
            tmsh: "virtual",
            title: "Virtual Server",
        },
    ),
    (
        "pool",
        Kind {
            tmsh: "pool",
            title: "Pool",
        },
    ),
    (
        "node",
        Kind {
            tmsh: "node",
            title: "Node",
        },
    ),
    (
        "rule",
        Kind {
            tmsh: "rule",
            title: "iRule",
        },
    ),
    (
        "snatpool",
        Kind {
            tmsh: "snatpool",
            title: "SNAT pool",
        },
    ),
    (
        "snat-translation",
        Kind {
            tmsh: "snat-translation",
            title: "SNAT Translation Address",
        },
    ),
    (
        "virtual-address",
        Kind {
            tmsh: "virtual-address",
            title: "Virtual Address",
        },
    ),
    (
        "monitor/http",
        Kind {
            tmsh: "monitor http",
            title: "Monitor",
        },
    ),
    (
        "monitor/https",
        Kind {
            tmsh: "monitor https",
            title: "Monitor",
        },
    ),
    (
        "monitor/tcp",
        Kind {
            tmsh: "monitor tcp",
            title: "Monitor",
        },
    ),
    (
        "profile/tcp",
        Kind {
            tmsh: "profile tcp",
            title: "profile",
        },
    ),
    (
        "profile/http",
        Kind {
            tmsh: "profile http",
            title: "profile",
        },
    ),
    (
        "profile/websocket",
        Kind {
            tmsh: "profile websocket",
            title: "profile",
        },
    ),
    (
        "profile/client-ssl",
        Kind {
            tmsh: "profile client-ssl",
            title: "profile",
        },
    ),
    (
        "profile/server-ssl",
        Kind {
            tmsh: "profile server-ssl",
            title: "profile",
        },
    ),
    (
        "profile/one-connect",
        Kind {
            tmsh: "profile one-connect",
            title: "profile",
        },
    ),
    (
        "profile/fastl4",
        Kind {
            tmsh: "profile fastl4",
            title: "profile",
        },
    ),
    (
        "persistence/source-addr",
        Kind {
            tmsh: "persistence source-addr",
            title: "persistence profile",
        },
    ),
    (
        "persistence/cookie",
        Kind {
            tmsh: "persistence cookie",
            title: "persistence profile",
        },
    ),
];

/// What every device comes with.
pub(crate) const BUILT_IN: &[(&str, &str)] = &[
    ("monitor/http", "http"),
    ("monitor/tcp", "tcp"),
    ("profile/tcp", "tcp"),
    ("profile/tcp", "f5-tcp-progressive"),
    ("profile/http", "http"),
    ("profile/websocket", "websocket"),
    ("profile/client-ssl", "clientssl"),
    ("profile/server-ssl", "serverssl"),
    ("profile/one-connect", "oneconnect"),
    ("profile/fastl4", "fastL4"),
    ("persistence/source-addr", "source_addr"),
    ("persistence/cookie", "cookie"),
];

/// What an object has when its creator says nothing.
const DEFAULTS: &[(&str, &str)] = &[
    (
        "pool",
        r#"{"allowNat":"yes","allowSnat":"yes","loadBalancingMode":"round-robin","minActiveMembers":0,"monitor":"none",
            "queueOnConnectionLimit":"disabled","reselectTries":0,"serviceDownAction":"none","slowRampTime":10}"#,
    ),
    (
        "virtual",
        r#"{"connectionLimit":0,"enabled":true,"ipProtocol":"tcp","mask":"255.255.255.255","mirror":"disabled",
            "serviceDownImmediateAction":"none","source":"0.0.0.0/0","sourceAddressTranslation":{"type":"none"},
            "sourcePort":"preserve","translateAddress":"enabled","translatePort":"enabled"}"#,
    ),
];

/// The collection of that URI path, `profile/tcp`.
pub(crate) fn kind(uri: &str) -> Option<(&'static str, Kind)> {
    KINDS
        .iter()
        .find(|(name, _)| *name == uri)
        .map(|(name, kind)| (*name, *kind))
}

/// What errors call an object of that collection.
pub(crate) fn title(uri: &str) -> &'static str {
    kind(uri).map_or("object", |(_, kind)| kind.title)
}

/// A body with what its creator left out.
pub(crate) fn with_defaults(uri: &str, mut body: Map<String, Json>) -> Map<String, Json> {
    let defaults = DEFAULTS
        .iter()
        .find(|(of, _)| *of == uri)
        .and_then(|(_, text)| serde_json::from_str(text).ok());
    if let Some(Json::Object(defaults)) = defaults {
        for (name, value) in defaults {
            let switched = name == "enabled" && body.contains_key("disabled");
            if !switched {
                body.entry(name).or_insert(value);
            }
        }
    }
    body
}
