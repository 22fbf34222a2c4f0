//! Devices that read slower than their messages arrive: what gives way, and how they are told.
//!
//! A device is slow from the first message that its send queue has no room for until the queue is empty again.

use std::collections::HashMap;

use bytes::Bytes;
use gateway_engine::{ConnId, Net, Outgoing, SendError};
use gateway_protocol::message::{DropReason, ServerMessage};

use super::session::Session;
use super::subscribers::Subscribers;
use crate::config::SlowClient;
use crate::hub::face::framed;
use crate::hub::request::ForSubject;
use crate::log::subjects::SubjectId;
use crate::metrics::{Metrics, Reason};

/// Answers to requests, and what `[[conflation]]` says about the messages behind it; they never give way.
const ANSWER: u32 = u32::MAX;
/// The tag of a subject's notice is the subject's own with this bit.
const NOTICE: u32 = 1 << 31;
/// And with this one, if messages gave way to a later one of their subject.
const CONFLATED: u32 = 1 << 30;
/// Dropping the oldest makes this much more room, in bytes: the notice has to fit too.
const ROOM_FOR_NOTICES: usize = 512;

/// The slow devices of one loop.
#[derive(Debug, Default)]
pub(super) struct SlowDevices {
    by_conn: HashMap<ConnId, Slow>,
}

#[derive(Debug, Default)]
struct Slow {
    owed: Vec<Owed>,
    /// The latest message of subjects that the queue has no room for.
    held_back: Vec<ForSubject>,
}

/// Messages of a subject that were dropped since the device was last told.
#[derive(Debug)]
struct Owed {
    subject: SubjectId,
    count: u64,
    reason: DropReason,
    /// The notice is in the send queue, or has left it.
    told: bool,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Sent, queued, held back, or dropped and told.
    Settled,
    /// The device has to go.
    NoRoom,
}

/// What sending takes beside the connections.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) policy: SlowClient,
    pub(super) names: &'a Subscribers,
    pub(super) metrics: &'a Metrics,
}

/// Sends an answer to a request; it does not give way.
pub(super) fn send_answer(
    net: &mut Net<Session>,
    conn: ConnId,
    frames: Bytes,
    messages: u32,
) -> Fate {
    match net.send(
        conn,
        Outgoing {
            frames,
            messages,
            tag: ANSWER,
        },
    ) {
        // Whoever is gone needs no answer; `Unmasked` is for dialled connections, which a workgroup has none of.
        Ok(()) | Err(SendError::NotOpen | SendError::Unmasked) => Fate::Settled,
        Err(SendError::Full) => Fate::NoRoom,
    }
}

impl SlowDevices {
    /// Sends records to one device, by the rules of its listener if it is slow.
    pub(super) fn send(
        &mut self,
        net: &mut Net<Session>,
        conn: ConnId,
        records: &ForSubject,
        rules: Rules<'_>,
    ) -> Fate {
        // Nearly always nobody is slow, and this is the way of every message.
        let is_slow = !self.by_conn.is_empty() && self.by_conn.contains_key(&conn);
        let told = !is_slow && tell_left_out(net, conn, records);
        if told && send(net, conn, records) {
            return Fate::Settled;
        }
        let left_out = records.left_out.as_ref().filter(|_| !told);
        let untold = left_out.map_or(0, |left_out| left_out.count);
        match rules.policy {
            SlowClient::Disconnect => Fate::NoRoom,
            SlowClient::Conflate => {
                self.by_conn
                    .entry(conn)
                    .or_default()
                    .conflate(net, conn, records, untold, rules);
                Fate::Settled
            }
            SlowClient::DropOldest => {
                self.by_conn
                    .entry(conn)
                    .or_default()
                    .drop_oldest(net, conn, records, untold, rules);
                Fate::Settled
            }
        }
    }

    /// The queue is empty again: sends what was held back and what the device was not told.
    pub(super) fn drained(&mut self, net: &mut Net<Session>, conn: ConnId, names: &Subscribers) {
        let Some(mut slow) = self.by_conn.remove(&conn) else {
            return;
        };
        for owed in slow.owed.iter_mut().filter(|owed| !owed.told) {
            owed.tell(net, conn, names);
        }
        slow.owed.retain(|owed| !owed.told);
        slow.held_back.retain(|records| {
            let wanted = net
                .session(conn)
                .is_some_and(|session| session.holds(records.subject));
            wanted && !send(net, conn, records)
        });
        if !slow.held_back.is_empty() || !slow.owed.is_empty() {
            self.by_conn.insert(conn, slow);
        }
    }

    pub(super) fn forget(&mut self, conn: ConnId) {
        self.by_conn.remove(&conn);
    }
}

