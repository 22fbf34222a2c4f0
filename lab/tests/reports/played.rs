//! A cell with messages and a killed gateway, and bounds that nobody can keep.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use lab_record::run::Run;
use tempfile::TempDir;

const STORY: &str = r#"title = "A killed gateway is back before anybody notices"
why = "It cannot be, so that what is said of a broken expectation can be tried."

[stage]
gateways        = 2
workgroups      = 2
fleet.devices   = 60
fleet.reconnect = true
adc.monitor     = { check = "connect", interval = "100ms", fall = 2 }

[[step]]
do.connect = { over = "200ms" }

[[step]]
do.subscribe = { over = "200ms" }

[[step]]
do.produce = { records = 300, rate = "300/s", meanwhile = true }

[[step]]
do.kill = { gateway = 1 }

[[step]]
do.settle = {}

[expect]
on-gateways        = [7, 7]
members-up         = 2
caught-up-within   = "1ms"
lost-max           = 0
"#;

/// What the lab said and left when it played the story.
pub(crate) struct Played {
    pub(crate) said: Output,
    folder: TempDir,
}

impl Played {
    pub(crate) fn story(&self) -> PathBuf {
        self.folder.path().join("story.toml")
    }

    /// Where the record and the page are.
    pub(crate) fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    pub(crate) fn record(&self) -> Run {
        let text = std::fs::read_to_string(self.out().join("run.json")).unwrap();
        Run::read(&text).unwrap()
    }
}

/// The one run, into a pipe.
pub(crate) fn played() -> &'static Played {
    static PLAYED: OnceLock<Played> = OnceLock::new();
    PLAYED.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("story.toml"), STORY).unwrap();
        let said = lab(folder.path())
            .args(["run", "story.toml", "--out", "out", "--gateway"])
            .arg(gateway())
            .output()
            .unwrap();
        Played { said, folder }
    })
}

/// The lab, in this folder.
pub(crate) fn lab(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command
        .env_remove("NO_COLOR")
        .env_remove("TIDEGATE_GATEWAY")
        .current_dir(folder);
    command
}

/// The gateway beside the lab, built now.
pub(crate) fn gateway() -> &'static Path {
    static GATEWAY: OnceLock<PathBuf> = OnceLock::new();
    GATEWAY.get_or_init(|| {
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
        lab.with_file_name("gateway")
    })
}

pub(crate) fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
