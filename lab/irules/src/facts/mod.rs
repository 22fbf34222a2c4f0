//! What the appliance knows, as tables of our own: events, commands, and which command is valid in which event.
//!
//! "Valid" errs on the side of the appliance being more generous: a command without a row in [`VALID`] is taken to be
//! valid in every event of a connection.

mod events;
mod names;
mod validity;

use std::collections::HashSet;
use std::fmt;
use std::sync::LazyLock;

use crate::host::Side;

pub(crate) use validity::{DISABLED, valid_phases};

/// Where in a connection's life an event stands; commands are valid per phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// RULE_INIT: no connection at all.
    Init,
    /// TCP events of the client side.
    ClientFlow,
    /// TCP events of the server side.
    ServerFlow,
    /// Load balancing.
    Balance,
    /// An HTTP request as received.
    HttpRequest,
    /// An HTTP request on its way to the member.
    HttpRequestSent,
    /// An HTTP response.
    HttpResponse,
    /// The upgrade request of a WebSocket.
    WsRequest,
    /// The upgrade response of a WebSocket.
    WsResponse,
    /// A WebSocket frame begins or ends.
    WsFrame,
    /// Collected WebSocket payload.
    WsData,
    /// TLS towards the device.
    ClientSsl,
    /// TLS towards the member.
    ServerSsl,
    /// Protocols that neither Tidegate nor its lab speaks.
    Other,
}

/// An event that rules can handle.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Event(&'static str);

impl Event {
    /// Once per TMM, when the rule is loaded.
    pub const RULE_INIT: Self = Self("RULE_INIT");
    /// A device's TCP connection is established.
    pub const CLIENT_ACCEPTED: Self = Self("CLIENT_ACCEPTED");
    /// Collected bytes from the device are there.
    pub const CLIENT_DATA: Self = Self("CLIENT_DATA");
    /// The client side is gone.
    pub const CLIENT_CLOSED: Self = Self("CLIENT_CLOSED");
    /// TLS with the device is established.
    pub const CLIENTSSL_HANDSHAKE: Self = Self("CLIENTSSL_HANDSHAKE");
    /// A member was chosen.
    pub const LB_SELECTED: Self = Self("LB_SELECTED");
    /// No member could be chosen or reached.
    pub const LB_FAILED: Self = Self("LB_FAILED");
    /// The source address towards the member was chosen.
    pub const SA_PICKED: Self = Self("SA_PICKED");
    /// The connection to the member is about to be opened.
    pub const SERVER_INIT: Self = Self("SERVER_INIT");
    /// The connection to the member is established.
    pub const SERVER_CONNECTED: Self = Self("SERVER_CONNECTED");
    /// Collected bytes from the member are there.
    pub const SERVER_DATA: Self = Self("SERVER_DATA");
    /// The server side is gone.
    pub const SERVER_CLOSED: Self = Self("SERVER_CLOSED");
    /// A request's header is complete.
    pub const HTTP_REQUEST: Self = Self("HTTP_REQUEST");
    /// The request is about to go to the member.
    pub const HTTP_REQUEST_SEND: Self = Self("HTTP_REQUEST_SEND");
    /// A response's header is complete.
    pub const HTTP_RESPONSE: Self = Self("HTTP_RESPONSE");
    /// The request asks for a WebSocket.
    pub const WS_REQUEST: Self = Self("WS_REQUEST");
    /// The member answered the upgrade.
    pub const WS_RESPONSE: Self = Self("WS_RESPONSE");
    /// A frame from the device begins.
    pub const WS_CLIENT_FRAME: Self = Self("WS_CLIENT_FRAME");
    /// A frame from the device is over.
    pub const WS_CLIENT_FRAME_DONE: Self = Self("WS_CLIENT_FRAME_DONE");
    /// A frame from the member begins.
    pub const WS_SERVER_FRAME: Self = Self("WS_SERVER_FRAME");
    /// A frame from the member is over.
    pub const WS_SERVER_FRAME_DONE: Self = Self("WS_SERVER_FRAME_DONE");

    /// The event of that name, when the appliance has one.
    pub fn named(name: &str) -> Option<Self> {
        facts(name).map(|(name, ..)| Self(name))
    }

    /// The name as rules write it.
    pub fn name(self) -> &'static str {
        self.0
    }

    /// The phase of the connection that it belongs to.
    pub fn phase(self) -> Phase {
        facts(self.0).map_or(Phase::Other, |(_, phase, _)| *phase)
    }

    /// The side on which unqualified commands act.
    pub fn side(self) -> Option<Side> {
        facts(self.0).and_then(|(.., side)| *side)
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0)
    }
}

fn facts(name: &str) -> Option<&'static (&'static str, Phase, Option<Side>)> {
    let at = events::EVENTS
        .binary_search_by(|(event, ..)| (*event).cmp(name))
        .ok()?;
    events::EVENTS.get(at)
}

/// True for a command that the appliance adds to Tcl.
pub(crate) fn is_appliance_command(name: &str) -> bool {
    COMMANDS.contains(name)
}

static COMMANDS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let namespaced = names::NAMESPACES
        .iter()
        .flat_map(|(space, names)| names.split(' ').map(move |name| format!("{space}::{name}")));
    namespaced
        .chain(names::PLAIN.split(' ').map(str::to_owned))
        .collect()
});

/// All event names, for suggestions.
pub fn event_names() -> impl Iterator<Item = &'static str> {
    events::EVENTS.iter().map(|(name, ..)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_sorted_so_that_they_are_found() {
        assert!(events::EVENTS.is_sorted_by_key(|(name, ..)| *name));
        assert_eq!(
            Event::named("CLIENT_ACCEPTED"),
            Some(Event::CLIENT_ACCEPTED)
        );
        assert_eq!(Event::named("HTTP_WHATEVER"), None);
    }

    #[test]
    fn commands_of_every_namespace_are_known() {
        assert!(is_appliance_command("TCP::respond"));
        assert!(is_appliance_command("pool"));
        assert!(!is_appliance_command("dict"));
    }
}
