//! iRules on the engine's events. Each TMM has an interpreter of its own; a connection belongs to one TMM for life.

mod host;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use lab_adc::engine::RulesByName;
use lab_adc::events::{Command, Event, Facts, RuleInit, Rules, Script};
use lab_irules::{Connection, Event as RuleEvent, Rule, Table, Tmm};

use crate::translate::Translation;
use host::ConnectionHost;

/// The rules of every virtual server, for [`lab_adc::engine::Engine::start_with_rules`]. The session table is shared by
/// all TMMs of all virtual servers, as on the appliance.
pub fn by_name(translation: &Translation, tmms: usize) -> RulesByName {
    let table = Table::default();
    let mut by_name = RulesByName::new();
    for attached in translation
        .rules
        .iter()
        .filter(|attached| !attached.rules.is_empty())
    {
        let init = init(
            attached.rules.clone(),
            translation.library.clone(),
            table.clone(),
            (tmms.max(1), attached.route_domain),
        );
        by_name.insert(attached.server.clone(), init);
    }
    by_name
}

fn init(
    rules: Vec<Arc<Rule>>,
    library: Vec<Arc<Rule>>,
    table: Table,
    (tmms, route_domain): (usize, u16),
) -> RuleInit {
    Box::new(move || {
        let mut running = Vec::new();
        for index in 0..tmms {
            let mut tmm = Tmm::new(rules.clone(), &library, table.clone());
            let mut host = ConnectionHost::without_connection((index, tmms));
            tmm.init(&mut host).map_err(|error| error.to_string())?;
            running.push(Rc::new(RefCell::new(tmm)));
        }
        Ok(Box::new(RunningRules {
            tmms: running,
            next: Cell::new(0),
            route_domain,
        }) as Box<dyn Rules>)
    })
}

/// One interpreter per TMM.
struct RunningRules {
    tmms: Vec<Rc<RefCell<Tmm>>>,
    next: Cell<usize>,
    route_domain: u16,
}

impl Rules for RunningRules {
    fn begin(&self) -> Box<dyn Script> {
        let index = self.next.replace((self.next.get() + 1) % self.tmms.len());
        Box::new(ConnectionScript {
            tmm: Rc::clone(&self.tmms[index]),
            place: (index, self.tmms.len()),
            route_domain: self.route_domain,
            connection: Connection::default(),
            failed: false,
        })
    }
}

/// The rules as they apply to one connection.
struct ConnectionScript {
    tmm: Rc<RefCell<Tmm>>,
    /// Which TMM, of how many.
    place: (usize, usize),
    route_domain: u16,
    connection: Connection,
    /// After an error nothing runs any more, the closing events excepted.
    failed: bool,
}

impl Script for ConnectionScript {
    fn handle(&mut self, event: &Event<'_>, facts: &Facts<'_>) -> Vec<Command> {
        let named = named(event);
        let mut tmm = self.tmm.borrow_mut();
        if self.failed || !tmm.handles(named) {
            return Vec::new();
        }
        let mut host = ConnectionHost::new(event, facts, self.place, self.route_domain);
        let outcome = tmm.fire(named, &mut self.connection, &mut host);
        let mut commands = host.commands;
        if let Err(error) = outcome {
            // The appliance logs and resets; what the rule did before the error is undone with the connection.
            self.failed = true;
            commands = vec![Command::Log(error.to_string()), Command::Reject];
        }
        commands
    }
}

fn named(event: &Event<'_>) -> RuleEvent {
    match event {
        Event::ClientAccepted => RuleEvent::CLIENT_ACCEPTED,
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
