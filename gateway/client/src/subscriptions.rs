//! What the application wants to hear. Subscriptions outlive connections.

use gateway_protocol::message::{encode_subscribe, encode_unsubscribe};

use crate::progress::Progress;

/// The subscriptions of a session, sorted by subject: a device has few, and most have one.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    sorted: Vec<Subscription>,
}

#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) subject: Box<str>,
    pub(crate) progress: Progress,
    history: Option<u32>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// To be asked for.
    Wanted,
    /// Asked for on this connection with this id.
    Asked { id: u64 },
    /// Running.
    Live,
    /// The gateway could not serve it just now.
    PutOff,
}

impl Subscriptions {
    /// Adds a subscription; answers `false` if it was there already.
    pub(crate) fn add(&mut self, subject: &str, progress: Progress, history: Option<u32>) -> bool {
        let Err(index) = self.search(subject) else {
            return false;
        };
        let subscription = Subscription {
            subject: subject.into(),
            progress,
            history,
            state: State::Wanted,
        };
        self.sorted.insert(index, subscription);
        true
    }

    /// Removes a subscription; the text frame that tells the gateway, if it knows of it.
    pub(crate) fn remove(&mut self, subject: &str, id: u64) -> Option<String> {
        let index = self.search(subject).ok()?;
        let removed = self.sorted.remove(index);
        matches!(removed.state, State::Asked { .. } | State::Live)
            .then(|| encode_unsubscribe(id, subject))
    }

    pub(crate) fn get(&self, subject: &str) -> Option<&Subscription> {
        self.search(subject)
            .ok()
            .and_then(|index| self.sorted.get(index))
    }

    pub(crate) fn get_mut(&mut self, subject: &str) -> Option<&mut Subscription> {
        let index = self.search(subject).ok()?;
        self.sorted.get_mut(index)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Subscription> {
        self.sorted.iter()
    }

    /// The next text frame to send. The id is the request's.
    pub(crate) fn next_frame(&mut self, id: u64) -> Option<String> {
        let next = self
            .sorted
            .iter_mut()
            .find(|subscription| subscription.state == State::Wanted)?;
        next.state = State::Asked { id };
        let from = next.progress.positions();
        // Positions say exactly what is missing; a number of messages is a guess.
        let history = next.history.filter(|_| from.is_empty());
        Some(encode_subscribe(id, &next.subject, &from, history))
    }

    /// The subject of a request; `None` if it is no open subscribe.
    pub(crate) fn asked(&self, id: u64) -> Option<&str> {
        let asked = self
            .sorted
            .iter()
            .find(|subscription| subscription.state == State::Asked { id })?;
        Some(&asked.subject)
    }

    pub(crate) fn put_off(&mut self, subject: &str) {
        if let Some(subscription) = self.get_mut(subject) {
            subscription.state = State::PutOff;
        }
    }

    /// What was put off may be asked for again.
    pub(crate) fn retry(&mut self) {
        for subscription in self
            .sorted
            .iter_mut()
            .filter(|subscription| subscription.state == State::PutOff)
        {
            subscription.state = State::Wanted;
        }
    }

    /// The next gateway knows nothing of them.
    pub(crate) fn disconnected(&mut self) {
        for subscription in &mut self.sorted {
            subscription.state = State::Wanted;
        }
    }

    fn search(&self, subject: &str) -> Result<usize, usize> {
        self.sorted
            .binary_search_by(|subscription| subscription.subject.as_ref().cmp(subject))
    }
}

impl Subscription {
    /// The gateway serves it.
    pub(crate) fn begin(&mut self) {
        self.state = State::Live;
    }
}
