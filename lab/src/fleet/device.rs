//! What is remembered per device.

use std::net::SocketAddr;
use std::sync::Arc;

use gateway_engine::ConnId;

/// A device of the fleet.
#[derive(Debug)]
pub(super) struct Device {
    /// Where it comes from, as the model says.
    pub(super) source: SocketAddr,
    pub(super) link: Link,
    /// Sources that turned out to be in use when it last tried to connect.
    pub(super) collisions: u8,
    /// The id of its next request.
    pub(super) next_id: u32,
    /// Publishes so far.
    pub(super) publishes: u32,
    /// The subjects it subscribed to; hardly ever more than one.
    pub(super) subjects: Box<[Arc<str>]>,
}

/// Whether it is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// Never, or no more.
    Down,
    /// Dialled.
    Dialling(ConnId),
    /// Open.
    Up(ConnId),
    /// The lab wished it closed.
    Leaving(ConnId),
}

impl Device {
    pub(super) fn new(source: SocketAddr) -> Self {
        Self {
            source,
            link: Link::Down,
            collisions: 0,
            next_id: 1,
            publishes: 0,
            subjects: Box::default(),
        }
    }

    /// The connection, if messages can be sent.
    pub(super) fn open(&self) -> Option<ConnId> {
        match self.link {
            Link::Up(conn) => Some(conn),
            Link::Down | Link::Dialling(_) | Link::Leaving(_) => None,
        }
    }

    pub(super) fn take_id(&mut self) -> u32 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// The subscription that a message names, without a copy of its text.
    pub(super) fn subscription(&self, subject: &str) -> Option<&Arc<str>> {
        self.subjects
            .iter()
            .find(|subscribed| subscribed.as_ref() == subject)
    }

    pub(super) fn remember_subscription(&mut self, subject: &Arc<str>) {
        if self.subscription(subject).is_none() {
            let mut subjects = std::mem::take(&mut self.subjects).into_vec();
            subjects.push(Arc::clone(subject));
            self.subjects = subjects.into();
        }
    }
}
