//! The session: what a device keeps while connections come and go.

mod answers;
mod terms;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use gateway_protocol::message::{Data, ServerMessage};
use gateway_protocol::position::Position;
use gateway_protocol::subject::{Subject, SubjectError};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::event::{Action, Attempt, Cause, Event, Lost, Received, Ticket};
use crate::liveness::{Due as LivenessDue, Liveness};
use crate::progress::Progress;
use crate::publications::Publications;
use crate::reconnect::{Aftermath, Due, Reconnect};
use crate::server_list::{ServerId, ServerList};
use crate::settings::Settings;
use crate::subscriptions::Subscriptions;

pub use terms::{Counters, PublishError, SubscribeOptions};

/// A device's session, as a machine without sockets, threads or a clock of its own.
///
/// Hand in what happens with the `handle_` methods, then do what [`Session::poll_action`] says until it is silent, take
/// the news from [`Session::poll_event`], and call [`Session::handle_timeout`] no later than [`Session::poll_timeout`].
///
/// ```
/// use std::sync::Arc;
/// use std::time::Instant;
///
/// use gateway_client::{Action, ServerList, Session, Settings, SubscribeOptions};
///
/// let servers = Arc::new(ServerList::parse(["100 ws://a.example", "50 ws://b.example"])?);
/// let mut session = Session::new(servers, Arc::new(Settings::default()), 42);
/// let now = Instant::now();
///
/// session.subscribe("/telemetry/dev-1", SubscribeOptions::default(), now)?;
/// session.open(now);
///
/// let Some(Action::Connect { attempt, .. }) = session.poll_action() else { panic!("it wants to connect") };
/// session.handle_connected(attempt, now);
/// let Some(Action::Send(text)) = session.poll_action() else { panic!("it wants to subscribe") };
/// assert_eq!(text, r#"{"op":"subscribe","id":1,"subject":"/telemetry/dev-1"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Session {
    settings: Arc<Settings>,
    reconnect: Reconnect,
    attempt: Attempt,
    liveness: Liveness,
    subscriptions: Subscriptions,
    publications: Publications,
    next_id: u64,
    /// When requests that the gateway put off are sent again.
    retry_at: Option<Instant>,
    actions: VecDeque<Action>,
    events: VecDeque<Event>,
    counters: Counters,
    rng: SmallRng,
}

impl Session {
    /// A session that does nothing until it is opened. Equal seeds make equal choices.
    #[must_use]
    pub fn new(servers: Arc<ServerList>, settings: Arc<Settings>, seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        Self {
            settings,
            reconnect: Reconnect::new(servers),
            attempt: Attempt::default(),
            liveness: Liveness::default(),
            subscriptions: Subscriptions::default(),
            publications: Publications::new(rng.random()),
            next_id: 1,
            retry_at: None,
            actions: VecDeque::new(),
            events: VecDeque::new(),
            counters: Counters::default(),
            rng,
        }
    }

    // What the application wants.

    /// Begins to connect, and goes on for ever.
    pub fn open(&mut self, now: Instant) {
        self.reconnect.open(now);
        self.handle_timeout(now);
    }

    /// Leaves. Subscriptions, positions and unanswered publishes are kept for another [`Session::open`].
    pub fn close(&mut self) {
        if self.reconnect.close() {
            self.disconnect(NORMAL_CLOSURE);
        }
    }

    /// Subscribes, now or as soon as there is a connection. Does nothing if the subject is subscribed already.
    ///
    /// # Errors
    /// The subject is spelled wrong.
    pub fn subscribe(
        &mut self,
        subject: &str,
        options: SubscribeOptions,
        now: Instant,
    ) -> Result<(), SubjectError> {
        Subject::parse(subject)?;
        self.subscriptions.add(
            subject,
            Progress::from_positions(options.from),
            options.history,
        );
        self.flush(now);
        Ok(())
    }

    /// Ends a subscription and forgets its positions.
    pub fn unsubscribe(&mut self, subject: &str, now: Instant) {
        if let Some(frame) = self.subscriptions.remove(subject, self.next_id) {
            self.next_id += 1;
            self.liveness.asked(now);
            self.reconnect.asked();
            self.actions.push_back(Action::Send(frame));
        }
    }

