//! HAProxy with a configuration of a few lines, until it is dropped.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::{Outcome, PATIENCE};

/// HAProxy's binary, where there is one.
pub(crate) fn installed() -> Option<&'static str> {
    [
        "/usr/sbin/haproxy",
        "/usr/local/sbin/haproxy",
        "/usr/bin/haproxy",
    ]
    .into_iter()
    .find(|path| Path::new(path).is_file())
}

/// A process that is ready.
pub(crate) struct Haproxy(Child);

impl Haproxy {
    pub(crate) fn start(binary: &str, mode: &str, config: &str) -> Outcome<Self> {
        let directory = tempfile::tempdir()?;
        let socket = directory.path().join("stats.sock");
        let file = directory.path().join("haproxy.cfg");
        std::fs::write(
            &file,
            format!(
                "global\n stats socket {}\n maxconn 100\ndefaults\n mode {mode}\n timeout connect 5s\n timeout client 1m\n \
                 timeout server 1m\n{config}",
                socket.display()
            ),
        )?;
        let child = Command::new(binary)
            .args(["-db", "-f"])
            .arg(&file)
            .stderr(Stdio::null())
            .spawn()?;
        let mut haproxy = Self(child);
        let deadline = Instant::now() + PATIENCE;
        // Once it answers here it listens everywhere.
        while UnixStream::connect(&socket).is_err() {
            let ended = haproxy.0.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                return Err(format!("HAProxy does not start ({ended:?}) with\n{config}").into());
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        Ok(haproxy)
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}
