//! The log, in each of its kinds, and the lab's own clients of it.
//!
//! Each kind implements [`crate::provider::Kafka`] and is built by `Kind::new()` without touching the machine. Beside them, for every kind alike:
//! a producer (`Producer::new(&Cluster)`, `send(topic, key, value)`, `flush(within) -> acknowledgements with partition and offset`) and the truth reader
//! (a thread that reads every partition from its first offset while the run goes on, and ends at a barrier record per partition).
