//! Finds what the appliance would refuse, and what it would take and do wrong.
//!
//! Every rule has a name, a reason and a remedy. [`names`] looks at single words, [`references`] at what points where,
//! [`rules`] into iRules, the others at combinations that look right.

mod names;
mod pool;
mod references;
mod rules;
mod tcp;
mod view;
mod virtual_server;
mod web;

use std::fmt;

use crate::object::{Object, Place};
use crate::{as3, tmsh};
use view::View;

pub use crate::vocabulary::choices;

/// A file as the linter gets it.
#[derive(Debug, Clone, Copy)]
pub struct File<'a> {
    /// Its name; the ending tells what it is: `.json` AS3, `.irule` or `.tcl` one iRule, anything else tmsh.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The appliance refuses it, or connections suffer.
    Error,
    /// It works, and will surprise somebody.
    Warning,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// File and line.
    pub place: Place,
    /// How bad.
    pub severity: Severity,
    /// The rule's name, stable.
    pub rule: &'static str,
    /// What is wrong, and why it matters.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(
            out,
            "{}: {severity}[{}]: {}\n    remedy: {}",
            self.place, self.rule, self.reason, self.remedy
        )
    }
}

/// Looks at files that belong together: tmsh files and iRules as one configuration, each AS3 declaration for itself.
///
/// Findings come by file and line, each once.
pub fn lint(files: &[File<'_>]) -> Vec<Finding> {
    let mut findings = Findings::default();
    let mut device: Vec<Object> = Vec::new();
    for file in files {
        match kind_of(file) {
            Kind::Tmsh => match tmsh::parse(file.name, file.text) {
                Ok(objects) => device.extend(objects),
                Err(error) => findings.error(
                    &error.place,
                    "tmsh-syntax",
                    error.message,
                    "balance braces and quotes",
                ),
            },
            Kind::Rule => device.push(rule_file(file)),
            Kind::As3 => {
                let declaration = as3::parse(file.name, file.text);
                for complaint in declaration.complaints {
                    findings.error(
                        &complaint.place,
                        complaint.rule,
                        complaint.reason,
                        complaint.remedy,
                    );
                }
                judge(declaration.objects, &mut findings);
            }
        }
    }
    judge(device, &mut findings);
    findings.finish()
}

/// One line per finding and its remedy, then the count. Nothing found is said as well.
pub fn render(findings: &[Finding]) -> String {
    let mut text: String = findings
        .iter()
        .map(|finding| format!("{finding}\n"))
        .collect();
    let errors = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .count();
    text.push_str(&match (errors, findings.len() - errors) {
        (0, 0) => "nothing found\n".to_owned(),
        (errors, warnings) => format!("{errors} errors, {warnings} warnings\n"),
    });
    text
}

fn judge(objects: Vec<Object>, findings: &mut Findings) {
    let view = View::new(objects);
    names::check(&view, findings);
    references::check(&view, findings);
    pool::check(&view, findings);
    tcp::check(&view, findings);
    web::check(&view, findings);
    rules::check(&view, findings);
    virtual_server::check(&view, findings);
}

enum Kind {
    Tmsh,
    Rule,
    As3,
}

fn kind_of(file: &File<'_>) -> Kind {
    match file.name.rsplit('.').next() {
        Some("json") => Kind::As3,
        Some("irule" | "tcl") => Kind::Rule,
        _ => Kind::Tmsh,
    }
}

/// A rule in a file of its own has the file's name.
fn rule_file(file: &File<'_>) -> Object {
    let stem = file
        .name
        .rsplit(['/', '\\'])
        .next()
        .and_then(|name| name.split('.').next())
        .unwrap_or(file.name);
    Object {
        kind: "rule".into(),
        path: format!("/Common/{stem}"),
        properties: Vec::new(),
        body: Some(file.text.to_owned()),
        place: Place {
            file: file.name.into(),
            line: 1,
        },
    }
}

/// Gathers findings.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn error(
        &mut self,
        place: &Place,
        rule: &'static str,
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(place, Severity::Error, rule, reason.into(), remedy.into());
    }

    fn warning(
        &mut self,
        place: &Place,
        rule: &'static str,
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(place, Severity::Warning, rule, reason.into(), remedy.into());
    }

    fn add(
        &mut self,
        place: &Place,
        severity: Severity,
        rule: &'static str,
        reason: String,
        remedy: String,
    ) {
        self.0.push(Finding {
            place: place.clone(),
            severity,
            rule,
            reason,
            remedy,
        });
    }

    fn finish(mut self) -> Vec<Finding> {
        self.0
            .sort_by(|a, b| (&a.place, a.severity, a.rule).cmp(&(&b.place, b.severity, b.rule)));
        self.0.dedup();
        self.0
    }
}
