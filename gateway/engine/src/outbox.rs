//! What this turn sends, connection by connection, until it leaves in one write each at the turn's end.
//!
//! All connections share one array; each has a ring of its items in it, of which it remembers the
//! last. So a connection pays four bytes, and a turn that sends a thousand items allocates nothing.

use std::io::IoSlice;

use crate::connection::ConnId;
use crate::queue::{Backlog, Item};
use crate::wheel::Tick;

/// No item.
pub(crate) const NONE: u32 = u32::MAX;

/// Memory kept for the next turn, in items.
const KEPT: usize = 1024;

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    nodes: Vec<Node>,
    /// Connections that have something in it.
    pub(crate) dirty: Vec<ConnId>,
    /// When more than [`KEPT`] items were last held.
    busy: Tick,
}

#[derive(Debug)]
struct Node {
    item: Option<Item>,
    /// The connection's next item; the last one's next is the first.
    next: u32,
    /// Bytes of the connection's items up to and with this one.
    sum: u32,
}

/// What is left of a connection's items after a write.
pub(crate) enum Left {
    /// Nothing.
    Nothing,
    /// Items that were not part of the write.
    More,
    /// The socket took less than it was given: what is left has to wait.
    Blocked(Backlog),
}

impl Outbox {
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Appends to the items of which `tail` is the last; answers the new last.
    pub(crate) fn push(&mut self, tail: u32, item: Item) -> u32 {
        let place = self.nodes.len() as u32;
        let bytes = item.frames.len() as u32;
        let (next, sum) = match self.nodes.get_mut(tail as usize) {
            Some(last) => (
                std::mem::replace(&mut last.next, place),
                last.sum.saturating_add(bytes),
            ),
            None => (place, bytes),
        };
        self.nodes.push(Node {
            item: Some(item),
            next,
            sum,
        });
        place
    }

    /// Bytes of the items of which `tail` is the last.
    pub(crate) fn bytes(&self, tail: u32) -> usize {
        self.nodes
            .get(tail as usize)
            .map_or(0, |last| last.sum as usize)
    }

    /// The items of which `tail` is the last, in at most `room` pieces. Answers their bytes.
    pub(crate) fn slices<'a>(
        &'a self,
        tail: u32,
        room: usize,
        out: &mut Vec<IoSlice<'a>>,
    ) -> usize {
        let mut bytes = 0;
        let mut place = self.nodes[tail as usize].next;
        for _ in 0..room {
            let node = &self.nodes[place as usize];
            if let Some(item) = &node.item {
                bytes += item.frames.len();
                out.push(IoSlice::new(&item.frames));
            }
            if place == tail {
                break;
            }
            place = node.next;
        }
        bytes
    }

    /// Takes out what `written` bytes completed, and counts its messages. If the write was of
    /// `wanted` bytes and the socket took less, the rest comes back as a backlog.
    pub(crate) fn advance(
        &mut self,
        tail: u32,
        wanted: usize,
        written: usize,
        messages: &mut u64,
    ) -> Left {
        let mut rest = written;
        let mut place = self.nodes[tail as usize].next;
        loop {
            let node = &mut self.nodes[place as usize];
            let next = node.next;
            if let Some(item) = &node.item {
                // No item is empty, so with nothing left to account for the write ended here.
                if rest < item.frames.len() {
                    break;
                }
                rest -= item.frames.len();
                *messages += u64::from(item.messages);
                node.item = None;
            }
            if place == tail {
                return Left::Nothing;
            }
            place = next;
        }
        self.nodes[tail as usize].next = place;
        if written == wanted {
            Left::More
        } else {
            self.backlog(tail, rest)
        }
    }

    /// Takes all items of which `tail` is the last; `sent` bytes of the first have left.
    fn backlog(&mut self, tail: u32, sent: usize) -> Left {
        let mut backlog: Option<Backlog> = None;
        let mut place = self.nodes[tail as usize].next;
        loop {
            let node = &mut self.nodes[place as usize];
            let next = node.next;
            if let Some(item) = node.item.take() {
                match &mut backlog {
                    Some(backlog) => backlog.push(item),
                    None => backlog = Some(Backlog::begin(item, sent)),
                }
            }
            if place == tail {
                return backlog.map_or(Left::Nothing, Left::Blocked);
            }
            place = next;
        }
    }

    /// Lets go of all items, at the end of a turn in which all were written, queued or given up.
    pub(crate) fn clear(&mut self, now: Tick) {
        if self.nodes.len() > KEPT {
            self.busy = now;
        }
        self.nodes.clear();
    }

    /// Gives memory back that a burst needed and nobody has needed for a second since. Answers
    /// whether there is some to give back later.
    pub(crate) fn give_back(&mut self, now: Tick) -> bool {
        const SECOND: u32 = 32;
        let spare = self.nodes.capacity() > KEPT || self.dirty.capacity() > KEPT;
        if spare && now.since(self.busy) > SECOND {
            self.nodes.shrink_to(KEPT);
            self.dirty.shrink_to(KEPT);
            return false;
        }
        spare
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::queue::Kind;

    #[test]
    fn items_of_two_connections_stay_apart_and_in_order() {
        let mut outbox = Outbox::default();
        let a = outbox.push(NONE, item(b"a1"));
        let b = outbox.push(NONE, item(b"b1"));
        let a = outbox.push(a, item(b"a2"));

        assert_eq!(written(&outbox, a, 8), b"a1a2");
        assert_eq!(written(&outbox, b, 8), b"b1");
        assert_eq!(
            (outbox.bytes(a), outbox.bytes(b), outbox.bytes(NONE)),
            (4, 2, 0)
        );
    }

    #[test]
    fn a_write_in_two_rounds_goes_on_where_the_first_ended() {
        let mut outbox = Outbox::default();
        let mut tail = NONE;
        for piece in [b"1", b"2", b"3"] {
            tail = outbox.push(tail, item(piece));
        }
        let mut messages = 0;

        assert_eq!(written(&outbox, tail, 2), b"12");
        assert!(matches!(
            outbox.advance(tail, 2, 2, &mut messages),
            Left::More
        ));
        assert_eq!(written(&outbox, tail, 2), b"3");
        assert!(matches!(
            outbox.advance(tail, 1, 1, &mut messages),
            Left::Nothing
        ));
        assert_eq!(messages, 3);
    }

    #[test]
    fn what_a_socket_did_not_take_waits_from_the_first_byte_not_sent() {
        let mut outbox = Outbox::default();
        let tail = outbox.push(NONE, item(b"abc"));
        let tail = outbox.push(tail, item(b"def"));
        let tail = outbox.push(tail, item(b"ghi"));
        let mut messages = 0;

        let Left::Blocked(backlog) = outbox.advance(tail, 9, 4, &mut messages) else {
            panic!("not blocked")
        };

        let mut slices = Vec::new();
        backlog.slices(8, &mut slices);
        assert_eq!(concat(&slices), b"efghi");
        assert_eq!((messages, backlog.bytes()), (1, 5));
    }

    fn item(frames: &'static [u8]) -> Item {
        Item {
            frames: Bytes::from_static(frames),
            messages: 1,
            tag: 0,
            kind: Kind::Data,
        }
    }

    fn written(outbox: &Outbox, tail: u32, room: usize) -> Vec<u8> {
        let mut slices = Vec::new();
        let bytes = outbox.slices(tail, room, &mut slices);
        assert_eq!(bytes, concat(&slices).len());
        concat(&slices)
    }

    fn concat(slices: &[IoSlice<'_>]) -> Vec<u8> {
        slices
            .iter()
            .flat_map(|slice| slice.iter().copied())
            .collect()
    }
}
