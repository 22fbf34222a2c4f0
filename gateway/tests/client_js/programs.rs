//! The programs that JavaScript needs, and what is done where they are missing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::{Completion, Failed};
use serde_json::Value;

use crate::story::Story;
use crate::told::{Parameters, Told};

/// Where a device runs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Platform {
    /// Node, with the WebSocket it brings.
    Node,
    /// Node, with the package `ws`, as devices on older versions have it.
    NodeWithWs,
    Chromium,
}

impl Platform {
    pub(crate) const ALL: [Self; 3] = [Self::Node, Self::NodeWithWs, Self::Chromium];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::NodeWithWs => "node with ws",
            Self::Chromium => "chromium",
        }
    }

    /// Plays a story with devices that run here, or says why it cannot.
    pub(crate) fn play(self, story: Story) -> Result<Completion, Failed> {
        match self.lacks() {
            Some(reason) => not_here(reason),
            None => {
                story(self);
                Ok(Completion::Completed)
            }
        }
    }

    /// Starts a device.
    pub(crate) fn start(self, parameters: &Parameters<'_>) -> Told {
        let script = match self {
            Self::Node | Self::NodeWithWs => "test/live/in-node.js",
            Self::Chromium => "test/live/in-chromium.js",
        };
        let mut command = self.script(script, &parameters.json(matches!(self, Self::NodeWithWs)));
        if let Some(certificate) = parameters.certificate {
            command.env("NODE_EXTRA_CA_CERTS", certificate);
        }
        Told::start(&mut command)
    }

    /// Node with a script of the client, bound to the life of the thread that starts it.
    pub(crate) fn script(self, script: &str, parameters: &Value) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "node"]);
        if let Self::Node = self {
            command.args(websocket_flags());
        }
        command.env("NODE_PATH", DEBIAN_PACKAGES);
        command.arg(script).arg(parameters.to_string());
        command.current_dir(client());
        command
    }

    fn lacks(self) -> Option<String> {
        let node = node_lacks();
        match self {
            Self::Node => node.or_else(|| {
                (!runs_in_node(
                    websocket_flags(),
                    "process.exit(typeof WebSocket === 'function' ? 0 : 1)",
                ))
                .then(|| "this Node has no WebSocket: install Node 20.10 or later".to_owned())
            }),
            Self::NodeWithWs => node.or_else(|| {
                (!runs_in_node(&[], "require('ws').WebSocket.name")).then(|| {
                    "the package `ws` is missing: apt-get install node-ws, or npm install ws"
                        .to_owned()
                })
            }),
            Self::Chromium => node.or_else(|| lacks("chromium", "--version")),
        }
    }
}

/// Where Debian puts packages; Node from elsewhere does not look there by itself.
const DEBIAN_PACKAGES: &str = "/usr/share/nodejs";

/// The client's own tests.
pub(crate) fn units() -> Result<Completion, Failed> {
    if let Some(reason) = node_lacks() {
        return not_here(reason);
    }
    let folder = client().join("test/unit");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    finish(Command::new("node").arg("--test").args(files))
}

/// An application in TypeScript compiles against the declared types, and its mistakes do not.
pub(crate) fn types_check() -> Result<Completion, Failed> {
    if let Some(reason) = lacks("tsc", "--version") {
        return not_here(reason);
    }
    finish(Command::new("tsc").args(["--project", "test/types"]))
}

/// The client's package.
fn client() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("client-js")
}

/// Node 20 has a WebSocket, but shows it only when asked to.
fn websocket_flags() -> &'static [&'static str] {
    if runs_in_node(&[], "process.exit(typeof WebSocket === 'function' ? 0 : 1)") {
        &[]
    } else {
        &["--experimental-websocket"]
    }
}

fn node_lacks() -> Option<String> {
    lacks("node", "--version")
}

fn lacks(program: &str, question: &str) -> Option<String> {
    let found = Command::new(program)
        .arg(question)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    (!found.is_ok_and(|status| status.success()))
        .then(|| format!("there is no `{program}`: .ci/packages installs it"))
}

fn runs_in_node(flags: &[&str], script: &str) -> bool {
    let ended = Command::new("node")
        .args(flags)
        .args(["-e", script])
        .env("NODE_PATH", DEBIAN_PACKAGES)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    ended.is_ok_and(|status| status.success())
}

/// Runs a program of the client to its end; what it said is the failure.
fn finish(command: &mut Command) -> Result<Completion, Failed> {
    let ended = command.current_dir(client()).output()?;
    if ended.status.success() {
        return Ok(Completion::Completed);
    }
    let said = [ended.stdout, ended.stderr].concat();
    Err(String::from_utf8_lossy(&said).into_owned().into())
}

/// Ignored with its reason; a failure where everything is required.
fn not_here(reason: String) -> Result<Completion, Failed> {
    if std::env::var("TIDEGATE_REQUIRE").is_ok_and(|required| required == "all") {
        Err(format!("required, and cannot be played here: {reason}").into())
    } else {
        Ok(Completion::ignored_with(reason))
    }
}
