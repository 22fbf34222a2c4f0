//! IPv6 without NAT.

use std::net::{Ipv6Addr, SocketAddr};

use crate::addresses::Book;
use crate::random::Random;
use crate::setting::Span;

/// A /64 per home, one to four devices in it, each with a random interface identifier (RFC 8981) and a port of its own choice.
#[derive(Debug, Clone)]
pub(crate) struct Ipv6Privacy {
    span: Span,
    home: Option<(Ipv6Addr, u32)>,
}

impl Ipv6Privacy {
    pub(crate) fn new(span: Span) -> Self {
        Self { span, home: None }
    }

    pub(crate) fn next(&mut self, book: &mut Book, random: &mut Random) -> Option<SocketAddr> {
        if self.span.len == 0 {
            return None;
        }
        let (prefix, devices) = match self.home {
            Some((prefix, devices)) if devices > 0 => (prefix, devices),
            _ => (book.next_prefix()?, 1 + random.below(4)),
        };
        self.home = Some((prefix, devices - 1));
        let port = self.span.at(random.below(self.span.len));
        Some(SocketAddr::new(device(prefix, random.next()).into(), port))
    }
}

/// The prefix with that interface identifier.
fn device(prefix: Ipv6Addr, identifier: u64) -> Ipv6Addr {
    Ipv6Addr::from(prefix.to_bits() & !u128::from(u64::MAX) | u128::from(identifier))
}
