//! The `lab` binary as people and scripts meet it: its words, its exit status, and what it leaves behind.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

#[test]
fn a_misspelt_key_is_exit_2_with_place_caret_and_the_nearest_word() {
    let folder = Folder::new();
    let file = folder.scenario("workgruops = 8");

    let ended = lab(&folder, &["run", &file]);

    assert_eq!(ended.status.code(), Some(2));
    assert_eq!(
        words(&ended.stderr),
        format!(
            "{file}:4:1: unknown key `workgruops`\n  |\n4 | workgruops = 8\n  | ^^^^^^^^^^ did you mean `workgroups`?\n"
        )
    );
    assert_eq!(words(&ended.stdout), "");
}

#[test]
fn every_mistake_of_every_file_is_told_before_anything_starts() {
    let folder = Folder::new();
    folder.named("a.toml", "gateway = 1");
    folder.named("b.toml", "fleet.devices = 0");

    let ended = lab(&folder, &["run", folder.path()]);

    assert_eq!(ended.status.code(), Some(2));
    let told = words(&ended.stderr);
    assert!(
        told.contains("unknown key `gateway`")
            && told.contains("`devices` takes 1 to 1000000, not 0"),
        "{told}"
    );
}

#[test]
fn an_unknown_part_is_exit_2_with_the_nearest_word() {
    let folder = Folder::new();
    let file = folder.scenario("workgroups = 8");

    let ended = lab(&folder, &["run", &file, "--adc", "haproxi"]);

    assert_eq!(ended.status.code(), Some(2));
    assert!(
        words(&ended.stderr).contains("did you mean `haproxy`?"),
        "{}",
        words(&ended.stderr)
    );
}

#[test]
fn a_reader_who_leaves_early_is_no_failure() {
    let folder = Folder::new();
    let file = folder.scenario("workgroups = 8");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);

    let ended = command(&folder, &["list", &file])
        .stdout(writer)
        .output()
        .unwrap();

    assert_eq!(
        (ended.status.code(), words(&ended.stderr).as_str()),
        (Some(0), "")
    );
}

#[test]
fn a_gateway_that_is_not_there_is_exit_3_with_what_to_do() {
    let folder = Folder::new();
    let file = folder.scenario("workgroups = 8");

    let ended = lab(&folder, &["run", &file, "--gateway", "/nowhere/gateway"]);

    assert_eq!(ended.status.code(), Some(3));
    assert_eq!(
        words(&ended.stdout),
        "UNFIT  no gateway binary at /nowhere/gateway; correct --gateway or TIDEGATE_GATEWAY\n"
    );
}

#[test]
fn too_few_descriptors_are_exit_3_with_what_to_do() {
    let folder = Folder::new();
    let file = folder.scenario("fleet.devices = 900000");

    let ended = lab(
        &folder,
        &["run", &file, "--gateway", env!("CARGO_BIN_EXE_lab")],
    );

    let told = words(&ended.stdout);
    assert_eq!(ended.status.code(), Some(3), "{told}");
    assert!(
        told.contains("  reason    ") && told.contains("  remedy    "),
        "{told}"
    );
    assert!(
        told.lines()
            .last()
            .is_some_and(|line| line.starts_with("UNFIT  1 cannot be played here of 1 cell")),
        "{told}"
    );
}

#[test]
fn ctrl_c_is_exit_130_and_leaves_nothing_behind() {
    let folder = Folder::new();
    let file = folder.named(
        "endless.toml",
        "fleet.devices = 50\n[[step]]\ndo.wait = { for = \"5m\" }",
    );
    let out = folder.child("out");
    let mut running = command(
        &folder,
        &["run", &file, "--gateway", &gateway(), "--out", &out],
    )
    .stdout(Stdio::null())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let said = BufReader::new(running.stderr.take().unwrap()).lines();
    let mut said = said.map(Result::unwrap);
    assert!(said.any(|line| line == "waiting"), "the step was reached");
    // The rest is read, so that the lab can go on speaking.
    std::thread::spawn(move || said.for_each(drop));
    assert!(
        processes_with(folder.path()).len() >= 3,
        "lab, gateway and load balancer are up"
    );

    interrupt(&running);
    let status = ended_within(&mut running, Duration::from_secs(20));

    assert_eq!(status, Some(130));
    await_until("no process is left", || {
        processes_with(folder.path()).is_empty()
    });
    assert_eq!(folder.left_over(), [PathBuf::from("endless.toml")]);
}

/// A folder that also is the lab's folder for temporary files, so that nothing it leaves can hide.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    fn child(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn scenario(&self, stage: &str) -> String {
        self.named("scenario.toml", stage)
    }

    /// A scenario that connects everybody, with these words in its stage.
    fn named(&self, name: &str, stage: &str) -> String {
        let step = "[[step]]\ndo.connect = { over = \"100ms\" }";
        let text =
            format!("title = \"It holds\"\nwhy = \"It matters.\"\n[stage]\n{stage}\n{step}\n");
        std::fs::write(self.0.path().join(name), text).unwrap();
        self.child(name)
    }

    fn left_over(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        entries
            .map(|entry| PathBuf::from(entry.unwrap().file_name()))
            .collect()
    }
}

fn lab(folder: &Folder, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn command(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command
        .args(arguments)
        .env("TMPDIR", folder.path())
        .env_remove("TIDEGATE_GATEWAY")
        .current_dir(folder.path());
    command
}

/// The gateway beside the lab, built now.
fn gateway() -> String {
    let lab = Path::new(env!("CARGO_BIN_EXE_lab"));
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--quiet", "--workspace", "--bin", "gateway"])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if lab
        .parent()
        .is_some_and(|folder| folder.ends_with("release"))
    {
        cargo.arg("--release");
    }
    assert!(cargo.status().unwrap().success());
    lab.with_file_name("gateway").to_str().unwrap().to_owned()
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn interrupt(child: &Child) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
}

fn ended_within(child: &mut Child, within: Duration) -> Option<i32> {
    let deadline = Instant::now() + within;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    None
}

/// Processes whose command line or environment names the folder.
fn processes_with(folder: &str) -> Vec<u32> {
    let names_it = |pid: &u32| {
        ["cmdline", "environ"].iter().any(|file| {
            let bytes = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            words(&bytes).contains(folder)
        })
    };
    let processes = std::fs::read_dir("/proc").unwrap();
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(names_it).collect()
}

fn await_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
