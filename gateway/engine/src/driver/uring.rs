//! io_uring: a batch of reads or writes is one system call, and sockets are *direct descriptors*,
//! which live in a ring's own table and do not count against the process's limit of descriptors.
//!
//! - Readiness comes from multishot polls, as it does from epoll: an armed receive per connection
//!   would cost more kernel memory and save nothing.
//! - Reads and writes carry `MSG_DONTWAIT`, so the kernel completes them while it takes them in and
//!   nothing of theirs is outstanding when [`Uring::read`] and [`Uring::write`] return. That is what
//!   makes it safe to lend the kernel plain borrowed memory.
//! - A table holds as many sockets as the process may have descriptors; when it is full the loop gets
//!   another ring. The first ring sleeps for all of them: each of the others rings an eventfd of its own that
//!   the first watches. (epoll on the rings themselves loses wake-ups with deferred task work.) So a turn looks
//!   at the rings that have something and not at all of them, of which a million connections need sixty.

mod ring;
#[cfg(test)]
mod tests;
mod token;

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use io_uring::{opcode, types};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

use super::{Lanes, Readiness, Socket, Write};
use crate::connection::ConnId;
use ring::Ring;
pub(super) use ring::probe;
use token::Token;

/// Sockets per ring at most, where the limit of descriptors allows as many.
const SLOTS: u64 = 16 * 1024;

/// Readiness gathered in one turn; more waits for the next.
const GATHERED: usize = 4096;

pub(crate) struct Uring {
    rings: Vec<Ring>,
    /// Sockets per ring.
    slots: u16,
    /// Where attaching looks for room: the rings before it are full.
    roomy: usize,
    /// Rung by every ring but the first, one each. Kept open for as long as the rings may ring them.
    bells: Vec<OwnedFd>,
    bell: RawFd,
    /// Rings besides the first to look at in this turn, each once: they rang, or something was queued on them.
    due: Vec<u16>,
    /// Rings of the batch in hand, each once.
    batch: Vec<u16>,
    /// More was ready than a turn takes.
    left_off: bool,
    /// Readiness that came with the results of a batch.
    early: Vec<Readiness>,
    /// What `SENDMSG` reads, for one batch.
    headers: Vec<libc::msghdr>,
}

impl Uring {
    pub(super) fn new(bell: BorrowedFd<'_>) -> io::Result<Self> {
        Self::with_slots(bell, slots())
    }

    fn with_slots(bell: BorrowedFd<'_>, slots: u16) -> io::Result<Self> {
        let mut first = Ring::new(slots)?;
        first.watch_bell(bell.as_raw_fd(), Token::BELL)?;
        Ok(Self {
            rings: vec![first],
            slots,
            roomy: 0,
            bells: Vec::new(),
            bell: bell.as_raw_fd(),
            due: Vec::new(),
            batch: Vec::new(),
            left_off: false,
            early: Vec::new(),
            headers: Vec::new(),
        })
    }

    pub(super) fn attach(&mut self, socket: OwnedFd, conn: ConnId) -> io::Result<Socket> {
        while self
            .rings
            .get(self.roomy)
            .is_some_and(|ring| !ring.has_room())
        {
            self.roomy += 1;
        }
        if self.roomy == self.rings.len() {
            self.add_ring()?;
        }
        let slot = self.rings[self.roomy].attach(socket.as_fd(), conn)?;
        // The table has its own reference: the descriptor goes back to the process.
        drop(socket);
        let ring = self.roomy as u16;
        self.look_at(ring);
        Ok(Socket::Direct { ring, slot })
    }

    fn add_ring(&mut self) -> io::Result<()> {
        let number = self.rings.len() as u16;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let ring = Ring::new(self.slots)?;
        ring.announce_at(bell.as_fd())?;
        self.rings[0].watch_bell(bell.as_raw_fd(), Token::ring(number))?;
        self.bells.push(bell);
        self.rings.push(ring);
        Ok(())
    }

