//! Bad input is answered before anything listens.

use std::net::TcpListener;

use crate::support::gateway::{run, write_config};

const SMALL: &str = "[[listener]]\naddress = \"127.0.0.1:0\"\n[admin]\naddress = \"127.0.0.1:0\"\n[kafka]\ntopics = [\"t\"]\n[kafka.properties]\n\"bootstrap.servers\" = \"127.0.0.1:1\"\n";

#[test]
fn a_misspelt_key_ends_with_2_and_names_file_line_and_the_right_word() {
    let (_folder, path) = write_config(&SMALL.replace("topics", "topisc"));

    let output = run(&["--config", path.to_str().unwrap()]);

    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains(&format!(
            "{}:6:1: unknown key `topisc` in [kafka]",
            path.display()
        )),
        "{said}"
    );
    assert!(said.contains("^^^^^^ did you mean `topics`?"), "{said}");
}

#[test]
fn checking_a_good_file_says_so_and_opens_nothing() {
    let (_folder, path) = write_config(SMALL);

    let output = run(&["--check-config", path.to_str().unwrap()]);

    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        format!("{}: nothing is wrong with it\n", path.display())
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let output = run(&["--config", "/nowhere/gateway.toml"]);

    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .starts_with("cannot read /nowhere/gateway.toml: ")
    );
}

#[test]
fn the_documented_example_is_right() {
    let output = run(&[
        "--check-config",
        concat!(env!("CARGO_MANIFEST_DIR"), "/gateway.example.toml"),
    ]);

    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_port_in_use_ends_with_3_and_the_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (_folder, path) = write_config(&SMALL.replacen("127.0.0.1:0", &address.to_string(), 1));

    let output = run(&["--config", path.to_str().unwrap()]);

    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains(&format!("cannot listen at {address}: ")),
        "{said}"
    );
    assert!(said.contains("another process has the port"), "{said}");
}

#[test]
fn help_teaches_with_an_example_that_is_right() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).unwrap();
    let example = help
        .split("A first gateway.toml:")
        .nth(1)
        .unwrap()
        .split("Then:")
        .next()
        .unwrap();

    let (_folder, path) = write_config(example);

    assert_eq!(
        run(&["--check-config", path.to_str().unwrap()])
            .status
            .code(),
        Some(0),
        "{example}"
    );
}

#[test]
fn nothing_to_do_is_a_wrong_call() {
    assert_eq!(run(&[]).status.code(), Some(2));
}
