//! A host, or a load balancer, that gives each of its addresses a sequence of ports.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

use crate::addresses::Book;
use crate::random::Random;
use crate::setting::Span;

/// How ports of one address follow each other.
pub(crate) trait PortWalk {
    /// The next port that is not taken, or none if all are.
    fn next(&mut self, span: Span, taken: &Taken, random: &mut Random) -> Option<u16>;
}

/// Addresses in rotation, each with its own walk. Where the number of addresses was given, all are open from the start; else another one
/// is opened when those that are open have no port left.
#[derive(Debug, Clone)]
pub(crate) struct Host<W> {
    span: Span,
    start: fn(Span, &mut Random) -> W,
    lanes: Vec<Lane<W>>,
    turn: usize,
    opened: bool,
}

#[derive(Debug, Clone)]
struct Lane<W> {
    address: IpAddr,
    walk: W,
    taken: Taken,
}

impl<W: PortWalk> Host<W> {
    pub(crate) fn new(span: Span, start: fn(Span, &mut Random) -> W) -> Self {
        Self {
            span,
            start,
            lanes: Vec::new(),
            turn: 0,
            opened: false,
        }
    }

    pub(crate) fn next(&mut self, book: &mut Book, random: &mut Random) -> Option<SocketAddr> {
        if !self.opened {
            self.opened = true;
            while book.is_bounded() && self.open_lane(book, random).is_some() {}
        }
        if let Some(source) = self.next_of_open_lanes(random) {
            return Some(source);
        }
        self.turn = self.open_lane(book, random)?;
        self.next_of_open_lanes(random)
    }

    pub(crate) fn release(&mut self, source: SocketAddr) {
        if let Some(lane) = self
            .lanes
            .iter_mut()
            .find(|lane| lane.address == source.ip())
        {
            lane.taken.0.remove(&source.port());
        }
    }

    fn open_lane(&mut self, book: &mut Book, random: &mut Random) -> Option<usize> {
        let address = book.next()?;
        let walk = (self.start)(self.span, random);
        self.lanes.push(Lane {
            address,
            walk,
            taken: Taken::default(),
        });
        Some(self.lanes.len() - 1)
    }

    fn next_of_open_lanes(&mut self, random: &mut Random) -> Option<SocketAddr> {
        let count = self.lanes.len();
        for _ in 0..count {
            let lane = self.lanes.get_mut(self.turn)?;
            self.turn = (self.turn + 1) % count;
            // A full address is passed over without walking it.
            if lane.taken.0.len() < self.span.len as usize
                && let Some(port) = lane.walk.next(self.span, &lane.taken, random)
            {
                lane.taken.0.insert(port);
                return Some(SocketAddr::new(lane.address, port));
            }
        }
        None
    }
}

/// The ports of an address that are in use.
#[derive(Debug, Clone, Default)]
pub(crate) struct Taken(HashSet<u16>);

impl Taken {
    pub(crate) fn contains(&self, port: u16) -> bool {
        self.0.contains(&port)
    }
}
