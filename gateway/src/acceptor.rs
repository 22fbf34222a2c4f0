//! Accepts connections, reads exactly the PROXY header where one is required, and hands each connection to the
//! workgroup that placement names: descriptor, addresses and the bytes read beyond the header.
//!
//! - [`newcomer`]: a connection until its first byte of payload.
//! - [`deadlines`]: whose time is up.
//! - [`placing`]: which workgroup gets it.
//! - [`gathering`]: connections that come thick are taken in together.
//!
//! Trust is judged on the socket's peer, before a byte is read. Who breaks the rules of the header is closed without a
//! word. Absent: any state of a connection that was handed over.

mod deadlines;
mod gathering;
mod newcomer;
mod placing;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use gateway_engine::{Accepted, Mailbox, TLS_REFUSAL};
use gateway_protocol::address::{TrustedPeers, canonical};
use gateway_protocol::proxy_header::{Limits as HeaderLimits, LocalKind, Refusal, Version};
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::io::Errno;
use rustix::net::{
    RecvFlags, SendFlags, Shutdown, SocketFlags, acceptfrom_with, recv, send, shutdown,
};
use tracing::{error, warn};

use crate::admission::{Admission, Rate, Rejected};
use crate::listening::Listening;
use crate::metrics::{Kind, Metrics, Version as VersionLabel};
use crate::turnstile::Turnstile;
use crate::workgroup::Command;
use deadlines::Deadlines;
use gathering::Gathering;
use newcomer::{Decision, Newcomer, Probe};
pub(crate) use placing::Placing;

/// A listening socket and its rules.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) listening: Listening,
    pub(crate) header: HeaderRule,
    /// TLS is spoken behind the header.
    pub(crate) tls: bool,
}

/// Whether connections begin with a PROXY header.
#[derive(Debug)]
pub(crate) enum HeaderRule {
    Forbidden,
    Required {
        trusted: TrustedPeers,
        timeout: Duration,
        limits: HeaderLimits,
    },
}

/// What the acceptor is connected to, and its limits.
pub(crate) struct Surroundings {
    pub(crate) placing: Placing,
    pub(crate) mailboxes: Vec<Mailbox<Command>>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) metrics: Metrics,
    pub(crate) handshakes_per_second: Option<u32>,
    /// Connections that have not said their first byte of payload.
    pub(crate) most_pending: usize,
    /// From a complete header to the first byte of payload.
    pub(crate) payload_timeout: Duration,
}

/// Stops an acceptor from another thread.
#[derive(Debug, Clone)]
pub(crate) struct Stopper {
    asked: Arc<AtomicBool>,
    bell: Arc<OwnedFd>,
}

impl Stopper {
    /// Accepts nothing more. Connections whose header is on its way are still handed over.
    pub(crate) fn stop(&self) {
        self.asked.store(true, Ordering::Release);
        // Fails only with a counter near u64::MAX, in which case the acceptor is awake anyway.
        let _ = rustix::io::write(&*self.bell, &1u64.to_ne_bytes());
    }
}

/// See the module.
pub(crate) struct Acceptor {
    around: Surroundings,
    epoll: OwnedFd,
    doors: Vec<Door>,
    pending: HashMap<u64, Pending>,
    deadlines: Deadlines,
    next_token: u64,
    handshakes: Option<Turnstile>,
    gathering: Gathering,
    /// Connections of a crowd that had said nothing when they were accepted, and when their time is up. They are heard
    /// once more before the next wait: nearly all have spoken by then, and nobody need watch them.
    unheard: Vec<(Pending, Instant)>,
    /// Workgroups that were left connections in this turn and have not been woken for them.
    unrung: Vec<bool>,
    /// Given up to refuse a connection when no descriptor is left, so that the queue does not stand still.
    spare: Option<OwnedFd>,
    log: Rate,
    stopper: Stopper,
}

#[derive(Debug)]
struct Pending {
    socket: OwnedFd,
    newcomer: Newcomer,
    peer: SocketAddr,
    door: u8,
}

const BELL: u64 = u64::MAX;
/// Tokens below are doors.
const FIRST_PENDING: u64 = 256;
/// Accepted in one go before other sockets get their turn.
const BURST: usize = 256;
/// When to come back to a gateway that holds as many connections as it may: nobody knows when one ends, and others may have room.
const WHEN_FULL: Duration = Duration::from_secs(5);
/// Refusals logged per second; all are counted.
const LOGGED_PER_SECOND: u32 = 20;