    /// Has a ring looked at in this turn or the next. The first is looked at in every one.
    fn look_at(&mut self, ring: u16) {
        if ring != 0 && self.rings[usize::from(ring)].becomes_due() {
            self.due.push(ring);
        }
    }

    pub(super) fn wait(
        &mut self,
        timeout: Option<Duration>,
        ready: &mut Vec<Readiness>,
    ) -> io::Result<()> {
        let timeout = if self.early.is_empty() && !self.left_off {
            timeout
        } else {
            Some(Duration::ZERO)
        };
        for &number in &self.due {
            self.rings[usize::from(number)].submit()?;
        }
        self.rings[0].sleep(timeout)?;
        self.left_off = self.rings[0].harvest(&mut self.early, GATHERED)?;
        self.answer_bells()?;
        self.harvest_due()?;
        ready.append(&mut self.early);
        Ok(())
    }

    /// Finds out who rang. A multishot poll ends by itself when the completion queue overflows, and is renewed.
    fn answer_bells(&mut self) -> io::Result<()> {
        for (token, ended) in self.rings[0].take_bells() {
            let eventfd = match token.ring_number() {
                None => self.bell,
                Some(number) => {
                    self.look_at(number);
                    self.bells[usize::from(number) - 1].as_raw_fd()
                }
            };
            if ended {
                self.rings[0].watch_bell(eventfd, token)?;
            }
        }
        Ok(())
    }

    fn harvest_due(&mut self) -> io::Result<()> {
        let mut due = std::mem::take(&mut self.due);
        for &number in &due {
            let ring = &mut self.rings[usize::from(number)];
            ring.is_looked_at();
            self.left_off |= ring.harvest(&mut self.early, GATHERED)?;
        }
        due.retain(|&number| {
            let ring = &mut self.rings[usize::from(number)];
            ring.has_more() && ring.becomes_due()
        });
        self.due = due;
        Ok(())
    }

    #[expect(unsafe_code, reason = "the kernel writes into the lanes")]
    pub(super) fn read(
        &mut self,
        sockets: &[&Socket],
        lanes: &mut Lanes,
        results: &mut Vec<Result<usize, Errno>>,
    ) {
        results.resize(sockets.len(), Err(Errno::BADF));
        for (number, socket) in sockets.iter().enumerate() {
            let Socket::Direct { ring, slot } = **socket else {
                continue;
            };
            let lane = lanes.lane(number);
            let entry = opcode::Recv::new(fixed(slot), lane.as_mut_ptr(), lane.len() as u32)
                .flags(libc::MSG_DONTWAIT)
                .build();
            // SAFETY: the lane is `lane.len()` bytes that nobody else touches before `complete`
            // below returns, and the operation has completed by then.
            let pushed = unsafe { self.push_batched(ring, entry, number) };
            results[number] = pushed.map(|()| 0);
        }
        self.complete(results);
    }

    #[expect(unsafe_code, reason = "the kernel reads the slices")]
    pub(super) fn write(&mut self, writes: &mut [Write<'_>], slices: &[IoSlice<'_>]) {
        const FLAGS: libc::c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        let mut headers = std::mem::take(&mut self.headers);
        headers.clear();
        // Reserved before any address of an element is taken: the vector must not move after.
        headers.reserve(writes.len());
        let mut results = vec![Err(Errno::BADF); writes.len()];
        for (number, write) in writes.iter().enumerate() {
            let Socket::Direct { ring, slot } = *write.socket else {
                continue;
            };
            let entry = match &slices[write.first..write.first + write.count] {
                [slice] => opcode::Send::new(fixed(slot), slice.as_ptr(), slice.len() as u32)
                    .flags(FLAGS)
                    .build(),
                slices => {
                    headers.push(message_header(slices));
                    let header = &raw const headers[headers.len() - 1];
                    opcode::SendMsg::new(fixed(slot), header)
                        .flags(FLAGS as u32)
                        .build()
                }
            };
            // SAFETY: the slices are borrowed until this function returns, the headers do not move
            // before that, and the operation has completed when `complete` below returns.
            let pushed = unsafe { self.push_batched(ring, entry, number) };
            results[number] = pushed.map(|()| 0);
        }
        self.complete(&mut results);
        for (write, result) in writes.iter_mut().zip(results) {
            write.result = result;
        }
        headers.clear();
        self.headers = headers;
    }

