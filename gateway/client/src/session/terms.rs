//! What an application gives to a session and gets from it, apart from messages and events.

use gateway_protocol::position::Position;
use gateway_protocol::subject::SubjectError;

/// How a subscription begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubscribeOptions {
    /// Where an earlier session ended: see [`crate::Session::positions`].
    pub from: Vec<Position>,
    /// How many of the last messages to get first, where there is no position to go on from.
    pub history: Option<u32>,
}

/// What a session has seen, since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages handed to the application.
    pub received: u64,
    /// Messages filtered out because they had been handed over before.
    pub duplicates: u64,
    /// Gaps told to the application.
    pub gaps: u64,
    /// Messages for subjects that are not subscribed (any more).
    pub strays: u64,
    /// Attempts to connect.
    pub attempts: u64,
}

/// Why a publish is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The subject is spelled wrong.
    #[error(transparent)]
    Subject(#[from] SubjectError),
    /// A record has one key.
    #[error("`{subject}` names a whole topic: publish to one key")]
    Wildcard {
        /// The subject.
        subject: String,
    },
    /// Too many publishes wait for their answer. Wait for some, or drop this one.
    #[error("{limit} publishes wait for their answer already")]
    Full {
        /// How many may wait.
        limit: usize,
    },
}
