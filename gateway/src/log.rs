//! What the gateway remembers of the log. No clock, no thread, no Kafka: records and times are handed in.
//!
//! - [`record`]: one record, shared by all who remember it.
//! - [`epochs`]: under which leader epoch each offset was written; whether a position belongs to this history.
//! - [`track`]: the records of one subject in one partition, newest last.
//! - [`partition`]: what was read of a partition, and what was forgotten.
//! - [`subjects`]: names of subjects, as small numbers.
//! - [`last_values`]: which subjects lose their last value when memory is short.
//! - [`duplicates`]: publishes that are in the log twice.
//! - [`cache`]: all of it together, within its budgets.
//! - [`recovery`]: what a device missed since a position, or why nobody can tell.

pub(crate) mod cache;
pub(crate) mod duplicates;
pub(crate) mod epochs;
mod last_values;
pub(crate) mod partition;
pub(crate) mod record;
pub(crate) mod recovery;
pub(crate) mod subjects;
pub(crate) mod track;
