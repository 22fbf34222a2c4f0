//! TLS, HTTP and WebSocket profiles.

use super::Findings;
use super::view::View;
use crate::object::Object;

pub(super) fn check(view: &View, findings: &mut Findings) {
    for profile in view.of_kind("profile client-ssl") {
        tls_versions(profile, findings);
    }
    for profile in view.of_kind("profile websocket") {
        if view.setting_is("profile websocket", &profile.path, "masking", "preserve")
            && view.setting_is("profile websocket", &profile.path, "compress-mode", "typed")
        {
            findings.error(
                profile.place_of("compress-mode"),
                "masking-preserve-with-typed-compression",
                "masking preserve and compress-mode typed are refused together",
                "masking selective, or compress-mode preserved",
            );
        }
    }
    for server in view.of_kind("virtual") {
        forwarded_for(view, server, findings);
    }
}

/// Old TLS versions are on unless options switch them off.
fn tls_versions(profile: &Object, findings: &mut Findings) {
    let listed: Vec<String> = match profile.property("options") {
        Some(options) if !options.entries().is_empty() => options
            .entries()
            .iter()
            .map(|entry| entry.name.to_lowercase())
            .collect(),
        Some(options) => options
            .word()
            .split_whitespace()
            .map(str::to_lowercase)
            .collect(),
        None => Vec::new(),
    };
    let off = |version: &str| listed.iter().any(|option| option == version);
    let by_ciphers = profile
        .word("cipher-group")
        .is_some_and(|group| group != "none");
    let old_ones_off = off("no-tlsv1") && off("no-tlsv1.1");
    if !by_ciphers && !old_ones_off {
        findings.error(
            profile.place_of("options"),
            "old-tls-versions",
            format!("{} still speaks TLS 1.0 or 1.1, which are on by default", profile.path),
            "options { dont-insert-empty-fragments no-tlsv1 no-tlsv1.1 } and tls1_0Enabled/tls1_1Enabled false in AS3",
        );
    }
    if off("no-tlsv1.3") && off("no-tlsv1.2") {
        findings.error(
            profile.place_of("options"),
            "no-tls-version-left",
            "TLS 1.2 and 1.3 are both off",
            "leave both on",
        );
    }
    if off("no-tlsv1.3") && !off("no-tlsv1.2") {
        findings.warning(
            profile.place_of("options"),
            "tls-1-3-off",
            format!(
                "{} does not speak TLS 1.3, which is off by default",
                profile.path
            ),
            "remove no-tlsv1.3 from options; tls1_3Enabled true in AS3",
        );
    }
}

/// An http profile appends to what the client sent; whoever reads the first entry reads the client's claim.
fn forwarded_for(view: &View, server: &Object, findings: &mut Findings) {
    let rules = view.rules_of(server);
    let strips = rules
        .iter()
        .any(|rule| rule.text.contains("HTTP::header remove"));
    let inserts = rules.iter().any(|rule| {
        rule.text
            .contains("HTTP::header insert \"X-Forwarded-For\"")
            || rule.text.contains("HTTP::header insert X-Forwarded-For")
    });
    for profile in view
        .profiles_of(server)
        .iter()
        .filter(|profile| profile.kind == "profile http")
    {
        if view.setting_is(
            "profile http",
            &profile.path,
            "insert-xforwarded-for",
            "enabled",
        ) {
            let (rule, reason) = match (strips, inserts) {
                (_, true) => (
                    "forwarded-for-twice",
                    "the http profile and a rule both insert X-Forwarded-For",
                ),
                (false, false) => (
                    "forwarded-for-not-stripped",
                    "the http profile appends to the X-Forwarded-For that the client sent",
                ),
                (true, false) => continue,
            };
            findings.error(
                profile.place,
                rule,
                reason,
                "insert-xforwarded-for disabled (AS3: xForwardedFor false) and x-forwarded-for.irule, which strips first",
            );
        }
        if view.setting_is("profile http", &profile.path, "accept-xff", "enabled") {
            findings.error(
                profile.place,
                "forwarded-for-believed",
                "accept-xff makes this device believe any client's X-Forwarded-For",
                "accept-xff disabled (AS3: trustXFF false)",
            );
        }
    }
}
