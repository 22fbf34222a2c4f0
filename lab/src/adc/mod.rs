//! The load balancer, in each of its kinds.
//!
//! - [`Builtin`]: the lab's own, on the engine of `lab-adc`, in a process of its own.
//! - [`Haproxy`]: the real one.
//! - [`Bigip`]: a real one, for the time of a replay.
//! - [`Standin`]: F5's files and iRules on the lab's own engine, steered over iControl REST.
//!
//! All are told the same [`AdcSetup`](crate::provider::AdcSetup): `model` writes it down in the neutral model's words.

mod bigip;
mod builtin;
mod descriptors;
mod haproxy;
mod model;
mod rest;
mod served;
#[cfg(test)]
mod tests;

pub(crate) use bigip::{Bigip, Standin, preview as bigip_declaration, refusal as bigip_refusal};
pub(crate) use builtin::Builtin;
pub(crate) use haproxy::Haproxy;
