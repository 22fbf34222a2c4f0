//! A device in another process, which tells everything that happens to it, one JSON object per line.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Gateway, PATIENCE};

/// What a device is started with.
#[derive(Default)]
pub(crate) struct Parameters<'a> {
    pub(crate) gateways: &'a [Gateway],
    pub(crate) subjects: &'a [&'a str],
    /// Where a message with the text `end` has to come before it ends.
    pub(crate) ends: &'a [&'a str],
    /// What it publishes: subject and value.
    pub(crate) records: Vec<(&'a str, Value)>,
    /// The gateways speak TLS and show this, which nobody else believes.
    pub(crate) certificate: Option<&'a Path>,
}

impl Parameters<'_> {
    pub(crate) fn json(&self, ws: bool) -> Value {
        /// Milliseconds from one publish to the next.
        const EVERY: u32 = 4;

        let servers: Vec<String> = match self.certificate {
            None => self.gateways.iter().map(url).collect(),
            Some(_) => self.gateways.iter().map(secure_url).collect(),
        };
        json!({
            "servers": servers, "subjects": self.subjects, "ends": self.ends, "records": self.records, "every": EVERY,
            "ws": ws, "certificate": self.certificate,
        })
    }
}

/// The address of a gateway, as the device spells it.
pub(crate) fn url(gateway: &Gateway) -> String {
    format!("ws://{}/", gateway.address())
}

/// The same over TLS, by the name in the certificate.
pub(crate) fn secure_url(gateway: &Gateway) -> String {
    format!("wss://localhost:{}/", gateway.address().port())
}

/// A running device, and everything it has told; killed when dropped.
pub(crate) struct Told {
    child: Child,
    lines: Receiver<String>,
    complaints: Option<JoinHandle<String>>,
    pub(crate) happened: Vec<Value>,
    /// A killed browser leaves its profile here.
    _folder: TempDir,
}

impl Told {
    pub(crate) fn start(command: &mut Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        command.env("TMPDIR", folder.path()).stdin(Stdio::null());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            let read = BufReader::new(stdout).lines().map_while(Result::ok);
            // The receiver is gone when the test has failed.
            read.map(|line| sender.send(line)).all(|sent| sent.is_ok())
        });
        let complaints = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        Self {
            child,
            lines,
            complaints: Some(complaints),
            happened: vec![],
            _folder: folder,
        }
    }

    /// Waits until something of a type has happened `count` times; answers the last of them.
    pub(crate) fn wait(&mut self, kind: &str, count: usize) -> Value {
        while self.of(kind).count() < count {
            self.take(&format!("{count} of type {kind}"));
        }
        self.of(kind).nth(count - 1).unwrap().clone()
    }

    /// Waits until something of a type happens that is as expected, and answers it.
    pub(crate) fn wait_for(&mut self, kind: &str, expected: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.take(&format!("such {kind}"));
            let latest = self.happened.last().unwrap();
            if latest["type"] == kind && expected(latest) {
                return latest.clone();
            }
            if Instant::now() > deadline {
                self.fail(&format!("no such {kind}"));
            }
        }
    }

    /// Takes in what happens next.
    fn take(&mut self, awaited: &str) {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => self.happened.push(serde_json::from_str(&line).unwrap()),
            Err(error) => self.fail(&format!("no {awaited}: {error}")),
        }
    }

    /// Everything of a type that has happened, oldest first.
    pub(crate) fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.happened
            .iter()
            .filter(move |told| told["type"] == kind)
    }

    /// The messages on a subject.
    pub(crate) fn messages(&self, subject: &str) -> Vec<&Value> {
        self.of("message")
            .filter(|told| told["subject"] == subject)
            .collect()
    }

    /// The device ends by itself, and ends well.
    pub(crate) fn ended(mut self) -> Vec<Value> {
        self.wait("closed", 1);
        let status = self.child.wait().unwrap();
        if !status.success() {
            self.fail(&format!("the device ended with {status}"));
        }
        std::mem::take(&mut self.happened)
    }

    fn fail(&mut self, what: &str) -> ! {
        let _ = self.child.kill();
        let complaints = self
            .complaints
            .take()
            .map(|thread| thread.join().unwrap_or_default());
        let last = self.happened.iter().rev().take(20);
        let last: Vec<String> = last
            .map(|told| format!("{:.200}", told.to_string()))
            .collect();
        panic!(
            "{what}\nit complained: {}\nwhat it told last, latest first:\n{}",
            complaints.unwrap_or_default(),
            last.join("\n")
        )
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
