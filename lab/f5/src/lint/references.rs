//! What points at something that is not there.

use super::Findings;
use super::view::View;
use crate::object::{Place, full_path};
use crate::vocabulary::is_built_in;

pub(super) fn check(view: &View, findings: &mut Findings) {
    for server in view.of_kind("virtual") {
        if let Some(pool) = server.word("pool").filter(|pool| *pool != "none") {
            pointed(view, findings, server.place_of("pool"), "pool", pool);
        }
        for entry in server.entries("rules") {
            pointed(view, findings, &entry.place, "rule", &entry.name);
        }
        for entry in server.entries("profiles") {
            pointed(view, findings, &entry.place, "profile", &entry.name);
        }
        for entry in server.entries("persist") {
            pointed(view, findings, &entry.place, "persistence", &entry.name);
        }
        for entry in server
            .entries("source-address-translation")
            .iter()
            .filter(|entry| entry.name == "pool")
        {
            pointed(view, findings, &entry.place, "snatpool", entry.word());
        }
    }
    for pool in view.of_kind("pool") {
        let monitors = pool.word("monitor").unwrap_or_default();
        for monitor in monitors
            .split_whitespace()
            .filter(|word| word.contains('/') || is_built_in(&full_path(word)))
        {
            pointed(view, findings, pool.place_of("monitor"), "monitor", monitor);
        }
    }
    for object in view
        .objects
        .iter()
        .filter(|object| object.is_profile() || object.kind.starts_with("monitor "))
    {
        if let Some(parent) = object
            .word("defaults-from")
            .filter(|parent| *parent != "none")
        {
            let kind = object.kind.split(' ').next().unwrap_or_default();
            pointed(
                view,
                findings,
                object.place_of("defaults-from"),
                kind,
                parent,
            );
        }
    }
    rules(view, findings);
}

/// Objects that rules name literally; the appliance refuses a rule whose pool does not exist.
fn rules(view: &View, findings: &mut Findings) {
    // A rule file alone says nothing about the device's pools.
    if view.objects.iter().all(|object| object.kind == "rule") {
        return;
    }
    for rule in &view.rules {
        for reference in rule.loaded.iter().flat_map(|rule| rule.references()) {
            pointed(
                view,
                findings,
                &rule.line(reference.line),
                reference.kind,
                &reference.name,
            );
        }
    }
}

fn pointed(view: &View, findings: &mut Findings, place: &Place, kind: &str, name: &str) {
    let path = full_path(name);
    let fits = |found: &str| {
        found == kind
            || found
                .strip_prefix(kind)
                .is_some_and(|rest| rest.starts_with(' '))
    };
    if name.is_empty() || is_built_in(&path) || view.find(&path, fits).is_some() {
        return;
    }
    let reason = format!("there is no {kind} {path}");
    let known: Vec<&str> = view
        .objects
        .iter()
        .filter(|object| fits(&object.kind))
        .map(|object| object.path.as_str())
        .collect();
    let remedy = match known.is_empty() {
        true => format!("define the {kind}, or lint the file that does together with this one"),
        false => format!("define it, or use one of: {}", known.join(", ")),
    };
    findings.error(place, "dangling-reference", reason, remedy);
}
