//! Every trap, set into the shipped files one at a time: the linter finds it by name, and nothing else.

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, io};

use lab_f5::lint::{File, lint};

const PASSTHROUGH: &str = include_str!("../../../f5-irules/tls-passthrough.tmsh.conf");
const OFFLOAD: &str = include_str!("../../../f5-irules/tls-offload.tmsh.conf");
const PASSTHROUGH_AS3: &str = include_str!("../../../f5-irules/tls-passthrough.as3.json");
const OFFLOAD_AS3: &str = include_str!("../../../f5-irules/tls-offload.as3.json");

/// What the first virtual server's profiles begin with.
const PROFILES: &str = "    profiles {\n";
const TCP: &str = "        /Common/tidegate_tcp {\n            context all\n        }\n";

#[test]
fn traps_in_a_passthrough_configuration() {
    check(
        "a.conf",
        PASSTHROUGH,
        &[
            (
                "proxy-with-oneconnect",
                PROFILES,
                "    profiles {\n        /Common/oneconnect { }\n",
            ),
            (
                "fastl4-with-full-proxy fastl4-with-server-connected",
                PROFILES,
                "    profiles {\n        /Common/fastL4 { }\n",
            ),
            (
                "fastl4-with-server-connected",
                TCP,
                "        /Common/fastL4 { }\n",
            ),
            (
                "keep-alive-longer-than-idle",
                "keep-alive-interval 100",
                "keep-alive-interval 1800",
            ),
            (
                "keep-alive-longer-than-idle",
                TCP,
                "        /Common/tcp { }\n",
            ),
            (
                "idle-timeout-endless",
                "idle-timeout 300",
                "idle-timeout indefinite",
            ),
            (
                "idle-timeout-too-short",
                "idle-timeout 300\n    keep-alive-interval 100",
                "idle-timeout 30\n    keep-alive-interval 10",
            ),
            (
                "verified-accept-with-rules",
                "verified-accept disabled",
                "verified-accept enabled",
            ),
            (
                "deferred-accept",
                "deferred-accept disabled",
                "deferred-accept enabled",
            ),
            ("multipath-tcp", "mptcp disabled", "mptcp enabled"),
            (
                "silent-timeout",
                "reset-on-timeout enabled",
                "reset-on-timeout disabled",
            ),
            (
                "tcp-profile-on-one-side",
                TCP,
                "        /Common/tidegate_tcp {\n            context clientside\n        }\n",
            ),
            (
                "source-persistence-with-nat",
                "    mirror disabled",
                "    persist {\n        /Common/source_addr {\n            default yes\n        }\n    }",
            ),
            (
                "cookie-persistence",
                "    mirror disabled",
                "    persist {\n        /Common/cookie { }\n    }",
            ),
            ("mirrored-websockets", "mirror disabled", "mirror enabled"),
            (
                "automap-runs-out-of-ports",
                "        pool /Common/tidegate_snat\n        type snat\n",
                "        type automap\n",
            ),
            (
                "no-source-address-translation",
                "        pool /Common/tidegate_snat\n        type snat\n",
                "        type none\n",
            ),
            (
                "source-port-preserve-strict",
                "source-port change",
                "source-port preserve-strict",
            ),
            (
                "modulo-friendly-ports",
                "        /Common/tidegate_proxy_v2\n    }\n    service-down-immediate-action reset\n    source 0.0.0.0/0\n    source-address-translation {\n        pool /Common/tidegate_snat\n        type snat\n    }\n    source-port change",
                "    }\n    source 0.0.0.0/0\n    source-address-translation {\n        pool /Common/tidegate_snat\n        type snat\n    }\n    source-port preserve",
            ),
            (
                "empty-snatpool",
                "        /Common/10.20.0.241\n        /Common/10.20.0.242\n",
                "",
            ),
            (
                "reselect-for-tcp",
                "service-down-action reset",
                "service-down-action reselect",
            ),
            (
                "silent-drop",
                "service-down-action reset",
                "service-down-action drop",
            ),
            (
                "stampede-after-restart",
                "slow-ramp-time 60",
                "slow-ramp-time 0",
            ),
            (
                "round-robin-for-long-connections",
                "load-balancing-mode least-connections-member",
                "load-balancing-mode round-robin",
            ),
            (
                "queued-connections",
                "slow-ramp-time 60",
                "slow-ramp-time 60\n    queue-on-connection-limit enabled",
            ),
            (
                "connection-limit-per-tmm",
                "address 10.20.0.11",
                "address 10.20.0.11\n            connection-limit 100",
            ),
            (
                "priority-group-without-minimum",
                "address 10.20.0.11",
                "address 10.20.0.11\n            priority-group 10",
            ),
            (
                "pool-without-monitor",
                "    monitor /Common/tidegate_ready\n",
                "",
            ),
            (
                "monitor-meets-proxy-listener",
                "destination *:8801",
                "destination *:*",
            ),
            ("monitor-timeout-too-short", "timeout 16", "timeout 10"),
            (
                "monitor-takes-any-answer",
                "    recv \"HTTP/1\\.[01] 200\"\n",
                "",
            ),
            (
                "reverse-with-recv-disable",
                "recv-disable \"HTTP/1\\.[01] 503\"",
                "recv-disable draining\n    reverse enabled",
            ),
            (
                "drain-resets-connections",
                "recv-disable \"HTTP/1\\.[01] 503\"",
                "recv-disable none",
            ),
            (
                "dangling-reference",
                "pool /Common/tidegate_gateways",
                "pool /Common/tidegate_gateway",
            ),
            (
                "dangling-reference",
                "/Common/tidegate_proxy_v2\n    }",
                "/Common/tidegate_proxy\n    }",
            ),
            (
                "dangling-reference",
                "monitor /Common/tidegate_ready",
                "monitor /Common/ready",
            ),
            (
                "dangling-reference",
                "TCP::respond $tidegate_header",
                "TCP::respond $tidegate_header\n    pool elsewhere",
            ),
            ("unknown-property", "slow-ramp-time", "slow-ramp-tme"),
            (
                "no-native-proxy-protocol",
                "nagle disabled",
                "proxy-protocol-version 2",
            ),
            (
                "bad-value",
                "service-down-action reset",
                "service-down-action rst",
            ),
            (
                "bad-address",
                "/Common/192.0.2.10:443",
                "/Common/192.0.2.310:443",
            ),
            ("bad-address", "/Common/10.20.0.241", "/Common/10.20.0.x"),
            (
                "virtual-server-disabled",
                "    ip-protocol tcp",
                "    disabled\n    ip-protocol tcp",
            ),
            (
                "eviction-of-idle-websockets",
                "    mirror disabled",
                "    flow-eviction-policy /Common/default-eviction-policy",
            ),
            ("proxy-without-tcp", "ip-protocol tcp", "ip-protocol any"),
            (
                "event-without-profile",
                "        /Common/tidegate_proxy_v2\n    }\n",
                "        /Common/tidegate_proxy_v2\n        /Common/xff\n    }\n",
            ),
            (
                "tmsh-syntax",
                "ltm snatpool /Common/tidegate_snat {",
                "ltm snatpool /Common/tidegate_snat",
            ),
        ],
    );
}

