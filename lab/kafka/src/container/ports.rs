//! Ports that can be given to a broker for as long as it lives, also while it is stopped.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// Below the range from which Linux gives ports to outgoing connections (32768 to 60999 unless somebody changed it): a broker that is down
/// for a moment must not find its port taken by one of the fleet's connections.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// `count` ports nobody listens on. Nobody can promise that it stays so until they are bound.
pub(super) fn free(count: usize) -> io::Result<Vec<u16>> {
    let span = u32::from(RANGE.end - RANGE.start);
    // Labs that run side by side begin to look at different places.
    let start = std::process::id().wrapping_mul(2_654_435_761) >> 8;
    let candidates = (0..span)
        .filter_map(|step| u16::try_from(start.wrapping_add(step) % span).ok())
        .map(|step| RANGE.start + step);
    let mut held = Vec::new();
    for port in candidates {
        if held.len() == count {
            break;
        }
        held.extend(TcpListener::bind((Ipv4Addr::LOCALHOST, port)));
    }
    if held.len() < count {
        return Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            format!(
                "fewer than {count} ports from {} to {} are free",
                RANGE.start, RANGE.end
            ),
        ));
    }
    held.iter()
        .map(|listener| Ok(listener.local_addr()?.port()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_different_and_not_those_of_outgoing_connections() {
        let mut ports = free(5).unwrap();
        ports.sort_unstable();
        ports.dedup();

        assert_eq!(ports.len(), 5);
        assert!(ports.iter().all(|port| RANGE.contains(port)));
    }

    #[test]
    fn more_ports_than_there_are_is_an_error() {
        assert_eq!(free(20_000).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