impl Slow {
    /// Only the latest message of the subject stays. `untold` records it stands for already.
    fn conflate(
        &mut self,
        net: &mut Net<Session>,
        conn: ConnId,
        records: &ForSubject,
        untold: u64,
        rules: Rules<'_>,
    ) {
        let latest = records.latest();
        let mut dropped = u64::from(records.messages - latest.messages) + untold;
        take_out(net, conn, |tag, messages| {
            let older = tag == records.subject.0;
            dropped += if older { messages } else { 0 };
            older
        });
        self.held_back.retain(|held| {
            let older = held.subject == records.subject;
            dropped += if older { u64::from(held.messages) } else { 0 };
            !older
        });
        self.owe(
            net,
            conn,
            (records.subject, dropped),
            DropReason::Conflated,
            rules,
        );
        if !send(net, conn, &latest) {
            self.held_back.push(latest);
        }
    }

    /// The oldest messages make room. `untold` records these stand for already.
    fn drop_oldest(
        &mut self,
        net: &mut Net<Session>,
        conn: ConnId,
        records: &ForSubject,
        untold: u64,
        rules: Rules<'_>,
    ) {
        let mut dropped: Vec<(SubjectId, u64)> = Vec::new();
        let mut missing = records.frames.len() + ROOM_FOR_NOTICES;
        let conflated = (records.subject, untold);
        if let Some(mut queue) = net.queue(conn) {
            queue.drop_where(|queued| {
                let gives_way = missing > 0 && queued.tag & NOTICE == 0;
                if gives_way {
                    missing = missing.saturating_sub(queued.bytes);
                    dropped.push((SubjectId(queued.tag), u64::from(queued.messages)));
                }
                gives_way
            });
        }
        self.owe(net, conn, conflated, DropReason::Conflated, rules);
        if !send(net, conn, records) {
            dropped.push((records.subject, u64::from(records.messages)));
        }
        for lost in dropped {
            self.owe(net, conn, lost, DropReason::QueueFull, rules);
        }
    }

    /// Counts dropped messages and tells the device. A notice that still waits is taken back and its count added, so
    /// that a device that stays slow has one notice per subject in its queue and not one per message.
    fn owe(
        &mut self,
        net: &mut Net<Session>,
        conn: ConnId,
        (subject, count): (SubjectId, u64),
        reason: DropReason,
        rules: Rules<'_>,
    ) {
        if count == 0 {
            return;
        }
        rules
            .metrics
            .dropped
            .get_or_create(&Reason {
                reason: reason.word(),
            })
            .inc_by(count);
        let notice = notice_tag(subject, reason);
        let taken_back = take_out(net, conn, |tag, _| tag == notice);
        let known = self
            .owed
            .iter()
            .position(|owed| owed.subject == subject && owed.reason == reason);
        let index = match known {
            Some(index) => index,
            None => {
                self.owed.push(Owed {
                    subject,
                    count: 0,
                    reason,
                    told: false,
                });
                self.owed.len() - 1
            }
        };
        let owed = &mut self.owed[index];
        if owed.told && !taken_back {
            owed.count = 0;
        }
        owed.count += count;
        owed.tell(net, conn, rules.names);
    }
}

impl Owed {
    /// Queues the notice. Without room it waits until the queue is empty; `prev` of the next message shows the gap too.
    fn tell(&mut self, net: &mut Net<Session>, conn: ConnId, names: &Subscribers) {
        let Some(subject) = names.of(self.subject) else {
            self.told = true;
            return;
        };
        let notice = ServerMessage::Dropped {
            subject: (&*subject.name).into(),
            count: self.count,
            reason: self.reason,
        };
        let tag = notice_tag(self.subject, self.reason);
        self.told = net
            .send(
                conn,
                Outgoing {
                    frames: framed(&notice),
                    messages: 1,
                    tag,
                },
            )
            .is_ok();
    }
}

fn notice_tag(subject: SubjectId, reason: DropReason) -> u32 {
    let conflated = if reason == DropReason::Conflated {
        CONFLATED
    } else {
        0
    };
    subject.0 | NOTICE | conflated
}

/// Says what the messages behind it stand for, if for anything beside themselves; false if there was no room.
fn tell_left_out(net: &mut Net<Session>, conn: ConnId, records: &ForSubject) -> bool {
    let Some(left_out) = &records.left_out else {
        return true;
    };
    let outgoing = Outgoing {
        frames: left_out.notice.clone(),
        messages: 0,
        tag: ANSWER,
    };
    net.send_batched(conn, outgoing) != Err(SendError::Full)
}

/// Whether there was room, or nobody to send to. Records may wait for company where the listener batches; answers and
/// notices do not, and take what waits along.
fn send(net: &mut Net<Session>, conn: ConnId, records: &ForSubject) -> bool {
    let outgoing = Outgoing {
        frames: records.frames.clone(),
        messages: records.messages,
        tag: records.subject.0,
    };
    net.send_batched(conn, outgoing) != Err(SendError::Full)
}

/// Takes out of the send queue what gives way, judged by tag and number of messages; whether anything did.
fn take_out(
    net: &mut Net<Session>,
    conn: ConnId,
    mut gives_way: impl FnMut(u32, u64) -> bool,
) -> bool {
    let mut taken = false;
    if let Some(mut queue) = net.queue(conn) {
        queue.drop_where(|queued| {
            let gone = gives_way(queued.tag, u64::from(queued.messages));
            taken |= gone;
            gone
        });
    }
    taken
}