#[test]
fn traps_in_an_offload_configuration() {
    check(
        "b.conf",
        OFFLOAD,
        &[
            (
                "websocket-needs-http event-without-profile",
                "        /Common/tidegate_http {\n            context all\n        }\n",
                "",
            ),
            (
                "http-without-websocket event-without-profile",
                "        /Common/tidegate_websocket {\n            context all\n        }\n",
                "",
            ),
            (
                "http-on-encrypted-port",
                "        /Common/tidegate_client_ssl {\n            context clientside\n        }\n",
                "",
            ),
            (
                "proxy-with-server-ssl",
                PROFILES,
                "    profiles {\n        /Common/serverssl {\n            context serverside\n        }\n",
            ),
            ("old-tls-versions", " no-tlsv1 no-tlsv1.1", " no-tlsv1"),
            ("tls-1-3-off", "no-tlsv1.1 }", "no-tlsv1.1 no-tlsv1.3 }"),
            (
                "no-tls-version-left",
                "no-tlsv1.1 }",
                "no-tlsv1.1 no-tlsv1.2 no-tlsv1.3 }",
            ),
            (
                "masking-preserve-with-typed-compression",
                "masking selective",
                "masking preserve\n    compress-mode typed",
            ),
            (
                "forwarded-for-twice",
                "insert-xforwarded-for disabled",
                "insert-xforwarded-for enabled",
            ),
            (
                "forwarded-for-believed",
                "accept-xff disabled",
                "accept-xff enabled",
            ),
            (
                "forwarded-for-not-stripped",
                "    HTTP::header remove \"X-Forwarded-For\"\n",
                "",
            ),
        ],
    );
}

