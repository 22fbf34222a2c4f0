//! One event of one connection, as a rule sees it.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lab_adc::events::{Command, Event, Facts, Side as EngineSide};
use lab_f5::object::full_path;
use lab_irules::{Action, Flow, Host, HttpMessage, Member, Selection, Side, Snat, WsFrame};

/// Answers from the engine's facts; gathers what the rule wants as the engine's commands.
pub(super) struct ConnectionHost<'a> {
    facts: Option<&'a Facts<'a>>,
    /// What is held of the side whose data event this is.
    held: Option<(Side, Vec<u8>)>,
    tmm: (usize, usize),
    route_domain: u16,
    random: u64,
    pub(super) commands: Vec<Command>,
}

impl<'a> ConnectionHost<'a> {
    pub(super) fn new(
        event: &Event<'_>,
        facts: &'a Facts<'a>,
        tmm: (usize, usize),
        route_domain: u16,
    ) -> Self {
        let held = match event {
            Event::ClientData(bytes) => Some((Side::Client, bytes.to_vec())),
            Event::ServerData(bytes) => Some((Side::Server, bytes.to_vec())),
            _ => None,
        };
        // Seeded by the connection and the event, so that a run can be repeated.
        let random = facts
            .id
            .wrapping_mul(31)
            .wrapping_add(event.name().len() as u64);
        Self {
            facts: Some(facts),
            held,
            tmm,
            route_domain,
            random,
            commands: Vec::new(),
        }
    }

    /// For RULE_INIT.
    pub(super) fn without_connection(tmm: (usize, usize)) -> Self {
        Self {
            facts: None,
            held: None,
            tmm,
            route_domain: 0,
            random: tmm.0 as u64,
            commands: Vec::new(),
        }
    }

    fn release(&mut self, side: Side, bytes: Option<usize>) {
        let Some((of, held)) = self.held.as_mut().filter(|(of, _)| *of == side) else {
            return;
        };
        let count = bytes.unwrap_or(held.len()).min(held.len());
        let released: Vec<u8> = held.drain(..count).collect();
        let of = engine_side(*of);
        self.commands.push(Command::Release(of, released));
    }
}

fn engine_side(side: Side) -> EngineSide {
    match side {
        Side::Client => EngineSide::Client,
        Side::Server => EngineSide::Server,
    }
}

fn not_modelled(what: &str) -> Result<(), String> {
    Err(format!(
        "the stand-in does not model {what} on the data plane"
    ))
}

impl Host for ConnectionHost<'_> {
    fn flow(&self, side: Side) -> Option<Flow> {
        let facts = self.facts?;
        let (local, remote): (SocketAddr, SocketAddr) = match side {
            Side::Client => (facts.destination, facts.client),
            Side::Server => (facts.source?, facts.member?),
        };
        Some(Flow {
            local,
            remote,
            route_domain: self.route_domain,
        })
    }

    fn virtual_server(&self) -> String {
        self.facts
            .map(|facts| facts.virtual_server.to_owned())
            .unwrap_or_default()
    }

    fn log(&mut self, facility: &str, message: &str) {
        self.commands
            .push(Command::Log(format!("{facility} {message}")));
    }

    fn now(&self) -> Duration {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
    }

    /// SplitMix64: enough for `rand()`.
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn act(&mut self, action: Action) -> Result<(), String> {
        let command = match action {
            Action::Respond { side, bytes } => Command::Respond(engine_side(side), bytes),
            Action::Collect { side, bytes } => {
                Command::Collect(engine_side(side), bytes.unwrap_or(0))
            }
            Action::Release { side, bytes } => {
                self.release(side, bytes);
                return Ok(());
            }
            Action::Close(_) => Command::Close,
            Action::Reject => Command::Reject,
            Action::Drop => Command::Drop,
            Action::UsePool { pool, member: None } => Command::UsePool(full_path(&pool)),
            Action::UsePool {
                pool,
                member: Some(member),
            } => {
                self.commands.push(Command::UsePool(full_path(&pool)));
                Command::UseMember(member)
            }
            Action::UseNode(member) => Command::UseMember(member),
            // What the virtual server does already.
            Action::UseSnat(Snat::Automap) => return Ok(()),
            Action::UseSnat(_) => return not_modelled("SNAT chosen by a rule"),
            Action::UseVirtual(_) => return not_modelled("`virtual` with a name"),
            Action::Reselect | Action::Detach => {
                return not_modelled("LB::reselect and LB::detach");
            }
            Action::HttpRespond { .. } => return not_modelled("HTTP"),
            Action::WsDisconnect { .. } => return not_modelled("WebSocket frames"),
        };
        self.commands.push(command);
        Ok(())
    }

    fn payload(&self, side: Side) -> Vec<u8> {
        match &self.held {
            Some((of, held)) if *of == side => held.clone(),
            _ => Vec::new(),
        }
    }

    fn set_payload(&mut self, side: Side, bytes: Vec<u8>) {
        if let Some((of, held)) = &mut self.held
            && *of == side
        {
            *held = bytes;
        }
    }

    fn selection(&self) -> Option<Selection> {
        let facts = self.facts?;
        Some(Selection {
            pool: facts.pool.to_owned(),
            member: facts.member?,
        })
    }

    /// The engine's rules do not see pools.
    fn members(&self, _: &str) -> Option<Vec<Member>> {
        None
    }

    fn default_pool(&self) -> Option<String> {
        self.facts.map(|facts| facts.pool.to_owned())
    }

    fn http(&mut self) -> Option<&mut HttpMessage> {
        None
    }

    fn ws_frame(&self) -> Option<WsFrame> {
        None
    }

    fn tmm(&self) -> (usize, usize) {
        self.tmm
    }
}
