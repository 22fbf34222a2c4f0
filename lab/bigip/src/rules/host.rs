//! One event of one connection, as a rule sees it.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lab_adc::events::{Command, Facts, Side as EngineSide, Standing};
use lab_f5::object::full_path;
use lab_irules::{Action, Flow, Host, HttpMessage, Member, Selection, Side, Snat, WsFrame};

/// What an event is about, besides its connection.
#[derive(Debug, Default)]
pub(super) enum About {
    /// Nothing more.
    #[default]
    Connection,
    /// What is held of a side.
    Bytes(Side, Vec<u8>),
    /// A message, which the rule may change.
    Message(HttpMessage),
    /// A WebSocket frame.
    Frame(WsFrame),
}

/// What a rule wants that no command of the engine says.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    /// An answer instead of the member's.
    pub(super) answer: Option<Answer>,
    /// The WebSocket closed with this code and reason.
    pub(super) disconnect: Option<(u16, Vec<u8>)>,
}

/// What `HTTP::respond` says.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) body: Vec<u8>,
}

/// Answers from the engine's facts; gathers what the rule wants as the engine's commands.
pub(super) struct ConnectionHost<'a> {
    facts: Option<&'a Facts<'a>>,
    pub(super) about: About,
    tmm: (usize, usize),
    route_domain: u16,
    pub(super) random: u64,
    pub(super) commands: Vec<Command>,
    pub(super) wishes: Wishes,
}

impl<'a> ConnectionHost<'a> {
    pub(super) fn new(
        facts: &'a Facts<'a>,
        about: About,
        tmm: (usize, usize),
        route_domain: u16,
    ) -> Self {
        Self {
            facts: Some(facts),
            about,
            route_domain,
            ..Self::without_connection(tmm)
        }
    }

    /// For RULE_INIT.
    pub(super) fn without_connection(tmm: (usize, usize)) -> Self {
        Self {
            facts: None,
            about: About::Connection,
            tmm,
            route_domain: 0,
            random: tmm.0 as u64,
            commands: Vec::new(),
            wishes: Wishes::default(),
        }
    }

    fn release(&mut self, side: Side, bytes: Option<usize>) {
        let About::Bytes(of, held) = &mut self.about else {
            return;
        };
        if *of != side {
            return;
        }
        let count = bytes.unwrap_or(held.len()).min(held.len());
        let released: Vec<u8> = held.drain(..count).collect();
        self.commands
            .push(Command::Release(engine_side(side), released));
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
            Action::HttpRespond {
                status,
                headers,
                body,
            } => {
                self.wishes.answer = Some(Answer {
                    status,
                    headers,
                    body,
                });
                return Ok(());
            }
            Action::WsDisconnect { code, reason } => {
                self.wishes.disconnect = Some((code, reason));
                return Ok(());
            }
        };
        self.commands.push(command);
        Ok(())
    }

    fn payload(&self, side: Side) -> Vec<u8> {
        match &self.about {
            About::Bytes(of, held) if *of == side => held.clone(),
            _ => Vec::new(),
        }
    }

    fn set_payload(&mut self, side: Side, bytes: Vec<u8>) {
        if let About::Bytes(of, held) = &mut self.about
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

    fn members(&self, pool: &str) -> Option<Vec<Member>> {
        let standings = self.facts?.pools.members(&full_path(pool))?;
        let member = |standing: Standing| Member {
            address: standing.address,
            up: standing.up,
            enabled: standing.enabled,
        };
        Some(standings.into_iter().map(member).collect())
    }

    fn default_pool(&self) -> Option<String> {
        self.facts.map(|facts| facts.pool.to_owned())
    }

    fn http(&mut self) -> Option<&mut HttpMessage> {
        match &mut self.about {
            About::Message(message) => Some(message),
            _ => None,
        }
    }

    fn ws_frame(&self) -> Option<WsFrame> {
        match self.about {
            About::Frame(frame) => Some(frame),
            _ => None,
        }
    }

    fn tmm(&self) -> (usize, usize) {
        self.tmm
    }
}
