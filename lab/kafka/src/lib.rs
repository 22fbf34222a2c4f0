//! Kafka clusters to break, and clients of them that tell the truth. It knows no scenario and no gateway.
//!
//! - [`embedded`]: librdkafka's mock cluster, in this process; nothing installed.
//! - [`container`]: Apache Kafka in containers; [`engine`]: what runs them, and that nothing stays behind.
//! - [`admin`]: topics made, changed, damaged and removed.
//! - [`external`]: somebody's running cluster.
//! - [`compaction`]: what the log cleaner did.
//! - [`fault`]: what can be done to a cluster, and which can do it.
//! - [`names`]: topic names that no other run has.
//! - [`publisher`]: puts records into Kafka and remembers where each one landed.
//! - [`transaction`]: records committed or thrown away together.
//! - [`schedule`], [`payload`], [`load`]: records at a rate, due at times decided beforehand. [`shape`]: odd ones.
//! - [`truth`]: what the log really holds, read independently of everything under test.
//!
//! Calls block; what runs on runs on threads of its own. Nothing here sleeps and hopes: waits have a condition and a deadline.

pub mod admin;
pub mod compaction;
pub mod container;
mod election;
pub mod embedded;
pub mod engine;
mod error;
pub mod external;
pub mod fault;
pub mod load;
mod metadata;
pub mod names;
pub mod payload;
pub mod publisher;
mod raw;
pub mod schedule;
mod settings;
pub mod shape;
pub mod transaction;
pub mod truth;
mod unclean;

pub use error::StartError;
pub use settings::Access;

/// The version of librdkafka in this program, such as "2.12.1".
#[must_use]
pub fn librdkafka_version() -> String {
    rdkafka::util::get_rdkafka_version().1
}
