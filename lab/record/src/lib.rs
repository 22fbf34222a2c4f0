//! What happened in a run, as data, and what follows from it. It starts nothing and reads no clock.
//!
//! - [`run`]: the content of `run.json`.
//! - [`verdict`]: from expectations to one word and an exit status.

pub mod run;
pub mod verdict;