#[test]
fn traps_in_an_irule() {
    check(
        "proxy.irule",
        include_str!("../../../f5-irules/proxy-v1.irule"),
        &[
            (
                "route-domain-in-proxy-header",
                "when CLIENT_ACCEPTED priority 100 {",
                "when CLIENT_ACCEPTED priority 100 {\n    set d [IP::local_addr]",
            ),
            (
                "proxy-header-sent-elsewhere",
                "SERVER_CONNECTED",
                "CLIENT_DATA",
            ),
            (
                "rule-does-not-load",
                "set tidegate_family \"TCP6\"",
                "lassign {TCP6} tidegate_family",
            ),
            (
                "rule-does-not-load",
                "set tidegate_family \"TCP6\"",
                "namespace current",
            ),
            (
                "rule-does-not-load",
                "when SERVER_CONNECTED",
                "when SERVER_CONNECT",
            ),
            (
                "rule-does-not-load",
                "TCP::respond $tidegate_header",
                "HTTP::uri /",
            ),
            (
                "rule-does-not-load",
                "set tidegate_family \"TCP4\"\n    }",
                "set tidegate_family \"TCP4\"\n",
            ),
            (
                "static-variable-written-late",
                "TCP::respond $tidegate_header",
                "TCP::respond $tidegate_header\n    incr static::sent",
            ),
            (
                "global-variable",
                "TCP::respond $tidegate_header",
                "TCP::respond $tidegate_header\n    set ::sent 1",
            ),
            (
                "negation-binds-too-tightly",
                "if { [string first \":\" $tidegate_client] >= 0 } {",
                "if { not $tidegate_client starts_with \"10.\" } {",
            ),
            (
                "forwarded-for-not-stripped",
                "when SERVER_CONNECTED",
                "when HTTP_REQUEST {\n    HTTP::header insert X-Forwarded-For 1\n}\nwhen SERVER_CONNECTED",
            ),
        ],
    );
    let published = "when SERVER_CONNECTED {\n  TCP::respond \"PROXY TCP[IP::version] [IP::client_addr] [clientside {IP::local_addr}] [TCP::client_port] 443\\r\\n\"\n}\n";
    assert_eq!(
        found("published.irule", published),
        [
            (2, "proxy-header-built-on-server-side"),
            (2, "route-domain-in-proxy-header"),
            (2, "route-domain-in-proxy-header")
        ]
    );
}

#[test]
fn traps_in_a_declaration() {
    check(
        "a.json",
        PASSTHROUGH_AS3,
        &[
            (
                "source-persistence-with-nat",
                "\"persistenceMethods\": [],",
                "",
            ),
            (
                "automap-runs-out-of-ports",
                "\"snat\": {\n            \"use\": \"snat\"\n          },",
                "",
            ),
            (
                "keep-alive-longer-than-idle",
                "\"keepAliveInterval\": 100,",
                "",
            ),
            (
                "idle-timeout-endless",
                "\"idleTimeout\": 300",
                "\"idleTimeout\": -1",
            ),
            (
                "websocket-needs-http",
                "\"pool\": \"gateways\",",
                "\"pool\": \"gateways\", \"profileWebSocket\": \"basic\",",
            ),
            (
                "no-native-proxy-protocol",
                "\"mirroring\": \"none\",",
                "\"proxyProtocolVersion\": 2,",
            ),
            ("unknown-property", "\"mirroring\"", "\"miroring\""),
            (
                "proxy-with-oneconnect unknown-property",
                "\"mirroring\": \"none\",",
                "\"profileMultiplex\": {\"bigip\": \"/Common/oneconnect\"},",
            ),
            (
                "dangling-reference",
                "\"use\": \"ready\"",
                "\"use\": \"redy\"",
            ),
            ("monitor-meets-proxy-listener", "\"targetPort\": 8801,", ""),
            (
                "bad-value",
                "\"serviceDownAction\": \"reset\"",
                "\"serviceDownAction\": \"rst\"",
            ),
            ("as3-syntax", "\"slowRampTime\": 60", "\"slowRampTime\" 60"),
            ("as3-shape", "\"class\": \"AS3\"", "\"class\": \"AS4\""),
            (
                "as3-shape",
                "\"schemaVersion\": \"3.50.0\"",
                "\"label\": \"x\"",
            ),
        ],
    );
    check(
        "b.json",
        OFFLOAD_AS3,
        &[
            ("old-tls-versions", "\"tls1_0Enabled\": false,", ""),
            (
                "tls-1-3-off",
                "\"tls1_3Enabled\": true",
                "\"tls1_3Enabled\": false",
            ),
            (
                "forwarded-for-twice",
                "\"xForwardedFor\": false",
                "\"trustXFF\": false",
            ),
            (
                "deprecated-property http-without-websocket event-without-profile",
                "\"profileWebSocket\": {\n            \"use\": \"websocket\"\n          },",
                "",
            ),
            ("cookie-persistence", "\"persistenceMethods\": [],", ""),
        ],
    );
}

