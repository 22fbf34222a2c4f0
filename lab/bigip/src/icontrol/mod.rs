//! The device's REST face, iControl REST and AS3, over the stand-in.
//!
//! - [`device`]: a request in, an answer out; configuration and data plane behind it.
//! - `store`, `catalogue`, `members`, `wire`: the configuration, and how JSON and tmsh's words become each other.
//! - `plane`: an engine per virtual server, kept in step.
//! - `access`, `transaction`, `task`, `declare`, `stats`, `resource`, `partitions`, `system`: the parts of the API.
//! - [`server`]: HTTPS with a certificate of its own making.
//!
//! A virtual server that the stand-in cannot run is configured all the same; its statistics say `offline` and why.

mod access;
mod catalogue;
mod declare;
pub mod device;
mod error;
mod ltm;
mod members;
mod partitions;
mod plane;
pub mod request;
mod resource;
pub mod server;
mod stats;
mod store;
mod system;
mod task;
mod transaction;
mod wire;

pub use error::ApiError;
