//! The seam between the loop and the kernel, with two back ends.
//!
//! Both tell *readiness*, once per change (edge-triggered), and both read and write without waiting.
//! They differ in what a batch costs: epoll makes a system call per read and write, io_uring one per
//! batch. So the loop asks for batches and need not know which of the two answers.

mod epoll;
mod uring;

use std::io::{self, IoSlice};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::io::Errno;

use crate::config::Backend;
use crate::connection::ConnId;
use epoll::Epoll;
use uring::Uring;

/// A socket in the back end's care. [`Driver::detach`] closes it.
#[derive(Debug)]
pub(crate) enum Socket {
    /// A descriptor of the process, watched by epoll.
    Descriptor(OwnedFd),
    /// A slot in the table of one of the io_urings.
    Direct { ring: u16, slot: u16 },
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
    Uring(Uring),
}

impl Driver {
    /// The back end for a loop on the calling thread, whose mailbox rings `bell`. The bell must stay
    /// open as long as the driver.
    pub(crate) fn new(backend: Backend, bell: BorrowedFd<'_>) -> io::Result<Self> {
        match backend {
            Backend::Epoll => Epoll::new(bell).map(Self::Epoll),
            Backend::Auto | Backend::IoUring => Uring::new(bell).map(Self::Uring),
        }
    }

    /// Read buffers of the shape this back end reads best into.
    pub(crate) fn lanes(&self) -> Lanes {
        match self {
            Self::Epoll(_) => Lanes::new(1, 64 * 1024),
            // Memory that was never read into is not resident, so many lanes cost little.
            Self::Uring(_) => Lanes::new(64, 16 * 1024),
        }
    }

    /// Watches a connected or connecting socket, and takes it over.
    pub(crate) fn attach(&mut self, socket: OwnedFd, conn: ConnId) -> io::Result<Socket> {
        match self {
            Self::Epoll(epoll) => epoll.attach(socket, conn),
            Self::Uring(uring) => uring.attach(socket, conn),
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
            Self::Uring(uring) => uring.wait(timeout, ready),
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
            Self::Uring(uring) => uring.read(sockets, lanes, results),
        }
    }

    /// Writes once to each socket.
    pub(crate) fn write(&mut self, writes: &mut [Write<'_>], slices: &[IoSlice<'_>]) {
        match self {
            Self::Epoll(_) => epoll::write(writes, slices),
            Self::Uring(uring) => uring.write(writes, slices),
        }
    }

    /// Asks to be told when the socket, which just took less than it was given, takes more.
    pub(crate) fn watch_writable(&mut self, socket: &Socket) {
        // epoll watches for it from the start, edge-triggered.
        if let (Self::Uring(uring), &Socket::Direct { ring, slot }) = (self, socket) {
            uring.watch_writable(ring, slot);
        }
    }

    /// Ends our side of the stream.
    pub(crate) fn end_stream(&mut self, socket: &Socket) {
        match (self, socket) {
            (Self::Uring(uring), &Socket::Direct { ring, slot }) => uring.end_stream(ring, slot),
            (_, Socket::Descriptor(socket)) => epoll::end_stream(socket),
            (Self::Epoll(_), Socket::Direct { .. }) => {}
        }
    }

    /// Lets a socket go: closed, or reset.
    pub(crate) fn detach(&mut self, socket: Socket, reset: bool) {
        match (self, socket) {
            (Self::Uring(uring), Socket::Direct { ring, slot }) => uring.detach(ring, slot, reset),
            (_, Socket::Descriptor(socket)) => epoll::detach(socket, reset),
            (Self::Epoll(_), Socket::Direct { .. }) => {}
        }
    }
}

/// Whether io_uring can be used; if not, why. Asked of the kernel once per process.
pub(crate) fn probe_uring() -> Result<(), String> {
    static ANSWER: OnceLock<Result<(), String>> = OnceLock::new();
    // When a ring closes, the kernel interrupts the thread that had it: a thread of its own, so that
    // no blocking call of the caller's ends with EINTR.
    let probe = || {
        let thread = std::thread::Builder::new()
            .spawn(uring::probe)
            .map_err(|error| error.to_string())?;
        thread
            .join()
            .unwrap_or_else(|_| Err("the probe failed".to_owned()))
    };
    ANSWER.get_or_init(probe).clone()
}
