//! TCP profiles: the ladder of pings, keep-alives and idle timeouts.

use super::Findings;
use super::view::{UsedProfile, View, seconds};
use crate::object::Object;

/// Devices and gateways ping every 30 seconds; an idle timeout needs some of them to get lost.
const SHORTEST_IDLE: u64 = 60;

pub(super) fn check(view: &View, findings: &mut Findings) {
    for server in view.of_kind("virtual") {
        let profiles = view.profiles_of(server);
        for profile in profiles
            .iter()
            .filter(|profile| profile.kind == "profile tcp")
        {
            ladder(view, server, profile, findings);
            handshake(view, server, profile, findings);
        }
        for profile in profiles
            .iter()
            .filter(|profile| profile.kind == "profile fastl4")
        {
            idle(view, profile, "profile fastl4", findings);
        }
        contexts(server, &profiles, findings);
    }
}

fn ladder(view: &View, server: &Object, profile: &UsedProfile<'_>, findings: &mut Findings) {
    idle(view, profile, "profile tcp", findings);
    let (Some((idle, place)), Some((keep_alive, _))) = (
        view.setting(profile.kind, &profile.path, "idle-timeout"),
        view.setting(profile.kind, &profile.path, "keep-alive-interval"),
    ) else {
        return;
    };
    if let (Some(idle), Some(keep_alive)) = (seconds(&idle), seconds(&keep_alive))
        && keep_alive >= idle
    {
        findings.error(
            place.unwrap_or(profile.place),
            "keep-alive-longer-than-idle",
            format!(
                "{} of {} sends keep-alives every {keep_alive} s and forgets a connection after {idle} s: they never save one",
                profile.path, server.path
            ),
            format!("keep-alive-interval {}, or a tcp profile of its own", (idle / 3).max(1)),
        );
    }
}

fn idle(view: &View, profile: &UsedProfile<'_>, kind: &str, findings: &mut Findings) {
    let Some((word, place)) = view.setting(kind, &profile.path, "idle-timeout") else {
        return;
    };
    let place = place.unwrap_or(profile.place);
    match seconds(&word) {
        Some(idle) if idle < SHORTEST_IDLE => findings.error(
            place,
            "idle-timeout-too-short",
            format!("idle-timeout {idle} ends WebSockets between two pings of 30 seconds"),
            "idle-timeout 300",
        ),
        Some(_) => {}
        None => findings.error(
            place,
            "idle-timeout-endless",
            format!("idle-timeout {word} keeps the connections of vanished devices for ever"),
            "idle-timeout 300 with keep-alive-interval 90",
        ),
    }
}

fn handshake(view: &View, server: &Object, profile: &UsedProfile<'_>, findings: &mut Findings) {
    let has_rules = !server.entries("rules").is_empty();
    let on = |name: &str| view.setting_is("profile tcp", &profile.path, name, "enabled");
    if on("verified-accept") && has_rules {
        findings.error(
            profile.place,
            "verified-accept-with-rules",
            "verified-accept is incompatible with iRules: the member is asked before CLIENT_ACCEPTED",
            "verified-accept disabled",
        );
    }
    if on("deferred-accept") {
        findings.warning(
            profile.place,
            "deferred-accept",
            "deferred-accept waits for the device's first byte: a listener that speaks first never does",
            "deferred-accept disabled",
        );
    }
    if on("mptcp") {
        findings.warning(
            profile.place,
            "multipath-tcp",
            "with multipath TCP one connection has several client addresses; a PROXY header names one",
            "mptcp disabled",
        );
    }
    if view.setting_is("profile tcp", &profile.path, "reset-on-timeout", "disabled") {
        findings.warning(
            profile.place,
            "silent-timeout",
            "without reset-on-timeout devices learn of an idle timeout only by their own",
            "reset-on-timeout enabled",
        );
    }
}

/// A profile for one side only leaves the other side without TCP settings of its own.
fn contexts(server: &Object, profiles: &[UsedProfile<'_>], findings: &mut Findings) {
    let tcp = || {
        profiles
            .iter()
            .filter(|profile| profile.kind == "profile tcp")
    };
    let covers =
        |side: &str| tcp().any(|profile| profile.context == "all" || profile.context == side);
    for (side, other) in [("clientside", "serverside"), ("serverside", "clientside")] {
        if covers(other) && !covers(side) {
            findings.error(
                server.place_of("profiles"),
                "tcp-profile-on-one-side",
                format!("{} has a tcp profile for the {other} only", server.path),
                format!("add one with context {side}"),
            );
        }
    }
}
