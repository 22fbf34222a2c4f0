//! `lab bench` as people and scripts meet it. No figure is judged here: tests share the machine with other tests.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

#[test]
fn a_quick_row_is_measured_beside_its_control_and_written_as_json() {
    let (ended, rows) = quick(&["handshake"]);

    let status = ended.status.code();
    let words = String::from_utf8_lossy(&ended.stdout);
    assert!(matches!(status, Some(0 | 1)), "{status:?}\n{words}");
    assert_eq!(
        words.contains("these figures mean nothing"),
        cfg!(debug_assertions),
        "{words}"
    );
    let row = &rows[0];
    assert_eq!(rows.as_array().unwrap().len(), 1);
    assert_eq!(row["name"], "handshake");
    assert_eq!(row["unit"], "µs");
    assert_eq!(row["must"], "ratio <= 0.75");
    let number = |key: &str| row[key].as_f64().filter(|number| *number > 0.0);
    assert!(
        number("value").is_some() && number("control").is_some(),
        "{row}"
    );
    let ratio = number("ratio").unwrap();
    assert_eq!(row["ok"], ratio <= 0.75);
    assert_eq!(status, Some(if ratio <= 0.75 { 0 } else { 1 }));
}

#[test]
fn a_small_crowd_is_live_subscribed_pinged_and_receiving() {
    let (ended, rows) = quick(&["--million", "--devices", "2000"]);

    let words = String::from_utf8_lossy(&ended.stdout);
    let row = &rows[0];
    assert_eq!(ended.status.code(), Some(0), "{words}");
    assert_eq!(
        (&row["name"], &row["value"], &row["ok"]),
        (&"live-devices".into(), &2000.0.into(), &true.into())
    );
    assert_eq!(row["must"], "value >= 2000");
    assert!(
        row["notes"][0].as_str().unwrap().starts_with("2000 live: "),
        "{row}"
    );
}

#[test]
fn a_million_on_another_kafka_is_exit_2() {
    let ended = bench(&["--million", "--kafka", "container"]);

    assert_eq!(ended.status.code(), Some(2));
    assert_eq!(
        String::from_utf8_lossy(&ended.stderr),
        "--kafka container: --million needs a network of its own, where only the embedded Kafka is\n"
    );
}

#[test]
fn an_unknown_row_is_exit_2_with_the_nearest_word() {
    let ended = bench(&["idle-memroy"]);

    assert_eq!(ended.status.code(), Some(2));
    assert_eq!(
        String::from_utf8_lossy(&ended.stderr),
        "there is no row `idle-memroy`: did you mean `idle-memory`?\n"
    );
}

#[test]
#[cfg(debug_assertions)]
fn an_unoptimised_build_says_how_to_get_an_optimised_one() {
    let ended = bench(&["handshake", "--quick"]);

    assert_eq!(ended.status.code(), Some(3));
    assert_eq!(
        String::from_utf8_lossy(&ended.stderr),
        "figures of an unoptimised build mean nothing; run: cargo run --release --bin lab -- bench handshake --quick\n"
    );
}

#[test]
fn the_list_names_every_row_and_what_must_hold() {
    let ended = bench(&["--list"]);

    assert_eq!(ended.status.code(), Some(0));
    let words = String::from_utf8_lossy(&ended.stdout);
    for row in ["message ", "idle-memory ", "kafka-to-device "] {
        assert!(words.lines().any(|line| line.starts_with(row)), "{words}");
    }
    assert!(words.contains("must: ratio <= 1.05"), "{words}");
}

/// A quick measurement with the gateway built now, and the rows that it wrote.
fn quick(what: &[&str]) -> (Output, Value) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows.json");
    let gateway = gateway();
    let rest = ["--quick", "--unoptimised", "--gateway", &gateway, "--json"];
    let ended = bench(&[what, &rest, &[file.to_str().unwrap()]].concat());
    let rows = std::fs::read(&file).unwrap_or_else(|error| panic!("no rows: {error}\n{ended:?}"));
    (ended, serde_json::from_slice(&rows).unwrap())
}

/// Without cargo's variables, as from a shell: with them the lab builds what it lacks.
fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lab"))
        .arg("bench")
        .args(arguments)
        .env_remove("CARGO")
        .env_remove("TIDEGATE_GATEWAY")
        .output()
        .unwrap()
}

/// The gateway beside the lab, built now.
fn gateway() -> String {
    let lab = Path::new(env!("CARGO_BIN_EXE_lab"));
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--workspace", "--bin", "gateway"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    assert!(cargo.status().unwrap().success());
    lab.with_file_name("gateway").to_str().unwrap().to_owned()
}
