//! How evenly connections are spread over workgroups, and why not.
//!
//! - [`spread`]: chi-square, its p-value, Cohen's w and max/mean of a set of counts.
//! - [`limits`]: what chance alone would not exceed.
//! - [`judgement`]: what follows for an expectation.
//! - [`shares`]: counts against weights, as a balancer should fill its members.
//! - [`residues`]: source ports by residue, the usual cause of an uneven spread, in words.
//! - [`interval`]: where a measured value may truly lie.
//!
//! The coefficient of variation and Jain's index are not here: w² = χ²/n = CV², and Jain's index is 1/(1 + CV²). One number is enough.

mod gamma;

pub mod spread;

pub mod limits;

pub mod judgement;

pub mod shares;

pub mod residues;

pub mod interval;

pub use interval::Interval;
pub use judgement::{Finding, Judgement, Severity, judge};
pub use residues::{Residues, cause};
pub use spread::Spread;

/// The chance of a false alarm that a single check may have: one in a million runs.
pub const FALSE_ALARM: f64 = 1e-6;
