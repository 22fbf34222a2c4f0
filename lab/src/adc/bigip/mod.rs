//! BIG-IP: the shipped configuration, rendered for a stage, declared over AS3 and steered over iControl REST.
//!
//! - `site`: a setup in the words of `f5-irules/site.toml`, and what BIG-IP cannot do of a stage.
//! - `appliance`: the pool of a device that has the configuration: members, wishes, counts.
//! - [`Bigip`]: a real device, changed for the time of a run.
//! - [`Standin`]: `lab adc serve bigip` as the device, in a process of its own.

mod appliance;
mod device;
mod site;
mod standin;

pub(crate) use device::{Bigip, preview, refusal};
pub(crate) use standin::Standin;
