//! HAProxy's socket for operators: orders, and `show stat` (management guide, sections 9.1 and 9.3).

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::adc::model::POOL;

/// An answer may take this long.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer that is read; a server takes about 500 bytes.
const LONGEST: u64 = 16 * 1024 * 1024;

/// The socket's path.
#[derive(Debug, Clone)]
pub(crate) struct StatisticsSocket(pub(crate) PathBuf);

/// What HAProxy says about one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// Its name in the configuration.
    pub(crate) server: String,
    /// `UP`, `UP 1/3`, `DOWN`, `DRAIN`, `MAINT`, `no check` …
    pub(crate) status: String,
    /// The last check; `INI` before the first, nothing when there are no checks.
    check_status: String,
    /// Connections now.
    pub(crate) current: u64,
    /// Connections since the start.
    pub(crate) total: u64,
}

impl Row {
    /// Whether it gets new connections.
    pub(crate) fn takes_new(&self) -> bool {
        self.status.starts_with("UP") || self.status.starts_with("no check")
    }

    /// Whether checks, if any, have been made.
    pub(crate) fn is_checked(&self) -> bool {
        self.check_status != "INI"
    }
}

impl StatisticsSocket {
    /// An order, which is answered with nothing when it is obeyed.
    pub(crate) fn order(&self, order: &str) -> anyhow::Result<()> {
        let answer = self.ask(order)?;
        if answer.trim().is_empty() {
            return Ok(());
        }
        bail!("HAProxy answered `{order}` with: {}", answer.trim())
    }

    /// The servers of the backend.
    pub(crate) fn servers(&self) -> anyhow::Result<Vec<Row>> {
        // -1: every proxy, 4: servers, -1: every one of them.
        read(&self.ask("show stat -1 4 -1")?)
    }

    fn ask(&self, order: &str) -> anyhow::Result<String> {
        let asking = || format!("cannot ask HAProxy `{order}`");
        let mut stream = UnixStream::connect(&self.0).with_context(asking)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream
            .write_all(format!("{order}\n").as_bytes())
            .with_context(asking)?;
        let mut answer = String::new();
        stream
            .take(LONGEST)
            .read_to_string(&mut answer)
            .with_context(asking)?;
        Ok(answer)
    }
}

/// Reads the CSV of `show stat`. Columns are found by name, as versions add some; names hold no commas.
fn read(csv: &str) -> anyhow::Result<Vec<Row>> {
    let mut lines = csv.lines();
    let header = lines
        .next()
        .and_then(|line| line.strip_prefix("# "))
        .context("HAProxy's statistics have no header")?;
    let columns: Vec<&str> = header.split(',').collect();
    let column = |name: &str| {
        columns
            .iter()
            .position(|column| *column == name)
            .with_context(|| format!("no column {name} in HAProxy's statistics"))
    };
    let (proxy, server, status, check) = (
        column("pxname")?,
        column("svname")?,
        column("status")?,
        column("check_status")?,
    );
    let (current, total) = (column("scur")?, column("stot")?);
    let rows = lines
        .map(|line| line.split(',').collect::<Vec<_>>())
        .filter(|cells| cells.get(proxy) == Some(&POOL));
    rows.map(|cells| {
        let text = |at: usize| cells.get(at).copied().unwrap_or_default().to_owned();
        // A check in progress is marked with a star.
        let check_status = text(check).trim_start_matches("* ").to_owned();
        Ok(Row {
            server: text(server),
            status: text(status),
            check_status,
            current: text(current).parse().context("scur is no number")?,
            total: text(total).parse().context("stot is no number")?,
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_by_the_names_of_their_columns() {
        let csv = "# pxname,svname,scur,new-in-some-version,stot,status,check_status,\n\
                   gateways,m0s0,3,x,17,UP 1/3,* L4OK,\n\
                   gateways,m1s0,0,x,0,no check,,\n\
                   other,m0s0,9,x,9,UP,L4OK,\n\n";

        let row = |server: &str, status: &str, check: &str, current, total| Row {
            server: server.to_owned(),
            status: status.to_owned(),
            check_status: check.to_owned(),
            current,
            total,
        };
        assert_eq!(
            read(csv).unwrap(),
            [
                row("m0s0", "UP 1/3", "L4OK", 3, 17),
                row("m1s0", "no check", "", 0, 0)
            ]
        );
    }

    #[test]
    fn a_missing_column_is_named() {
        assert_eq!(
            read("# pxname,svname\n").unwrap_err().to_string(),
            "no column status in HAProxy's statistics"
        );
    }
}
