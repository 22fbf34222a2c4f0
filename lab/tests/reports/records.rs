//! `lab report` and `lab compare` on records that are there already.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::{Serializer as _, V2Serializer};
use lab_record::run::{Histogram, Run};
use tempfile::TempDir;

use crate::played::{lab, played, words};

pub(crate) fn a_folder_of_records_is_rendered_again_with_its_extras() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        put(&folder.path().join(name), &played().record());
    }

    let ended = lab(folder.path())
        .args([
            "report",
            ".",
            "--summary",
            "summary.md",
            "--openmetrics",
            "run.prom",
        ])
        .output()
        .unwrap();

    assert_eq!(ended.status.code(), Some(0), "{}", words(&ended.stderr));
    assert_eq!(
        words(&ended.stdout),
        "./a/report.html\n./b/report.html\n./index.html\n"
    );
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let again = read("a/report.html");
    let first = std::fs::read_to_string(played().out().join("report.html")).unwrap();
    assert!(again == first, "the page is a function of the record");
    for (file, told) in [
        ("index.html", "2 scenario runs"),
        (
            "summary.md",
            "### FAIL: A killed gateway is back before anybody notices",
        ),
        ("summary.md", "  - likely cause: gateway"),
        ("summary.md", "  - next: `lab run story.toml --seed"),
        ("run.prom", "# EOF"),
        ("a/report.html", "likely cause"),
    ] {
        assert!(read(file).contains(told), "{file}: {told}");
    }
}

pub(crate) fn a_regression_is_exit_1_unless_the_threshold_allows_it() {
    let sides = two_sides();
    let compare = |arguments: &[&str]| {
        let mut command = lab(sides.path());
        let ended = command.arg("compare").args(arguments).output().unwrap();
        (ended.status.code(), words(&ended.stdout))
    };

    let (worse, text) = compare(&["before", "after", "--out", "page"]);
    let (allowed, _) = compare(&["before", "after", "--threshold", "500"]);
    let (better, told) = compare(&["after", "before"]);

    assert_eq!(
        (worse, allowed, better),
        (Some(1), Some(0), Some(0)),
        "{text}"
    );
    assert!(
        text.ends_with("WORSE\n") && text.contains("delivered p99"),
        "{text}"
    );
    assert!(
        told.contains("better") && told.ends_with("NOT WORSE\n"),
        "{told}"
    );
    let page = std::fs::read_to_string(sides.path().join("page/compare.html")).unwrap();
    assert!(page.contains("WORSE") && page.contains("before → after"));
}

pub(crate) fn what_is_no_record_is_exit_2() {
    let folder = tempfile::tempdir().unwrap();
    let ended = |arguments: &[&str]| lab(folder.path()).args(arguments).output().unwrap();

    let nothing = ended(&["report", "."]);
    std::fs::write(
        folder.path().join("run.json"),
        "{\"format\": \"tidegate-run/1\"}",
    )
    .unwrap();
    let damaged = ended(&["report", "."]);
    let compared = ended(&["compare", ".", "nowhere"]);

    assert_eq!(
        [&nothing, &damaged, &compared].map(|ended| ended.status.code()),
        [Some(2); 3]
    );
    assert!(words(&nothing.stderr).contains("no run.json in ."));
    assert!(words(&damaged.stderr).contains("run.json: damaged run record"));
}

/// A folder `before`, and a folder `after` in which messages took four times as long.
pub(crate) fn two_sides() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, times) in [("before", 1), ("after", 4)] {
        let mut run = played().record();
        run.cells[0].histograms = vec![delivered(times)];
        put(&folder.path().join(name), &run);
    }
    folder
}

fn delivered(factor: u64) -> Histogram {
    let mut times = hdrhistogram::Histogram::<u64>::new(3).unwrap();
    (0..5_000u64).for_each(|n| times.record(factor * (800 + n % 997)).unwrap());
    let mut bytes = vec![];
    V2Serializer::new().serialize(&times, &mut bytes).unwrap();
    Histogram {
        name: "delivered".to_owned(),
        unit: "us".to_owned(),
        count: times.len(),
        p50: times.value_at_quantile(0.5),
        p99: times.value_at_quantile(0.99),
        max: times.max(),
        hdr: STANDARD.encode(bytes),
    }
}

fn put(folder: &Path, run: &Run) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("run.json"), run.write().unwrap()).unwrap();
}
