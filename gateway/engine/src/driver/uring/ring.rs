//! One ring: its queues, and the table of the sockets in its care.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use io_uring::squeue::Entry;
use io_uring::{IoUring, Probe, cqueue, opcode, types};
use rustix::io::Errno;

use super::fixed;
use super::token::{Meaning, Token};
use crate::connection::ConnId;
use crate::driver::Readiness;

const SUBMISSIONS: u32 = 256;
const COMPLETIONS: u32 = 4096;

/// Completions asked for when the kernel says that it has some it has not posted. It posts only some
/// twenty at a time otherwise.
const POSTED: usize = 256;

pub(super) struct Ring {
    ring: IoUring,
    places: Vec<Place>,
    vacant: Vec<u16>,
    slots: u16,
    /// Operations of the batch in hand whose result is not known.
    pending: usize,
    /// The kernel refused what must not fail: nothing is handed to it any more.
    dead: bool,
    /// Bells that rang since they were last [taken](Self::take_bells), and whether their poll has ended by itself.
    bells: Vec<(Token, bool)>,
    /// It is on the list of rings to look at.
    due: bool,
    /// How often it was harvested.
    #[cfg(test)]
    pub(super) harvests: usize,
}

/// Who has a slot.
#[derive(Clone, Copy)]
struct Place {
    conn: Option<ConnId>,
    /// A poll for room to write is out.
    awaits_room: bool,
}

impl Ring {
    /// A ring for the calling thread, with a table for `slots` sockets.
    pub(super) fn new(slots: u16) -> io::Result<Self> {
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_taskrun_flag()
            .setup_submit_all()
            .setup_cqsize(COMPLETIONS)
            .build(SUBMISSIONS)?;
        ring.submitter().register_files_sparse(u32::from(slots))?;
        Ok(Self {
            ring,
            places: Vec::new(),
            vacant: Vec::new(),
            slots,
            pending: 0,
            dead: false,
            bells: Vec::new(),
            due: false,
            #[cfg(test)]
            harvests: 0,
        })
    }

    pub(super) fn has_room(&self) -> bool {
        !self.vacant.is_empty() || self.places.len() < usize::from(self.slots)
    }

    /// Has the kernel ring an eventfd whenever this ring has something.
    pub(super) fn announce_at(&self, eventfd: BorrowedFd<'_>) -> io::Result<()> {
        self.ring.submitter().register_eventfd(eventfd.as_raw_fd())
    }

    /// Puts a socket in the table and watches it. The caller has checked that there is room.
    pub(super) fn attach(&mut self, socket: BorrowedFd<'_>, conn: ConnId) -> io::Result<u16> {
        let slot = match self.vacant.last() {
            Some(&slot) => slot,
            None => self.places.len() as u16,
        };
        self.ring
            .submitter()
            .register_files_update(u32::from(slot), &[socket.as_raw_fd()])?;
        let place = Place {
            conn: Some(conn),
            awaits_room: false,
        };
        if self.vacant.pop().is_some() {
            self.places[usize::from(slot)] = place;
        } else {
            self.places.push(place);
        }
        self.watch_readable(slot, conn);
        Ok(slot)
    }

    fn watch_readable(&mut self, slot: u16, conn: ConnId) {
        let entry = opcode::PollAdd::new(fixed(slot), (libc::POLLIN | libc::POLLRDHUP) as u32)
            .multi(true)
            .build()
            .user_data(Token::readable(slot, conn).bits());
        self.push_plain(entry);
    }

    pub(super) fn watch_writable(&mut self, slot: u16) {
        let place = &mut self.places[usize::from(slot)];
        let Some(conn) = place.conn else { return };
        if !std::mem::replace(&mut place.awaits_room, true) {
            let entry = opcode::PollAdd::new(fixed(slot), libc::POLLOUT as u32)
                .build()
                .user_data(Token::writable(slot, conn).bits());
            self.push_plain(entry);
        }
    }

    /// Watches an eventfd of the process, which must stay open as long as the ring.
    pub(super) fn watch_bell(&mut self, eventfd: RawFd, token: Token) -> io::Result<()> {
        let entry = opcode::PollAdd::new(types::Fd(eventfd), libc::POLLIN as u32)
            .multi(true)
            .build()
            .user_data(token.bits());
        self.push_plain(entry);
        self.submit()
    }

    /// The bells that rang, and of each whether its poll has to be renewed. What they announced is about to be looked for.
    pub(super) fn take_bells(&mut self) -> Vec<(Token, bool)> {
        std::mem::take(&mut self.bells)
    }

    /// Puts the ring on the list of those to look at; false if it was there.
    pub(super) fn becomes_due(&mut self) -> bool {
        !std::mem::replace(&mut self.due, true)
    }

    /// Takes the ring off the list.
    pub(super) fn is_looked_at(&mut self) {
        self.due = false;
    }

