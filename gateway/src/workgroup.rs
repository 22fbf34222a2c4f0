//! A workgroup: one thread, one event loop, the connections it owns and who of them subscribed to what. Nothing on the
//! way of a message is shared with another workgroup.
//!
//! - [`requests`]: what devices ask for.
//! - [`session`]: what is kept for a connection.
//! - [`subscribers`]: subject to connections, as dense arrays.
//! - [`compression`]: what is compressed, and for whom once.
//! - [`slow`]: what gives way when a device is slow.
//! - [`leaving`]: closing at a pace.
//! - [`endings`]: how connections end, in the words of the metrics.

mod compression;
mod endings;
pub(crate) mod leaving;
mod requests;
mod session;
mod slow;
mod subscribers;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gateway_engine::{Accepted, App, Closed, ConnId, Failure, Message, Net, Refusal, Upgrade};
use gateway_protocol::message::{ClientMessage, ErrorCode, ServerMessage};

use crate::admission::Admission;
use crate::config::{Compression, Origins, SlowClient};
use crate::hub::face::framed;
use crate::hub::request::{ForSubject, HubHandle, News, Request};
use crate::hub::subscriptions::GroupId;
use crate::kafka::acks::Acked;
use crate::kafka::producer::Publisher;
use crate::log::subjects::SubjectId;
use crate::metrics::{Code, Group, Metrics, Reason};
use crate::topics::Topics;
use compression::{Compressors, Forms};
use endings::{closing, failing};
use leaving::{Leaving, Pace};
use session::Session;
use slow::{Fate, Rules, SlowDevices, send_answer};
use subscribers::Subscribers;

/// What other threads ask of a workgroup.
#[derive(Debug)]
pub(crate) enum Command {
    /// A connection that belongs here.
    Adopt(Accepted),
    News(News),
    /// Kafka's answer to a publish.
    Acked(Acked),
    /// Who is connected; answered through the channel.
    Report(SyncSender<Vec<ConnectionReport>>),
    /// Close everything, at this pace.
    Leave(Pace),
}

/// One line of `/connections`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionReport {
    pub(crate) id: u64,
    pub(crate) peer: SocketAddr,
    pub(crate) client: SocketAddr,
    pub(crate) workgroup: GroupId,
}

/// What a workgroup is connected to, and its rules.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) group: GroupId,
    pub(crate) topics: Topics,
    pub(crate) hub: HubHandle,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) metrics: Metrics,
    /// Per listener.
    pub(crate) slow_clients: Arc<[SlowClient]>,
    /// Per listener.
    pub(crate) compression: Arc<[Option<Compression>]>,
    /// Per listener.
    pub(crate) origins: Arc<[Option<Origins>]>,
    pub(crate) most_subscriptions: usize,
    pub(crate) most_publishing: usize,
}

/// See the module.
pub(crate) struct Workgroup {
    around: Surroundings,
    subscribers: Subscribers,
    slow: SlowDevices,
    compressors: Compressors,
    /// Subscriptions that ended and that the hub does not know of yet.
    released: VecDeque<SubjectId>,
    leaving: Option<Leaving>,
}

impl Workgroup {
    pub(crate) fn new(around: Surroundings) -> Self {
        Self {
            compressors: Compressors::new(Arc::clone(&around.compression)),
            around,
            subscribers: Subscribers::default(),
            slow: SlowDevices::default(),
            released: VecDeque::new(),
            leaving: None,
        }
    }
}

impl App for Workgroup {
    type Command = Command;
    type Session = Session;

    fn on_command(&mut self, net: &mut Net<Session>, command: Command) {
        match command {
            Command::Adopt(accepted) => self.adopt(net, accepted),
            Command::News(News::Records(records)) => self.deliver(net, &records),
            Command::News(News::Granted {
                conn,
                subject,
                name,
                frames,
                messages,
            }) => {
                self.granted(net, conn, subject, name, (frames, messages));
            }
            Command::News(News::Refused {
                conn,
                id,
                code,
                reason,
            }) => {
                self.asked_less(net, conn);
                self.refuse(net, conn, Some(id), code, &reason);
            }
            Command::News(News::Unsubscribe { conn, id, subject }) => {
                self.unsubscribed(net, conn, id, &subject)
            }
            Command::Acked(acked) => self.acked(net, acked),
            Command::Report(answer) => {
                // Whoever asked may have given up waiting.
                let _ = answer.try_send(self.report(net));
            }
            Command::Leave(pace) => {
                let connections = net.connections().collect();
                self.leaving = Some(Leaving::new(pace, net.now(), connections));
            }
        }
    }

