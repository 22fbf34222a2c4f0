//! Records in a transaction, committed or thrown away. Needs a real Kafka: the embedded one shows aborted records to everybody.

use std::time::Duration;

use anyhow::Context as _;

use crate::publisher::{Placed, Publisher, Record};
use crate::settings::Access;

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Its records are part of the log.
    Commit,
    /// Its records take up offsets, and who reads committed records never sees them.
    Abort,
}

/// Writes `records` in one transaction of the producer `id` and ends it; answers where the records are, or would have been.
///
/// Either end adds a marker of its own to each partition written to, which takes up an offset as well.
pub fn transact(
    access: &Access,
    id: &str,
    records: &[Record],
    end: End,
    patience: Duration,
) -> anyhow::Result<Vec<Placed>> {
    let publisher = begin(access, id, patience)?;
    let placed = publisher.publish_all(records, patience)?;
    self::end(&publisher, end, patience)?;
    Ok(placed)
}

/// A publisher in the middle of a transaction.
pub(crate) fn begin(access: &Access, id: &str, patience: Duration) -> anyhow::Result<Publisher> {
    let publisher = Publisher::transactional(access, id)?;
    publisher
        .begin(patience)
        .context("cannot begin a transaction")?;
    Ok(publisher)
}

/// Ends the transaction of a publisher.
pub(crate) fn end(publisher: &Publisher, end: End, patience: Duration) -> anyhow::Result<()> {
    publisher
        .end(end, patience)
        .with_context(|| format!("cannot end a transaction: {end:?}"))
}