    /// Publishes, now or as soon as there is a connection, and again until a gateway has answered. Every attempt bears
    /// the same `publish_id`, so that devices are given the record once.
    ///
    /// # Errors
    /// The subject is wrong, or too many publishes wait.
    pub fn publish(
        &mut self,
        subject: &str,
        data: Data<'_>,
        now: Instant,
    ) -> Result<Ticket, PublishError> {
        if Subject::parse(subject)?.is_wildcard() {
            return Err(PublishError::Wildcard {
                subject: subject.to_owned(),
            });
        }
        let limit = self.settings.publish_queue;
        if self.publications.len() >= limit {
            return Err(PublishError::Full { limit });
        }
        let ticket = self.publications.add(subject, data.into_owned());
        self.flush(now);
        Ok(ticket)
    }

    /// Takes another list of servers. The present connection stays, and servers that failed lately stay set aside.
    pub fn replace_servers(&mut self, servers: Arc<ServerList>) {
        self.reconnect.replace_servers(servers);
    }

    // What happens.

    /// The WebSocket of this attempt is open.
    pub fn handle_connected(&mut self, attempt: Attempt, now: Instant) {
        if attempt != self.attempt {
            return;
        }
        let Some(server) = self.reconnect.connected(now, &self.settings) else {
            return;
        };
        self.liveness.begin(now);
        self.events.push_back(Event::Connected { server, attempt });
        self.flush(now);
    }

    /// Whether the server of this attempt has another address that was not tried yet. Should the attempt run out of time,
    /// the next one then begins at once instead of after a back-off. Only the transport knows of addresses.
    pub fn handle_addresses(&mut self, attempt: Attempt, another_address: bool) {
        if attempt == self.attempt {
            self.reconnect.note_another_address(another_address);
        }
    }

