//! iRules on the engine's events. Each TMM has an interpreter of its own; a connection belongs to one TMM for life.
//!
//! - `script`: the rules as they apply to one connection. `host`: what they see and do.
//! - `conversation`: HTTP and WebSocket events, where the virtual server has these profiles.

mod conversation;
mod host;
mod script;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use lab_adc::engine::RulesByName;
use lab_adc::events::{RuleInit, Rules, Script};
use lab_irules::{Rule, Table, Tmm};

use crate::translate::{Attached, Translation, WebProfile};
use conversation::Conversation;
use host::ConnectionHost;
use script::ConnectionScript;

/// The rules of every virtual server, for [`lab_adc::engine::Engine::start_with`]. The session table is shared by
/// all TMMs of all virtual servers, as on the appliance.
pub fn by_name(translation: &Translation, tmms: usize) -> RulesByName {
    let table = Table::default();
    let mut by_name = RulesByName::new();
    for attached in translation
        .rules
        .iter()
        .filter(|attached| !attached.rules.is_empty() || attached.web.is_some())
    {
        let library = translation.library.clone();
        let init = init(attached, library, table.clone(), tmms.max(1));
        by_name.insert(attached.server.clone(), init);
    }
    by_name
}

fn init(attached: &Attached, library: Vec<Arc<Rule>>, table: Table, tmms: usize) -> RuleInit {
    let (rules, web) = (attached.rules.clone(), attached.web);
    let route_domain = attached.route_domain;
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
            web,
        }) as Box<dyn Rules>)
    })
}

/// One interpreter per TMM.
struct RunningRules {
    tmms: Vec<Rc<RefCell<Tmm>>>,
    next: Cell<usize>,
    route_domain: u16,
    web: Option<WebProfile>,
}

impl Rules for RunningRules {
    fn begin(&self) -> Box<dyn Script> {
        let index = self.next.replace((self.next.get() + 1) % self.tmms.len());
        let script = ConnectionScript::new(
            Rc::clone(&self.tmms[index]),
            (index, self.tmms.len()),
            self.route_domain,
        );
        match self.web {
            None => Box::new(script),
            Some(profile) => Box::new(Conversation::new(script, profile)),
        }
    }
}
