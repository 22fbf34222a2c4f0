//! io_uring: a batch of reads or writes is one system call, and sockets are *direct descriptors*,
//! which live in a ring's own table and do not count against the process's limit of descriptors.
//!
//! - Readiness comes from multishot polls, as it does from epoll: an armed receive per connection
//!   would cost more kernel memory and save nothing.
//! - Reads and writes carry `MSG_DONTWAIT`, so the kernel completes them while it takes them in and
//!   nothing of theirs is outstanding when [`Uring::read`] and [`Uring::write`] return. That is what
//!   makes it safe to lend the kernel plain borrowed memory.
//! - A table holds as many sockets as the process may have descriptors; when it is full the loop gets
//!   another ring. The first ring sleeps for all of them: the others ring an eventfd that it watches.
//!   (epoll on the rings themselves loses wake-ups with deferred task work.)

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
    /// Rung by every ring but the first. Kept open for as long as the rings may ring it.
    others: OwnedFd,
    bell: RawFd,
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
        let others = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let mut first = Ring::new(slots)?;
        first.watch_bell(bell.as_raw_fd(), Token::BELL)?;
        Ok(Self {
            rings: vec![first],
            slots,
            others,
            bell: bell.as_raw_fd(),
            early: Vec::new(),
            headers: Vec::new(),
        })
    }

    pub(super) fn attach(&mut self, socket: OwnedFd, conn: ConnId) -> io::Result<Socket> {
        let number = match self.rings.iter().position(Ring::has_room) {
            Some(number) => number,
            None => self.add_ring()?,
        };
        let slot = self.rings[number].attach(socket.as_fd(), conn)?;
        // The table has its own reference: the descriptor goes back to the process.
        drop(socket);
        Ok(Socket::Direct {
            ring: number as u16,
            slot,
        })
    }

    fn add_ring(&mut self) -> io::Result<usize> {
        let number = self.rings.len();
        if number == 1 {
            let others = self.others.as_raw_fd();
            self.rings[0].watch_bell(others, Token::OTHERS)?;
        }
        let ring = Ring::new(self.slots)?;
        ring.announce_at(self.others.as_fd())?;
        self.rings.push(ring);
        Ok(number)
    }

    pub(super) fn wait(
        &mut self,
        timeout: Option<Duration>,
        ready: &mut Vec<Readiness>,
    ) -> io::Result<()> {
        let timeout = if self.early.is_empty() {
            timeout
        } else {
            Some(Duration::ZERO)
        };
        let Some((first, others)) = self.rings.split_first_mut() else {
            return Ok(());
        };
        for ring in others.iter_mut() {
            ring.submit()?;
        }
        first.sleep(timeout)?;
        for ring in &mut self.rings {
            ring.harvest(&mut self.early, GATHERED)?;
        }
        self.rearm_bells()?;
        self.rings[0].hush();
        ready.append(&mut self.early);
        Ok(())
    }

    /// A multishot poll ends by itself when the completion queue overflows.
    fn rearm_bells(&mut self) -> io::Result<()> {
        let (others, bell) = (self.others.as_raw_fd(), self.bell);
        let first = &mut self.rings[0];
        if first.take_ended_bell(Token::BELL) {
            first.watch_bell(bell, Token::BELL)?;
        }
        if first.take_ended_bell(Token::OTHERS) {
            first.watch_bell(others, Token::OTHERS)?;
        }
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
            let pushed = unsafe { self.rings[usize::from(ring)].push_batched(entry, number) };
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
            let pushed = unsafe { self.rings[usize::from(ring)].push_batched(entry, number) };
            results[number] = pushed.map(|()| 0);
        }
        self.complete(&mut results);
        for (write, result) in writes.iter_mut().zip(results) {
            write.result = result;
        }
        headers.clear();
        self.headers = headers;
    }

    /// Has every ring carry out the batch that was pushed to it.
    fn complete(&mut self, results: &mut [Result<usize, Errno>]) {
        for ring in &mut self.rings {
            ring.complete(results, &mut self.early);
        }
    }

    pub(super) fn watch_writable(&mut self, ring: u16, slot: u16) {
        self.rings[usize::from(ring)].watch_writable(slot);
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
    }

    /// Carries out one operation that needs no memory of ours, and whose failure means that the
    /// connection is gone already.
    #[expect(unsafe_code, reason = "one operation is a batch, too")]
    fn carry_out(&mut self, ring: u16, entry: io_uring::squeue::Entry) {
        let mut results = [Err(Errno::BADF)];
        let ring = &mut self.rings[usize::from(ring)];
        // SAFETY: the operation refers to static memory at most.
        if unsafe { ring.push_batched(entry, 0) }.is_ok() {
            ring.complete(&mut results, &mut self.early);
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