    /// Queues an operation of a batch on a ring.
    ///
    /// # Safety
    /// What the entry points to must stay valid until [`complete`](Self::complete) has returned.
    #[expect(unsafe_code, reason = "the entry may point to memory")]
    unsafe fn push_batched(
        &mut self,
        ring: u16,
        entry: io_uring::squeue::Entry,
        number: usize,
    ) -> Result<(), Errno> {
        let target = &mut self.rings[usize::from(ring)];
        let is_first = !target.is_busy();
        // SAFETY: the caller's promise.
        unsafe { target.push_batched(entry, number)? };
        if is_first {
            self.batch.push(ring);
        }
        Ok(())
    }

    /// Has the rings carry out the batch that was pushed to them.
    fn complete(&mut self, results: &mut [Result<usize, Errno>]) {
        let mut batch = std::mem::take(&mut self.batch);
        for number in batch.drain(..) {
            self.rings[usize::from(number)].complete(results, &mut self.early);
            // A socket's poll may have ended among the results, and been queued again.
            self.look_at(number);
        }
        // Its room serves the next batch: this runs for every one.
        self.batch = batch;
    }

    pub(super) fn watch_writable(&mut self, ring: u16, slot: u16) {
        self.rings[usize::from(ring)].watch_writable(slot);
        self.look_at(ring);
    }

    pub(super) fn end_stream(&mut self, ring: u16, slot: u16) {
        let entry = opcode::Shutdown::new(fixed(slot), libc::SHUT_WR).build();
        self.carry_out(ring, entry);
    }

    pub(super) fn detach(&mut self, ring: u16, slot: u16, reset: bool) {
        if reset {
            // SO_LINGER needs a descriptor of the process; connecting to nowhere resets as well
            // (connect(2), AF_UNSPEC).
            const NOWHERE: libc::sockaddr = libc::sockaddr {
                sa_family: libc::AF_UNSPEC as u16,
                sa_data: [0; 14],
            };
            static ADDRESS: libc::sockaddr = NOWHERE;
            let entry = opcode::Connect::new(
                fixed(slot),
                &raw const ADDRESS,
                size_of_val(&ADDRESS) as u32,
            )
            .build();
            self.carry_out(ring, entry);
        }
        self.rings[usize::from(ring)].detach(slot);
        self.look_at(ring);
        self.roomy = self.roomy.min(usize::from(ring));
    }

    /// Carries out one operation that needs no memory of ours, and whose failure means that the
    /// connection is gone already.
    #[expect(unsafe_code, reason = "one operation is a batch, too")]
    fn carry_out(&mut self, ring: u16, entry: io_uring::squeue::Entry) {
        let mut results = [Err(Errno::BADF)];
        // SAFETY: the operation refers to static memory at most.
        if unsafe { self.push_batched(ring, entry, 0) }.is_ok() {
            self.complete(&mut results);
        }
    }
}

impl std::fmt::Debug for Uring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Uring")
            .field("rings", &self.rings.len())
            .finish_non_exhaustive()
    }
}

/// Sockets per ring: a table may not be larger than the limit of descriptors.
fn slots() -> u16 {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.map_or(SLOTS, |limit| limit.min(SLOTS)) as u16
}

fn fixed(slot: u16) -> types::Fixed {
    types::Fixed(u32::from(slot))
}

fn message_header(slices: &[IoSlice<'_>]) -> libc::msghdr {
    libc::msghdr {
        msg_name: std::ptr::null_mut(),
        msg_namelen: 0,
        // IoSlice is laid out as iovec (its documentation); the kernel only reads through it.
        msg_iov: slices.as_ptr().cast_mut().cast(),
        msg_iovlen: slices.len(),
        msg_control: std::ptr::null_mut(),
        msg_controllen: 0,
        msg_flags: 0,
    }
}
