//! Findings and tables on terminals that are narrow, without colour, or no terminals at all.

use std::path::Path;
use std::process::{Command, Output};

use crate::played::{gateway, played, words};
use crate::records::two_sides;

/// Measurements that are stored beside the crate that reads them.
const RESULTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/capacity/tests/results.json");

pub(crate) fn a_pipe_gets_plain_words_and_exit_1() {
    let said = &played().said;

    let text = words(&said.stdout);
    assert_eq!(said.status.code(), Some(1), "{text}{}", words(&said.stderr));
    assert!(!text.contains('\x1b'), "{text:?}");
    let labels: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split("  ").next())
        .filter(|label| !label.is_empty())
        .collect();
    assert_eq!(
        labels,
        ["rule", "measured", "first", "cause", "also", "next"],
        "{text}"
    );
    assert!(
        text.lines()
            .last()
            .unwrap()
            .starts_with("FAIL  1 failed of 1 cell")
    );
}

pub(crate) fn a_terminal_gets_a_coloured_verdict_unless_no_color_is_set() {
    let coloured = on_terminal(80, &run(), false);
    let plain = on_terminal(80, &run(), true);

    assert_eq!(
        (coloured.status.code(), plain.status.code()),
        (Some(1), Some(1))
    );
    assert!(words(&coloured.stdout).contains("\x1b[1;31mFAIL\x1b[0m"));
    assert!(!words(&plain.stdout).contains("\x1b[1;"));
    assert!(words(&plain.stdout).contains("FAIL"));
}

pub(crate) fn narrow_terminals_break_lines_between_words() {
    for columns in [40, 80] {
        let text = shown(&on_terminal(columns, &run(), true));

        assert_fits(&text, columns);
        // Whoever reads it narrow reads the same words.
        let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for words in [
            "rule on-gateways: [7, 7] connections",
            "cause gateway",
            "also caught-up-within",
        ] {
            assert!(joined.contains(words), "{words}: {text}");
        }
    }
}

pub(crate) fn a_narrow_terminal_gets_comparisons_and_capacities_as_well() {
    let sides = two_sides();
    let compare = format!(
        "compare {} {}",
        sides.path().join("before").display(),
        sides.path().join("after").display()
    );
    let capacity = format!(
        "capacity --devices 10000000 --rate 1/min --from {RESULTS} --out {}",
        sides.path().join("capacity").display()
    );
    for (arguments, expected) in [(compare, "WORSE"), (capacity, "what binds")] {
        let text = shown(&on_terminal(40, &arguments, true));

        assert!(text.contains(expected), "{text}");
        assert_fits(&text, 40);
    }
}

fn run() -> String {
    format!(
        "run {} --gateway {}",
        played().story().display(),
        gateway().display()
    )
}

/// The lab on a terminal of its own, so many columns wide; what was written there. Progress and warnings go elsewhere.
fn on_terminal(columns: usize, arguments: &str, no_color: bool) -> Output {
    let lab = Path::new(env!("CARGO_BIN_EXE_lab")).display();
    // A run leaves its record where it was started.
    let folder = tempfile::tempdir().unwrap();
    let mut script = Command::new("script");
    script
        .args(["--quiet", "--return", "--flush", "--command"])
        .arg(format!(
            "stty cols {columns} rows 30; exec {lab} {arguments} 2>/dev/null"
        ))
        .arg("/dev/null")
        .current_dir(folder.path())
        .env_remove("NO_COLOR")
        .env_remove("TIDEGATE_GATEWAY");
    if no_color {
        script.env("NO_COLOR", "1");
    }
    script.output().unwrap()
}

/// What stays to be read when live lines have been taken away again.
fn shown(written: &Output) -> String {
    let lines = words(&written.stdout);
    let lines = lines.lines().map(|line| {
        let last = line.rsplit("\x1b[2K").next().unwrap_or_default();
        last.trim_end_matches('\r').to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// No line is too long, but for one word, and for commands that are to be copied.
fn assert_fits(text: &str, columns: usize) {
    for line in text.lines() {
        let is_one_word = line.split_whitespace().count() == 1;
        let is_copied = line.contains("lab run ");
        assert!(
            line.chars().count() <= columns || is_one_word || is_copied,
            "{columns}: {line}\n{text}"
        );
    }
}
