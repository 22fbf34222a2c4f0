//! The load balancer, in each of its kinds.
//!
//! - [`Builtin`]: the lab's own, on the engine of `lab-adc`, in a process of its own.
//! - [`Haproxy`]: the real one.
//!
//! Both are told the same [`AdcSetup`](crate::provider::AdcSetup): `model` writes it down in the neutral model's words.

mod builtin;
mod descriptors;
mod haproxy;
mod model;
mod rest;
#[cfg(test)]
mod tests;

pub(crate) use builtin::Builtin;
pub(crate) use haproxy::Haproxy;
