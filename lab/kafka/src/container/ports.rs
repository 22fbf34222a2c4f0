//! Ports that can be given to a broker for as long as it lives, also while it is stopped.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the range from which Linux gives ports to outgoing connections (32768 to 60999 unless somebody changed it): a broker that is down
/// for a moment must not find its port taken by one of the fleet's connections.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// Ports that this process has looked at.
static LOOKED_AT: AtomicU32 = AtomicU32::new(0);

/// `count` ports nobody listens on. Nobody can promise that it stays so until they are bound.
pub(super) fn free(count: usize) -> io::Result<Vec<u16>> {
    let span = u32::from(RANGE.end - RANGE.start);
    // Labs that run side by side begin to look at different places. In one lab no port is looked at twice before all were: that of a broker
    // which is stopped for a moment is free, and still its own.
    let start = std::process::id().wrapping_mul(2_654_435_761) >> 8;
    let candidates = (0..span)
        .map(|_| start.wrapping_add(LOOKED_AT.fetch_add(1, Ordering::Relaxed)) % span)
        .filter_map(|step| u16::try_from(step).ok())
        .map(|step| RANGE.start + step);
    let mut held = Vec::new();
    for port in candidates {
        // What cannot be had is not tried: others are looking for ports as well.
        if held.len() == count || count > usize::from(RANGE.end - RANGE.start) {
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
    fn a_port_that_was_given_is_not_given_again_although_nobody_listens_there() {
        let first = free(3).unwrap();
        let second = free(3).unwrap();

        assert!(first.iter().all(|port| !second.contains(port)));
    }

    #[test]
    fn more_ports_than_there_are_is_an_error() {
        assert_eq!(free(20_000).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
