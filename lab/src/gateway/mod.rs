//! Gateways under test: processes that the lab starts, watches and asks, never code it imports.
//!
//! - [`binary`]: where the program is.
//! - [`config`]: the file each one is given.
//! - [`process`]: a running one.
//! - [`fate`]: what a scenario does to it. [`launch`]: how it is started, and started again.
//! - [`admin`]: what its admin port says.
//! - [`metrics`]: its counters.

pub(crate) mod binary;

pub(crate) mod config;

pub(crate) mod process;

mod fate;

pub(crate) mod launch;

pub(crate) mod admin;

pub(crate) mod metrics;

pub(crate) use process::Gateway;
