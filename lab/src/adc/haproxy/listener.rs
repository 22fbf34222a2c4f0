//! A listening socket that HAProxy inherits.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};

use anyhow::Context;
use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
use socket2::{Domain, Socket, Type};

/// A socket on a port of the kernel's choice.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: Socket,
    address: SocketAddr,
}

impl Listener {
    /// Binds; HAProxy itself listens.
    pub(crate) fn open(ip: IpAddr) -> anyhow::Result<Self> {
        let wanted = SocketAddr::new(ip, 0);
        let open = || -> std::io::Result<(Socket, Option<SocketAddr>)> {
            let socket = Socket::new(Domain::for_address(wanted), Type::STREAM, None)?;
            socket.bind(&wanted.into())?;
            let address = socket.local_addr()?.as_socket();
            Ok((socket, address))
        };
        let (socket, address) =
            open().with_context(|| format!("cannot open a socket on {ip} for HAProxy"))?;
        Ok(Self {
            socket,
            address: address.context("a TCP socket without an address")?,
        })
    }

    /// Where clients connect to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number that `bind fd@` names; the same in the child.
    pub(crate) fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Lets programs that are started inside inherit the socket, and none that are started later.
    pub(crate) fn lend<T>(&self, start: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
        let flags = fcntl_getfd(&self.socket)?;
        fcntl_setfd(&self.socket, flags - FdFlags::CLOEXEC)?;
        let started = start();
        fcntl_setfd(&self.socket, flags | FdFlags::CLOEXEC)?;
        started
    }
}
