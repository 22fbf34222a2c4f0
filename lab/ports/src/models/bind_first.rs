//! Linux `bind()` to port 0 before `connect()`.

use super::host::{PortWalk, Taken};
use crate::random::Random;
use crate::setting::Span;

/// `inet_csk_find_open_port` (Linux `net/ipv4/inet_connection_sock.c`): a random odd offset, then the next odd one that is free; even
/// ones only when no odd one is.
#[derive(Debug, Clone)]
pub(crate) struct BindFirst;

impl BindFirst {
    pub(crate) fn start(_: Span, _: &mut Random) -> Self {
        Self
    }
}

impl PortWalk for BindFirst {
    fn next(&mut self, span: Span, taken: &Taken, random: &mut Random) -> Option<u16> {
        let remaining = if span.len > 1 {
            span.len & !1
        } else {
            span.len
        };
        let odd = random.below(remaining) | 1;
        for start in [odd, odd - 1] {
            for step in (0..remaining).step_by(2) {
                let port = span.at((start + step) % remaining);
                if !taken.contains(port) {
                    return Some(port);
                }
            }
        }
        None
    }
}
