//! A scenario replayed on a device, from the dry run to the removal. The device is the stand-in, over HTTPS, in a process of its own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use lab_icontrol::credentials::Credentials;
use lab_icontrol::session::Session;
use lab_icontrol::target::{Target, Trust};
use serde_json::Value as Json;
use tempfile::TempDir;

const LAB: &str = env!("CARGO_BIN_EXE_lab");
const PASSWORD: &str = "correct-horse-battery";
/// For what takes a process or two to start; generous, as the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(90);

const STORY: &str = r#"
title = "A BIG-IP tells the gateway each device's address"
why   = "What the lab proves on its own engine has to hold on the device."

[stage]
listener.proxy-protocol = "required"
adc.proxy-protocol      = "v2"
adc.monitor             = { check = "ready", interval = "1s" }
fleet.devices           = 20

[[step]]
do.connect = { over = "100ms" }
"#;

const EXPECT: &str = r#"
[expect]
client-addresses = "devices"
members-up       = 1
"#;

#[test]
fn without_a_target_it_is_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let story = folder.path().join("story.toml");
    fs::write(&story, format!("{STORY}{EXPECT}")).unwrap();

    let ended = Command::new(LAB)
        .arg("run")
        .arg(&story)
        .args(["--adc", "bigip"])
        .output()
        .unwrap();

    assert_eq!(ended.status.code(), Some(2), "{}", words(&ended));
    assert!(
        words(&ended).contains("--target https://HOST"),
        "{}",
        words(&ended)
    );
}

#[test]
fn a_dry_run_shows_the_difference_and_changes_nothing() {
    let bench = Bench::new(&format!("{STORY}{EXPECT}"));

    let ended = bench.run().output().unwrap();

    let said = words(&ended);
    assert_eq!(ended.status.code(), Some(0), "{said}");
    assert!(said.contains("BIG-IP 17.1.0"), "{said}");
    assert!(
        said.contains("+ ltm virtual /tidegate_lab_preview/tidegate/devices"),
        "{said}"
    );
    assert!(said.contains("AS3 would take it: success"), "{said}");
    assert_eq!(
        said.trim_end().lines().last(),
        Some("dry run: nothing changed")
    );
    assert_eq!(bench.partitions(), ["Common"]);
}

#[test]
fn a_replay_applies_runs_gathers_evidence_and_removes_what_it_made() {
    let bench = Bench::new(&format!("{STORY}{EXPECT}"));

    let ended = bench.run().arg("--allow-config-changes").output().unwrap();

    let said = words(&ended);
    assert_eq!(ended.status.code(), Some(0), "{said}");
    assert_eq!(bench.partitions(), ["Common"]);
    let evidence = bench.evidence();
    let changes = json(&evidence.join("changes.json"));
    assert_eq!(changes["changes"][0]["state"], "removed");
    assert_eq!(json(&evidence.join("device.json"))["version"], "17.1.0");
    let connections = |when: &str| {
        let statistics = json(&evidence.join(format!("statistics-{when}.json")));
        let entries = statistics["pool"]["entries"].as_object().unwrap().clone();
        let pool = entries.values().next().unwrap().clone();
        pool["nestedStats"]["entries"]["serverside.totConns"]["value"]
            .as_u64()
            .unwrap()
    };
    assert_eq!((connections("before"), connections("after")), (0, 20));
    assert!(evidence.join("ltm.log").is_file());
    let record = json(&bench.folder.path().join("out/run.json"));
    assert_eq!(record["cells"][0]["providers"]["adc"], "bigip");
    for file in files(bench.folder.path()) {
        let holds = fs::read_to_string(&file).is_ok_and(|text| text.contains(PASSWORD));
        assert!(
            !holds || file.ends_with("credentials"),
            "{} holds the password",
            file.display()
        );
    }
}

