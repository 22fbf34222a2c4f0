//! A connection to a member, from the source that SNAT wants.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
};

use nix::sys::socket::{setsockopt, sockopt::IpBindAddressNoPort};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::{
    engine::{core::Virtual, flow::Claim},
    source_ports::{Exhausted, Source},
};

/// Ports that are tried for one connection when others hold them (other programs, or connections that linger in TIME_WAIT).
const MOST_REFUSED: usize = 256;

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum DialError {
    /// No source port is left.
    Exhausted(Exhausted),
    /// The translation address is not this machine's.
    NotOurs(IpAddr),
    /// The member did not answer, or not in time.
    Unreachable(io::Error),
}

/// Connects to the claimed member. The claim keeps the source port.
pub(crate) async fn dial(
    server: &Virtual,
    claim: &mut Claim,
    client: SocketAddr,
) -> Result<TcpStream, DialError> {
    let member = claim.member;
    let automap = local_address_towards(member).map_err(DialError::Unreachable)?;
    let mut refused = Vec::new();
    let mut source = server
        .ports
        .borrow_mut()
        .take(member, client, automap)
        .map_err(DialError::Exhausted);
    let outcome = loop {
        let wanted = match source {
            Ok(wanted) => wanted,
            Err(error) => break Err(error),
        };
        let attempt = timeout(server.model.connect_timeout, connect(wanted, member));
        let error = match attempt.await {
            Ok(Ok(stream)) => break Ok((stream, wanted)),
            Ok(Err(error)) => error,
            Err(_) => Failure::Unreachable(io::ErrorKind::TimedOut.into()),
        };
        if let Source::Exactly(held) = wanted {
            refused.push(held);
        }
        source = match error {
            Failure::Taken if refused.len() < MOST_REFUSED => server
                .ports
                .borrow_mut()
                .instead_of(wanted, member, client)
                .map_err(DialError::Exhausted),
            Failure::Taken => Err(DialError::Exhausted(Exhausted {
                address: automap,
                member,
            })),
            Failure::NotOurs(address) => Err(DialError::NotOurs(address)),
            Failure::Unreachable(error) => Err(DialError::Unreachable(error)),
        };
    };
    // Only now, so that the model does not offer what was refused a moment ago.
    for source in refused {
        server.ports.borrow_mut().give_back(member, source);
    }
    let (stream, wanted) = outcome?;
    if let Source::Exactly(held) = wanted {
        claim.source = Some(held);
    }
    Ok(stream)
}

enum Failure {
    /// Somebody else has this source towards this member.
    Taken,
    NotOurs(IpAddr),
    Unreachable(io::Error),
}

async fn connect(source: Source, member: SocketAddr) -> Result<TcpStream, Failure> {
    let socket = open(source, member).map_err(Failure::Unreachable)?;
    if let Some(local) = bind_to(source, member) {
        socket.bind(local).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => Failure::Taken,
            io::ErrorKind::AddrNotAvailable => Failure::NotOurs(local.ip()),
            _ => Failure::Unreachable(error),
        })?;
    }
    let stream = socket
        .connect(member)
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable => Failure::Taken,
            _ => Failure::Unreachable(error),
        })?;
    // Frames are small and must not wait for each other.
    stream.set_nodelay(true).map_err(Failure::Unreachable)?;
    Ok(stream)
}

fn open(source: Source, member: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if member.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    match source {
        // The same port serves towards several members at once.
        Source::Exactly(_) => socket.set_reuseaddr(true)?,
        // Otherwise bind() would choose the port, and towards all members at once.
        Source::AtConnect(Some(_)) => setsockopt(&socket, IpBindAddressNoPort, &true)?,
        Source::AtConnect(None) | Source::AtBind(_) => {}
    }
    Ok(socket)
}

fn bind_to(source: Source, member: SocketAddr) -> Option<SocketAddr> {
    let unspecified = if member.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    match source {
        Source::Exactly(local) => Some(local),
        Source::AtConnect(address) => address.map(|address| SocketAddr::new(address, 0)),
        Source::AtBind(address) => Some(SocketAddr::new(address.unwrap_or(unspecified), 0)),
    }
}

/// The address this machine uses towards a member. Connecting a UDP socket asks the routing table and sends nothing.
fn local_address_towards(member: SocketAddr) -> io::Result<IpAddr> {
    if member.ip().is_loopback() {
        return Ok(if member.is_ipv4() {
            Ipv4Addr::LOCALHOST.into()
        } else {
            Ipv6Addr::LOCALHOST.into()
        });
    }
    let any: SocketAddr = if member.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(member)?;
    Ok(socket.local_addr()?.ip())
}
