//! Asks a BIG-IP: iControl REST and AS3 over HTTPS. The device may be a real one or the lab's stand-in; nothing here knows which.
//!
//! - [`credentials`]: user and password, from the environment or a file, never printed.
//! - [`target`]: which device, and whose certificate is believed.
//! - [`retry`]: what an answer means: final, ask again, log in again. Pure.
//! - [`session`]: login, and questions that are repeated as [`retry`] says.
//! - [`facts`], [`declaration`], [`pool`], [`statistics`]: what the lab asks and orders.
//!
//! Calls block. Absent: every endpoint that a replay does not need, and any knowledge of scenarios.

pub mod credentials;
pub mod target;

mod transport;

pub mod retry;
pub mod session;

pub mod declaration;
pub mod facts;
pub mod pool;
pub mod statistics;