    /// Whether a batch is being pushed.
    pub(super) fn is_busy(&self) -> bool {
        self.pending > 0
    }

    /// Whether something is left to hand to the kernel or, as far as it says, to take from it.
    pub(super) fn has_more(&mut self) -> bool {
        let queue = self.ring.submission();
        !queue.is_empty() || queue.taskrun() || queue.cq_overflow()
    }

    /// Takes a socket out of the table. It closes as soon as the polls on it are cancelled, with the
    /// next submission.
    pub(super) fn detach(&mut self, slot: u16) {
        let place = &mut self.places[usize::from(slot)];
        let Some(conn) = place.conn.take() else {
            return;
        };
        let awaits_room = std::mem::take(&mut place.awaits_room);
        self.cancel(Token::readable(slot, conn));
        if awaits_room {
            self.cancel(Token::writable(slot, conn));
        }
        // Polls of this connection that are still queued meet an empty slot, or the next user's
        // socket and then, right behind them, the cancellation.
        if self
            .ring
            .submitter()
            .register_files_update(u32::from(slot), &[-1])
            .is_ok()
        {
            self.vacant.push(slot);
        }
    }

    fn cancel(&mut self, token: Token) {
        let entry = opcode::AsyncCancel::new(token.bits())
            .build()
            .user_data(Token::NOTHING.bits());
        self.push_plain(entry);
    }

    /// Queues an operation that refers to no memory.
    #[expect(unsafe_code, reason = "the queue takes any entry")]
    fn push_plain(&mut self, entry: Entry) {
        // SAFETY: polls and cancellations carry numbers only. If the ring is dead, so is what is on it.
        let _ = unsafe { self.push(&entry) };
    }

    /// Queues an operation of a batch; [`complete`](Self::complete) answers its result by its number.
    ///
    /// # Safety
    /// What the entry points to must stay valid until `complete` has returned.
    #[expect(unsafe_code, reason = "the entry may point to memory")]
    pub(super) unsafe fn push_batched(&mut self, entry: Entry, number: usize) -> Result<(), Errno> {
        let entry = entry.user_data(Token::batched(number).bits());
        // SAFETY: the caller's promise.
        unsafe { self.push(&entry)? };
        self.pending += 1;
        Ok(())
    }

    /// # Safety
    /// What the entry points to must stay valid until the operation has completed.
    #[expect(unsafe_code, reason = "the entry may point to memory")]
    unsafe fn push(&mut self, entry: &Entry) -> Result<(), Errno> {
        for _ in 0..2 {
            if self.dead {
                break;
            }
            // SAFETY: the caller's promise.
            if unsafe { self.ring.submission().push(entry) }.is_ok() {
                return Ok(());
            }
            self.enter(0, None);
        }
        Err(Errno::IO)
    }

    /// Hands what is queued to the kernel.
    pub(super) fn submit(&mut self) -> io::Result<()> {
        if !self.ring.submission().is_empty() {
            self.enter(0, None);
        }
        self.check()
    }

    /// Hands what is queued to the kernel and waits until something completes or the time is over.
    pub(super) fn sleep(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        // A bell that showed among the results of a batch rang after the loop last looked for what
        // it announces.
        let timeout = if !self.bells.is_empty() {
            Duration::ZERO
        } else {
            timeout.unwrap_or(Duration::MAX)
        };
        self.enter(1, Some(timeout));
        self.check()
    }

    fn check(&self) -> io::Result<()> {
        if self.dead {
            Err(io::Error::other("the kernel stopped serving an io_uring"))
        } else {
            Ok(())
        }
    }

    /// Enters the kernel; with a timeout it waits for `want` completions or the timeout.
    fn enter(&mut self, want: usize, timeout: Option<Duration>) {
        if self.dead {
            return;
        }
        let entered = match timeout {
            None => self.ring.submitter().submit_and_wait(want),
            Some(timeout) => {
                // A year is forever; larger numbers are invalid to the kernel.
                let timeout = timeout.min(Duration::from_secs(365 * 24 * 3600));
                let timeout = types::Timespec::from(timeout);
                let args = types::SubmitArgs::new().timespec(&timeout);
                self.ring.submitter().submit_with_args(want, &args)
            }
        };
        if let Err(error) = entered {
            // The time is over; a signal; the completion queue is full, or memory short: the entries
            // stay queued and whoever needs them tries again.
            let passing = [
                libc::ETIME,
                libc::EINTR,
                libc::EAGAIN,
                libc::EBUSY,
                libc::ENOMEM,
            ];
            self.dead = !error
                .raw_os_error()
                .is_some_and(|code| passing.contains(&code));
        }
    }

