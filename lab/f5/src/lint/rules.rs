//! iRules: what does not load, and what loads and goes wrong.

use lab_irules::{Event, Rule, Side, Use};

use super::Findings;
use super::view::{LoadedRule, View};

/// Commands that take an address apart, so that its route domain can be left behind.
const STRIPPING: &[&str] = &[
    "getfield", "split", "regsub", "regexp", "scan", "substr", "string", "findstr",
];
/// F5's comparison words, which bind weaker than `not`.
const COMPARISONS: &[&str] = &[
    " starts_with ",
    " ends_with ",
    " contains ",
    " equals ",
    " matches_glob ",
    " matches_regex ",
    " eq ",
    " ne ",
];

pub(super) fn check(view: &View, findings: &mut Findings) {
    for rule in &view.rules {
        match &rule.loaded {
            Err(error) => findings.error(
                &rule.line(error.line),
                "rule-does-not-load",
                error.to_string(),
                "TMM runs Tcl 8.4 with F5's commands; use those, in the events where they are valid",
            ),
            Ok(loaded) => {
                variables(rule, loaded, findings);
                negations(rule, findings);
                forwarded_for(rule, loaded, findings);
                if rule.is_proxy() {
                    proxy(rule, loaded, findings);
                }
            }
        }
    }
}

/// A PROXY header must be built from the client side's addresses without route domains, and sent in SERVER_CONNECTED.
fn proxy(rule: &LoadedRule, loaded: &Rule, findings: &mut Findings) {
    let server_side = |found: &&Use| found.event.and_then(Event::side) == Some(Side::Server);
    let addresses = |found: &&Use| {
        matches!(
            found.command.as_str(),
            "IP::client_addr" | "IP::local_addr" | "IP::remote_addr"
        )
    };
    for found in loaded.uses().iter().filter(addresses) {
        let stripped = found
            .within
            .as_deref()
            .is_some_and(|outer| STRIPPING.contains(&outer));
        if !stripped && !stripped_later(loaded, found) {
            findings.error(
                &rule.line(found.line),
                "route-domain-in-proxy-header",
                format!("[{}] carries a route domain such as 10.0.0.1%7, which no receiver of a PROXY header understands", found.command),
                format!("[getfield [{}] \"%\" 1]", found.command),
            );
        }
    }
    let built_late = loaded
        .uses()
        .iter()
        .filter(server_side)
        .find(|found| found.command == "IP::version" || addresses(found));
    if let Some(found) = built_late {
        findings.error(
            &rule.line(found.line),
            "proxy-header-built-on-server-side",
            format!("[{}] in {} speaks of the member's side: an IPv6 client with an IPv4 member gets TCP4 and an IPv6 address", found.command, found.event.map_or("", Event::name)),
            "build the header in CLIENT_ACCEPTED, send it in SERVER_CONNECTED",
        );
    }
    let sends = || {
        loaded
            .uses()
            .iter()
            .filter(|found| found.command == "TCP::respond")
    };
    if let Some(found) = sends().find(|found| {
        found
            .event
            .is_some_and(|event| event != Event::SERVER_CONNECTED)
    }) {
        findings.error(
            &rule.line(found.line),
            "proxy-header-sent-elsewhere",
            format!(
                "TCP::respond in {}: the header must be the first bytes to the member",
                found.event.map_or("", Event::name)
            ),
            "TCP::respond in SERVER_CONNECTED and nowhere else",
        );
    }
}

/// `set a [IP::client_addr]`, and somewhere `[getfield $a "%" 1]`.
fn stripped_later(loaded: &Rule, address: &Use) -> bool {
    let holder = loaded.uses().iter().find(|found| {
        found.command == "set" && found.line == address.line && found.text.contains(&address.text)
    });
    let Some(variable) = holder.and_then(|set| set.text.split_whitespace().nth(1)) else {
        return false;
    };
    let mut strips = loaded
        .uses()
        .iter()
        .filter(|found| STRIPPING.contains(&found.command.as_str()));
    strips.any(|found| found.text.contains(&format!("${variable}")))
}

fn variables(rule: &LoadedRule, loaded: &Rule, findings: &mut Findings) {
    for found in loaded.uses().iter().filter(|found| {
        matches!(
            found.command.as_str(),
            "set" | "incr" | "append" | "lappend"
        )
    }) {
        let name = found.text.split_whitespace().nth(1).unwrap_or_default();
        if name.starts_with("static::")
            && found.event.is_some_and(|event| event != Event::RULE_INIT)
        {
            findings.warning(
                &rule.line(found.line),
                "static-variable-written-late",
                format!(
                    "{name} is kept per TMM: written in an event, every TMM has a value of its own"
                ),
                "write static:: variables in RULE_INIT only; share state with `table`",
            );
        }
        if name.starts_with("::") && !name.starts_with("::static::") {
            findings.warning(
                &rule.line(found.line),
                "global-variable",
                format!("{name} is global: the virtual server is pinned to one TMM"),
                "use static:: for constants and `table` for shared state",
            );
        }
    }
}

/// `not $a starts_with "b"` is `(not $a) starts_with "b"`.
fn negations(rule: &LoadedRule, findings: &mut Findings) {
    for (index, line) in rule.text.lines().enumerate() {
        let code = line.trim_start();
        if code.starts_with('#') {
            continue;
        }
        for (at, _) in code.match_indices("not ").chain(code.match_indices('!')) {
            let word_starts = at == 0
                || code
                    .as_bytes()
                    .get(at - 1)
                    .is_some_and(|byte| matches!(byte, b' ' | b'{' | b'('));
            let operand = code[at..]
                .trim_start_matches("not")
                .trim_start_matches('!')
                .trim_start();
            let clause = operand.split([')', '}']).next().unwrap_or_default();
            let clause = clause
                .split(" and ")
                .next()
                .unwrap_or_default()
                .split("&&")
                .next()
                .unwrap_or_default();
            if word_starts
                && !operand.starts_with(['(', '='])
                && COMPARISONS.iter().any(|word| clause.contains(word))
            {
                findings.error(
                    &rule.line(index as u32 + 1),
                    "negation-binds-too-tightly",
                    "`not` takes only the operand after it, not the comparison: the rule fails or is never true",
                    "not (… starts_with …), with parentheses",
                );
            }
        }
    }
}

fn forwarded_for(rule: &LoadedRule, loaded: &Rule, findings: &mut Findings) {
    let about = |verb: &'static str| {
        loaded.uses().iter().find(move |found| {
            let text = found.text.to_lowercase();
            found.command == "HTTP::header"
                && text.contains(verb)
                && text.contains("x-forwarded-for")
        })
    };
    if let Some(found) = about("insert")
        && about("remove").is_none()
    {
        findings.error(
            &rule.line(found.line),
            "forwarded-for-not-stripped",
            "X-Forwarded-For is inserted beside the one that the client may have sent",
            "HTTP::header remove X-Forwarded-For first",
        );
    }
}