impl Acceptor {
    /// An acceptor for these doors.
    ///
    /// # Errors
    /// No descriptor is left.
    pub(crate) fn new(doors: Vec<Door>, around: Surroundings) -> std::io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(
            &epoll,
            &bell,
            epoll::EventData::new_u64(BELL),
            epoll::EventFlags::IN,
        )?;
        for (token, door) in (0..).zip(&doors) {
            let data = epoll::EventData::new_u64(token);
            epoll::add(&epoll, &door.listening.socket, data, epoll::EventFlags::IN)?;
        }
        let now = Instant::now();
        Ok(Self {
            epoll,
            doors,
            pending: HashMap::new(),
            deadlines: Deadlines::default(),
            next_token: FIRST_PENDING,
            handshakes: around.handshakes_per_second.map(Turnstile::new),
            gathering: Gathering::default(),
            unheard: Vec::new(),
            unrung: vec![false; around.mailboxes.len()],
            spare: spare(),
            log: Rate::new(LOGGED_PER_SECOND, now),
            stopper: Stopper {
                asked: Arc::default(),
                bell: Arc::new(bell),
            },
            around,
        })
    }

    pub(crate) fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Runs until stopped and nobody's header is on its way.
    pub(crate) fn run(mut self) {
        let mut events = Vec::with_capacity(256);
        loop {
            let stopping = self.stopper.asked.load(Ordering::Acquire);
            if stopping && !self.doors.is_empty() {
                self.shut_doors();
            }
            if stopping && self.pending.is_empty() && self.unheard.is_empty() {
                return;
            }
            if let Err(error) = self.turn(&mut events) {
                error!(%error, "the acceptor cannot wait for its sockets");
                return;
            }
        }
    }

    fn turn(&mut self, events: &mut Vec<epoll::Event>) -> rustix::io::Result<()> {
        events.clear();
        if let Some(rest) = self.gathering.rest(Instant::now()) {
            std::thread::sleep(rest);
        }
        self.hear_again();
        let wait = self
            .deadlines
            .next()
            .map(|at| at.saturating_duration_since(Instant::now()));
        // One millisecond more, so that the deadline has really passed.
        let wait = wait.and_then(|wait| Timespec::try_from(wait + Duration::from_millis(1)).ok());
        match epoll::wait(
            &self.epoll,
            rustix::buffer::spare_capacity(events),
            wait.as_ref(),
        ) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        for event in events.drain(..) {
            match event.data.u64() {
                BELL => {}
                door if door < FIRST_PENDING => self.accept(door),
                token => self.read(token),
            }
        }
        self.ring();
        self.expire(Instant::now());
        Ok(())
    }

    /// Wakes every workgroup that was left something, once for all of it.
    fn ring(&mut self) {
        for (unrung, mailbox) in self.unrung.iter_mut().zip(&self.around.mailboxes) {
            if std::mem::take(unrung) {
                mailbox.ring();
            }
        }
    }

    fn accept(&mut self, token: u64) {
        for _ in 0..BURST {
            let Some((index, door)) = usize::try_from(token)
                .ok()
                .and_then(|index| Some((index, self.doors.get(index)?)))
            else {
                return;
            };
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            match acceptfrom_with(&door.listening.socket, flags) {
                Ok((socket, Some(peer))) => match SocketAddr::try_from(peer) {
                    Ok(peer) => self.newcomer(index, socket, canonical(peer)),
                    Err(_) => self.around.metrics.refuse("network"),
                },
                Ok((_, None)) => self.around.metrics.refuse("network"),
                Err(Errno::AGAIN) => return,
                Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                    if !self.refuse_without_descriptor(index) {
                        return;
                    }
                }
                // The connection was gone before it was accepted.
                Err(_) => self.around.metrics.refuse("network"),
            }
        }
    }

    fn newcomer(&mut self, door: usize, socket: OwnedFd, peer: SocketAddr) {
        self.gathering.came();
        let Ok(number) = u8::try_from(door) else {
            return;
        };
        let (timeout, limits) = match &self.doors[door].header {
            HeaderRule::Forbidden => return self.admit(number, socket, peer, peer, Bytes::new()),
            HeaderRule::Required { trusted, .. } if !trusted.contains(peer.ip()) => {
                return self.refuse(peer, &Refusal::Untrusted);
            }
            HeaderRule::Required {
                timeout, limits, ..
            } => (*timeout, *limits),
        };
        if self.pending.len() + self.unheard.len() >= self.around.most_pending {
            self.around.metrics.refuse("pending-headers");
            return;
        }
        let mut pending = Pending {
            socket,
            newcomer: Newcomer::new(peer, limits),
            peer,
            door: number,
        };
        let deadline = Instant::now() + timeout;
        match hear(&pending.socket, &mut pending.newcomer) {
            Decision::Wait if self.gathering.is_thick() => self.unheard.push((pending, deadline)),
            decision => self.settle(pending, deadline, decision),
        }
    }

    /// Hears those again who had said nothing when they were accepted.
    fn hear_again(&mut self) {
        if self.unheard.is_empty() {
            return;
        }
        for (mut pending, deadline) in std::mem::take(&mut self.unheard) {
            let decision = hear(&pending.socket, &mut pending.newcomer);
            self.settle(pending, deadline, decision);
        }
        self.ring();
    }

    /// Acts on what a newcomer said whom nobody watches: who has said everything needs nobody to.
    fn settle(&mut self, pending: Pending, deadline: Instant, decision: Decision) {
        if let Decision::Admit {
            greeted,
            client,
            leftover,
        } = decision
        {
            self.count_greeting(greeted);
            let Pending {
                socket, peer, door, ..
            } = pending;
            return self.admit(door, socket, peer, client, leftover.into());
        }
        if let Some(token) = self.watch(pending, deadline) {
            self.decide(token, decision);
        }
    }

    /// Waits for what the newcomer has to say yet; answers its token.
    fn watch(&mut self, pending: Pending, deadline: Instant) -> Option<u64> {
        let token = self.next_token;
        self.next_token += 1;
        let data = epoll::EventData::new_u64(token);
        let flags = epoll::EventFlags::IN | epoll::EventFlags::RDHUP;
        if epoll::add(&self.epoll, &pending.socket, data, flags).is_err() {
            self.around.metrics.refuse("network");
            return None;
        }
        self.pending.insert(token, pending);
        self.deadlines.set(token, deadline);
        self.count_pending();
        Some(token)
    }

    fn read(&mut self, token: u64) {
        if let Some(pending) = self.pending.get_mut(&token) {
            let decision = hear(&pending.socket, &mut pending.newcomer);
            self.decide(token, decision);
        }
    }

    fn decide(&mut self, token: u64, decision: Decision) {
        match decision {
            Decision::Wait => {}
            Decision::Greeted { version, local } => {
                self.deadlines
                    .set(token, Instant::now() + self.around.payload_timeout);
                self.count_header(version, local);
            }
            Decision::Admit {
                greeted,
                client,
                leftover,
            } => {
                self.count_greeting(greeted);
                if let Some(pending) = self.take(token) {
                    self.admit(
                        pending.door,
                        pending.socket,
                        pending.peer,
                        client,
                        leftover.into(),
                    );
                }
            }
            Decision::Refuse(refusal) => {
                if let Some(pending) = self.take(token) {
                    self.refuse(pending.peer, &refusal);
                }
            }
            Decision::Probe(probe) => {
                self.take(token);
                if probe == Probe::Silent {
                    self.around
                        .metrics
                        .probes
                        .get_or_create(&Kind { kind: "silent" })
                        .inc();
                }
            }
        }
    }

    fn admit(
        &mut self,
        door: u8,
        socket: OwnedFd,
        peer: SocketAddr,
        client: SocketAddr,
        leftover: Bytes,
    ) {
        if let Err((rejected, wait)) = self.let_in(client) {
            self.around.metrics.refuse(rejected.metric());
            return self.answer_busy(door.into(), &socket, wait);
        }
        let workgroup = self
            .around
            .placing
            .workgroup(client, &self.around.metrics.groups);
        let accepted = Accepted {
            socket,
            peer,
            client,
            leftover,
            endpoint: door,
        };
        let handed = match self.around.mailboxes.get(workgroup) {
            Some(mailbox) => mailbox.post(Command::Adopt(accepted)).is_ok(),
            None => false,
        };
        if handed {
            self.unrung[workgroup] = true;
            self.around.placing.handed(workgroup);
            self.around.metrics.accepted.inc();
        } else {
            // The workgroup is far behind; a device that is refused comes back, one that waits makes it worse.
            self.around.admission.leave(client);
            self.around.metrics.refuse("workgroup-busy");
        }
    }

    /// Lets a client in, or says why not and when to come back.
    fn let_in(&mut self, client: SocketAddr) -> Result<(), (Rejected, Duration)> {
        if let Some(turnstile) = &mut self.handshakes {
            let passed = turnstile.pass(Instant::now());
            passed.map_err(|wait| (Rejected::TooFast, wait))?;
        }
        let entered = self.around.admission.enter(client);
        entered.map_err(|rejected| (rejected, WHEN_FULL))
    }

    fn expire(&mut self, now: Instant) {
        while let Some(token) = self.deadlines.expired(now) {
            let Some(pending) = self.take(token) else {
                continue;
            };
            match pending.newcomer.timeout() {
                Some(refusal) => self.refuse(pending.peer, &refusal),
                None => self.around.metrics.refuse("handshake-timeout"),
            }
        }
    }

    /// Takes a connection out of everything that watches it.
    fn take(&mut self, token: u64) -> Option<Pending> {
        let pending = self.pending.remove(&token)?;
        self.deadlines.clear(token);
        // The description lives on in a workgroup, so closing our descriptor would not end the watch.
        let _ = epoll::delete(&self.epoll, &pending.socket);
        self.count_pending();
        Some(pending)
    }

    /// Counts and logs; dropping the socket closes it without a byte of an answer.
    fn refuse(&mut self, peer: SocketAddr, refusal: &Refusal) {
        self.around.metrics.refuse(refusal.metric());
        if self.log.take(Instant::now()) {
            warn!(%peer, reason = refusal.metric(), "refused: {refusal}");
        }
    }

    /// Accepts and closes one connection with the spare descriptor; whether there was one.
    fn refuse_without_descriptor(&mut self, door: usize) -> bool {
        self.around.metrics.refuse("descriptors");
        if self.log.take(Instant::now()) {
            error!(
                "no descriptor is left: raise the limit (ulimit -n) or lower limits.connections"
            );
        }
        self.spare = None;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let refused = self.doors.get(door).is_some_and(|open| {
            acceptfrom_with(&open.listening.socket, flags)
                .inspect(|(socket, _)| self.answer_busy(door, socket, WHEN_FULL))
                .is_ok()
        });
        self.spare = spare();
        refused
    }

    /// Accepts what is already waiting, then closes the listening sockets.
    fn shut_doors(&mut self) {
        for token in 0..self.doors.len() as u64 {
            self.accept(token);
        }
        self.ring();
        self.doors.clear();
    }

    fn count_greeting(&self, greeted: Option<(Version, Option<LocalKind>)>) {
        if let Some((version, local)) = greeted {
            self.count_header(version, local);
        }
    }

    fn answer_busy(&self, door: usize, socket: &OwnedFd, wait: Duration) {
        // A door that is shut leaves those who came through it.
        let tls = self.doors.get(door).is_some_and(|door| door.tls);
        answer_busy(socket, tls, wait);
    }

    fn count_header(&self, version: Version, local: Option<LocalKind>) {
        let metrics = &self.around.metrics;
        metrics
            .proxy_headers
            .get_or_create(&VersionLabel {
                version: version.metric(),
            })
            .inc();
        if let Some(local) = local {
            metrics
                .probes
                .get_or_create(&Kind {
                    kind: local.metric(),
                })
                .inc();
        }
    }

    fn count_pending(&self) {
        self.around
            .metrics
            .pending_headers
            .set(self.pending.len() as i64);
    }
}

