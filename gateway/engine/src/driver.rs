//! The seam between the loop and the kernel, with two back ends.
//!
//! Both tell *readiness*, once per change (edge-triggered), and both read and write without waiting.
//! They differ in what a batch costs: epoll makes a system call per read and write, io_uring one per
//! batch. So the loop asks for batches and need not know which of the two answers.

mod epoll;

use std::io::{self, IoSlice};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;

use crate::connection::ConnId;
pub(crate) use epoll::Epoll;

/// A socket in the back end's care. It closes when dropped after [`Driver::detach`].
#[derive(Debug)]
pub(crate) enum Socket {
    /// A descriptor of the process.
    Descriptor(OwnedFd),
}

/// What the kernel says about a connection since it was last asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Readiness {
    pub(crate) conn: ConnId,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// The stream has ended or failed: read until that shows, however short a read is.
    pub(crate) ended: bool,
}

/// One write: pieces of the batch's slices that belong together, and the answer.
#[derive(Debug)]
pub(crate) struct Write<'a> {
    pub(crate) socket: &'a Socket,
    /// Where its slices begin in the batch's slices.
    pub(crate) first: usize,
    /// How many slices.
    pub(crate) count: usize,
    pub(crate) result: Result<usize, Errno>,
}

/// The memory reads go to, one lane per read of a batch.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    bytes: Vec<u8>,
    lane: usize,
}

impl Lanes {
    fn new(lanes: usize, lane: usize) -> Self {
        Self {
            bytes: vec![0; lanes * lane],
            lane,
        }
    }

    /// How many reads a batch may have.
    pub(crate) fn count(&self) -> usize {
        self.bytes.len() / self.lane
    }

    /// Bytes per read: one that brings less has emptied its socket.
    pub(crate) fn size(&self) -> usize {
        self.lane
    }

    pub(crate) fn lane(&mut self, number: usize) -> &mut [u8] {
        &mut self.bytes[number * self.lane..(number + 1) * self.lane]
    }
}

/// The back end of a loop.
#[derive(Debug)]
pub(crate) enum Driver {
    Epoll(Epoll),
}

impl Driver {
    /// Read buffers of the shape this back end reads best into.
    pub(crate) fn lanes(&self) -> Lanes {
        match self {
            Self::Epoll(_) => Lanes::new(1, 64 * 1024),
        }
    }

    /// Watches a connected or connecting socket, and takes it over.
    pub(crate) fn attach(&mut self, socket: OwnedFd, conn: ConnId) -> io::Result<Socket> {
        match self {
            Self::Epoll(epoll) => epoll.attach(socket, conn),
        }
    }

    /// Waits until something happens or the time is over, and appends what happened.
    pub(crate) fn wait(
        &mut self,
        timeout: Option<Duration>,
        ready: &mut Vec<Readiness>,
    ) -> io::Result<()> {
        match self {
            Self::Epoll(epoll) => epoll.wait(timeout, ready),
        }
    }

    /// Reads once from each socket, each into the lane of its place.
    pub(crate) fn read(
        &mut self,
        sockets: &[&Socket],
        lanes: &mut Lanes,
        results: &mut Vec<Result<usize, Errno>>,
    ) {
        match self {
            Self::Epoll(_) => epoll::read(sockets, lanes, results),
        }
    }

    /// Writes once to each socket.
    pub(crate) fn write(&mut self, writes: &mut [Write<'_>], slices: &[IoSlice<'_>]) {
        match self {
            Self::Epoll(_) => epoll::write(writes, slices),
        }
    }

    /// Asks to be told when the socket, which just took less than it was given, takes more.
    pub(crate) fn watch_writable(&mut self, socket: &Socket, conn: ConnId) {
        match (self, socket) {
            // Watched from the start, edge-triggered.
            (Self::Epoll(_), Socket::Descriptor(_)) => _ = conn,
        }
    }

    /// Ends our side of the stream.
    pub(crate) fn end_stream(&mut self, socket: &Socket) {
        match (self, socket) {
            (Self::Epoll(_), Socket::Descriptor(fd)) => epoll::end_stream(fd),
        }
    }

    /// Lets a socket go: closed, or reset.
    pub(crate) fn detach(&mut self, socket: Socket, conn: ConnId, reset: bool) {
        match (self, socket) {
            (Self::Epoll(_), Socket::Descriptor(fd)) => {
                let _ = conn;
                epoll::detach(fd, reset);
            }
        }
    }
}

/// The back end for a loop whose mailbox rings `bell`.
pub(crate) fn epoll(bell: BorrowedFd<'_>) -> io::Result<Driver> {
    Epoll::new(bell).map(Driver::Epoll)
}
