//! The task that runs a device: it does what the session says, and says to it what happens.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use gateway_protocol::message::Data;
use gateway_protocol::position::Position;
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::Message as Frame;

use super::dial::{Dial, SharedBook};
use super::link::{Link, Turn};
use super::news::{Message, News, PublishFailed, Published};
use super::options::Transport;
use crate::event::{Action, Attempt, Cause, Event, Lost, Ticket};
use crate::server_list::{ServerId, ServerList};
use crate::session::{Session, SubscribeOptions};

/// What a handle asks for.
pub(super) enum Command {
    Subscribe {
        subject: Box<str>,
        options: SubscribeOptions,
    },
    Unsubscribe {
        subject: Box<str>,
    },
    Publish {
        subject: Box<str>,
        data: Data<'static>,
        answer: oneshot::Sender<Result<Published, PublishFailed>>,
    },
    Positions {
        subject: Box<str>,
        answer: oneshot::Sender<Vec<Position>>,
    },
    ReplaceServers(Arc<ServerList>),
    Close(oneshot::Sender<()>),
}

/// See the module.
pub(super) struct Runner {
    session: Session,
    transport: Transport,
    rng: SmallRng,
    link: Link,
    books: BTreeMap<String, SharedBook>,
    commands: mpsc::Receiver<Command>,
    news: mpsc::Sender<News>,
    /// News that found the inbox full. While there are some, nothing is read.
    backlog: VecDeque<News>,
    publishing: BTreeMap<Ticket, oneshot::Sender<Result<Published, PublishFailed>>>,
}

/// Why the task goes on.
enum Wake {
    Link(Turn),
    Command(Option<Command>),
    /// The inbox took something.
    Told,
    Deadline,
}

impl Runner {
    pub(super) fn new(
        session: Session,
        transport: Transport,
        seed: u64,
        commands: mpsc::Receiver<Command>,
        news: mpsc::Sender<News>,
    ) -> Self {
        Self {
            session,
            transport,
            // Not the session's own sequence.
            rng: SmallRng::seed_from_u64(!seed),
            link: Link::Idle,
            books: BTreeMap::new(),
            commands,
            news,
            backlog: VecDeque::new(),
            publishing: BTreeMap::new(),
        }
    }

    /// Runs until the device is closed, or its last handle is gone.
    pub(super) async fn run(mut self) {
        loop {
            self.act();
            self.tell();
            let keeps_up = self.backlog.is_empty();
            match self.wait(keeps_up).await {
                Wake::Link(turn) => self.take_turn(turn),
                Wake::Command(Some(Command::Close(done))) => return self.close(Some(done)).await,
                Wake::Command(None) => return self.close(None).await,
                Wake::Command(Some(command)) => self.obey(command),
                Wake::Told | Wake::Deadline => {}
            }
            self.pass_time(keeps_up);
        }
    }

    async fn wait(&mut self, keeps_up: bool) -> Wake {
        let deadline = self
            .session
            .poll_timeout()
            .map(tokio::time::Instant::from_std);
        tokio::select! {
            turn = self.link.turn(keeps_up) => Wake::Link(turn),
            command = self.commands.recv() => Wake::Command(command),
            permit = self.news.reserve(), if !keeps_up => {
                // A closed inbox is found out by `tell`.
                if let (Ok(permit), Some(news)) = (permit, self.backlog.pop_front()) {
                    permit.send(news);
                }
                Wake::Told
            }
            () = sleep_until(deadline) => Wake::Deadline,
        }
    }

    fn pass_time(&mut self, keeps_up: bool) {
        let now = Instant::now();
        if let Some(attempt) = self.link.attempt().filter(|_| !keeps_up) {
            self.session.handle_paused(attempt, now);
        }
        if let Some((attempt, another_address)) = self.link.dialing(now) {
            self.session.handle_addresses(attempt, another_address);
        }
        self.session.handle_timeout(now);
    }

    fn act(&mut self) {
        while let Some(action) = self.session.poll_action() {
            match action {
                Action::Connect { server, attempt } => self.dial(server, attempt),
                Action::Send(text) => self.link.send(Frame::text(text)),
                Action::Ping => self.link.ping(),
                Action::Disconnect { code } => {
                    if let Some(farewell) = self.link.disconnect(code) {
                        tokio::spawn(farewell);
                    }
                }
            }
        }
    }

