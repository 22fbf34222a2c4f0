//! The device side of Tidegate: connect to one of many gateways, subscribe, publish, and go on where the last
//! connection ended.
//!
//! ```no_run
//! # #[cfg(feature = "transport")]
//! # async fn device() -> Result<(), Box<dyn std::error::Error>> {
//! use gateway_client::{Device, DeviceOptions, ServerList};
//!
//! let servers = ServerList::parse(["100 wss://a.example", "100 wss://b.example", "50 wss://c.example"])?;
//! let (device, mut inbox) = Device::connect(servers, DeviceOptions::default());
//! device.subscribe("/telemetry/dev-1").await?;
//! device.publish("/telemetry/dev-1", "21.5").await?;
//! while let Some(message) = inbox.next_message().await {
//!     println!("{}: {:?}", message.subject, message.text());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! - [`ServerList`], [`ServerUrl`]: where the gateways are, and what share of the devices each gets.
//! - [`Session`]: subscriptions, positions and unanswered publishes, which outlive connections. Pure: it is told what
//!   happens and what time it is, and answers what to do.
//! - [`Action`], [`Event`], [`Received`]: what it answers.
//! - [`Settings`]: how patient it is.
//! - [`AddressBook`]: the addresses behind a server's name. Pure as well.
//! - `Device`, `Inbox`: a session with sockets, a clock and a tokio task (feature `transport`).
//!
//! # What it does by itself
//! - It resumes each subscription from its last positions, on whatever gateway, filters what was delivered before, and
//!   tells of every gap. [`Event::Subscribed`] says what became of the messages in between.
//! - It sends unanswered publishes again under the same id, so that they are delivered once.
//! - It chooses servers by weight, goes to another at once when one fails, leaves failed ones alone until all have
//!   failed, and then backs off exponentially, with full jitter. A server's `reconnect` hint and `Retry-After` are obeyed.
//! - It leaves a gateway that is silent, or does not answer.
//!
//! # Three ways to many gateways
//! - A list of servers with weights: one entry each.
//! - A name with many addresses: one entry; all addresses are used, in random order, and dead ones left alone. The feature
//!   `dns` brings a resolver that knows how long an answer holds.
//! - A load balancer: one entry with one address; first retries are then spread over [`Settings::spread`].
//!
//! # What it costs
//! Measured on x86-64 Linux with rustc 1.95, 2 processors, release profile (thin LTO):
//! - A [`Session`] with one subscription takes about 780 bytes of resident memory (10 000 of them; 750 each of 100 000):
//!   `cargo run --release -p gateway-client --example memory -- 10000`. Sockets, TLS and a tokio task come on top.
//! - The example `device`, with sockets, TLS, resolver and tokio, is a stripped binary of 2.8 MB, of which 2.7 MB are code and
//!   constants: `cargo build --release -p gateway-client --example device`, then `strip` and `size`.
//!
//! Absent: storage. [`Session::positions`] gives what is worth storing, [`SubscribeOptions::from`] takes it back.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod address_book;
mod backoff;
#[cfg(feature = "transport")]
mod device;
mod event;
mod failover;
mod liveness;
mod progress;
mod publications;
mod reconnect;
mod server_list;
mod server_url;
mod session;
mod settings;
mod subscriptions;

pub use address_book::AddressBook;
#[cfg(feature = "dns")]
pub use device::DnsResolver;
#[cfg(feature = "transport")]
pub use device::{
    Closed, Device, DeviceOptions, Inbox, Message, News, PublishData, PublishFailed, Published,
    Resolve, Resolved, SubscribeError, SystemResolver, Transport,
};
pub use event::{Action, Attempt, Cause, Event, Gap, Lost, Received, Ticket};
pub use gateway_protocol::{message, position, subject};
#[cfg(feature = "dns")]
pub use hickory_resolver;
pub use server_list::{Server, ServerId, ServerList, ServerListError};
pub use server_url::{ServerUrl, ServerUrlError};
pub use session::{Counters, PublishError, Session, SubscribeOptions};
pub use settings::{Keepalive, Settings};
