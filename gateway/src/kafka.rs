//! The way to Kafka.
//!
//! - [`native`]: what librdkafka offers and its wrapper does not; all `unsafe` of this crate.
//! - [`client_log`]: its log lines.
//! - [`consumer`]: a consumer that joins no group.
//! - [`scout`]: a thread that asks slow questions: which topics and partitions there are, where to begin reading.
//! - [`partitioner`]: where a key lands.
//! - [`producer`]: what devices publish.
//! - [`acks`]: their acknowledgements, once Kafka acknowledged.

pub(crate) mod acks;
mod client_log;
pub(crate) mod consumer;
pub(crate) mod native;
pub(crate) mod partitioner;
pub(crate) mod producer;
pub(crate) mod scout;
