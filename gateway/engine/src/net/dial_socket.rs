//! The socket of a dialled connection, up to the point where it connects.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with, sockopt,
};

use crate::dial::Dial;

/// Begins to connect; answers the socket and its own address.
pub(super) fn connect(dial: &Dial) -> io::Result<(OwnedFd, SocketAddr)> {
    let family = if dial.remote.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    if let Some(local) = dial.local {
        if local.port() != 0 {
            // A fixed port may still wait out a connection that ended.
            sockopt::set_socket_reuseaddr(&socket, true)?;
        } else if dial.late_port {
            leave_port_to_connect(&socket)?;
        }
        bind(&socket, &local)?;
    }
    match rustix::net::connect(&socket, &dial.remote) {
        Ok(()) | Err(Errno::INPROGRESS) => {}
        Err(error) => return Err(error.into()),
    }
    let local = SocketAddr::try_from(getsockname(&socket)?)?;
    Ok((socket, local))
}

/// Sets `IP_BIND_ADDRESS_NO_PORT` (ip(7)).
#[expect(unsafe_code, reason = "neither rustix nor socket2 wraps this option")]
fn leave_port_to_connect(socket: &OwnedFd) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the descriptor is open, and the option's value is the int that the length says.
    let answer = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_IP,
            libc::IP_BIND_ADDRESS_NO_PORT,
            (&raw const on).cast(),
            size_of_val(&on) as libc::socklen_t,
        )
    };
    if answer == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
