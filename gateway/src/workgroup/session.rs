//! What a workgroup keeps for a connection. A device with one subscription and nothing under way costs no allocation.

use crate::log::subjects::SubjectId;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Session(State);

#[derive(Debug, Default)]
enum State {
    /// The device has asked for nothing.
    #[default]
    Idle,
    /// Nothing is under way.
    Subscribed(Held),
    Busy(Box<Busy>),
}

/// Several subscriptions, or something under way.
#[derive(Debug, Default)]
struct Busy {
    held: Vec<Held>,
    /// Subscriptions that the hub has not answered.
    asked: u32,
    /// Publishes that Kafka has not answered.
    publishing: u32,
}

/// A subscription, and the connection's place in the subject's array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) subject: SubjectId,
    pub(super) slot: u32,
}

impl Session {
    pub(super) fn held(&self) -> &[Held] {
        match &self.0 {
            State::Idle => &[],
            State::Subscribed(held) => std::slice::from_ref(held),
            State::Busy(busy) => &busy.held,
        }
    }

    /// Subscriptions, answered or not.
    pub(super) fn subscriptions(&self) -> usize {
        let asked = match &self.0 {
            State::Busy(busy) => busy.asked as usize,
            State::Idle | State::Subscribed(_) => 0,
        };
        self.held().len() + asked
    }

    /// Publishes that Kafka has not answered.
    pub(super) fn publishing(&self) -> usize {
        match &self.0 {
            State::Busy(busy) => busy.publishing as usize,
            State::Idle | State::Subscribed(_) => 0,
        }
    }

    pub(super) fn holds(&self, subject: SubjectId) -> bool {
        self.held().iter().any(|held| held.subject == subject)
    }

    /// A subscription was asked for; [`answered`](Self::answered) once the hub answers.
    pub(super) fn ask(&mut self) {
        self.busy().asked += 1;
    }

    pub(super) fn answered(&mut self) {
        if let State::Busy(busy) = &mut self.0 {
            busy.asked = busy.asked.saturating_sub(1);
        }
        self.settle();
    }

    /// A publish is under way; [`published`](Self::published) once Kafka answers.
    pub(super) fn publish(&mut self) {
        self.busy().publishing += 1;
    }

    pub(super) fn published(&mut self) {
        if let State::Busy(busy) = &mut self.0 {
            busy.publishing = busy.publishing.saturating_sub(1);
        }
        self.settle();
    }

    pub(super) fn hold(&mut self, held: Held) {
        self.busy().held.push(held);
        self.settle();
    }

    pub(super) fn let_go(&mut self, subject: SubjectId) -> Option<Held> {
        let busy = self.busy();
        let index = busy.held.iter().position(|held| held.subject == subject);
        let held = index.map(|index| busy.held.swap_remove(index));
        self.settle();
        held
    }

    pub(super) fn let_all_go(&mut self) -> Vec<Held> {
        let held = std::mem::take(&mut self.busy().held);
        self.settle();
        held
    }

    /// The connection has another place in a subject's array now.
    pub(super) fn moved(&mut self, subject: SubjectId, slot: u32) {
        let held = match &mut self.0 {
            State::Idle => &mut [],
            State::Subscribed(held) => std::slice::from_mut(held),
            State::Busy(busy) => busy.held.as_mut_slice(),
        };
        if let Some(held) = held.iter_mut().find(|held| held.subject == subject) {
            held.slot = slot;
        }
    }

    /// The busy state, entered if need be.
    fn busy(&mut self) -> &mut Busy {
        let held = match self.0 {
            State::Idle => Vec::new(),
            State::Subscribed(held) => vec![held],
            State::Busy(ref mut busy) => return busy,
        };
        self.0 = State::Busy(Box::default());
        let busy = self.busy();
        busy.held = held;
        busy
    }

    /// Gives memory back where there is no more need for it.
    fn settle(&mut self) {
        let State::Busy(busy) = &self.0 else { return };
        if busy.asked > 0 || busy.publishing > 0 {
            return;
        }
        match busy.held.as_slice() {
            [] => self.0 = State::Idle,
            [held] => self.0 = State::Subscribed(*held),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_with_one_subscription_and_nothing_under_way_owns_no_memory() {
        let mut session = Session::default();

        session.ask();
        assert_eq!(session.subscriptions(), 1);
        session.hold(held(7));
        session.answered();

        assert!(matches!(session.0, State::Subscribed(_)));
        assert_eq!((session.subscriptions(), session.publishing()), (1, 0));
        assert_eq!(size_of::<Session>(), 16);
    }

    #[test]
    fn what_is_under_way_is_counted_until_it_is_answered() {
        let mut session = Session::default();
        session.hold(held(7));

        session.publish();
        session.publish();
        session.published();
        assert_eq!((session.subscriptions(), session.publishing()), (1, 1));

        session.published();
        assert!(matches!(session.0, State::Subscribed(_)));
    }

    #[test]
    fn subscriptions_come_and_go_in_any_number() {
        let mut session = Session::default();
        for subject in 0..3 {
            session.hold(held(subject));
        }

        assert_eq!(session.let_go(SubjectId(1)), Some(held(1)));
        assert_eq!(session.let_go(SubjectId(1)), None);
        session.moved(SubjectId(2), 40);
        assert!(session.holds(SubjectId(0)) && !session.holds(SubjectId(1)));

        assert_eq!(
            session.let_all_go(),
            [
                held(0),
                Held {
                    subject: SubjectId(2),
                    slot: 40
                }
            ]
        );
        assert!(matches!(session.0, State::Idle));
    }

    fn held(subject: u32) -> Held {
        Held {
            subject: SubjectId(subject),
            slot: 0,
        }
    }
}
