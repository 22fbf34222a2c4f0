//! A relay that tampers with one message, a gateway that forgets what it promised to remember: a ledger that lets that pass proves nothing.

use libtest_mimic::{Completion, Failed, Trial};

use crate::binaries;
use crate::play::{command, finish, words};

/// The exit status of an expectation that did not hold.
const FAILED: i32 = 1;

/// A scenario that is false on purpose, the rule that must break, and what the ledger must say of the message.
struct Control {
    file: &'static str,
    rule: &'static str,
    says: &'static str,
}

const CONTROLS: [Control; 6] = [
    Control {
        file: "a-relay-that-drops-a-frame",
        rule: "lost-max",
        says: "never came",
    },
    // The device library takes no message that is older than one it has; so the later one that came first is a gap, and the earlier one is missing.
    Control {
        file: "a-relay-that-swaps-two-frames",
        rule: "lost-max",
        says: "never came",
    },
    Control {
        file: "a-relay-that-corrupts-a-frame",
        rule: "messages-true",
        says: "came with other bytes than the log has",
    },
    Control {
        file: "a-relay-that-invents-a-frame",
        rule: "messages-true",
        says: "came although the log has no such record for the subject",
    },
    Control {
        file: "a-relay-that-answers-a-publish-twice",
        rule: "answered-once",
        says: "was acknowledged although its publish had its answer",
    },
    Control {
        file: "a-gateway-that-forgets-publish-ids",
        rule: "doubled-max",
        says: "came twice",
    },
];

/// One test per mischief.
pub(crate) fn trials() -> Vec<Trial> {
    let trial = |control: &'static Control| {
        let name = format!("control {} is caught", control.file);
        Trial::ignorable_test(name, move || caught(control))
    };
    CONTROLS.iter().map(trial).collect()
}

/// The scenario fails, and the ledger names device, subject and position.
fn caught(control: &Control) -> Result<Completion, Failed> {
    let file = format!("lab/tests/scenarios/controls/{}.toml", control.file);
    let mut lab = command(&file, "");
    lab.arg("--gateway").arg(binaries::gateway()?);
    let ended = finish(lab)?;
    let said = words(&ended);
    if ended.status.code() != Some(FAILED) {
        return Err(format!(
            "exit status {:?} instead of {FAILED}:\n{said}",
            ended.status.code()
        )
        .into());
    }
    let has = |start: &str, part: &str| {
        said.lines()
            .any(|line| line.trim_start().starts_with(start) && line.contains(part))
    };
    let named = said.lines().any(|line| {
        let mut parts = [
            "device ",
            ": message ",
            " of /telemetry/device-",
            "(partition ",
            control.says,
        ]
        .into_iter();
        parts.all(|part| line.contains(part))
    });
    if has("rule", control.rule) && named {
        Ok(Completion::Completed)
    } else {
        Err(format!(
            "it should break {} and name device, subject and position of what {}:\n{said}",
            control.rule, control.says
        )
        .into())
    }
}
