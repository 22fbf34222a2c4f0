//! Devices that read slower than their messages arrive: what gives way, and how they are told.

use bytes::Bytes;
use gateway_engine::{ConnId, Net, Outgoing, SendError};
use gateway_protocol::message::{DropReason, ServerMessage};

use super::session::{Owed, Session};
use super::subscribers::Subscribers;
use crate::config::SlowClient;
use crate::hub::face::framed;
use crate::hub::request::ForSubject;
use crate::log::subjects::SubjectId;
use crate::metrics::{Metrics, Reason};

/// Answers to requests; they never give way.
pub(super) const ANSWER: u32 = u32::MAX;
/// The tag of a subject's notice is the subject's own with this bit.
const NOTICE: u32 = 1 << 31;

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Sent,
    /// There is no room, whatever gives way: the device has to go.
    NoRoom,
    /// The connection is on its way out already.
    Gone,
}

/// Sends records to one device, by the rules of its listener if it is slow.
pub(super) fn send_records(
    net: &mut Net<Session>,
    conn: ConnId,
    records: &ForSubject,
    policy: SlowClient,
    subscribers: &Subscribers,
    metrics: &Metrics,
) -> Fate {
    let outgoing = Outgoing {
        frames: records.frames.clone(),
        messages: records.messages,
        tag: records.subject.0,
    };
    match net.send(conn, outgoing.clone()) {
        Ok(()) => return Fate::Sent,
        // `Unmasked` is for dialled connections, which a workgroup has none of.
        Err(SendError::NotOpen | SendError::Unmasked) => return Fate::Gone,
        Err(SendError::Full) => {}
    }
    let reason = match policy {
        SlowClient::Disconnect => return Fate::NoRoom,
        SlowClient::Conflate => DropReason::Conflated,
        SlowClient::DropOldest => DropReason::QueueFull,
    };
    let mut dropped = Vec::new();
    if policy == SlowClient::Conflate {
        drop_subject(net, conn, records.subject, &mut dropped);
    }
    let fate = retry(net, conn, &outgoing, &mut dropped);
    if !dropped.is_empty() {
        tell(net, conn, &dropped, reason, subscribers, metrics);
    }
    fate
}

/// Sends an answer; messages give way to it.
pub(super) fn send_answer(
    net: &mut Net<Session>,
    conn: ConnId,
    frames: Bytes,
    messages: u32,
) -> Fate {
    let outgoing = Outgoing {
        frames,
        messages,
        tag: ANSWER,
    };
    match net.send(conn, outgoing) {
        Ok(()) => Fate::Sent,
        // `Unmasked` is for dialled connections, which a workgroup has none of.
        Err(SendError::NotOpen | SendError::Unmasked) => Fate::Gone,
        Err(SendError::Full) => Fate::NoRoom,
    }
}

fn retry(
    net: &mut Net<Session>,
    conn: ConnId,
    outgoing: &Outgoing,
    dropped: &mut Vec<Owed>,
) -> Fate {
    for attempt in 0..2 {
        match net.send(conn, outgoing.clone()) {
            Ok(()) => return Fate::Sent,
            // `Unmasked` is for dialled connections, which a workgroup has none of.
            Err(SendError::NotOpen | SendError::Unmasked) => return Fate::Gone,
            Err(SendError::Full) if attempt == 0 => {
                drop_oldest(net, conn, outgoing.frames.len(), dropped)
            }
            Err(SendError::Full) => {}
        }
    }
    Fate::NoRoom
}

/// Takes out what waits of one subject.
fn drop_subject(net: &mut Net<Session>, conn: ConnId, subject: SubjectId, dropped: &mut Vec<Owed>) {
    let Some(mut queue) = net.queue(conn) else {
        return;
    };
    queue.drop_where(|queued| {
        let gives_way = queued.tag == subject.0;
        if gives_way {
            owe(dropped, subject, u64::from(queued.messages));
        }
        gives_way
    });
}

/// Takes out the oldest messages until `bytes` are free, and some more: a notice has to fit too.
fn drop_oldest(net: &mut Net<Session>, conn: ConnId, bytes: usize, dropped: &mut Vec<Owed>) {
    const NOTICES: usize = 512;
    let Some(mut queue) = net.queue(conn) else {
        return;
    };
    let mut missing = bytes + NOTICES;
    queue.drop_where(|queued| {
        let gives_way = missing > 0 && queued.tag & NOTICE == 0;
        if gives_way {
            missing = missing.saturating_sub(queued.bytes);
            owe(dropped, SubjectId(queued.tag), u64::from(queued.messages));
        }
        gives_way
    });
}

fn owe(dropped: &mut Vec<Owed>, subject: SubjectId, count: u64) {
    match dropped.iter_mut().find(|owed| owed.subject == subject) {
        Some(owed) => owed.count += count,
        None => dropped.push(Owed { subject, count }),
    }
}

/// Queues a notice per subject. A notice that still waits is taken back and its count added, so that a device that
/// stays slow has one notice per subject in its queue and not one per message.
fn tell(
    net: &mut Net<Session>,
    conn: ConnId,
    dropped: &[Owed],
    reason: DropReason,
    subscribers: &Subscribers,
    metrics: &Metrics,
) {
    let mut untold = Vec::new();
    if let Some(mut queue) = net.queue(conn) {
        queue.drop_where(|queued| {
            let taken_back = dropped
                .iter()
                .any(|owed| queued.tag == owed.subject.0 | NOTICE);
            if taken_back {
                untold.push(SubjectId(queued.tag & !NOTICE));
            }
            taken_back
        });
    }
    for owed in dropped {
        metrics
            .dropped
            .get_or_create(&Reason {
                reason: reason.word(),
            })
            .inc_by(owed.count);
        let mut count = owed.count;
        if let Some(session) = net.session_mut(conn).and_then(Session::if_open) {
            let before = session
                .owed
                .iter()
                .position(|before| before.subject == owed.subject);
            let before = before.map_or(0, |index| session.owed.swap_remove(index).count);
            if untold.contains(&owed.subject) {
                count += before;
            }
            session.owed.push(Owed {
                subject: owed.subject,
                count,
            });
        }
        let Some(subject) = subscribers.of(owed.subject) else {
            continue;
        };
        let notice = ServerMessage::Dropped {
            subject: (&*subject.name).into(),
            count,
            reason,
        };
        let notice = Outgoing {
            frames: framed(&notice),
            messages: 1,
            tag: owed.subject.0 | NOTICE,
        };
        // Without room for a notice, `prev` of the next message still shows the gap.
        let _ = net.send(conn, notice);
    }
}