    fn on_upgrade(
        &mut self,
        net: &mut Net<Session>,
        conn: ConnId,
        request: &Upgrade<'_>,
    ) -> Result<(), Refusal> {
        let listener = net.endpoint(conn).map(usize::from);
        let origins = listener.and_then(|listener| self.around.origins.get(listener)?.as_ref());
        if origins.is_none_or(|origins| origins.allow(request.header("Origin"))) {
            return Ok(());
        }
        Err(Refusal {
            status: 403,
            reason: "pages of this origin may not connect here".to_owned(),
            retry_after: None,
        })
    }

    fn on_open(&mut self, _net: &mut Net<Session>, conn: ConnId) {
        self.counters().connections.fetch_add(1, Ordering::Relaxed);
        if let Some(leaving) = &mut self.leaving {
            leaving.add(conn);
        }
    }

    fn on_message(&mut self, net: &mut Net<Session>, conn: ConnId, message: Message<'_>) {
        self.counters().received.fetch_add(1, Ordering::Relaxed);
        let Message::Text(text) = message else {
            let reason = "binary frames mean nothing in this subprotocol: send text";
            return self.refuse(net, conn, None, ErrorCode::BadFrame, reason);
        };
        match ClientMessage::parse(text) {
            Ok(request) => self.request(net, conn, request),
            Err(error) => self.refuse(net, conn, error.id, error.code, &error.reason),
        }
    }

    fn on_drained(&mut self, net: &mut Net<Session>, conn: ConnId) {
        self.slow.drained(net, conn, &self.subscribers);
    }

    fn on_close(&mut self, net: &mut Net<Session>, conn: ConnId, closed: &Closed) {
        self.counters().connections.fetch_sub(1, Ordering::Relaxed);
        self.around
            .metrics
            .closed
            .get_or_create(&Reason {
                reason: closing(closed),
            })
            .inc();
        if *closed == Closed::NoRoom {
            self.count_disconnected();
        }
        if let Closed::Violation(error) = closed {
            let code = u32::from(error.close_code());
            self.around
                .metrics
                .violations
                .get_or_create(&Code { code })
                .inc();
        }
        self.slow.forget(conn);
        for subject in self.subscribers.remove_all(net, conn) {
            self.release(subject);
        }
        self.left(net, conn);
    }

    fn on_failed(&mut self, net: &mut Net<Session>, conn: ConnId, failure: &Failure) {
        self.around.metrics.refuse(failing(failure));
        self.left(net, conn);
    }

    fn on_turn(&mut self, net: &mut Net<Session>, now: Instant) -> Option<Instant> {
        const AGAIN: Duration = Duration::from_millis(5);
        self.count(net);
        let again = (!self.hand_over_released()).then_some(now + AGAIN);
        let leave = self.leave(net, now);
        again.into_iter().chain(leave).min()
    }
}

impl Workgroup {
    fn adopt(&mut self, net: &mut Net<Session>, accepted: Accepted) {
        let client = accepted.client;
        if let Err(error) = net.adopt(accepted, Session::default()) {
            tracing::warn!(%client, %error, "a connection could not be adopted");
            self.around.metrics.refuse("workgroup-full");
            self.leaves(client);
        }
    }

    /// The hot path: one encoded batch to everyone who subscribed.
    fn deliver(&mut self, net: &mut Net<Session>, records: &[ForSubject]) {
        for records in records {
            let Some(subject) = self.subscribers.of(records.subject) else {
                continue;
            };
            let mut forms = Forms::of(for_many(records, subject.members().len()));
            let compresses = self.compressors.is_on();
            let mut too_slow = Vec::new();
            for conn in subject.members() {
                let rules = Rules {
                    policy: policy(&self.around.slow_clients, net, *conn),
                    names: &self.subscribers,
                    metrics: &self.around.metrics,
                };
                let records = if compresses {
                    forms.suiting(&mut self.compressors, net, *conn)
                } else {
                    forms.plain()
                };
                if self.slow.send(net, *conn, records, rules) == Fate::NoRoom {
                    too_slow.push(*conn);
                }
            }
            for conn in too_slow {
                self.give_up(net, conn);
            }
        }
    }

    fn granted(
        &mut self,
        net: &mut Net<Session>,
        conn: ConnId,
        subject: SubjectId,
        name: Arc<str>,
        (frames, messages): (Bytes, u32),
    ) {
        self.asked_less(net, conn);
        let is_new = net.is_open(conn) && self.subscribers.add(net, conn, subject, name);
        if !is_new {
            // Gone, or subscribed anew to what it has: one of the two subscriptions ends.
            self.release(subject);
        }
        self.answer(net, conn, frames, messages);
    }

