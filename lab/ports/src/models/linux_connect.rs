//! Linux `connect()` without a bound port.

use super::host::{PortWalk, Taken};
use crate::random::Random;
use crate::setting::Span;

/// `__inet_hash_connect` (Linux `net/ipv4/inet_hashtables.c`): even offsets first, and after each connection the start moves on by at
/// least 2 and at random up to 16. Odd offsets are tried only when no even one is free.
#[derive(Debug, Clone)]
pub(crate) struct LinuxConnect {
    offset: u32,
}

impl LinuxConnect {
    /// The kernel starts at a secret hash of both addresses and the remote port.
    pub(crate) fn start(_: Span, random: &mut Random) -> Self {
        Self {
            offset: random.next() as u32,
        }
    }
}

impl PortWalk for LinuxConnect {
    fn next(&mut self, span: Span, taken: &Taken, random: &mut Random) -> Option<u16> {
        let remaining = if span.len > 1 {
            span.len & !1
        } else {
            span.len
        };
        let even = self.offset.checked_rem(remaining)? & !1;
        for start in [even, even + 1] {
            for step in (0..remaining).step_by(2) {
                let port = span.at((start + step) % remaining);
                if !taken.contains(port) {
                    self.offset = self.offset.wrapping_add(step.max(random.below(8) * 2) + 2);
                    return Some(port);
                }
            }
        }
        None
    }
}