    /// Carries out the batch that was pushed, and writes its results to their numbers. Readiness that
    /// shows on the way goes to `early`.
    pub(super) fn complete(
        &mut self,
        results: &mut [Result<usize, Errno>],
        early: &mut Vec<Readiness>,
    ) {
        while self.pending > 0 && !self.dead {
            self.enter(self.pending, None);
            self.drain(results, early);
        }
        if self.dead {
            // Entries that were not taken in never will be, as a dead ring is not entered again; the
            // others do not wait, so they are done.
            self.pending = 0;
            results.fill(Err(Errno::IO));
        }
    }

    /// Takes what has completed, until there is no more or `limit` was gathered; whether it was the limit.
    pub(super) fn harvest(&mut self, early: &mut Vec<Readiness>, limit: usize) -> io::Result<bool> {
        #[cfg(test)]
        {
            self.harvests += 1;
        }
        let mut in_vain = 0;
        loop {
            let taken = self.drain(&mut [], early);
            in_vain = if taken == 0 { in_vain + 1 } else { 0 };
            let more = {
                let queue = self.ring.submission();
                queue.taskrun() || queue.cq_overflow()
            };
            // The flag may stay up with nothing behind it: do not wait for it to go down.
            if !more || in_vain == 2 || early.len() >= limit {
                self.check()?;
                return Ok(more && early.len() >= limit);
            }
            self.enter(POSTED, Some(Duration::ZERO));
        }
    }

    /// Takes what the completion queue holds; answers how much that was.
    fn drain(&mut self, results: &mut [Result<usize, Errno>], early: &mut Vec<Readiness>) -> usize {
        let mut taken = 0;
        while let Some(entry) = self.next_completion() {
            taken += 1;
            let (token, result) = (Token::from_bits(entry.user_data()), entry.result());
            let ended = !cqueue::more(entry.flags());
            match token.meaning() {
                Meaning::Readable { slot } => self.readable(slot, token, result, ended, early),
                Meaning::Writable { slot } => self.writable(slot, token, early),
                Meaning::Batched { number } => {
                    self.pending -= 1;
                    if let Some(place) = results.get_mut(number) {
                        *place =
                            usize::try_from(result).map_err(|_| Errno::from_raw_os_error(-result));
                    }
                }
                Meaning::Bell(token) => {
                    self.bells.push((token, ended));
                }
                Meaning::Nothing => {}
            }
        }
        taken
    }

    fn next_completion(&mut self) -> Option<cqueue::Entry> {
        self.ring.completion().next()
    }

    fn readable(
        &mut self,
        slot: u16,
        token: Token,
        result: i32,
        ended: bool,
        early: &mut Vec<Readiness>,
    ) {
        let Some(conn) = self.places[usize::from(slot)]
            .conn
            .filter(|&conn| token.is_about(conn))
        else {
            return;
        };
        if ended && result != -libc::ECANCELED {
            self.watch_readable(slot, conn);
        }
        let over =
            result < 0 || result & i32::from(libc::POLLRDHUP | libc::POLLHUP | libc::POLLERR) != 0;
        early.push(Readiness {
            conn,
            readable: true,
            writable: false,
            ended: over,
        });
    }

    fn writable(&mut self, slot: u16, token: Token, early: &mut Vec<Readiness>) {
        let place = &mut self.places[usize::from(slot)];
        if let Some(conn) = place.conn.filter(|&conn| token.is_about(conn)) {
            place.awaits_room = false;
            early.push(Readiness {
                conn,
                readable: false,
                writable: true,
                ended: false,
            });
        }
    }
}

/// Whether this kernel offers what the back end takes; if not, what is missing.
pub(in crate::driver) fn probe() -> Result<(), String> {
    let ring = Ring::new(super::slots().min(64)).map_err(|error| match error.raw_os_error() {
        Some(libc::EPERM) => "the kernel or the container forbids it".to_owned(),
        Some(libc::ENOSYS) => "the kernel was built without it".to_owned(),
        Some(libc::EINVAL) => "the kernel is older than 6.1".to_owned(),
        Some(libc::ENOMEM) => "the limit of locked memory is too low (ulimit -l)".to_owned(),
        _ => error.to_string(),
    })?;
    let mut probe = Probe::new();
    ring.ring
        .submitter()
        .register_probe(&mut probe)
        .map_err(|error| error.to_string())?;
    let needed = [
        ("poll", opcode::PollAdd::CODE),
        ("cancel", opcode::AsyncCancel::CODE),
        ("recv", opcode::Recv::CODE),
        ("send", opcode::Send::CODE),
        ("sendmsg", opcode::SendMsg::CODE),
        ("shutdown", opcode::Shutdown::CODE),
        ("connect", opcode::Connect::CODE),
    ];
    match needed.iter().find(|(_, code)| !probe.is_supported(*code)) {
        Some((name, _)) => Err(format!("the kernel's io_uring has no {name}")),
        None => Ok(()),
    }
}
