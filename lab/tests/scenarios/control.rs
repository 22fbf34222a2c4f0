//! Known-bad hashes: a lab that lets one pass measures nothing.

use libtest_mimic::{Completion, Failed, Trial};

use crate::binaries;
use crate::play::{command, finish, words};

/// The exit status of an expectation that did not hold.
const FAILED: i32 = 1;

/// A hash, ports that break it, and a part of the cause that the lab must name.
struct Control {
    hash: &'static str,
    ports: &'static str,
    cause: &'static str,
}

const CONTROLS: [Control; 5] = [
    Control {
        hash: "port-modulo",
        ports: "linux-connect",
        cause: "are even",
    },
    Control {
        hash: "port-modulo",
        ports: "stride-16",
        cause: "when divided by 16",
    },
    Control {
        hash: "fnv-multiply-shift",
        ports: "linux-connect",
        // FNV mixes the port, which comes last, into the low bits; a multiply-shift looks at the high ones: it is a hash of the address.
        cause: "a hash of the address alone",
    },
    Control {
        hash: "fnv-multiply-shift",
        ports: "stride-8",
        cause: "a hash of the address alone",
    },
    Control {
        hash: "ip-only",
        ports: "range",
        cause: "a hash of the address alone",
    },
];

/// One test per known-bad hash and port model.
pub(crate) fn trials() -> Vec<Trial> {
    let name = |control: &Control| {
        format!(
            "control-hash {} is caught on {}",
            control.hash, control.ports
        )
    };
    CONTROLS
        .iter()
        .map(|control| Trial::ignorable_test(name(control), move || caught(control)))
        .collect()
}

/// The same scenario that the real hash passes must fail, and name the cause.
fn caught(control: &Control) -> Result<Completion, Failed> {
    let choices = format!("workgroups=8 adc.snat-ports={}", control.ports);
    let mut lab = command(
        "scenarios/distribution/every-source-port-habit-spreads.toml",
        &choices,
    );
    lab.arg("--gateway")
        .arg(binaries::gateway_with_control_hashes()?);
    lab.args(["--control-hash", control.hash]);
    let ended = finish(lab)?;
    let said = words(&ended);
    if ended.status.code() != Some(FAILED) {
        return Err(format!(
            "exit status {:?} instead of {FAILED}:\n{said}",
            ended.status.code()
        )
        .into());
    }
    let cause = said
        .lines()
        .find(|line| line.trim_start().starts_with("cause"));
    if cause.is_some_and(|cause| cause.contains(control.cause)) {
        Ok(Completion::Completed)
    } else {
        Err(format!("the cause should say \"{}\":\n{said}", control.cause).into())
    }
}
