//! A gateway as a child process.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

use super::http::{Answer, get, post};
use super::{Kafka, PATIENCE, eventually};

/// A running gateway; killed when dropped.
pub(crate) struct Gateway {
    child: Child,
    pub(crate) admin: SocketAddr,
    pub(crate) listeners: Vec<SocketAddr>,
    folder: TempDir,
}

/// What a gateway is started with.
pub(crate) struct Setup {
    listeners: String,
    rest: String,
    properties: String,
    topics: Vec<String>,
    workgroups: usize,
    placement: &'static str,
    backend: &'static str,
    identity: &'static str,
    refresh: &'static str,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            listeners: "[[listener]]\naddress = \"127.0.0.1:0\"\n".to_owned(),
            rest: String::new(),
            properties: String::new(),
            topics: vec!["t".to_owned()],
            workgroups: 2,
            placement: "ip-port",
            backend: "auto",
            identity: "name",
            refresh: "500ms",
        }
    }
}

impl Setup {
    /// Further keys of the last listener, or further listeners.
    pub(crate) fn listener(mut self, toml: &str) -> Self {
        self.listeners.push_str(toml);
        self.listeners.push('\n');
        self
    }

    /// Further tables.
    pub(crate) fn with(mut self, toml: &str) -> Self {
        self.rest.push_str(toml);
        self.rest.push('\n');
        self
    }

    /// A further librdkafka property.
    pub(crate) fn property(mut self, toml: &str) -> Self {
        self.properties.push_str(toml);
        self.properties.push('\n');
        self
    }

    pub(crate) fn topics(mut self, topics: &[&str]) -> Self {
        self.topics = topics.iter().map(|&topic| topic.to_owned()).collect();
        self
    }

    pub(crate) fn workgroups(mut self, workgroups: usize) -> Self {
        self.workgroups = workgroups;
        self
    }

    /// How often the gateway looks at its topics without being asked to.
    pub(crate) fn refresh(mut self, refresh: &'static str) -> Self {
        self.refresh = refresh;
        self
    }

    /// Tells topics apart by Kafka's ids.
    pub(crate) fn by_id(mut self) -> Self {
        self.identity = "id";
        self
    }

    /// Places devices by their address alone.
    pub(crate) fn without_offload(mut self) -> Self {
        self.placement = "ip";
        self
    }

    /// Which kernel interface carries the sockets.
    pub(crate) fn backend(mut self, backend: &'static str) -> Self {
        self.backend = backend;
        self
    }

    /// Places each device where the fewest are.
    pub(crate) fn least_loaded(mut self) -> Self {
        self.placement = "least-loaded";
        self
    }

    /// Starts a gateway that need not be ready.
    pub(crate) fn start(self, bootstrap: &str) -> Gateway {
        let (folder, path) = write_config(&self.toml(bootstrap));
        let mut child = program()
            .arg("--config")
            .arg(&path)
            .stdout(Stdio::piped())
            .stderr(File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut listening = || -> SocketAddr {
            let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
            line["address"].as_str().unwrap().parse().unwrap()
        };
        let admin = listening();
        let listeners = (0..self.listeners.matches("[[listener]]").count())
            .map(|_| listening())
            .collect();
        Gateway {
            child,
            admin,
            listeners,
            folder,
        }
    }

    /// Starts a gateway and waits until it is ready.
    pub(crate) fn ready(self, kafka: &Kafka) -> Gateway {
        let gateway = self.start(&kafka.bootstrap);
        gateway.wait_until_ready();
        gateway
    }

    fn toml(&self, bootstrap: &str) -> String {
        format!(
            "[workgroups]\nplacement = {:?}\nbackend = {:?}\ncount = {}\n{}\n[admin]\naddress = \"127.0.0.1:0\"\n{}\n\
             [kafka]\ntopics = {:?}\ntopic-identity = {:?}\nrefresh = {:?}\n\
             [kafka.properties]\n\"bootstrap.servers\" = \"{bootstrap}\"\n\"fetch.wait.max.ms\" = 10\n\
             \"reconnect.backoff.max.ms\" = 300\n\"linger.ms\" = 0\n{}",
            self.placement,
            self.backend,
            self.workgroups,
            self.listeners,
            self.rest,
            self.topics,
            self.identity,
            self.refresh,
            self.properties
        )
    }
}

impl Gateway {
    /// A gateway with one plain listener that carries the topic `t`, ready.
    pub(crate) fn ready(kafka: &Kafka) -> Self {
        Setup::default().ready(kafka)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listeners[0]
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        get(self.admin, path)
    }

    pub(crate) fn post(&self, path: &str) -> Answer {
        post(self.admin, path)
    }

    pub(crate) fn wait_until_ready(&self) {
        eventually("the gateway is ready", || self.get("/ready").status == 200);
    }

    /// The value of a metric with exactly these labels; 0 if it was never counted.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let metrics = self.get("/metrics").body;
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    /// Memory of its own, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let path = format!("/proc/{}/smaps_rollup", self.child.id());
        let rollup = std::fs::read_to_string(path).unwrap();
        let line = rollup
            .lines()
            .find_map(|line| line.strip_prefix("Anonymous:"))
            .unwrap();
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kilobytes * 1024
    }

    /// Sends a signal by its name: `TERM`, `INT`, `STOP`, `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.child.id().to_string())
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits for the end of the process.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the gateway does not end");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    /// What the gateway logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the gateway's log:\n{}", self.log());
        }
    }
}

/// Runs the program to its end, with arguments.
pub(crate) fn run(arguments: &[&str]) -> Output {
    let mut child = program()
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "the gateway does not end");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let mut output = Output {
        status: child.wait().unwrap(),
        stdout: Vec::new(),
        stderr: Vec::new(),
    };
    child
        .stdout
        .take()
        .unwrap()
        .read_to_end(&mut output.stdout)
        .unwrap();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_end(&mut output.stderr)
        .unwrap();
    output
}

/// A configuration file in a folder of its own.
pub(crate) fn write_config(toml: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.toml");
    std::fs::write(&path, toml).unwrap();
    (folder, path)
}

/// The program, bound to the life of the thread that starts it.
fn program() -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", env!("CARGO_BIN_EXE_gateway")]);
    command.stdin(Stdio::null());
    command
}
