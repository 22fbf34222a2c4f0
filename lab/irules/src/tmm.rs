//! One TMM: the rules of a virtual server, what they share, and the events of its connections.

use std::collections::HashSet;
use std::sync::Arc;

use crate::error::{Exception, RuntimeError};
use crate::facts::Event;
use crate::host::{Host, Side};
use crate::rule::Rule;
use crate::run::{Cache, Run, connection_frame};
use crate::script::Script;
use crate::table::Table;
use crate::value::Value;
use crate::variables::{Scope, Scopes};

/// The rules of one virtual server as one TMM runs them. `static::` variables live here, one set per TMM.
#[derive(Debug)]
pub struct Tmm {
    attached: Vec<Arc<Rule>>,
    library: Vec<Arc<Rule>>,
    order: Vec<Planned>,
    statics: Scope,
    globals: Scope,
    cache: Cache,
    table: Table,
}

/// A handler in the order of events and priorities.
#[derive(Debug)]
struct Planned {
    event: Event,
    priority: u16,
    rule: Arc<Rule>,
    body: Arc<Script>,
}

/// What rules keep for one connection: variables that all its events and rules share.
#[derive(Debug, Default)]
pub struct Connection {
    variables: Scope,
    disabled: HashSet<Event>,
}

impl Tmm {
    /// Attaches rules in the order of the virtual server. Procs may be called in `library` as well; `table` is what
    /// all TMMs share.
    pub fn new(attached: Vec<Arc<Rule>>, library: &[Arc<Rule>], table: Table) -> Self {
        let mut order: Vec<Planned> = attached
            .iter()
            .flat_map(|rule| {
                rule.handlers.iter().map(|handler| Planned {
                    event: handler.event,
                    priority: handler.priority,
                    rule: Arc::clone(rule),
                    body: Arc::clone(&handler.body),
                })
            })
            .collect();
        // Stable: equal priorities keep the order of the virtual server's list.
        order.sort_by_key(|planned| planned.priority);
        let library = library.iter().chain(&attached).cloned().collect();
        Self {
            attached,
            library,
            order,
            statics: Scope::new(),
            globals: Scope::new(),
            cache: Cache::default(),
            table,
        }
    }

    /// The rules of the virtual server.
    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.attached
    }

    /// True when some rule handles the event, so that it is worth stopping for.
    pub fn handles(&self, event: Event) -> bool {
        self.order.iter().any(|planned| planned.event == event)
    }

    /// Runs RULE_INIT; once, before the first connection.
    ///
    /// # Errors
    ///
    /// The first handler that fails.
    pub fn init(&mut self, host: &mut dyn Host) -> Result<(), RuntimeError> {
        self.fire(Event::RULE_INIT, &mut Connection::default(), host)
    }

    /// Runs every handler of the event, by priority.
    ///
    /// # Errors
    ///
    /// The first handler that fails; the others do not run, and the appliance would reset the connection.
    pub fn fire(
        &mut self,
        event: Event,
        connection: &mut Connection,
        host: &mut dyn Host,
    ) -> Result<(), RuntimeError> {
        let order = std::mem::take(&mut self.order);
        let mut outcome = Ok(());
        for planned in order.iter().filter(|planned| planned.event == event) {
            if connection.disabled.contains(&event) {
                break;
            }
            outcome = self.run(planned, connection, host);
            if outcome.is_err() {
                break;
            }
        }
        self.order = order;
        outcome
    }

    fn run(
        &mut self,
        planned: &Planned,
        connection: &mut Connection,
        host: &mut dyn Host,
    ) -> Result<(), RuntimeError> {
        let rule = Arc::clone(&planned.rule);
        let name = rule.name.clone();
        let outcome = self.with_run(
            rule,
            planned.event,
            planned.priority,
            connection,
            host,
            |run| run.script(&planned.body),
        );
        let (rule, event) = (name, planned.event.name().to_owned());
        match outcome {
            Ok(_) | Err(Exception::Return { .. }) => Ok(()),
            Err(Exception::Error { message, command }) => Err(RuntimeError::Tcl {
                rule,
                event,
                message,
                command: command.unwrap_or_default(),
            }),
            Err(Exception::Break) => Err(loop_error(rule, event, "break")),
            Err(Exception::Continue) => Err(loop_error(rule, event, "continue")),
            Err(Exception::Unmodelled(command)) => Err(RuntimeError::Unmodelled {
                rule,
                event,
                command,
            }),
            Err(Exception::Limit(message)) => Err(RuntimeError::Limit {
                rule,
                event,
                message,
            }),
        }
    }

    fn with_run<T>(
        &mut self,
        rule: Arc<Rule>,
        event: Event,
        priority: u16,
        connection: &mut Connection,
        host: &mut dyn Host,
        work: impl FnOnce(&mut Run<'_>) -> T,
    ) -> T {
        let frames = connection_frame(&mut connection.variables);
        let mut run = Run {
            host,
            scopes: Scopes {
                frames,
                statics: &mut self.statics,
                globals: &mut self.globals,
            },
            cache: &mut self.cache,
            table: &self.table,
            rules: &self.library,
            rule,
            disabled: &mut connection.disabled,
            event,
            side: event.side().unwrap_or(Side::Client),
            priority,
            procs: std::collections::HashMap::new(),
            steps: 0,
            depth: 0,
        };
        let result = work(&mut run);
        connection.variables = run.scopes.frames.swap_remove(0);
        result
    }

    /// Runs a script outside any rule, as `tclsh` would; `proc` may be used. For checks against a real Tcl.
    ///
    /// # Errors
    ///
    /// The script's error, as in an event.
    pub fn eval(&mut self, script: &[u8], host: &mut dyn Host) -> Result<Value, RuntimeError> {
        let (rule, event) = ("script".to_owned(), "RULE_INIT".to_owned());
        let bare = Arc::new(Rule::bare(&rule));
        let outcome = self.with_run(
            bare,
            Event::RULE_INIT,
            500,
            &mut Connection::default(),
            host,
            |run| run.eval(&Value::from(script)),
        );
        match outcome {
            Ok(value) | Err(Exception::Return { value, .. }) => Ok(value),
            Err(Exception::Error { message, command }) => Err(RuntimeError::Tcl {
                rule,
                event,
                message,
                command: command.unwrap_or_default(),
            }),
            Err(Exception::Break) => Err(loop_error(rule, event, "break")),
            Err(Exception::Continue) => Err(loop_error(rule, event, "continue")),
            Err(Exception::Unmodelled(command)) => Err(RuntimeError::Unmodelled {
                rule,
                event,
                command,
            }),
            Err(Exception::Limit(message)) => Err(RuntimeError::Limit {
                rule,
                event,
                message,
            }),
        }
    }
}

fn loop_error(rule: String, event: String, command: &str) -> RuntimeError {
    let message = format!("invoked \"{command}\" outside of a loop");
    RuntimeError::Tcl {
        rule,
        event,
        message,
        command: command.to_owned(),
    }
}
