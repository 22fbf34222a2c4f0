//! What a workgroup keeps for a connection; nothing until the device asks for something.

use crate::log::subjects::SubjectId;

/// A pointer's size while the device has asked for nothing.
#[derive(Debug, Default)]
pub(crate) struct Session(Option<Box<OpenSession>>);

/// What a device asked for.
#[derive(Debug, Default)]
pub(super) struct OpenSession {
    pub(super) held: Vec<Held>,
    /// Subscriptions that the hub has not answered.
    pub(super) asked: u32,
    /// Publishes that Kafka has not answered.
    pub(super) publishing: u32,
}

/// A subscription, and the connection's place in the subject's array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) subject: SubjectId,
    pub(super) slot: u32,
}

impl Session {
    /// The session, begun if need be.
    pub(super) fn open(&mut self) -> &mut OpenSession {
        self.0.get_or_insert_default()
    }

    pub(super) fn if_open(&mut self) -> Option<&mut OpenSession> {
        self.0.as_deref_mut()
    }

    pub(super) fn held(&self) -> &[Held] {
        self.0.as_ref().map_or(&[], |session| &session.held)
    }

    /// Subscriptions, answered or not.
    pub(super) fn subscriptions(&self) -> usize {
        self.0
            .as_ref()
            .map_or(0, |session| session.held.len() + session.asked as usize)
    }

    pub(super) fn slot(&self, subject: SubjectId) -> Option<u32> {
        self.held()
            .iter()
            .find(|held| held.subject == subject)
            .map(|held| held.slot)
    }

    pub(super) fn let_go(&mut self, subject: SubjectId) -> Option<Held> {
        let held = &mut self.if_open()?.held;
        let index = held.iter().position(|held| held.subject == subject)?;
        Some(held.swap_remove(index))
    }

    pub(super) fn let_all_go(&mut self) -> Vec<Held> {
        self.if_open()
            .map(|session| std::mem::take(&mut session.held))
            .unwrap_or_default()
    }

    pub(super) fn moved(&mut self, subject: SubjectId, slot: u32) {
        let held = self
            .if_open()
            .and_then(|session| session.held.iter_mut().find(|held| held.subject == subject));
        if let Some(held) = held {
            held.slot = slot;
        }
    }
}
