//! What the kernel says of listening sockets, one by one: connection requests that it dropped because a queue was full.
//!
//! It is asked over `sock_diag(7)`, as `ss -ltm` asks it. The counters of `/proc/net/netstat` are of the whole machine, see [`crate::kernel_counters`].

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};

// include/uapi/linux/netlink.h, sock_diag.h and inet_diag.h.
const HEADER: usize = 16;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const REQUEST_AND_DUMP: u16 = 0x301;
const BY_FAMILY: u16 = 20;
const TCP: u8 = 6;
const LISTENING: u32 = 1 << 10;
const SOCKET_MEMORY: u16 = 7;
/// The request: family, protocol, extensions, states, and a socket's name that is left empty.
const REQUEST: usize = 56;
/// An answer before its attributes.
const ANSWER: usize = 72;
/// Which word of a socket's memory counts drops.
const DROPS: usize = 8;

/// Connection requests dropped since each listening TCP socket was opened. Sockets that share an address are one.
pub(crate) fn drops() -> io::Result<HashMap<SocketAddr, u64>> {
    let mut found = HashMap::new();
    for family in [AddressFamily::INET, AddressFamily::INET6] {
        for (address, drops) in ask(family)? {
            *found.entry(address).or_insert(0) += drops;
        }
    }
    Ok(found)
}

fn ask(family: AddressFamily) -> io::Result<Vec<(SocketAddr, u64)>> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )?;
    let kernel = SocketAddrNetlink::new(0, 0);
    sendto(&socket, &request(family), SendFlags::empty(), &kernel)?;
    let mut found = vec![];
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let (read, _) = recv(&socket, buffer.as_mut_slice(), RecvFlags::empty())?;
        let mut rest = &buffer[..read];
        if rest.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        while let Some((kind, payload, after)) = message(rest) {
            match kind {
                DONE => return Ok(found),
                ERROR => return Err(refusal(payload)),
                _ => found.extend(listener(payload)),
            }
            rest = after;
        }
    }
}

/// "All listening TCP sockets of this family, with their memory."
fn request(family: AddressFamily) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + REQUEST);
    let length = (HEADER + REQUEST) as u32;
    bytes.extend(length.to_ne_bytes());
    bytes.extend(BY_FAMILY.to_ne_bytes());
    bytes.extend(REQUEST_AND_DUMP.to_ne_bytes());
    // Sequence and port: one question, one asker.
    bytes.extend([0; 8]);
    let family = u8::try_from(family.as_raw()).unwrap_or_default();
    bytes.extend([family, TCP, 1 << (SOCKET_MEMORY - 1), 0]);
    bytes.extend(LISTENING.to_ne_bytes());
    bytes.resize(HEADER + REQUEST, 0);
    bytes
}

/// The first message of a datagram: its kind, its payload, and what is behind it.
fn message(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = u32::from_ne_bytes(*bytes.first_chunk()?) as usize;
    let kind = u16::from_ne_bytes(*bytes.get(4..)?.first_chunk()?);
    let payload = bytes.get(HEADER..length)?;
    let after = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((kind, payload, after))
}

fn refusal(payload: &[u8]) -> io::Error {
    let code = payload
        .first_chunk()
        .map_or(0, |code| i32::from_ne_bytes(*code));
    io::Error::from_raw_os_error(code.saturating_neg())
}

/// A socket's address and what was dropped at it.
fn listener(payload: &[u8]) -> Option<(SocketAddr, u64)> {
    let is_ipv4 = i32::from(*payload.first()?) == i32::from(AddressFamily::INET.as_raw());
    let port = u16::from_be_bytes(*payload.get(4..)?.first_chunk()?);
    let address: [u8; 16] = *payload.get(8..)?.first_chunk()?;
    let [a, b, c, d, ..] = address;
    let ip: IpAddr = match is_ipv4 {
        true => Ipv4Addr::new(a, b, c, d).into(),
        false => Ipv6Addr::from(address).into(),
    };
    let memory = attribute(payload.get(ANSWER..)?, SOCKET_MEMORY)?;
    let drops = u32::from_ne_bytes(*memory.get(DROPS * 4..)?.first_chunk()?);
    Some((SocketAddr::new(ip, port), drops.into()))
}

fn attribute(mut bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(u16::from_ne_bytes(*bytes.first_chunk()?));
        let kind = u16::from_ne_bytes(*bytes.get(2..)?.first_chunk()?);
        let value = bytes.get(4..length)?;
        if kind == wanted {
            return Some(value);
        }
        bytes = bytes.get(length.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use socket2::{Domain, Socket, Type};

    use super::*;

    #[test]
    fn what_a_full_queue_drops_is_counted_at_its_own_socket() {
        for loopback in ["127.0.0.1:0", "[::1]:0"] {
            let loopback: SocketAddr = loopback.parse().unwrap();
            let (Ok(full), Ok(idle)) = (listening(loopback), listening(loopback)) else {
                continue;
            };
            let at = |socket: &Socket| socket.local_addr().unwrap().as_socket().unwrap();

            let _clients: Vec<Socket> = (0..20).map(|_| connecting(at(&full))).collect();

            let until = Instant::now() + Duration::from_secs(20);
            while drops().unwrap()[&at(&full)] == 0 && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(10));
            }
            let drops = drops().unwrap();
            assert!(drops[&at(&full)] > 0, "{drops:?}");
            assert_eq!(drops[&at(&idle)], 0);
        }
    }

    #[test]
    fn an_answer_that_is_cut_short_is_no_listener() {
        assert_eq!(listener(&[2; 100]), None);
        assert_eq!(message(&[200, 0, 0, 0, 20, 0]), None);
    }

    /// A socket whose queue holds next to nothing.
    fn listening(at: SocketAddr) -> io::Result<Socket> {
        let socket = Socket::new(Domain::for_address(at), Type::STREAM, None)?;
        socket.bind(&at.into())?;
        socket.listen(1)?;
        Ok(socket)
    }

    fn connecting(to: SocketAddr) -> Socket {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        // "In progress" is what is wanted.
        let _ = socket.connect(&to.into());
        socket
    }
}
