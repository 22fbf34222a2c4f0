//! The rules as they apply to one connection.

use std::cell::RefCell;
use std::rc::Rc;

use lab_adc::events::{Command, Event, Facts, Script};
use lab_irules::{Connection, Event as RuleEvent, Side, Tmm};

use super::host::{About, ConnectionHost, Wishes};

/// The rules of a virtual server and one connection's variables.
pub(super) struct ConnectionScript {
    tmm: Rc<RefCell<Tmm>>,
    /// Which TMM, of how many.
    place: (usize, usize),
    route_domain: u16,
    connection: Connection,
    /// Seeded by the connection, so that a run can be repeated.
    random: Option<u64>,
    /// After an error nothing runs any more.
    failed: bool,
}

/// What rules made of an event.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// For the engine.
    pub(super) commands: Vec<Command>,
    /// What the event was about, as the rules left it.
    pub(super) about: About,
    pub(super) wishes: Wishes,
}

impl ConnectionScript {
    pub(super) fn new(tmm: Rc<RefCell<Tmm>>, place: (usize, usize), route_domain: u16) -> Self {
        Self {
            tmm,
            place,
            route_domain,
            connection: Connection::default(),
            random: None,
            failed: false,
        }
    }

    /// Whether some rule waits for the event.
    pub(super) fn handles(&self, event: RuleEvent) -> bool {
        !self.failed && self.tmm.borrow().handles(event)
    }

    /// An error has reset the connection.
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Runs the handlers of an event.
    pub(super) fn fire(&mut self, event: RuleEvent, about: About, facts: &Facts<'_>) -> Said {
        if !self.handles(event) {
            return Said {
                about,
                ..Said::default()
            };
        }
        let mut host = ConnectionHost::new(facts, about, self.place, self.route_domain);
        host.random = self.random.unwrap_or(facts.id);
        let outcome = self
            .tmm
            .borrow_mut()
            .fire(event, &mut self.connection, &mut host);
        self.random = Some(host.random);
        match outcome {
            Ok(()) => Said {
                commands: host.commands,
                about: host.about,
                wishes: host.wishes,
            },
            Err(error) => self.fail(error.to_string(), host.about),
        }
    }

    /// The appliance logs and resets; what a rule did before the error is undone with the connection.
    pub(super) fn fail(&mut self, why: String, about: About) -> Said {
        self.failed = true;
        Said {
            commands: vec![Command::Log(why), Command::Reject],
            about,
            wishes: Wishes::default(),
        }
    }
}

impl Script for ConnectionScript {
    fn handle(&mut self, event: &Event<'_>, facts: &Facts<'_>) -> Vec<Command> {
        let about = match event {
            Event::ClientData(bytes) => About::Bytes(Side::Client, bytes.to_vec()),
            Event::ServerData(bytes) => About::Bytes(Side::Server, bytes.to_vec()),
            _ => About::Connection,
        };
        self.fire(named(event), about, facts).commands
    }
}

/// The appliance's event for the engine's.
pub(super) fn named(event: &Event<'_>) -> RuleEvent {
    match event {
        Event::ClientAccepted => RuleEvent::CLIENT_ACCEPTED,
        Event::ClientSslHandshake => RuleEvent::CLIENTSSL_HANDSHAKE,
        Event::ClientData(_) => RuleEvent::CLIENT_DATA,
        Event::LbSelected => RuleEvent::LB_SELECTED,
        Event::LbFailed => RuleEvent::LB_FAILED,
        Event::SaPicked => RuleEvent::SA_PICKED,
        Event::ServerInit => RuleEvent::SERVER_INIT,
        Event::ServerConnected => RuleEvent::SERVER_CONNECTED,
        Event::ServerData(_) => RuleEvent::SERVER_DATA,
        Event::ServerClosed => RuleEvent::SERVER_CLOSED,
        Event::ClientClosed => RuleEvent::CLIENT_CLOSED,
    }
}