#[test]
fn every_rule_of_the_linter_has_a_seed() {
    let seeds = include_str!("seeded_mistakes.rs");
    let rules = rules_in_the_sources().unwrap();

    let unproven: Vec<&String> = rules
        .iter()
        .filter(|rule| {
            !["\"{}\"", "\"{} ", " {}\"", " {} "]
                .iter()
                .any(|place| seeds.contains(&place.replace("{}", rule)))
        })
        .collect();

    assert!(rules.len() > 55, "the search finds too few: {rules:?}");
    assert_eq!(unproven, Vec::<&String>::new());
}

/// The names that the linter's sources give to findings: the first word in quotes after each call.
fn rules_in_the_sources() -> io::Result<BTreeSet<String>> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![sources.join("as3.rs")];
    for folder in ["lint", "as3"] {
        for file in fs::read_dir(sources.join(folder))? {
            files.push(file?.path());
        }
    }
    let mut rules = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(file)?;
        for call in ["findings.error(", "findings.warning(", ".complain("] {
            for after in text.split(call).skip(1) {
                let words = after.split('"').skip(1).step_by(2);
                let is_name = |word: &&str| {
                    word.contains('-')
                        && word.chars().all(|one| {
                            one.is_ascii_lowercase() || one.is_ascii_digit() || one == '-'
                        })
                };
                // A property in the place before it, such as `recv-disable`, is named by `place_of`.
                let named_in_place = usize::from(
                    after
                        .split('"')
                        .next()
                        .is_some_and(|before| before.ends_with("place_of(")),
                );
                rules.extend(words.skip(named_in_place).find(is_name).map(str::to_owned));
            }
        }
    }
    Ok(rules)
}

/// Sets each trap and compares the names of what is found, whatever their lines and number.
fn check(name: &str, text: &str, traps: &[(&str, &str, &str)]) {
    for (rules, old, new) in traps {
        assert!(
            text.contains(old),
            "{name} has no {old:?} to set {rules} into"
        );
        let mut trapped = text.replacen(old, new, 1);
        if rules.contains("deprecated-property") {
            trapped = trapped.replacen(
                "\"xForwardedFor\": false",
                "\"xForwardedFor\": false, \"webSocketsEnabled\": true",
                1,
            );
        }
        if new.contains("/Common/xff") {
            trapped.push_str(
                "ltm rule xff {\nwhen HTTP_REQUEST { HTTP::header remove X-Forwarded-For }\n}\n",
            );
        }

        let mut wanted: Vec<&str> = rules.split(' ').collect();
        wanted.sort_unstable();
        let mut names: Vec<&str> = found(name, &trapped)
            .into_iter()
            .map(|(_, rule)| rule)
            .collect();
        names.sort_unstable();
        names.dedup();

        assert_eq!(names, wanted, "{name}: {old:?} -> {new:?}");
    }
}

fn found(name: &str, text: &str) -> Vec<(u32, &'static str)> {
    lint(&[File { name, text }])
        .iter()
        .map(|finding| (finding.place.line, finding.rule))
        .collect()
}