/// What a newcomer has said so far, and what follows from it.
fn hear(socket: &OwnedFd, newcomer: &mut Newcomer) -> Decision {
    let mut buffer = [0; 4096];
    match recv(socket, &mut buffer, RecvFlags::DONTWAIT) {
        Ok((_, 0)) => newcomer.end(),
        Ok((_, length)) => newcomer.bytes(&buffer[..length.min(buffer.len())]),
        Err(Errno::AGAIN | Errno::INTR) => Decision::Wait,
        Err(_) => newcomer.end(),
    }
}

/// Refuses before the upgrade, with the status that says so (RFC 9110, 15.6.4); before TLS there is but one word for it.
fn answer_busy(socket: &OwnedFd, tls: bool, wait: Duration) {
    let busy = busy(wait);
    // What is unread when a socket closes turns the close into a reset, which may overtake the answer.
    let mut request = [0; 4096];
    let _ = recv(socket, &mut request, RecvFlags::DONTWAIT);
    let answer = if tls {
        &TLS_REFUSAL[..]
    } else {
        busy.as_bytes()
    };
    let _ = send(socket, answer, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
    let _ = shutdown(socket, Shutdown::Write);
}

/// The protocol counts whole seconds, and nobody is asked to come back too early.
fn busy(wait: Duration) -> String {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    format!(
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: {seconds}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
}

fn spare() -> Option<OwnedFd> {
    std::fs::File::open("/dev/null").ok().map(OwnedFd::from)
}