#[test]
fn what_a_killed_run_leaves_behind_is_removed_from_its_record() {
    let waiting = format!("{STORY}\n[[step]]\ndo.wait = {{ for = \"120s\" }}\n{EXPECT}");
    let bench = Bench::new(&waiting);
    let mut running = Reaped(
        bench
            .run()
            .arg("--allow-config-changes")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    bench.until("the virtual server is there", || {
        bench
            .find("/mgmt/tm/ltm/virtual")
            .to_string()
            .contains("tidegate_lab_")
    });

    running.0.kill().unwrap();
    running.0.wait().unwrap();

    let changes = bench.evidence().join("changes.json");
    assert_eq!(json(&changes)["changes"][0]["state"], "ordered");
    assert_eq!(bench.partitions().len(), 2, "a killed run cannot clean up");
    let removed = bench.remove(&changes);
    assert_eq!(removed.status.code(), Some(0), "{}", words(&removed));
    assert_eq!(bench.partitions(), ["Common"]);
    assert!(
        !bench
            .find("/mgmt/tm/ltm/virtual")
            .to_string()
            .contains("tidegate_lab_")
    );
    let again = bench.remove(&changes);
    assert!(
        words(&again).starts_with("nothing to remove"),
        "{}",
        words(&again)
    );
}

#[test]
fn an_interrupted_run_removes_what_it_made() {
    let waiting = format!("{STORY}\n[[step]]\ndo.wait = {{ for = \"120s\" }}\n{EXPECT}");
    let bench = Bench::new(&waiting);
    let mut running = Reaped(
        bench
            .run()
            .arg("--allow-config-changes")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    bench.until("the virtual server is there", || {
        bench
            .find("/mgmt/tm/ltm/virtual")
            .to_string()
            .contains("tidegate_lab_")
    });

    let pid = running.0.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );

    assert_eq!(running.0.wait().unwrap().code(), Some(130));
    assert_eq!(bench.partitions(), ["Common"]);
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_not_believed() {
    let bench = Bench::new(&format!("{STORY}{EXPECT}"));

    let ended = bench
        .lab_run(&["--credentials-from", &bench.path("credentials")])
        .output()
        .unwrap();

    assert_eq!(ended.status.code(), Some(3), "{}", words(&ended));
    assert!(words(&ended).contains("certificate"), "{}", words(&ended));
}

/// A stand-in, and files to replay a story on it.
struct Bench {
    folder: TempDir,
    device: SocketAddr,
    _child: Reaped,
}

/// Ended with the test.
struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

impl Bench {
    fn new(story: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("story.toml", story);
        write("credentials", &format!("admin:{PASSWORD}\n"));
        fs::set_permissions(
            folder.path().join("credentials"),
            fs::Permissions::from_mode(0o600),
        )
        .unwrap();
        // A stand-in takes a loopback destination literally, as a device takes its own.
        let free = TcpListener::bind("127.77.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        write(
            "site.toml",
            &format!(
                "virtual-address = \"{free}\"\nsnat-addresses = [\"127.0.251.1\"]\ngateways-at = \"127.0.0.1\"\ndevices-from = [\"127.78.0.1\"]\n"
            ),
        );
        let mut child = Command::new(LAB)
            .args(["adc", "serve", "bigip", "--certificate"])
            .arg(folder.path().join("ca.pem"))
            .env("TIDEGATE_BIGIP_PASSWORD", PASSWORD)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready: Json = serde_json::from_str(&line).unwrap();
        Self {
            device: ready["rest"].as_str().unwrap().parse().unwrap(),
            folder,
            _child: Reaped(child),
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn run(&self) -> Command {
        self.lab_run(&[
            "--credentials-from",
            &self.path("credentials"),
            "--ca",
            &self.path("ca.pem"),
        ])
    }

    fn lab_run(&self, device: &[&str]) -> Command {
        let mut lab = Command::new(LAB);
        lab.args([
            "run",
            &self.path("story.toml"),
            "--seed",
            "7",
            "--out",
            &self.path("out"),
        ]);
        lab.args([
            "--adc",
            "bigip",
            "--target",
            &format!("https://{}", self.device),
            "--site",
            &self.path("site.toml"),
        ]);
        lab.args(device).arg("--gateway").arg(gateway());
        lab
    }

    fn remove(&self, changes: &Path) -> Output {
        let mut lab = Command::new(LAB);
        lab.args(["adc", "remove"]).arg(changes);
        lab.args([
            "--credentials-from",
            &self.path("credentials"),
            "--ca",
            &self.path("ca.pem"),
        ]);
        lab.output().unwrap()
    }

    fn find(&self, path: &str) -> Json {
        let target = Target {
            host: self.device.ip().to_string(),
            port: self.device.port(),
        };
        let trust = Trust::from_pem_file(Path::new(&self.path("ca.pem"))).unwrap();
        let mut session =
            Session::open(target, &trust, Credentials::new("admin", PASSWORD), || {
                false
            })
            .unwrap();
        session.get(path).unwrap()
    }

    fn partitions(&self) -> Vec<String> {
        let listed = self.find("/mgmt/tm/auth/partition");
        let items = listed["items"].as_array().unwrap().iter();
        items
            .map(|item| item["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The one folder of evidence.
    fn evidence(&self) -> PathBuf {
        let mut folders = fs::read_dir(self.folder.path().join("out/evidence")).unwrap();
        folders.next().unwrap().unwrap().path()
    }

    fn until(&self, what: &str, condition: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition() {
            assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The gateway, built beside the lab if it is not there yet.
fn gateway() -> PathBuf {
    let built = Path::new(LAB).with_file_name("gateway");
    if let Some(named) = std::env::var_os("TIDEGATE_GATEWAY") {
        return named.into();
    }
    if !built.is_file() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let made = Command::new(cargo)
            .args(["build", "--quiet", "--workspace", "--bin", "gateway"])
            .status()
            .unwrap();
        assert!(made.success(), "cargo could not build the gateway");
    }
    built
}

fn words(ended: &Output) -> String {
    let said = [&ended.stdout, &ended.stderr]
        .map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned());
    said.join("\n").trim().to_owned()
}

fn json(file: &Path) -> Json {
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}
