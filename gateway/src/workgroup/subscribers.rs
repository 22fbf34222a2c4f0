//! Who on this loop subscribed to what: dense arrays to walk, and the way back from a connection.

use std::collections::HashMap;
use std::sync::Arc;

use gateway_engine::{ConnId, Net};

use super::session::{Held, Session};
use crate::few::Few;
use crate::log::subjects::SubjectId;

/// All subscriptions of one loop.
#[derive(Debug, Default)]
pub(super) struct Subscribers {
    by_subject: HashMap<SubjectId, Subject>,
}

/// One subject and the connections that get it.
#[derive(Debug)]
pub(super) struct Subject {
    /// As devices spell it.
    pub(super) name: Arc<str>,
    members: Few<ConnId>,
}

impl Subject {
    /// The connections that get it, each once.
    pub(super) fn members(&self) -> &[ConnId] {
        self.members.as_slice()
    }
}

impl Subscribers {
    pub(super) fn of(&self, subject: SubjectId) -> Option<&Subject> {
        self.by_subject.get(&subject)
    }

    /// Adds a connection; false if it had the subject already or is gone.
    pub(super) fn add(
        &mut self,
        net: &mut Net<Session>,
        conn: ConnId,
        subject: SubjectId,
        name: Arc<str>,
    ) -> bool {
        let Some(session) = net.session_mut(conn) else {
            return false;
        };
        if session.holds(subject) {
            return false;
        }
        let entry = self.by_subject.entry(subject).or_insert_with(|| Subject {
            name,
            members: Few::None,
        });
        let Ok(slot) = u32::try_from(entry.members().len()) else {
            return false;
        };
        entry.members.push(conn);
        session.hold(Held { subject, slot });
        true
    }

    /// Removes a connection from a subject; false if it did not have it.
    pub(super) fn remove(
        &mut self,
        net: &mut Net<Session>,
        conn: ConnId,
        subject: SubjectId,
    ) -> bool {
        let Some(held) = net
            .session_mut(conn)
            .and_then(|session| session.let_go(subject))
        else {
            return false;
        };
        self.remove_member(net, held);
        true
    }

    /// The subject that a connection holds under this name.
    pub(super) fn held_as(&self, session: &Session, name: &str) -> Option<SubjectId> {
        session
            .held()
            .iter()
            .map(|held| held.subject)
            .find(|subject| {
                self.by_subject
                    .get(subject)
                    .is_some_and(|entry| &*entry.name == name)
            })
    }

    /// Removes a connection from everything; answers what it had.
    pub(super) fn remove_all(&mut self, net: &mut Net<Session>, conn: ConnId) -> Vec<SubjectId> {
        let held = net
            .session_mut(conn)
            .map(Session::let_all_go)
            .unwrap_or_default();
        for held in &held {
            self.remove_member(net, *held);
        }
        held.into_iter().map(|held| held.subject).collect()
    }

    /// Takes a place out of its array; the last one moves there and its session is told.
    fn remove_member(&mut self, net: &mut Net<Session>, held: Held) {
        let Some(entry) = self.by_subject.get_mut(&held.subject) else {
            return;
        };
        let slot = held.slot as usize;
        entry.members.swap_remove(slot);
        if let Some(moved) = entry.members().get(slot).copied()
            && let Some(session) = net.session_mut(moved)
        {
            session.moved(held.subject, held.slot);
        }
        if entry.members().is_empty() {
            self.by_subject.remove(&held.subject);
        }
    }
}
