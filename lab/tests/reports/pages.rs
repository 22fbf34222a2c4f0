//! Every kind of page in a real browser: nothing loaded from elsewhere, nothing too wide, nothing too pale, everything printable.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::{Completion, Failed};

use crate::played::{lab, played, words};
use crate::records::two_sides;

/// Measurements that are stored beside the crate that reads them.
const RESULTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/capacity/tests/results.json");

/// Reports, an overview, a comparison and a capacity page, as a reader would look at them.
pub(crate) fn every_page_is_fit_to_be_read() -> Result<Completion, Failed> {
    if let Some(program) = ["node", "chromium"].into_iter().find(|name| lacks(name)) {
        let reason = format!("there is no `{program}`: .ci/packages installs it");
        if std::env::var("TIDEGATE_REQUIRE").is_ok_and(|required| required == "all") {
            return Err(format!("required, and cannot be played here: {reason}").into());
        }
        return Ok(Completion::ignored_with(reason));
    }
    let folder = two_sides();
    let pages = render(folder.path());

    let looked = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "node"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports/look.mjs"))
        .args(&pages)
        .output()
        .unwrap();

    let complaints = words(&looked.stdout);
    assert!(looked.status.success(), "{}", words(&looked.stderr));
    assert_eq!(complaints.trim(), "[]");
    Ok(Completion::Completed)
}

/// One page of each kind.
fn render(folder: &Path) -> Vec<PathBuf> {
    let commands: [&[&str]; 4] = [
        &["report", "."],
        &["compare", "before", "after", "--out", "compared"],
        &[
            "capacity",
            "--devices",
            "10000000",
            "--rate",
            "1/min",
            "--from",
            RESULTS,
            "--out",
            "capacity",
        ],
        &[
            "capacity",
            "--devices",
            "10000000",
            "--rate",
            "1000/s",
            "--from",
            RESULTS,
            "--from",
            RESULTS,
            "--out",
            "hopeless",
        ],
    ];
    for arguments in commands {
        let ended = lab(folder).args(arguments).output().unwrap();
        assert!(
            ended.status.code().is_some_and(|code| code <= 1),
            "{}",
            words(&ended.stderr)
        );
    }
    [
        "index.html",
        "compared/compare.html",
        "capacity/capacity.html",
        "hopeless/capacity.html",
    ]
    .iter()
    .map(|name| folder.join(name))
    .chain([played().out().join("report.html")])
    .collect()
}

fn lacks(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    !found.is_ok_and(|status| status.success())
}
