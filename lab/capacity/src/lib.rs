//! How many machines a fleet takes. Everything here is a function of what was measured: it starts nothing, reads no file and no clock.
//!
//! What is asked, and what is known:
//! - [`question`]: the fleet, and the machines one thinks of.
//! - [`results`]: what was measured on one machine: `results.json`. [`sweep`] takes it out of run records, [`criterion`] out of benchmarks.
//!
//! From numbers to costs:
//! - [`line`]: straight lines with bootstrap intervals. [`usl`]: the universal scalability law, where the data allow it.
//! - [`costs`]: what one connection, message, record and handshake takes.
//!
//! From costs to an answer:
//! - [`answer`]: gateways, and which resource asks for most of them.
//! - [`published`]: the ten-million-client record, to stand beside.
//! - [`text`], [`page`]: renderings.
//!
//! Absent: a number that was not measured and is not called an assumption.

pub mod criterion;
pub mod question;
pub mod results;
pub mod sweep;

pub mod line;
pub mod usl;

pub mod costs;

pub mod answer;
pub mod published;

mod chart;
pub mod page;
pub mod text;
