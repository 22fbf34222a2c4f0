//! Renderings of a run record. Each is a function of the record alone: it starts nothing, reads no file and no clock, and asks nobody again.
//!
//! - [`page`]: `report.html`, one file with nothing loaded from elsewhere.
//! - [`summary`]: Markdown for a pull request.
//! - [`openmetrics`]: the numbers for a metrics store.
//! - [`overview`]: many runs on one page.
//! - [`balancing`]: ways to balance, one column each.
//! - [`compare`]: two sides, and what differs by more than noise.
//!
//! Below the page, in reading order:
//! - [`findings`]: what did not hold, and what to do next.
//! - [`cell`]: one cell of the matrix, section by section.
//! - [`chart`]: pictures as SVG, each beside a table of the same numbers.
//! - [`distribution`]: whole distributions of times, out of the record.
//! - [`words`]: numbers and times as a reader wants them.

pub mod balancing;
mod cell;
pub mod chart;
pub mod compare;
mod distribution;
mod findings;
pub mod openmetrics;
pub mod overview;
pub mod page;
pub mod summary;
pub mod upkeep;
pub mod words;

pub use findings::since;
