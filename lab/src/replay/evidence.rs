//! The evidence pack: what an operator attaches to a change ticket, beside the run's own record and report.

use std::path::{Path, PathBuf};

use lab_icontrol::facts::DeviceFacts;
use lab_icontrol::pool::tilde;
use lab_icontrol::session::{DeviceError, Session};
use serde_json::{Value as Json, json};

use crate::files::put;

/// Lines of the device's log that are looked at.
const LOG_LINES: u32 = 2_000;

/// A folder under construction.
#[derive(Debug)]
pub(crate) struct Evidence {
    folder: PathBuf,
    log_before: Vec<String>,
}

/// What is counted: the objects of one declaration.
#[derive(Debug, Clone)]
pub(crate) struct Counted {
    /// The pool's path.
    pub(crate) pool: String,
    /// The virtual server's path.
    pub(crate) virtual_server: String,
}

impl Evidence {
    /// Begins with what the device is, what it is told, and where its log ends.
    pub(crate) fn begin(
        folder: &Path,
        session: &mut Session,
        facts: &DeviceFacts,
        declaration: &Json,
    ) -> anyhow::Result<Self> {
        put(folder, "device.json", &pretty(&facts.as_json()))?;
        put(folder, "declaration.json", &pretty(declaration))?;
        Ok(Self {
            folder: folder.to_owned(),
            log_before: log(session).unwrap_or_default(),
        })
    }

    /// The device's statistics now, as `statistics-WHEN.json`.
    pub(crate) fn count(
        &self,
        session: &mut Session,
        counted: &Counted,
        when: &str,
    ) -> anyhow::Result<()> {
        let mut all = json!({});
        for (name, path) in [
            (
                "pool",
                format!("/mgmt/tm/ltm/pool/{}/stats", tilde(&counted.pool)),
            ),
            (
                "members",
                format!("/mgmt/tm/ltm/pool/{}/members/stats", tilde(&counted.pool)),
            ),
            (
                "virtual",
                format!(
                    "/mgmt/tm/ltm/virtual/{}/stats",
                    tilde(&counted.virtual_server)
                ),
            ),
        ] {
            all[name] = session.get(&path)?;
        }
        put(
            &self.folder,
            &format!("statistics-{when}.json"),
            &pretty(&all),
        )
    }

    /// The lines that the device has written to its log since the beginning. A device without a shell has none to give; the file says so.
    pub(crate) fn keep_log(&self, session: &mut Session) -> anyhow::Result<()> {
        let text = match log(session) {
            Ok(lines) => new_lines(&self.log_before, &lines).join("\n") + "\n",
            Err(DeviceError::Refused { words, .. }) => {
                format!("the device does not give its log: {words}\n")
            }
            Err(error) => return Err(error.into()),
        };
        put(&self.folder, "ltm.log", &text)
    }
}

/// The last lines of the device's log.
pub(crate) fn log(session: &mut Session) -> Result<Vec<String>, DeviceError> {
    let command = format!("-c 'tail -n {LOG_LINES} /var/log/ltm'");
    let answer = session.ask(
        "POST",
        "/mgmt/tm/util/bash",
        &json!({ "command": "run", "utilCmdArgs": command }),
    )?;
    let text = answer
        .get("commandResult")
        .and_then(Json::as_str)
        .unwrap_or_default();
    Ok(text.lines().map(str::to_owned).collect())
}

/// What comes after the last line that was there before; all of it when the log has moved on too far.
fn new_lines<'a>(before: &[String], now: &'a [String]) -> Vec<&'a str> {
    let known = match before.last() {
        None => 0,
        Some(last) => {
            let same = |end: &usize| {
                now[*end - 1] == *last
                    && (*end == 1 || before.len() < 2 || now[*end - 2] == before[before.len() - 2])
            };
            (1..=now.len()).rev().find(same).unwrap_or(0)
        }
    };
    now[known..].iter().map(String::as_str).collect()
}

fn pretty(json: &Json) -> String {
    format!("{json:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_written_meanwhile_are_kept() {
        let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();

        assert_eq!(new_lines(&lines("a b c"), &lines("b c d e")), ["d", "e"]);
        assert_eq!(new_lines(&[], &lines("a b")), ["a", "b"]);
        assert_eq!(new_lines(&lines("a b"), &lines("x y")), ["x", "y"]);
        assert_eq!(new_lines(&lines("a b"), &lines("a b")), Vec::<&str>::new());
    }
}