    /// Closes whose time has come; answers when the next one's does.
    fn leave(&mut self, net: &mut Net<Session>, now: Instant) -> Option<Instant> {
        let leaving = self.leaving.as_mut()?;
        while let Some((conn, after)) = leaving.due(now) {
            // A device too slow to take the hint is closed without it.
            let _ = send_answer(net, conn, framed(&ServerMessage::Reconnect { after }), 1);
            net.close(conn, 1012, "the gateway is leaving");
        }
        leaving.next_at()
    }

    fn answer(&mut self, net: &mut Net<Session>, conn: ConnId, frames: Bytes, messages: u32) {
        let frames = self.compressors.one(net, conn, frames);
        if send_answer(net, conn, frames, messages) == Fate::NoRoom {
            self.give_up(net, conn);
        }
    }

    /// A device that takes nothing any more. It resumes when it can.
    fn give_up(&mut self, net: &mut Net<Session>, conn: ConnId) {
        self.count_disconnected();
        net.close(conn, 1013, "too slow: connect again and resume");
    }

    fn count_disconnected(&self) {
        let reason = "disconnected";
        let dropped = &self.around.metrics.dropped;
        dropped.get_or_create(&Reason { reason }).inc();
    }

    /// The hub's queue may be full while the hub waits for this very workgroup, so nobody waits here.
    fn release(&mut self, subject: SubjectId) {
        self.released.push_back(subject);
    }

    /// Tells the hub which subscriptions ended; false if it could not take all of them yet.
    fn hand_over_released(&mut self) -> bool {
        while let Some(subject) = self.released.pop_front() {
            let request = Request::Release {
                group: self.around.group,
                subject,
            };
            if self.around.hub.ask(request).is_err() {
                self.released.push_front(subject);
                return false;
            }
        }
        true
    }

    fn left(&self, net: &Net<Session>, conn: ConnId) {
        if let Some(addresses) = net.addresses(conn) {
            self.leaves(addresses.client);
        }
    }

    /// A connection that was handed over is gone.
    fn leaves(&self, client: SocketAddr) {
        self.counters().left.fetch_add(1, Ordering::Relaxed);
        self.around.admission.leave(client);
    }

    fn report(&self, net: &Net<Session>) -> Vec<ConnectionReport> {
        let workgroup = self.around.group;
        let open = net.connections().filter(|conn| net.is_open(*conn));
        open.filter_map(|conn| {
            let addresses = net.addresses(conn)?;
            let (peer, client) = (addresses.peer, addresses.client);
            Some(ConnectionReport {
                id: conn.to_bits(),
                peer,
                client,
                workgroup,
            })
        })
        .collect()
    }

    fn count(&self, net: &Net<Session>) {
        let (group, counters) = (self.counters(), net.counters());
        group
            .tls_handshakes
            .store(counters.tls_established, Ordering::Relaxed);
        group
            .delivered
            .store(counters.messages_out, Ordering::Relaxed);
        group.bytes_out.store(counters.bytes_out, Ordering::Relaxed);
        group.writes.store(counters.writes, Ordering::Relaxed);
        group
            .total_queue_full
            .store(counters.total_queue_full, Ordering::Relaxed);
        let (bytes_in, bytes_out) = (self.compressors.bytes_in, self.compressors.bytes_out);
        group.compressed_from.store(bytes_in, Ordering::Relaxed);
        group.compressed_to.store(bytes_out, Ordering::Relaxed);
        let queued = i64::try_from(net.total_queued_bytes()).unwrap_or(i64::MAX);
        group.queued_bytes.store(queued, Ordering::Relaxed);
    }

    fn counters(&self) -> &Group {
        &self.around.metrics.groups[usize::from(self.around.group)]
    }
}

fn policy(policies: &[SlowClient], net: &Net<Session>, conn: ConnId) -> SlowClient {
    let listener = net.endpoint(conn).map_or(0, usize::from);
    policies
        .get(listener)
        .copied()
        .unwrap_or(SlowClient::Disconnect)
}

/// Every send counts a reference. Where there are many, the workgroup counts for itself, so that workgroups do not fight
/// over one cache line.
fn for_many(records: &ForSubject, members: usize) -> ForSubject {
    const MANY: usize = 16;
    let mut records = records.clone();
    if members >= MANY {
        records.frames = Bytes::from_owner(records.frames);
    }
    records
}
