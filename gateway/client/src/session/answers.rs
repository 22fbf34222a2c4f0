//! What a session makes of the words of a gateway.

use std::time::Instant;

use gateway_protocol::message::{Delivery, ErrorCode, Recovery, ServerMessage};

use super::Session;
use crate::event::{Event, Received};
use crate::progress::Verdict;
use crate::publications::Refusal;

impl Session {
    pub(super) fn receive<'t>(&mut self, message: Delivery<'t>) -> Option<Received<'t>> {
        let Some(subscription) = self.subscriptions.get_mut(&message.subject) else {
            self.counters.strays += 1;
            return None;
        };
        match subscription.progress.accept(&message) {
            Verdict::Duplicate => {
                self.counters.duplicates += 1;
                None
            }
            Verdict::New(gap) => {
                self.counters.received += 1;
                self.counters.gaps += u64::from(gap.is_some());
                Some(Received { message, gap })
            }
        }
    }

    pub(super) fn take_note(&mut self, message: ServerMessage<'_>, now: Instant) {
        match message {
            ServerMessage::Subscribed {
                id,
                subject,
                recovery,
            } => {
                self.answered(id, now);
                self.begin_subscription(&subject, recovery);
            }
            ServerMessage::Unsubscribed { id, .. } => {
                self.answered(Some(id), now);
                self.reconnect.works();
            }
            ServerMessage::Published { id, partition, seq } => {
                self.answered(Some(id), now);
                self.reconnect.works();
                self.events
                    .push_back(match self.publications.published(id) {
                        Some(ticket) => Event::Published {
                            ticket,
                            partition,
                            seq,
                        },
                        None => Event::PublishedUnasked { partition, seq },
                    });
                self.flush(now);
            }
            ServerMessage::Dropped {
                subject,
                count,
                reason,
            } => {
                self.events.push_back(Event::Dropped {
                    subject: subject.into(),
                    count,
                    reason,
                });
            }
            ServerMessage::Position { subject, at } => {
                if let Some(subscription) = self.subscriptions.get_mut(&subject) {
                    subscription.progress.checkpoint(at);
                }
            }
            ServerMessage::Reconnect { after } => {
                self.reconnect.hint(after, now, &self.settings);
                self.events.push_back(Event::Leaving { after });
            }
            ServerMessage::Error { id, code, reason } => {
                self.answered(id, now);
                self.refused(id, code, &reason, now);
            }
            // Taken by `handle_text`, and by nobody.
            ServerMessage::Message(_) | ServerMessage::Unknown => {}
        }
    }

    fn begin_subscription(&mut self, subject: &str, recovery: Recovery) {
        let Some(subscription) = self.subscriptions.get_mut(subject) else {
            return;
        };
        subscription.begin();
        match recovery {
            Recovery::None => subscription.progress.restart(),
            Recovery::Synced => {}
            Recovery::Resynced(reason) => subscription.progress.resync(reason),
        }
        self.reconnect.works();
        self.events.push_back(Event::Subscribed {
            subject: subject.into(),
            recovery,
        });
    }

    /// An answer that says "not now" proves less than one that says "done", so only the latter counts as working.
    fn refused(&mut self, id: Option<u64>, code: ErrorCode, reason: &str, now: Instant) {
        if code.is_retryable() {
            self.retry_at
                .get_or_insert(now + self.settings.retry_after_refusal);
        } else {
            self.reconnect.works();
        }
        if let Some(subject) = id
            .and_then(|id| self.subscriptions.asked(id))
            .map(Box::<str>::from)
        {
            if code.is_retryable() {
                self.subscriptions.put_off(&subject);
            } else {
                self.subscriptions.remove(&subject, 0);
            }
            let retried = code.is_retryable();
            self.events.push_back(Event::SubscriptionRefused {
                subject,
                code,
                reason: reason.into(),
                retried,
            });
            return;
        }
        match id.and_then(|id| self.publications.refused(id, code)) {
            Some(Refusal::PutOff) => {}
            Some(Refusal::Final(ticket)) => {
                self.events.push_back(Event::PublishRefused {
                    ticket,
                    code,
                    reason: reason.into(),
                });
                self.flush(now);
            }
            None => self.events.push_back(Event::Complaint {
                code,
                reason: reason.into(),
            }),
        }
    }

    /// Whatever was too big for the gateway, the largest was: sent again, it would end the next connection as well.
    pub(super) fn refuse_largest(&mut self) {
        if let Some(ticket) = self.publications.remove_largest_sent() {
            self.events.push_back(Event::PublishRefused {
                ticket,
                code: ErrorCode::RecordTooLarge,
                reason: "the gateway closed the connection because of its size".into(),
            });
        }
    }

    fn answered(&mut self, id: Option<u64>, now: Instant) {
        if id.is_some() {
            self.liveness.answered(now);
        }
    }
}
