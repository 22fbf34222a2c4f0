//! Home routers.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

use crate::addresses::Book;
use crate::random::Random;
use crate::setting::Span;

/// One to four devices behind a public address. The router keeps the port that the device chose (RFC 4787 section 4.2.1, "port
/// preservation") and takes the next free one when two devices chose the same.
#[derive(Debug, Clone)]
pub(crate) struct HomeNat {
    span: Span,
    home: Option<Home>,
}

#[derive(Debug, Clone)]
struct Home {
    address: IpAddr,
    devices: u32,
    ports: HashSet<u16>,
}

impl HomeNat {
    pub(crate) fn new(span: Span) -> Self {
        Self { span, home: None }
    }

    pub(crate) fn next(&mut self, book: &mut Book, random: &mut Random) -> Option<SocketAddr> {
        if self.home.as_ref().is_none_or(|home| home.devices == 0) {
            let address = book.next()?;
            self.home = Some(Home {
                address,
                devices: (1 + random.below(4)).min(self.span.len),
                ports: HashSet::new(),
            });
        }
        let home = self.home.as_mut().filter(|home| home.devices > 0)?;
        let chosen = random.below(self.span.len);
        let port = (0..self.span.len)
            .map(|step| self.span.at((chosen + step) % self.span.len))
            .find(|port| !home.ports.contains(port))?;
        home.devices -= 1;
        home.ports.insert(port);
        Some(SocketAddr::new(home.address, port))
    }
}
