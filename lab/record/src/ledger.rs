//! The ledger: what the log holds against what devices received.
//!
//! - [`events`]: what it is told.
//! - [`truth`]: the log as an independent reader saw it, and the records of each subject in it.
//! - [`lane`]: the judge of one device on one subject and partition.
//! - [`publishes`]: what devices sent, what was acknowledged, what the log has.
//! - [`subject`], [`content`]: subjects and bytes, read by the lab's own ruler and not the gateway's.
//! - [`account`]: the result.
//!
//! It is fed while the run goes on: truth and deliveries come in any order to each other, each in its own order. A delivery that is ahead
//! of the truth waits for it. Nothing is judged by a clock: what devices owe begins at a *fence* (positions behind everything that was
//! acknowledged before they subscribed) and ends where the truth was closed.

pub mod account;
pub mod content;
pub mod events;

mod book;
mod lane;
mod publishes;
mod subject;
mod truth;

pub use account::{Account, Finding, Flaw};
pub use book::Ledger;
pub use content::Content;
pub use events::{Answer, Arrival, Kind, Position, Record};
