//! What happened in a run, as data, and what follows from it. It starts nothing and reads no clock.
//!
//! - [`faults`]: what was broken on purpose, and when.
//! - [`balancing`]: how devices were spread over gateways, and what a change cost.
//! - [`cost`]: processor time per handshake and per message.
//! - [`ledger`]: what the log holds against what devices received.
//! - [`recovery`]: what faults did to devices, and how they came back.
//! - [`run`]: the content of `run.json`.
//! - [`statistics`]: how evenly connections are spread over workgroups, and why not.
//! - [`verdict`]: from expectations to one word and an exit status.

pub mod balancing;
pub mod cost;
pub mod faults;
pub mod ledger;
pub mod recovery;
pub mod run;
pub mod statistics;
pub mod upkeep;
pub mod verdict;
