//! iRules off the appliance: an interpreter for the Tcl 8.4 subset that F5's TMM runs. It opens no socket.
//!
//! - [`Rule`]: a rule as loaded, or [`LoadError`] in the appliance's own words.
//! - [`Tmm`]: the rules of one virtual server; [`Tmm::fire`] runs an event on a [`Connection`].
//! - [`Host`]: what a rule can see and do. Whoever owns the sockets implements it.
//! - [`Rehearsal`]: a host without sockets, to try a rule without traffic.
//! - [`Event`] and [`Phase`]: which events there are, and where in a connection's life they stand.
//!
//! Three kinds of commands: those that run here; those that the appliance knows and this interpreter does not, which
//! load and then end the run with [`RuntimeError::Unmodelled`]; and unknown or disabled ones, which do not load.
//!
//! Not here: sockets, TLS, HTTP parsing, load balancing. Those belong to the host.

mod backslash;
mod check;
mod commands;
mod error;
mod evaluate;
mod expression;
mod facts;
mod glob;
mod host;
mod list;
mod number;
mod pattern;
mod rehearsal;
mod rule;
mod run;
mod script;
mod table;
mod tmm;
mod value;
mod variables;

pub use error::{LoadError, RuntimeError};
pub use facts::{Event, Phase, event_names};
pub use host::{Action, Flow, Host, HttpMessage, Member, Selection, Side, Snat, WsFrame};
pub use rehearsal::Rehearsal;
pub use rule::{Reference, Rule, Use};
pub use table::Table;
pub use tmm::{Connection, Tmm};
pub use value::Value;
