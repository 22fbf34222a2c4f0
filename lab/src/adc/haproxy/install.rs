//! Whether HAProxy is on this machine, and what to type if it is not.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::provider::{Refusal, RefusalKind};

/// Where distributions put it, whether or not `PATH` leads there.
const USUAL: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/sbin"];

/// A HAProxy that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The program.
    pub(crate) binary: PathBuf,
    /// "HAProxy 2.6.12-1+deb12u4".
    pub(crate) version: String,
}

/// Looks for it.
pub(crate) fn find() -> Result<Found, Refusal> {
    let places = env::var_os("PATH").unwrap_or_default();
    let places = env::split_paths(&places).chain(USUAL.iter().map(PathBuf::from));
    let binary = places
        .map(|place| place.join("haproxy"))
        .find(|path| path.is_file());
    let binary = binary.ok_or_else(|| refusal("HAProxy is not installed".to_owned()))?;
    let version = version_of(&binary)
        .ok_or_else(|| refusal(format!("{} does not tell its version", binary.display())))?;
    Ok(Found { binary, version })
}

fn refusal(reason: String) -> Refusal {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    Refusal {
        kind: RefusalKind::Machine,
        reason,
        remedy: format!(
            "install it: {}, or use --adc builtin",
            command_for(&release)
        ),
    }
}

/// The line to type on the system that this `/etc/os-release` describes.
fn command_for(release: &str) -> &'static str {
    let names = release.lines().filter_map(|line| {
        line.strip_prefix("ID=")
            .or_else(|| line.strip_prefix("ID_LIKE="))
    });
    let names: Vec<&str> = names
        .flat_map(|value| value.trim_matches('"').split(' '))
        .collect();
    let is = |name: &str| names.contains(&name);
    if is("fedora") || is("rhel") {
        "sudo dnf install haproxy"
    } else if is("arch") {
        "sudo pacman -S haproxy"
    } else if is("alpine") {
        "sudo apk add haproxy"
    } else if is("suse") || is("opensuse") {
        "sudo zypper install haproxy"
    } else {
        "sudo apt-get install haproxy"
    }
}

fn version_of(binary: &Path) -> Option<String> {
    let output = Command::new(binary).arg("-v").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text
        .lines()
        .next()?
        .strip_prefix("HAProxy version ")?
        .split(' ')
        .next()?;
    Some(format!("HAProxy {version}"))
}

/// What matters in HAProxy's standard error: its alerts, without process ids and configuration paths.
pub(crate) fn essence(stderr: &str) -> String {
    let alerts = stderr.lines().filter(|line| line.starts_with("[ALERT]"));
    let alerts: Vec<&str> = alerts
        .filter_map(|line| line.split_once(" : ").map(|(_, text)| text.trim()))
        .collect();
    match alerts.as_slice() {
        [] if stderr.trim().is_empty() => "it gave no reason".to_owned(),
        [] => stderr.trim().to_owned(),
        alerts => alerts.join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_fits_the_distribution() {
        for (release, command) in [
            ("ID=debian\n", "sudo apt-get install haproxy"),
            (
                "ID=ubuntu\nID_LIKE=debian\n",
                "sudo apt-get install haproxy",
            ),
            (
                "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n",
                "sudo dnf install haproxy",
            ),
            ("ID=alpine\n", "sudo apk add haproxy"),
            ("", "sudo apt-get install haproxy"),
        ] {
            assert_eq!(command_for(release), command, "{release}");
        }
    }

    #[test]
    fn alerts_are_what_matters_in_its_complaints() {
        let stderr = "[NOTICE]   (3652) : haproxy version is 2.6.12\n\
                      [ALERT]    (3652) : config : parsing [t.cfg:11] : 'bind' : cannot use file descriptor '7'.\n\
                      [ALERT]    (3652) : config : Fatal errors found in configuration.\n";

        assert_eq!(
            essence(stderr),
            "config : parsing [t.cfg:11] : 'bind' : cannot use file descriptor '7'.; config : Fatal errors found in configuration."
        );
        assert_eq!(essence(""), "it gave no reason");
    }
}
