//! The kernel's own list of TCP connections: who is connected to an address, without asking the process that owns it.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::Context;

/// The state "established" in `/proc/net/tcp`.
const ESTABLISHED: &str = "01";

/// The remote ends of all established connections that were accepted at `local`.
///
/// The kernel shows its table in pieces: an entry may come twice while others come and go, and one may be missed. Ask again where it matters.
pub(crate) fn peers_of(local: SocketAddr) -> anyhow::Result<HashSet<SocketAddr>> {
    let path = if local.is_ipv4() {
        "/proc/net/tcp"
    } else {
        "/proc/net/tcp6"
    };
    let table = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    Ok(table
        .lines()
        .filter_map(|line| established(line, local))
        .collect())
}

/// The remote end in a line of the table, when the line is an established connection at `local`.
fn established(line: &str, local: SocketAddr) -> Option<SocketAddr> {
    let mut words = line.split_whitespace().skip(1);
    let (own, remote, state) = (words.next()?, words.next()?, words.next()?);
    (state == ESTABLISHED && address(own)? == local)
        .then(|| address(remote))
        .flatten()
}

/// `0100007F:1F90`: the address in words of the machine's own byte order, the port in plain hex.
fn address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut bytes = vec![];
    for start in (0..host.len()).step_by(8) {
        let word = u32::from_str_radix(host.get(start..start + 8)?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    let host: IpAddr = match bytes.len() {
        4 => Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).into(),
        16 => Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into(),
        _ => return None,
    };
    Some(SocketAddr::new(host, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_connection_is_listed_at_the_end_that_accepted_it() {
        for loopback in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(loopback) else {
                continue;
            };
            let at = listener.local_addr().unwrap();
            let client = TcpStream::connect(at).unwrap();
            let _server = listener.accept().unwrap();

            assert_eq!(
                peers_of(at).unwrap(),
                HashSet::from([client.local_addr().unwrap()])
            );
        }
    }

    #[test]
    fn a_listening_socket_is_no_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();

        assert_eq!(
            peers_of(listener.local_addr().unwrap()).unwrap(),
            HashSet::new()
        );
    }
}
