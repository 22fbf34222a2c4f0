//! Combinations on a virtual server.

use lab_irules::{Event, Phase};

use super::Findings;
use super::view::{UsedProfile, View};
use crate::object::{Object, Property};

pub(super) fn check(view: &View, findings: &mut Findings) {
    for server in view.of_kind("virtual") {
        let profiles = view.profiles_of(server);
        let proxied = view.rules_of(server).iter().any(|rule| rule.is_proxy());
        kinds(view, server, &profiles, findings);
        if proxied {
            with_proxy(server, &profiles, findings);
        }
        translation(view, server, proxied, findings);
        persistence(server, findings);
        events(view, server, &profiles, findings);
        availability(server, findings);
    }
}

fn uses<'a>(profiles: &'a [UsedProfile<'a>], kind: &str) -> Option<&'a UsedProfile<'a>> {
    profiles.iter().find(|profile| profile.kind == kind)
}

fn kinds(view: &View, server: &Object, profiles: &[UsedProfile<'_>], findings: &mut Findings) {
    if let (Some(fast), true) = (
        uses(profiles, "profile fastl4"),
        uses(profiles, "profile tcp").is_some() || uses(profiles, "profile http").is_some(),
    ) {
        findings.error(
            fast.place,
            "fastl4-with-full-proxy",
            "a fastL4 profile and a tcp or http profile exclude each other",
            "keep the tcp profile: a PROXY header needs a Standard virtual server",
        );
    }
    if let Some(fast) = uses(profiles, "profile fastl4")
        && view
            .rules_of(server)
            .iter()
            .any(|rule| rule.handles(|event| event == Event::SERVER_CONNECTED))
    {
        findings.error(
            fast.place,
            "fastl4-with-server-connected",
            "with fastL4 SERVER_CONNECTED fires when the SYN leaves: nothing can be written then",
            "a Standard virtual server: a tcp profile instead of fastL4",
        );
    }
    if let (Some(websocket), None) = (
        uses(profiles, "profile websocket"),
        uses(profiles, "profile http"),
    ) {
        findings.error(
            websocket.place,
            "websocket-needs-http",
            "a websocket profile does nothing without an http profile",
            "add an http profile, or remove the websocket profile and pass the bytes through",
        );
    }
    if let (Some(http), None) = (
        uses(profiles, "profile http"),
        uses(profiles, "profile websocket"),
    ) {
        findings.error(
            http.place,
            "http-without-websocket",
            "an http profile without a websocket profile treats frames as a broken HTTP stream or hides them from rules",
            "add a websocket profile, or remove the http profile",
        );
    }
    if let (Some(http), None) = (
        uses(profiles, "profile http"),
        uses(profiles, "profile client-ssl"),
    ) && server
        .word("destination")
        .is_some_and(|destination| destination.ends_with(":443") || destination.ends_with(".443"))
    {
        findings.error(
            http.place,
            "http-on-encrypted-port",
            "port 443 with an http profile and no client-ssl profile: TLS bytes are parsed as HTTP",
            "add a client-ssl profile, or remove the http profile",
        );
    }
}

fn with_proxy(server: &Object, profiles: &[UsedProfile<'_>], findings: &mut Findings) {
    if let Some(pooled) = uses(profiles, "profile one-connect") {
        findings.error(
            pooled.place,
            "proxy-with-oneconnect",
            "OneConnect puts several clients on one server connection: all but the first inherit a stranger's PROXY header",
            "remove the one-connect profile; the PROXY protocol forbids multiplexing",
        );
    }
    if let Some(tls) = uses(profiles, "profile server-ssl") {
        findings.warning(
            tls.place,
            "proxy-with-server-ssl",
            "whether TCP::respond goes out before the ClientHello is not verified",
            "plain TCP to the gateway, or replay on a device first",
        );
    }
    if server
        .word("ip-protocol")
        .is_some_and(|protocol| !matches!(protocol, "tcp" | "6"))
    {
        findings.error(
            server.place_of("ip-protocol"),
            "proxy-without-tcp",
            "a PROXY header needs ip-protocol tcp",
            "ip-protocol tcp",
        );
    }
}

fn translation(view: &View, server: &Object, proxied: bool, findings: &mut Findings) {
    let entries = server.entries("source-address-translation");
    let kind = entries
        .iter()
        .find(|entry| entry.name == "type")
        .map_or("none", Property::word);
    let place = server.place_of("source-address-translation");
    match kind {
        "automap" => findings.warning(
            place,
            "automap-runs-out-of-ports",
            "automap uses the floating self-IPs only: about 60,000 connections per address and gateway, then 01010201 (port exhaustion)",
            "a snatpool with one address per 60,000 devices of a gateway",
        ),
        "none" => findings.warning(
            place,
            "no-source-address-translation",
            "without SNAT the gateways must route their answers through this device",
            "source-address-translation { type snat pool … }, or make this device the gateways' default route",
        ),
        _ => {}
    }
    match server.word("source-port") {
        Some("preserve-strict") => findings.error(
            server.place_of("source-port"),
            "source-port-preserve-strict",
            "preserve-strict refuses a device whose port is taken; behind one NAT address that is common",
            "source-port change",
        ),
        Some("change") => {}
        _ if !proxied && kind != "none" => findings.warning(
            server.place_of("source-port"),
            "modulo-friendly-ports",
            "source-port preserve hands the devices' ports on, and operating systems give out ports of one parity or stride: `port % workgroups` idles half of them",
            "a PROXY rule, so that the gateway hashes the client; or source-port change and a gateway that hashes with SipHash",
        ),
        _ => {}
    }
    let pool = entries
        .iter()
        .find(|entry| entry.name == "pool")
        .and_then(|entry| view.find(entry.word(), |kind| kind == "snatpool"));
    if let Some(pool) = pool
        && pool.entries("members").is_empty()
    {
        findings.error(
            &pool.place,
            "empty-snatpool",
            format!("{} has no addresses", pool.path),
            "add at least one",
        );
    }
}

fn persistence(server: &Object, findings: &mut Findings) {
    for entry in server.entries("persist") {
        let name = crate::object::base_name(&entry.name);
        if name.contains("source") {
            findings.error(
                &entry.place,
                "source-persistence-with-nat",
                "source-address persistence glues a carrier's whole fleet to one gateway",
                "no persistence: any gateway can resume any device (AS3: \"persistenceMethods\": [])",
            );
        } else if name == "cookie" {
            findings.warning(
                &entry.place,
                "cookie-persistence",
                "devices keep no cookies between WebSockets, and none is needed",
                "no persistence (AS3: \"persistenceMethods\": [])",
            );
        }
    }
}

/// Events that can never fire because their profile is missing.
fn events(view: &View, server: &Object, profiles: &[UsedProfile<'_>], findings: &mut Findings) {
    for entry in server.entries("rules") {
        let Some(rule) = view.rule(&entry.name) else {
            continue;
        };
        let needs = [
            (
                "profile http",
                &[
                    Phase::HttpRequest,
                    Phase::HttpRequestSent,
                    Phase::HttpResponse,
                ][..],
            ),
            (
                "profile websocket",
                &[
                    Phase::WsRequest,
                    Phase::WsResponse,
                    Phase::WsFrame,
                    Phase::WsData,
                ][..],
            ),
            ("profile client-ssl", &[Phase::ClientSsl][..]),
            ("profile server-ssl", &[Phase::ServerSsl][..]),
        ];
        for (kind, phases) in needs {
            if uses(profiles, kind).is_none()
                && rule.handles(|event| phases.contains(&event.phase()))
            {
                findings.error(
                    &entry.place,
                    "event-without-profile",
                    format!(
                        "{} handles events that need a {kind}, which {} does not have",
                        rule.path, server.path
                    ),
                    format!("add the {kind}, or remove the rule"),
                );
            }
        }
    }
}

fn availability(server: &Object, findings: &mut Findings) {
    if server.word("mirror") == Some("enabled") {
        findings.warning(
            server.place_of("mirror"),
            "mirrored-websockets",
            "mirroring costs the standby a packet for each packet; devices reconnect and resume by themselves",
            "mirror disabled",
        );
    }
    if server
        .word("flow-eviction-policy")
        .is_some_and(|policy| policy != "none")
        && server.word("eviction-protected") != Some("enabled")
    {
        findings.warning(
            server.place_of("flow-eviction-policy"),
            "eviction-of-idle-websockets",
            "an eviction policy takes idle flows first, and WebSockets are idle",
            "eviction-protected enabled",
        );
    }
    if server.property("disabled").is_some() {
        findings.warning(
            &server.place,
            "virtual-server-disabled",
            format!("{} is disabled", server.path),
            "enabled, unless it is meant",
        );
    }
}
