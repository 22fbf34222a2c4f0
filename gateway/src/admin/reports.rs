//! `/workgroups` and `/connections`, as JSON.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use gateway_engine::Mailbox;

use crate::metrics::Metrics;
use crate::workgroup::Command;

/// How long a workgroup may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// `[{"workgroup":0,"connections":12}, …]`
pub(super) fn workgroups(metrics: &Metrics) -> String {
    let lines: Vec<String> = metrics
        .groups
        .iter()
        .enumerate()
        .map(|(number, group)| {
            let connections = group.connections.load(Ordering::Relaxed);
            format!("{{\"workgroup\":{number},\"connections\":{connections}}}")
        })
        .collect();
    format!("[{}]", lines.join(","))
}

/// `[{"id":…,"peer":"ip:port","client":"ip:port","workgroup":…}, …]`; asks each workgroup and waits, so not to be called
/// where nobody may wait.
///
/// # Errors
/// A workgroup did not answer in time.
pub(super) fn connections(mailboxes: &[Mailbox<Command>]) -> Result<String, String> {
    // Ask all first, then collect: they work at the same time.
    let mut answers = Vec::with_capacity(mailboxes.len());
    for (number, mailbox) in mailboxes.iter().enumerate() {
        let (sender, receiver) = sync_channel(1);
        mailbox
            .try_send(Command::Report(sender))
            .map_err(|_| format!("workgroup {number} is too busy to report"))?;
        answers.push(receiver);
    }
    let mut out = String::from("[");
    for (number, answer) in answers.iter().enumerate() {
        let reports = answer
            .recv_timeout(PATIENCE)
            .map_err(|_| format!("workgroup {number} did not report within {PATIENCE:?}"))?;
        for report in reports {
            let separator = if out.len() == 1 { "" } else { "," };
            let _ = write!(
                out,
                "{separator}{{\"id\":{},\"peer\":\"{}\",\"client\":\"{}\",\"workgroup\":{}}}",
                report.id, report.peer, report.client, report.workgroup
            );
        }
    }
    out.push(']');
    Ok(out)
}
