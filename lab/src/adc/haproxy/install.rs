//! Which HAProxy this machine has, and what to type if it has none.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use lab_kafka::engine;

use super::container;
use crate::provider::{Refusal, RefusalKind};

/// Names the program to use, or is `container`.
const CHOICE: &str = "TIDEGATE_HAPROXY";
/// Where distributions put it, whether or not `PATH` leads there.
const USUAL: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/sbin"];

/// A HAProxy that can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// How.
    pub(crate) form: Form,
    /// "HAProxy 2.6.12-1+deb12u4".
    pub(crate) version: String,
}

/// How HAProxy is had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    /// This program.
    Binary(PathBuf),
    /// The public image.
    Container,
}

/// Looks for it: what `TIDEGATE_HAPROXY` names, else a program, else a container engine.
pub(crate) fn find() -> Result<Found, Refusal> {
    match env::var_os(CHOICE) {
        Some(choice) if choice == "container" => {
            contained().map_err(|reason| unfit(reason, "use --adc builtin".to_owned()))
        }
        Some(choice) => installed(Path::new(&choice)).ok_or_else(|| misnamed(&choice)),
        None => anywhere(),
    }
}

fn anywhere() -> Result<Found, Refusal> {
    let places = env::var_os("PATH").unwrap_or_default();
    let places = env::split_paths(&places).chain(USUAL.iter().map(PathBuf::from));
    let program = places
        .map(|place| place.join("haproxy"))
        .find_map(|path| installed(&path));
    program.map_or_else(contained, Ok).map_err(|no_engine| {
        let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        let remedy = format!(
            "install it: {}, or use --adc builtin",
            command_for(&release)
        );
        unfit(format!("HAProxy is not installed, and {no_engine}"), remedy)
    })
}

fn installed(binary: &Path) -> Option<Found> {
    let version = version_of(binary)?;
    Some(Found {
        form: Form::Binary(binary.to_owned()),
        version,
    })
}

fn contained() -> Result<Found, String> {
    engine::answers().map_err(|error| error.to_string())?;
    let (name, tag) = container::IMAGE;
    Ok(Found {
        form: Form::Container,
        version: format!("HAProxy, image {name}:{tag}"),
    })
}

fn misnamed(choice: &OsStr) -> Refusal {
    let reason = format!(
        "{CHOICE} names {}, which does not run as HAProxy",
        choice.display()
    );
    unfit(
        reason,
        format!("let it name the program, be `container`, or unset it: unset {CHOICE}"),
    )
}

fn unfit(reason: String, remedy: String) -> Refusal {
    Refusal {
        kind: RefusalKind::Machine,
        reason,
        remedy,
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
    fn what_is_named_but_no_haproxy_is_refused_with_a_way_out() {
        assert_eq!(installed(Path::new("/bin/true")), None);

        let refusal = misnamed(OsStr::new("/bin/true"));
        assert_eq!(
            refusal.reason,
            "TIDEGATE_HAPROXY names /bin/true, which does not run as HAProxy"
        );
        assert_eq!(
            refusal.remedy,
            "let it name the program, be `container`, or unset it: unset TIDEGATE_HAPROXY"
        );
    }

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
