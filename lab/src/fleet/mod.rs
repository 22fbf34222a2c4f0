//! The devices.
//!
//! - [`origins`]: which address and port each device comes from.
//! - [`pace`]: when each thing a fleet was told to do is due.
//! - [`device`]: what is remembered per device; a few dozen bytes.
//! - [`devices`]: the devices of one event loop, over [`gateway_engine`]'s client side.
//! - [`outlook`]: what a loop lets the rest of the lab see.
//! - [`names`]: how a device uses the addresses behind a name. [`resolver`]: who asks the name server for it.
//! - [`loopback`]: the provider: loops, orders, counts.
//!
//! Load is honest: everything is scheduled beforehand, latencies count from the intended time, and the generator's own lag is measured.

mod device;
mod devices;
mod loopback;
mod names;
mod origins;
mod outlook;
mod pace;
mod resolver;

#[cfg(test)]
mod tests;

pub(crate) use loopback::Loopback;
pub(crate) use names::Habit;
