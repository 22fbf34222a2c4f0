//! The JavaScript client: its own tests, its types, and devices in Node and in a browser against the real gateway.
//!
//! What this machine has no program for is ignored with its reason, and fails where `TIDEGATE_REQUIRE=all` is set.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod demo;
mod programs;
mod story;
#[path = "../gateway/support/mod.rs"]
#[expect(
    dead_code,
    reason = "shared with the gateway's tests, which use more of it"
)]
mod support;
mod told;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use programs::{Platform, types_check, units};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Two browsers, two gateways each, are more than a small machine has to itself.
    arguments.test_threads.get_or_insert(1);
    let mut trials = vec![
        Trial::ignorable_test("unit tests", units),
        Trial::ignorable_test("types", types_check),
    ];
    for platform in Platform::ALL {
        for (name, story) in story::ALL {
            trials.push(Trial::ignorable_test(
                format!("{} {name}", platform.name()),
                move || platform.play(story),
            ));
        }
    }
    trials.push(Trial::ignorable_test(
        "demo page draws on when its gateway is killed",
        || Platform::Chromium.play(demo::draws_on_when_its_gateway_is_killed),
    ));
    libtest_mimic::run(&arguments, trials).exit_code()
}
