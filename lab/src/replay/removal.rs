//! Takes away what a run has made, and makes sure that it is gone.

use anyhow::{Context, bail};
use lab_icontrol::declaration;
use lab_icontrol::pool::tilde;
use lab_icontrol::session::{DeviceError, Session};
use lab_icontrol::target::Target;
use serde_json::Value as Json;

use super::arguments::{DeviceArguments, wrong};
use super::journal::{Change, Journal};

/// Removes what the journal still names; the answer is what was removed.
pub(crate) fn remove_all(
    session: &mut Session,
    journal: &mut Journal,
) -> anyhow::Result<Vec<String>> {
    let mut removed = vec![];
    for change in journal.left() {
        remove(session, &change)
            .with_context(|| format!("cannot remove the partition {}", change.partition))?;
        journal.removed(&change.partition)?;
        removed.push(change.partition);
    }
    Ok(removed)
}

fn remove(session: &mut Session, change: &Change) -> anyhow::Result<()> {
    // Ordered and never made is as good as removed; AS3 says so itself, if it is there.
    if partition_exists(session, &change.partition)? {
        declaration::remove(session, &change.partition)?;
    }
    if partition_exists(session, &change.partition)? {
        bail!("the device still has it, although AS3 has removed it");
    }
    for node in &change.nodes {
        let path = format!("/mgmt/tm/ltm/node/{}", tilde(node));
        if session.find(&path)?.is_some() {
            session.ask("DELETE", &path, &Json::Null)?;
        }
    }
    Ok(())
}

/// Whether a device has this partition.
pub(crate) fn partition_exists(
    session: &mut Session,
    partition: &str,
) -> Result<bool, DeviceError> {
    Ok(session
        .find(&format!("/mgmt/tm/auth/partition/{partition}"))?
        .is_some())
}

/// `lab adc remove FILE`: finishes what a run could not.
pub(crate) fn finish(file: &std::path::Path, arguments: &DeviceArguments) -> anyhow::Result<u8> {
    let mut journal = Journal::open(file).map_err(|error| wrong(format!("{error:#}")))?;
    if journal.left().is_empty() {
        say_line!(
            "nothing to remove: {} has nothing left of it",
            journal.target()
        );
        return Ok(0);
    }
    let target = Target::parse(journal.target()).map_err(wrong)?;
    let device = arguments.device(target)?;
    let mut session = device.open_to_the_end()?;
    for partition in remove_all(&mut session, &mut journal)? {
        say_line!(
            "removed the partition {partition} from {}",
            journal.target()
        );
    }
    Ok(0)
}
