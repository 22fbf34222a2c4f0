//! `lab capacity` as a user meets it, on stored measurements: nothing is measured here, so nothing depends on this machine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};

const RESULTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/capacity/tests/results.json");

#[test]
fn stored_results_give_the_answer_and_the_page() {
    let out = tempfile::tempdir().unwrap();

    let answer = capacity(&["--from", RESULTS, "--memory", "96"], out.path());

    let text = String::from_utf8_lossy(&answer.stdout).into_owned();
    assert_eq!(answer.status.code(), Some(0), "{text}");
    assert!(
        text.contains("gateways") && text.contains("what binds"),
        "{text}"
    );
    let page = std::fs::read_to_string(out.path().join("capacity.html")).unwrap();
    assert!(page.contains("Beside the published record"));
    assert!(
        page.contains(&format!("--from {RESULTS}")),
        "the command that repeats it"
    );
}

#[test]
fn what_is_no_result_is_named_with_its_file() {
    let out = tempfile::tempdir().unwrap();
    let foreign = out.path().join("foreign.json");
    std::fs::write(&foreign, "{\"format\": \"tidegate-run/1\"}").unwrap();

    let answer = capacity(&["--from", foreign.to_str().unwrap()], out.path());

    assert_eq!(answer.status.code(), Some(2));
    let said = String::from_utf8_lossy(&answer.stderr).into_owned();
    assert!(
        said.contains("foreign.json: not capacity results"),
        "{said}"
    );
}

#[test]
fn a_wrong_rate_is_told_the_right_form() {
    let out = tempfile::tempdir().unwrap();

    let answer = capacity(&["--churn", "often"], out.path());

    assert_eq!(answer.status.code(), Some(2));
    let said = String::from_utf8_lossy(&answer.stderr).into_owned();
    assert!(said.contains("a rate is a number per time"), "{said}");
}

fn capacity(further: &[&str], out: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lab"))
        .args(["capacity", "--devices", "10000000", "--rate", "1/min"])
        .args(further)
        .arg("--out")
        .arg(out)
        .output()
        .unwrap()
}
