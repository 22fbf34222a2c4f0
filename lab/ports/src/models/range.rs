//! One port after the other.

use super::host::{PortWalk, Taken};
use crate::random::Random;
use crate::setting::Span;

/// HAProxy's `source ADDRESS:LOW-HIGH` (`include/haproxy/port_range.h`): from the low end upwards, then around again.
#[derive(Debug, Clone)]
pub(crate) struct Range {
    next: u32,
}

impl Range {
    pub(crate) fn start(_: Span, _: &mut Random) -> Self {
        Self { next: 0 }
    }
}

impl PortWalk for Range {
    fn next(&mut self, span: Span, taken: &Taken, _: &mut Random) -> Option<u16> {
        let free = (0..span.len)
            .map(|step| (self.next + step) % span.len)
            .find(|offset| !taken.contains(span.at(*offset)))?;
        self.next = (free + 1) % span.len;
        Some(span.at(free))
    }
}
