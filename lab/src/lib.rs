//! Starts Kafka, a load balancer, gateways and a fleet of devices from one scenario file, and judges what it sees.
//!
//! - [`units`]: durations and rates as people write them.
//! - [`stage`]: what one cell asks to be built.
//! - [`provider`]: the parts that can be had in several ways, each behind one short trait.
//! - [`gateway`]: the processes under test.
//! - [`kafka`], [`adc`], [`fleet`]: the providers.
//! - [`interrupt`], [`leash`]: how a run ends early, and how its children end with it.
//!
//! It never imports the gateway: it starts the binary and meets it over sockets, signals and the admin port.

pub mod units;

pub mod stage;

pub mod scenario;

pub(crate) mod provider;

pub(crate) mod adc;
pub(crate) mod fleet;
pub(crate) mod gateway;
pub(crate) mod kafka;

pub(crate) mod interrupt;
pub(crate) mod leash;
