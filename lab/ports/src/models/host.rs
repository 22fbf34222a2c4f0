//! A host, or a load balancer, that gives each of its addresses a sequence of ports.

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
            lane.taken.remove(source.port());
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
            if lane.taken.count < self.span.len
                && let Some(port) = lane.walk.next(self.span, &lane.taken, random)
            {
                lane.taken.insert(port);
                return Some(SocketAddr::new(lane.address, port));
            }
        }
        None
    }
}

/// The ports of an address that are in use, one bit each: walks past thousands of them are common where few are left.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    bits: Box<[u64]>,
    count: u32,
}

impl Default for Taken {
    fn default() -> Self {
        Self {
            bits: vec![0; (1 << 16) / 64].into(),
            count: 0,
        }
    }
}

impl Taken {
    pub(crate) fn contains(&self, port: u16) -> bool {
        self.bits[word(port)] & bit(port) != 0
    }

    fn insert(&mut self, port: u16) {
        self.count += u32::from(!self.contains(port));
        self.bits[word(port)] |= bit(port);
    }

    fn remove(&mut self, port: u16) {
        self.count -= u32::from(self.contains(port));
        self.bits[word(port)] &= !bit(port);
    }
}

fn word(port: u16) -> usize {
    usize::from(port / 64)
}

fn bit(port: u16) -> u64 {
    1 << (port % 64)
}
