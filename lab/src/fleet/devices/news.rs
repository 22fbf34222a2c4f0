//! What sessions have to tell.

use std::time::Instant;

use gateway_client::message::Recovery;
use gateway_client::{Cause, Event, Lost, Ticket};
use lab_record::ledger::Answer;

use super::Devices;
use super::links::RESET;
use crate::provider::{Answered, Observation};

impl Devices {
    pub(super) fn tell(&mut self, device: u32, event: Event) {
        match event {
            Event::Connected { .. } => self.news.observe(Observation::Connected {
                device,
                at: Instant::now(),
            }),
            Event::Lost {
                lost,
                was_connected,
                ..
            } => self.lost(device, &lost, was_connected),
            Event::Subscribed { subject, recovery } => self.subscribed(device, &subject, recovery),
            Event::SubscriptionRefused {
                subject,
                code,
                reason,
                ..
            } => {
                self.news
                    .fail(|| format!("device {device} was refused {subject}: {code}: {reason}"));
            }
            Event::Dropped {
                subject,
                count,
                reason,
            } => {
                let subject = self.words.get(&subject);
                let reason = reason.word().to_owned();
                self.news.observe(Observation::Dropped {
                    device,
                    subject,
                    count,
                    reason,
                });
            }
            Event::Published {
                ticket,
                partition,
                seq,
            } => self.acknowledged(device, ticket, partition, seq),
            Event::PublishedUnasked { partition, seq } => {
                self.news.observe(Observation::PublishedUnasked {
                    device,
                    partition,
                    offset: seq,
                });
            }
            Event::PublishRefused {
                ticket,
                code,
                reason,
            } => {
                self.published.remove(&(device, ticket.0));
                self.publish_failed(device, &format!("{code}: {reason}"));
                let publish_id = self
                    .session(device)
                    .map(|session| session.publish_id(ticket))
                    .unwrap_or_default();
                let code = code.word();
                self.news.observe(Observation::Refused { publish_id, code });
            }
            Event::Complaint { code, reason } => {
                self.news
                    .fail(|| format!("a gateway complained to device {device}: {code}: {reason}"));
            }
            Event::Leaving { .. } | Event::LostOften { .. } => {}
        }
    }

    fn lost(&mut self, number: u32, lost: &Lost, was_connected: bool) {
        if was_connected {
            self.news.count().lost += 1;
            let code = match lost.cause {
                Cause::Closed { code } => Some(code),
                _ => None,
            };
            self.news.observe(Observation::Lost {
                device: number,
                code,
                reset: lost.cause == Cause::Broken && lost.detail == RESET,
                at: Instant::now(),
            });
        } else {
            self.news.count().failed += 1;
            self.news.observe(Observation::Failed {
                device: number,
                turned_away: matches!(lost.cause, Cause::Refused { .. }),
                at: Instant::now(),
            });
            self.news
                .fail(|| format!("device {number} did not connect: {}", words_of(lost)));
        }
        let stays_away = !self.common.setup.reconnect;
        if self
            .device(number)
            .is_some_and(|device| std::mem::take(&mut device.stalled))
        {
            self.count_stalled(false);
        }
        if let Some(device) = self.device(number) {
            device.conn = None;
            if let (true, Some(session)) = (stays_away, &mut device.session) {
                session.close();
            }
        }
    }

    fn subscribed(&mut self, number: u32, subject: &str, recovery: Recovery) {
        let held = self
            .device(number)
            .and_then(|device| device.subject(subject).cloned());
        let subject = held.unwrap_or_else(|| self.words.get(subject));
        let is_first = self
            .device(number)
            .is_some_and(|device| device.confirm(&subject));
        if is_first {
            self.news.count().subscribed += 1;
        }
        self.news.observe(Observation::Subscribed {
            device: number,
            subject,
            answer: answered(recovery),
            again: !is_first,
            at: Instant::now(),
        });
    }

    fn acknowledged(&mut self, number: u32, ticket: Ticket, partition: i32, seq: i64) {
        let due = self.published.remove(&(number, ticket.0));
        let took = due.map(|due| due.elapsed()).unwrap_or_default();
        let publish_id = self
            .session(number)
            .map(|session| session.publish_id(ticket))
            .unwrap_or_default();
        self.news.count().published += 1;
        self.news.acknowledgement_took(took);
        self.news.observe(Observation::Published {
            publish_id,
            partition,
            offset: seq,
            took,
        });
    }
}

/// The gateway's answer in the ledger's words and its own.
fn answered(recovery: Recovery) -> Answered {
    let (answer, word) = match recovery {
        Recovery::None => (Answer::Fresh, "none"),
        Recovery::Synced => (Answer::Synced, "synced"),
        Recovery::Resynced(reason) => (Answer::Resynced, reason.word()),
    };
    Answered { answer, word }
}

fn words_of(lost: &Lost) -> String {
    match (&lost.cause, &*lost.detail) {
        (cause, "") => format!("{cause:?}"),
        (_, detail) => detail.to_owned(),
    }
}
