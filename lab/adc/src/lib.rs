//! A load balancer in a library: one neutral model, executed on real TCP connections.
//!
//! A scenario's own words, an F5 declaration and a Citrix `ns.conf` are front ends that write a [`model`]; there is one
//! engine behind all of them, so what is proven for one is not re-implemented for the next.
//!
//! - [`model`]: virtual servers, pools, members, monitors, SNAT; data with a validation that names the place.
//! - [`balance`], [`persistence`], [`health`], [`roster`], [`source_ports`]: the decisions, pure: no socket, no clock.
//! - [`proxy_header`]: the bytes that tell a member who the client is. Written here and not borrowed from the gateway, so that
//!   the gateway's reader is never judged by its own writer.
//! - [`events`]: where iRules hang in, in the appliance's order.
//! - [`engine`]: sockets, tunnels, probes; and the [`engine::Handle`] that changes and asks while traffic flows.
//! - [`faults`]: what can be broken on purpose.
//! - [`relay`]: a plain TCP relay with delay, bandwidth and frame tampering, for any line between two parties.
//! - [`rest`], [`serve`]: the engine as a process of its own, steered over plain JSON.
//!
//! Absent on purpose: TLS towards members, HTTP parsing beyond a monitor's status line (a script may do it), UDP, and any knowledge of gateways or Kafka.

pub mod model;

pub mod balance;
pub mod health;
pub mod persistence;
pub mod proxy_header;
pub mod roster;
pub mod source_ports;

pub mod events;
pub mod faults;

pub mod engine;
pub mod relay;
pub mod rest;
pub mod serve;
