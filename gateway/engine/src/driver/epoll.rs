//! epoll, and one system call per read and write.
//!
//! Sockets are watched edge-triggered for everything at once, so that a socket that blocks and later
//! takes bytes again costs no call to change what it is watched for.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, sockopt};

use super::{Lanes, Readiness, Socket, Write};
use crate::connection::ConnId;

/// Events taken in one turn; more wait for the next.
const EVENTS: usize = 1024;

/// Stands for the mailbox's bell among the ids of connections.
const BELL: u64 = u64::MAX;

pub(crate) struct Epoll {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

impl Epoll {
    pub(super) fn new(bell: BorrowedFd<'_>) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&epoll, bell, epoll::EventData::new_u64(BELL), flags)?;
        Ok(Self {
            epoll,
            events: Vec::with_capacity(EVENTS),
        })
    }

    pub(super) fn attach(&mut self, socket: OwnedFd, conn: ConnId) -> io::Result<Socket> {
        let flags = epoll::EventFlags::IN
            | epoll::EventFlags::OUT
            | epoll::EventFlags::RDHUP
            | epoll::EventFlags::ET;
        epoll::add(
            &self.epoll,
            &socket,
            epoll::EventData::new_u64(conn.to_bits()),
            flags,
        )?;
        Ok(Socket::Descriptor(socket))
    }

    pub(super) fn wait(
        &mut self,
        timeout: Option<Duration>,
        ready: &mut Vec<Readiness>,
    ) -> io::Result<()> {
        let timeout = timeout.map(timespec);
        self.events.clear();
        match epoll::wait(
            &self.epoll,
            rustix::buffer::spare_capacity(&mut self.events),
            timeout.as_ref(),
        ) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        for event in &self.events {
            let (flags, data) = (event.flags, event.data);
            if data.u64() == BELL {
                continue;
            }
            let ended = flags.intersects(
                epoll::EventFlags::RDHUP | epoll::EventFlags::HUP | epoll::EventFlags::ERR,
            );
            ready.push(Readiness {
                conn: ConnId::from_bits(data.u64()),
                readable: ended || flags.contains(epoll::EventFlags::IN),
                writable: flags.intersects(
                    epoll::EventFlags::OUT | epoll::EventFlags::HUP | epoll::EventFlags::ERR,
                ),
                ended,
            });
        }
        Ok(())
    }
}

impl std::fmt::Debug for Epoll {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Epoll")
            .field("epoll", &self.epoll)
            .finish_non_exhaustive()
    }
}

pub(super) fn read(
    sockets: &[&Socket],
    lanes: &mut Lanes,
    results: &mut Vec<Result<usize, Errno>>,
) {
    results.extend(sockets.iter().enumerate().map(|(number, socket)| {
        let socket = descriptor(socket)?;
        let (bytes, _) = rustix::net::recv(socket, lanes.lane(number), RecvFlags::DONTWAIT)?;
        Ok(bytes)
    }));
}

pub(super) fn write(writes: &mut [Write<'_>], slices: &[IoSlice<'_>]) {
    const FLAGS: SendFlags = SendFlags::NOSIGNAL.union(SendFlags::DONTWAIT);
    for write in writes {
        let slices = &slices[write.first..write.first + write.count];
        write.result = descriptor(write.socket).and_then(|socket| match slices {
            [slice] => rustix::net::send(socket, slice, FLAGS),
            slices => {
                rustix::net::sendmsg(socket, slices, &mut SendAncillaryBuffer::default(), FLAGS)
            }
        });
    }
}

/// A socket of the other back end is none of ours, and answered as the kernel would.
fn descriptor(socket: &Socket) -> Result<&OwnedFd, Errno> {
    match socket {
        Socket::Descriptor(socket) => Ok(socket),
        Socket::Direct { .. } => Err(Errno::BADF),
    }
}

pub(super) fn end_stream(socket: &OwnedFd) {
    // Fails only if the peer is gone already, which the next read tells.
    let _ = rustix::net::shutdown(socket, Shutdown::Write);
}

pub(super) fn detach(socket: OwnedFd, reset: bool) {
    if reset {
        // A reset is what is asked for; without it the close that follows is still an end.
        let _ = sockopt::set_socket_linger(socket.as_fd(), Some(Duration::ZERO));
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: duration.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}