    /// A text frame arrived. What it says to the application is answered at once, so that nothing is copied; all else
    /// becomes an event.
    pub fn handle_text<'t>(
        &mut self,
        attempt: Attempt,
        text: &'t str,
        now: Instant,
    ) -> Option<Received<'t>> {
        if attempt != self.attempt || !self.reconnect.is_up() {
            return None;
        }
        self.liveness.heard(now);
        match ServerMessage::parse(text) {
            Ok(ServerMessage::Message(message)) => self.receive(message),
            Ok(other) => {
                self.take_note(other, now);
                None
            }
            Err(error) => {
                self.give_up(
                    Lost::new(Cause::BadMessage).with_detail(error.to_string()),
                    now,
                );
                None
            }
        }
    }

    /// A pong, a ping, or any other sign of life arrived.
    pub fn handle_alive(&mut self, attempt: Attempt, now: Instant) {
        if attempt == self.attempt {
            self.liveness.heard(now);
        }
    }

    /// The transport reads no further for now, because the application does not keep up. That nothing is heard meanwhile
    /// is no fault of the gateway.
    pub fn handle_paused(&mut self, attempt: Attempt, now: Instant) {
        if attempt == self.attempt {
            self.liveness.paused(now);
        }
    }

    /// The attempt failed, or its connection is closed or broken.
    pub fn handle_lost(&mut self, attempt: Attempt, lost: Lost, now: Instant) {
        if attempt == self.attempt {
            if lost.cause == (Cause::Closed { code: TOO_BIG }) {
                self.refuse_largest();
            }
            self.lose(lost, now);
            self.handle_timeout(now);
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
            self.subscriptions.retry();
            self.publications.retry();
        }
        if self.reconnect.is_up() {
            match self.liveness.due(now, &self.settings) {
                Some(LivenessDue::Ping) => self.actions.push_back(Action::Ping),
                Some(LivenessDue::GiveUp(cause)) => self.give_up(Lost::new(cause), now),
                None => {}
            }
        }
        while let Some(due) = self.reconnect.due(now, &self.settings, &mut self.rng) {
            match due {
                Due::Connect(server) => self.connect(server),
                Due::GiveUp(cause) => {
                    let mut lost = Lost::new(cause);
                    lost.another_address = self.reconnect.has_another_address();
                    self.give_up(lost, now);
                }
            }
        }
        self.flush(now);
    }

    // What is to be done and told.

    /// The next thing that the transport has to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        let action = self.actions.pop_front();
        release_if_empty(&mut self.actions);
        action
    }

    /// The next news for the application.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front();
        release_if_empty(&mut self.events);
        event
    }

    /// When to call [`Session::handle_timeout`] at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let liveness = if self.reconnect.is_up() {
            self.liveness.deadline(&self.settings)
        } else {
            None
        };
        [self.reconnect.deadline(), liveness, self.retry_at]
            .into_iter()
            .flatten()
            .min()
    }

    // What is known.

    /// The servers.
    #[must_use]
    pub fn servers(&self) -> &Arc<ServerList> {
        self.reconnect.servers()
    }

    /// How patient it is.
    #[must_use]
    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// Whether a connection is up.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.reconnect.is_up()
    }

    /// The last positions of a subscription: what to give to [`SubscribeOptions::from`] after a restart.
    #[must_use]
    pub fn positions(&self, subject: &str) -> Vec<Position> {
        self.subscriptions
            .get(subject)
            .map(|subscription| subscription.progress.positions())
            .unwrap_or_default()
    }

    /// The subjects that are subscribed, sorted.
    pub fn subjects(&self) -> impl Iterator<Item = &str> {
        self.subscriptions
            .iter()
            .map(|subscription| subscription.subject.as_ref())
    }

    /// How many publishes wait for their answer.
    #[must_use]
    pub fn unanswered_publishes(&self) -> usize {
        self.publications.len()
    }

    /// The `publish_id` of a publish of this session: what its records in the log bear.
    #[must_use]
    pub fn publish_id(&self, ticket: Ticket) -> String {
        self.publications.publish_id(ticket)
    }

    /// What the session has seen.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn connect(&mut self, server: ServerId) {
        self.attempt.0 = self.attempt.0.wrapping_add(1);
        self.counters.attempts += 1;
        self.actions.push_back(Action::Connect {
            server,
            attempt: self.attempt,
        });
    }

    /// Sends what is to be sent, if there is a connection.
    fn flush(&mut self, now: Instant) {
        if !self.reconnect.is_up() {
            return;
        }
        loop {
            let id = self.next_id;
            let frame = self.subscriptions.next_frame(id);
            let Some(frame) = frame.or_else(|| {
                self.publications
                    .next_frame(id, self.settings.publish_window)
            }) else {
                return;
            };
            self.next_id += 1;
            self.liveness.asked(now);
            self.reconnect.asked();
            self.actions.push_back(Action::Send(frame));
        }
    }

    /// The session itself ends the attempt or the connection.
    fn give_up(&mut self, lost: Lost, now: Instant) {
        let code = if lost.cause == Cause::Moved {
            NORMAL_CLOSURE
        } else {
            GOING_AWAY
        };
        self.disconnect(code);
        self.lose(lost, now);
    }

    /// What was to be sent on the connection is sent on the next one instead.
    fn disconnect(&mut self, code: u16) {
        self.actions.clear();
        self.actions.push_back(Action::Disconnect { code });
        self.forget_connection();
    }

    fn lose(&mut self, lost: Lost, now: Instant) {
        let Some(aftermath) = self
            .reconnect
            .lost(&lost, now, &self.settings, &mut self.rng)
        else {
            return;
        };
        self.forget_connection();
        self.actions
            .retain(|action| matches!(action, Action::Disconnect { .. }));
        let Aftermath {
            server,
            was_connected,
            retry_in,
            often,
        } = aftermath;
        self.events.push_back(Event::Lost {
            server,
            lost,
            was_connected,
            retry_in,
        });
        if let Some(count) = often {
            self.events.push_back(Event::LostOften {
                count,
                within: self.settings.often_within,
            });
        }
    }

    fn forget_connection(&mut self) {
        self.attempt.0 = self.attempt.0.wrapping_add(1);
        self.subscriptions.disconnected();
        self.publications.disconnected();
        self.retry_at = None;
    }
}

/// Most sessions are idle most of the time, and a process may hold a million of them.
fn release_if_empty<T>(queue: &mut VecDeque<T>) {
    if queue.is_empty() {
        *queue = VecDeque::new();
    }
}

// RFC 6455, 7.4.1.
const NORMAL_CLOSURE: u16 = 1000;
const GOING_AWAY: u16 = 1001;
const TOO_BIG: u16 = 1009;
