//! What the gateway costs, beside what it could cost at best. One row per target, each with its control in the same run:
//! machines are noisy, so what must hold is a ratio, and the two sides take turns.
//!
//! In the order of reading:
//! - [`target`]: what is promised, row by row.
//! - [`rows`]: how each row is measured.
//! - [`stand`]: a server under measurement with a fleet of its own; [`gateway`], [`control`]: the servers.
//! - [`parts`]: programs that run as processes of their own: the fleet and the controls.
//! - [`child`]: how they are given orders.
//! - [`log`](mod@log): the Kafka behind the gateway.
//! - [`processor`], [`memory`], [`statistics`]: rulers, all of them the kernel's.
//! - [`namespace`], [`machine`]: where it is measured.
//! - [`outcome`], [`table`]: what was found, for programs and for people.
//!
//! Absent: the gateway's code. Whoever runs this hands in a [`Host`](host::Host), which starts the gateway's binary.

pub mod bench;
mod child;
mod control;
pub mod error;
mod gateway;
pub mod host;
mod log;
mod machine;
mod memory;
pub mod namespace;
pub mod outcome;
pub mod parts;
mod processor;
mod rows;
mod stand;
mod statistics;
pub mod table;
pub mod target;

pub use bench::{KafkaChoice, Options, run};
pub use error::BenchError;
pub use rows::million;
