//! A name server for the lab: it answers questions for addresses over real UDP and TCP, and misbehaves on request.
//!
//! - [`Zone`]: which addresses each name has, for how long an answer holds, and in which order addresses are given.
//! - [`Intermediary`]: the resolver of a carrier or a company on the way, which keeps answers, and sometimes for too long.
//! - [`Mood`]: what else may go wrong: no such name, server failure, silence, answers too long for UDP.
//! - [`answer`]: from the bytes of a question to the bytes of an answer.
//! - [`NameServer`]: the sockets, and a handle that changes all this while it runs.
//!
//! Everything but [`NameServer`] is pure: questions, time and chance are handed in.
//!
//! ```
//! use std::time::Duration;
//!
//! use lab_dns::{NameServer, Order, Zone};
//!
//! let mut zone = Zone::new(Order::RoundRobin);
//! zone.set("gateways.lab.test", ["127.0.0.2".parse()?, "127.0.0.3".parse()?], Duration::from_secs(5))?;
//! let server = NameServer::start(zone, 7)?;
//! println!("ask {}", server.address());
//!
//! server.change(|service| service.zone.remove("gateways.lab.test"))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Absent: zones of others, delegation, DNSSEC, zone transfer. Nobody but the lab should ask it anything.

mod answer;
mod intermediary;
mod server;
mod zone;

pub use answer::{Counts, Mood, Service, Transport, answer};
pub use intermediary::Intermediary;
pub use server::{NameServer, StartError};
pub use zone::{Found, NameError, Order, Zone};
