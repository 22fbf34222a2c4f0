//! How each row is measured. What all have in common: the gateway and its control take turns, so that both meet the same
//! weather, and every number is the kernel's.

pub(crate) mod crowd;
pub(crate) mod handshake;
pub(crate) mod idle;
pub(crate) mod kafka;
pub(crate) mod memory;
pub(crate) mod message;
pub mod million;
mod paced;
pub(crate) mod slow_readers;
pub(crate) mod tls;

/// Devices of the rows about single messages.
const DEVICES: usize = 1_000;

/// Bytes of a message.
const BYTES: usize = 512;