    fn dial(&mut self, server: ServerId, attempt: Attempt) {
        let Some(url) = self
            .session
            .servers()
            .get(server)
            .map(|server| server.url.clone())
        else {
            // The list was replaced since.
            return self
                .session
                .handle_lost(attempt, Lost::new(Cause::Moved), Instant::now());
        };
        let dial = Dial {
            book: self.books.entry(url.authority()).or_default().clone(),
            url,
            transport: self.transport.clone(),
            set_aside: self.session.settings().set_aside,
            longest_hint: self.session.settings().longest_hint,
            name_patience: self.session.settings().connect_timeout / 2,
            rng: SmallRng::seed_from_u64(self.rng.random()),
        };
        self.link = Link::dial(attempt, dial);
    }

    fn take_turn(&mut self, turn: Turn) {
        let now = Instant::now();
        match turn {
            Turn::Connected(attempt) => self.session.handle_connected(attempt, now),
            Turn::Alive(attempt) => self.session.handle_alive(attempt, now),
            Turn::Lost(attempt, lost) => self.session.handle_lost(attempt, lost, now),
            Turn::Text(attempt, text) => {
                if let Some(received) = self.session.handle_text(attempt, &text, now) {
                    let message = Message::from(received);
                    self.queue(News::Message(message));
                }
            }
        }
    }

    fn obey(&mut self, command: Command) {
        let now = Instant::now();
        match command {
            Command::Subscribe { subject, options } => {
                // The handle has checked the subject.
                let _ = self.session.subscribe(&subject, options, now);
            }
            Command::Unsubscribe { subject } => self.session.unsubscribe(&subject, now),
            Command::Publish {
                subject,
                data,
                answer,
            } => match self.session.publish(&subject, data, now) {
                Ok(ticket) => drop(self.publishing.insert(ticket, answer)),
                Err(error) => drop(answer.send(Err(error.into()))),
            },
            Command::Positions { subject, answer } => {
                drop(answer.send(self.session.positions(&subject)))
            }
            Command::ReplaceServers(servers) => self.session.replace_servers(servers),
            // Taken by `run`.
            Command::Close(_) => {}
        }
    }

    fn tell(&mut self) {
        while let Some(event) = self.session.poll_event() {
            if let Some(event) = self.answer(event) {
                self.queue(News::Event(event));
            }
        }
        if self.news.is_closed() {
            self.backlog.clear();
        }
    }

    /// Answers of publishes go to those who wait for them, all else to the inbox.
    fn answer(&mut self, event: Event) -> Option<Event> {
        let (ticket, answer) = match &event {
            Event::Published {
                ticket,
                partition,
                seq,
            } => (
                *ticket,
                Ok(Published {
                    partition: *partition,
                    seq: *seq,
                }),
            ),
            Event::PublishRefused {
                ticket,
                code,
                reason,
            } => (
                *ticket,
                Err(PublishFailed::Refused {
                    code: *code,
                    reason: reason.to_string(),
                }),
            ),
            _ => return Some(event),
        };
        match self.publishing.remove(&ticket) {
            Some(waiting) => {
                // Whoever stopped waiting does not want to know.
                let _ = waiting.send(answer);
                None
            }
            None => Some(event),
        }
    }

    fn queue(&mut self, news: News) {
        if !self.backlog.is_empty() {
            return self.backlog.push_back(news);
        }
        match self.news.try_send(news) {
            // A device without an inbox only publishes.
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(news)) => self.backlog.push_back(news),
        }
    }

    async fn close(mut self, done: Option<oneshot::Sender<()>>) {
        self.session.close();
        while let Some(action) = self.session.poll_action() {
            if let Action::Disconnect { code } = action
                && let Some(farewell) = self.link.disconnect(code)
            {
                farewell.await;
            }
        }
        if let Some(done) = done {
            // Whoever stopped waiting does not want to know.
            let _ = done.send(());
        }
    }
}

async fn sleep_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
