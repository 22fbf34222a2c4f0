//! The device side of Tidegate: connect to one of many gateways, subscribe, publish, and go on where the last
//! connection ended.
//!
//! - [`ServerList`], [`ServerUrl`]: where the gateways are, and what share of the devices each gets.
//! - [`Session`]: subscriptions, positions and unanswered publishes, which outlive connections. Pure: it is told what
//!   happens and what time it is, and answers what to do.
//! - [`Action`], [`Event`], [`Received`]: what it answers.
//! - [`Settings`]: how patient it is.
//!
//! What the session does by itself: it resumes each subscription from its last positions, on whatever gateway; filters
//! what was delivered before; tells of every gap; sends unanswered publishes again under the same id; goes to another
//! server at once when one fails, and backs off, with full jitter, when all have.
//!
//! Absent: frames, sockets and TLS (see the transport), and storage. [`Session::positions`] gives what is worth storing.

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
