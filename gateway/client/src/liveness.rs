//! Whether the gateway is still there, and answers.

use std::time::Instant;

use crate::event::Cause;
use crate::settings::Settings;

/// When a connection was heard last, and what it owes an answer to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Liveness {
    heard: Option<Instant>,
    pinged: bool,
    unanswered: u32,
    /// The oldest moment that an answer is owed since.
    owed_since: Option<Instant>,
}

/// What time has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Ping,
    GiveUp(Cause),
}

impl Liveness {
    /// A new connection.
    pub(crate) fn begin(&mut self, now: Instant) {
        *self = Self {
            heard: Some(now),
            ..Self::default()
        };
    }

    pub(crate) fn heard(&mut self, now: Instant) {
        self.heard = Some(now);
        self.pinged = false;
    }

    /// Nothing can be heard for now.
    pub(crate) fn paused(&mut self, now: Instant) {
        self.heard(now);
        self.owed_since = self.owed_since.map(|_| now);
    }

    /// A request was sent.
    pub(crate) fn asked(&mut self, now: Instant) {
        self.unanswered += 1;
        self.owed_since.get_or_insert(now);
    }

    /// A request was answered. Each answer gives the others as much time again, since a gateway may answer them in turn.
    pub(crate) fn answered(&mut self, now: Instant) {
        self.unanswered = self.unanswered.saturating_sub(1);
        self.owed_since = (self.unanswered > 0).then_some(now);
    }

    pub(crate) fn due(&mut self, now: Instant, settings: &Settings) -> Option<Due> {
        if self
            .answer_deadline(settings)
            .is_some_and(|deadline| deadline <= now)
        {
            return Some(Due::GiveUp(Cause::NoAnswer));
        }
        if self
            .life_deadline(settings)
            .is_none_or(|deadline| deadline > now)
        {
            return None;
        }
        if self.pinged {
            return Some(Due::GiveUp(Cause::Silent));
        }
        self.pinged = true;
        // The time to answer counts from the ping, however late it was sent.
        self.heard = settings
            .keepalive
            .map(|keepalive| now.checked_sub(keepalive.interval).unwrap_or(now));
        Some(Due::Ping)
    }

    pub(crate) fn deadline(&self, settings: &Settings) -> Option<Instant> {
        [self.answer_deadline(settings), self.life_deadline(settings)]
            .into_iter()
            .flatten()
            .min()
    }

    fn answer_deadline(&self, settings: &Settings) -> Option<Instant> {
        self.owed_since.map(|since| since + settings.answer_timeout)
    }

    fn life_deadline(&self, settings: &Settings) -> Option<Instant> {
        let keepalive = settings.keepalive?;
        let quiet = if self.pinged {
            keepalive.interval + keepalive.timeout
        } else {
            keepalive.interval
        };
        self.heard.map(|heard| heard + quiet)
    }
}
