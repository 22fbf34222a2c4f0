//! The commands that run here. A name that is in none of these tables is unknown, disabled, or known but not modelled.

mod address;
mod assignment;
mod binary;
mod codec;
mod connection;
mod control;
mod convert;
mod http;
mod lists;
mod regular;
mod scan;
mod strings;
mod table;
mod websocket;

use crate::error::Outcome;
use crate::run::Run;
use crate::value::Value;

/// A command: its arguments without its name.
pub(crate) type Native = fn(&mut Run<'_>, &[Value]) -> Outcome;

/// The command of that name, Tcl's or the appliance's.
pub(crate) fn native(name: &str) -> Option<Native> {
    tcl(name).or_else(|| appliance(name))
}

/// True for Tcl's own commands.
pub(crate) fn is_tcl(name: &str) -> bool {
    tcl(name).is_some()
}

fn tcl(name: &str) -> Option<Native> {
    control::find(name)
        .or_else(|| assignment::find(name))
        .or_else(|| lists::find(name))
        .or_else(|| strings::find(name))
        .or_else(|| convert::find(name))
        .or_else(|| scan::find(name))
        .or_else(|| binary::find(name))
        .or_else(|| regular::find(name))
}

fn appliance(name: &str) -> Option<Native> {
    connection::find(name)
        .or_else(|| address::find(name))
        .or_else(|| http::find(name))
        .or_else(|| websocket::find(name))
        .or_else(|| table::find(name))
        .or_else(|| codec::find(name))
}
