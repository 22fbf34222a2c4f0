//! Trying a rule without traffic.

use std::net::SocketAddr;
use std::time::Duration;

use crate::host::{Action, Flow, Host, HttpMessage, Member, Selection, Side, WsFrame};

/// A host without sockets: it answers from its fields and remembers what rules asked for.
#[derive(Debug, Default)]
pub struct Rehearsal {
    /// The flow of the device.
    pub client: Option<Flow>,
    /// The flow of the member, once there is one.
    pub server: Option<Flow>,
    /// What rules did, in order.
    pub actions: Vec<Action>,
    /// What rules logged: facility, blank, line.
    pub lines: Vec<String>,
    /// What `TCP::collect` gathered, on either side.
    pub payload: Vec<u8>,
    /// What load balancing chose.
    pub selection: Option<Selection>,
    /// The members of every pool.
    pub members: Vec<Member>,
    /// The message of an HTTP event.
    pub message: Option<HttpMessage>,
    /// The frame of a WebSocket event.
    pub frame: Option<WsFrame>,
    /// Time since the Unix epoch.
    pub clock: Duration,
    /// State of the random numbers.
    pub seed: u64,
}

impl Rehearsal {
    /// A device at `client` that reached the virtual server at `local`; no member yet.
    pub fn accepted(client: SocketAddr, local: SocketAddr, route_domain: u16) -> Self {
        Self {
            client: Some(Flow {
                local,
                remote: client,
                route_domain,
            }),
            ..Self::default()
        }
    }

    /// All bytes that rules sent to that side.
    pub fn sent(&self, wanted: Side) -> Vec<u8> {
        let mut sent = Vec::new();
        for action in &self.actions {
            if let Action::Respond { side, bytes } = action
                && *side == wanted
            {
                sent.extend_from_slice(bytes);
            }
        }
        sent
    }
}

impl Host for Rehearsal {
    fn flow(&self, side: Side) -> Option<Flow> {
        match side {
            Side::Client => self.client,
            Side::Server => self.server,
        }
    }

    fn virtual_server(&self) -> String {
        "/Common/devices".into()
    }

    fn log(&mut self, facility: &str, message: &str) {
        self.lines.push(format!("{facility} {message}"));
    }

    fn now(&self) -> Duration {
        self.clock
    }

    fn random(&mut self) -> u64 {
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        self.seed
    }

    fn act(&mut self, action: Action) -> Result<(), String> {
        self.actions.push(action);
        Ok(())
    }

    fn payload(&self, _: Side) -> Vec<u8> {
        self.payload.clone()
    }

    fn set_payload(&mut self, _: Side, bytes: Vec<u8>) {
        self.payload = bytes;
    }

    fn selection(&self) -> Option<Selection> {
        self.selection.clone()
    }

    fn members(&self, _: &str) -> Option<Vec<Member>> {
        Some(self.members.clone())
    }

    fn default_pool(&self) -> Option<String> {
        Some("/Common/gateways".into())
    }

    fn http(&mut self) -> Option<&mut HttpMessage> {
        self.message.as_mut()
    }

    fn ws_frame(&self) -> Option<WsFrame> {
        self.frame
    }
}
