//! A device on tokio: a [`Session`](crate::Session) with sockets, a clock and a task of its own.

mod dial;
#[cfg(feature = "dns")]
mod dns;
mod link;
mod news;
mod options;
mod resolve;
mod runner;
#[cfg(feature = "tls")]
mod tls;

use std::sync::Arc;
use std::time::Instant;

use gateway_protocol::message::Data;
use gateway_protocol::subject::{Subject, SubjectError};
use tokio::sync::{mpsc, oneshot};

#[cfg(feature = "dns")]
pub use dns::DnsResolver;
pub use news::{Message, News, PublishFailed, Published};
pub use options::{DeviceOptions, Transport};
pub use resolve::{Resolve, Resolved, SystemResolver};

use crate::server_list::ServerList;
use crate::session::{Session, SubscribeOptions};
use runner::{Command, Runner};

/// A handle on a device. Clones are handles on the same device; it closes when the last one is gone.
#[derive(Debug, Clone)]
pub struct Device {
    commands: mpsc::Sender<Command>,
}

/// What a device hears and what happens to it, in order. A device whose inbox is not emptied reads no further.
#[derive(Debug)]
pub struct Inbox {
    news: mpsc::Receiver<News>,
}

/// The device has been closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the device is closed")]
pub struct Closed;

/// Why a subscription is not begun.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// The subject is spelled wrong.
    #[error(transparent)]
    Subject(#[from] SubjectError),
    /// The device has been closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

impl Device {
    /// Connects, and stays connected: to one of the servers at a time, to another when that fails, for as long as there
    /// is a handle. Has to be called on a tokio runtime, which then runs the device.
    #[must_use]
    pub fn connect(servers: ServerList, options: DeviceOptions) -> (Self, Inbox) {
        /// Room for calls between two turns of the task; callers wait when it is full.
        const COMMANDS: usize = 64;

        let (commands, received) = mpsc::channel(COMMANDS);
        let (news, inbox) = mpsc::channel(options.inbox.max(1));
        let seed = options.seed.unwrap_or_else(rand::random);
        let mut session = Session::new(Arc::new(servers), Arc::new(options.settings), seed);
        session.open(Instant::now());
        tokio::spawn(Runner::new(session, options.transport, seed, received, news).run());
        (Self { commands }, Inbox { news: inbox })
    }

    /// Subscribes to `/topic/key` or `/topic/*`, now and on every later connection.
    ///
    /// # Errors
    /// The subject is spelled wrong, or the device is closed.
    pub async fn subscribe(&self, subject: &str) -> Result<(), SubscribeError> {
        self.subscribe_with(subject, SubscribeOptions::default())
            .await
    }

    /// Subscribes, from a position of an earlier run or with some history first.
    ///
    /// # Errors
    /// The subject is spelled wrong, or the device is closed.
    pub async fn subscribe_with(
        &self,
        subject: &str,
        options: SubscribeOptions,
    ) -> Result<(), SubscribeError> {
        Subject::parse(subject)?;
        self.tell(Command::Subscribe {
            subject: subject.into(),
            options,
        })
        .await?;
        Ok(())
    }

    /// Ends a subscription.
    ///
    /// # Errors
    /// The device is closed.
    pub async fn unsubscribe(&self, subject: &str) -> Result<(), Closed> {
        self.tell(Command::Unsubscribe {
            subject: subject.into(),
        })
        .await
    }

    /// Publishes, and waits until the record is in the log, through as many connections as it takes. Devices are given
    /// the record once, however often it was sent. The publish goes on even if the caller stops waiting.
    ///
    /// # Errors
    /// The publish was not taken, was refused for good, or the device was closed first.
    pub async fn publish(
        &self,
        subject: &str,
        data: impl Into<PublishData>,
    ) -> Result<Published, PublishFailed> {
        let (answer, answered) = oneshot::channel();
        let PublishData(data) = data.into();
        self.tell(Command::Publish {
            subject: subject.into(),
            data,
            answer,
        })
        .await?;
        answered.await.map_err(|_| Closed)?
    }

    /// The last positions of a subscription, to be given to [`SubscribeOptions::from`] by a later run.
    ///
    /// # Errors
    /// The device is closed.
    pub async fn positions(
        &self,
        subject: &str,
    ) -> Result<Vec<gateway_protocol::position::Position>, Closed> {
        let (answer, answered) = oneshot::channel();
        self.tell(Command::Positions {
            subject: subject.into(),
            answer,
        })
        .await?;
        answered.await.map_err(|_| Closed)
    }

    /// Takes another list of servers, or the same with other weights; the present connection stays, and servers that failed
    /// lately stay set aside.
    ///
    /// # Errors
    /// The device is closed.
    pub async fn replace_servers(&self, servers: ServerList) -> Result<(), Closed> {
        self.tell(Command::ReplaceServers(Arc::new(servers))).await
    }

    /// Closes the connection properly, and waits until that is done.
    pub async fn close(self) {
        let (done, closed) = oneshot::channel();
        if self.tell(Command::Close(done)).await.is_ok() {
            // An error means that the task has ended, which is as good.
            let _ = closed.await;
        }
    }

    async fn tell(&self, command: Command) -> Result<(), Closed> {
        self.commands.send(command).await.map_err(|_| Closed)
    }
}

impl Inbox {
    /// The next message or event; `None` once the device is closed.
    pub async fn next(&mut self) -> Option<News> {
        self.news.recv().await
    }

    /// The next message; events in between are passed over. `None` once the device is closed.
    pub async fn next_message(&mut self) -> Option<Message> {
        loop {
            if let News::Message(message) = self.next().await? {
                return Some(message);
            }
        }
    }
}

/// What can be published: text, bytes, or nothing at all, which deletes the key in a compacted topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishData(Data<'static>);

impl From<&str> for PublishData {
    fn from(text: &str) -> Self {
        Self(Data::Text(text.to_owned().into()))
    }
}

impl From<String> for PublishData {
    fn from(text: String) -> Self {
        Self(Data::Text(text.into()))
    }
}

impl From<Vec<u8>> for PublishData {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Data::Bytes(bytes.into()))
    }
}

impl From<Data<'static>> for PublishData {
    fn from(data: Data<'static>) -> Self {
        Self(data)
    }
}
