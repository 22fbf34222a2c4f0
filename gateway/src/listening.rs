//! Opens the sockets that the configuration names, before anything else starts.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, getsockname, listen, socket_with, sockopt,
};

/// Connections that may wait to be accepted; the kernel cuts it to `net.core.somaxconn`.
const BACKLOG: i32 = 65_535;

/// A socket that listens.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) socket: OwnedFd,
    /// As bound: port 0 has become a real one.
    pub(crate) address: SocketAddr,
}

/// An address that cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen at {address}: {source}\n{}", remedy(.source, .address))]
pub(crate) struct BindError {
    address: SocketAddr,
    source: io::Error,
}

/// Binds and listens. Accepted sockets inherit that nothing is delayed.
///
/// # Errors
/// The kernel refuses the address.
pub(crate) fn open(address: SocketAddr) -> Result<Listening, BindError> {
    try_open(address).map_err(|source| BindError {
        address,
        source: source.into(),
    })
}

fn try_open(address: SocketAddr) -> rustix::io::Result<Listening> {
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    bind(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    let bound = SocketAddr::try_from(getsockname(&socket)?)?;
    Ok(Listening {
        socket,
        address: bound,
    })
}

/// What the person who starts the gateway can do about it.
fn remedy(error: &io::Error, address: &SocketAddr) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "another process has the port: see `ss -ltnp 'sport = :{port}'`, stop it, or write another port (0 takes a free one)",
            port = address.port()
        ),
        io::ErrorKind::AddrNotAvailable => {
            "this machine does not have the address: see `ip address`, or write 0.0.0.0 or [::]"
                .to_owned()
        }
        io::ErrorKind::PermissionDenied => format!(
            "ports below 1024 need a privilege: write a higher one, or `sysctl net.ipv4.ip_unprivileged_port_start={}`",
            address.port()
        ),
        _ => "write another address".to_owned(),
    }
}

/// The line that tells whoever started the gateway where it listens.
pub(crate) fn announcement(kind: &str, index: usize, address: SocketAddr) -> String {
    serde_json::json!({ "listening": kind, "index": index, "address": address.to_string() })
        .to_string()
}
