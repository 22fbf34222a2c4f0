//! What is to leave, connection by connection, in one write each: at the turn's end, or where an endpoint batches, at
//! the end of a window that is longer.
//!
//! All connections of an endpoint share one array; each has a ring of its items in it, of which it remembers the
//! last. So a connection pays four bytes, and a turn that sends a thousand items allocates nothing.
//!
//! One ring holds everything in its order, whether it may wait or not. Something that may not makes the whole ring due,
//! so nothing overtakes.

use std::io::IoSlice;
use std::time::Instant;

use crate::config::Batching;
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
    batching: Option<Batching>,
    /// Connections whose items leave at the end of this turn, each once.
    pub(crate) dirty: Vec<ConnId>,
    /// Connections whose items may wait. Some have become dirty since, and some are here twice.
    waiting: Vec<ConnId>,
    /// When the waiting is over, if anybody waits.
    window_end: Option<Instant>,
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
    /// The connection is dirty. True of the last item only if it is of all.
    due: bool,
}

/// Whether an item may wait for the end of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Haste {
    /// It leaves at the end of the turn, with everything before it.
    Now,
    /// It may wait where the endpoint batches.
    Batched,
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

    pub(crate) fn new(batching: Option<Batching>) -> Self {
        Self {
            batching,
            ..Self::default()
        }
    }

    /// Appends to the items of a connection, of which `tail` is the last; answers the new last.
    pub(crate) fn push(
        &mut self,
        conn: ConnId,
        tail: u32,
        item: Item,
        haste: Haste,
        now: Instant,
    ) -> u32 {
        let was_due = self.nodes.get(tail as usize).map(|last| last.due);
        let tail = self.link(tail, item, was_due == Some(true));
        if was_due == Some(true) {
            return tail;
        }
        if self.may_wait(tail, haste) {
            if was_due.is_none() {
                self.wait(conn, now);
            }
        } else {
            self.nodes[tail as usize].due = true;
            self.dirty.push(conn);
        }
        tail
    }

    fn may_wait(&self, tail: u32, haste: Haste) -> bool {
        haste == Haste::Batched
            && self
                .batching
                .is_some_and(|batching| self.bytes(tail) < batching.max_bytes)
    }

    fn wait(&mut self, conn: ConnId, now: Instant) {
        let delay = self.batching.map(|batching| batching.max_delay);
        self.window_end = self.window_end.or(Some(now + delay.unwrap_or_default()));
        self.waiting.push(conn);
    }

    /// Whether the connection with these items is dirty.
    pub(crate) fn is_due(&self, tail: u32) -> bool {
        self.nodes.get(tail as usize).is_some_and(|last| last.due)
    }

    /// Takes all items of which `tail` is the last, in their order.
    pub(crate) fn take(&mut self, tail: u32) -> Vec<Item> {
        let mut items = Vec::new();
        let Some(last) = self.nodes.get(tail as usize) else {
            return items;
        };
        let mut place = last.next;
        loop {
            let node = &mut self.nodes[place as usize];
            let next = node.next;
            items.extend(node.item.take());
            if place == tail {
                return items;
            }
            place = next;
        }
    }

    /// Gives a connection items in the place of those that were [taken](Self::take); they leave at the end of the turn.
    pub(crate) fn put(&mut self, conn: ConnId, was_due: bool, items: Vec<Item>) -> u32 {
        let tail = items
            .into_iter()
            .fold(NONE, |tail, item| self.link(tail, item, true));
        if tail != NONE && !was_due {
            self.dirty.push(conn);
        }
        tail
    }

    /// When [`end_window`](Self::end_window) has something to do.
    pub(crate) fn window_end(&self) -> Option<Instant> {
        self.window_end
    }

    /// Ends the window: everything leaves at the end of this turn. `tail` tells the last item of a connection.
    pub(crate) fn end_window(&mut self, tail: impl Fn(ConnId) -> u32) {
        self.window_end = None;
        for conn in self.waiting.drain(..) {
            if let Some(last) = self.nodes.get_mut(tail(conn) as usize)
                && !std::mem::replace(&mut last.due, true)
            {
                self.dirty.push(conn);
            }
        }
    }

    fn link(&mut self, tail: u32, item: Item, due: bool) -> u32 {
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
            due,
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
        let mut items = self.take(tail).into_iter();
        let Some(first) = items.next() else {
            return Left::Nothing;
        };
        let mut backlog = Backlog::begin(first, sent);
        items.for_each(|item| backlog.push(item));
        Left::Blocked(backlog)
    }

    /// Lets go of all items, after all that were due were written, queued or given up. Not while others wait.
    pub(crate) fn clear(&mut self, now: Tick) {
        if self.window_end.is_some() {
            return;
        }
        if self.nodes.len() > KEPT {
            self.busy = now;
        }
        self.nodes.clear();
    }

    /// Gives memory back that a burst needed and nobody has needed for a second since. Answers
    /// whether there is some to give back later.
    pub(crate) fn give_back(&mut self, now: Tick) -> bool {
        const SECOND: u32 = 32;
        let spare = [
            self.nodes.capacity(),
            self.dirty.capacity(),
            self.waiting.capacity(),
        ]
        .iter()
        .any(|&capacity| capacity > KEPT);
        if spare && now.since(self.busy) > SECOND {
            self.nodes.shrink_to(KEPT);
            self.dirty.shrink_to(KEPT);
            self.waiting.shrink_to(KEPT);
            return false;
        }
        spare
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::queue::Kind;

    #[test]
    fn items_of_two_connections_stay_apart_and_in_order() {
        let mut outbox = Outbox::default();
        let a = push(&mut outbox, NONE, item(b"a1"));
        let b = push(&mut outbox, NONE, item(b"b1"));
        let a = push(&mut outbox, a, item(b"a2"));

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
            tail = push(&mut outbox, tail, item(piece));
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
        let tail = push(&mut outbox, NONE, item(b"abc"));
        let tail = push(&mut outbox, tail, item(b"def"));
        let tail = push(&mut outbox, tail, item(b"ghi"));
        let mut messages = 0;

        let Left::Blocked(backlog) = outbox.advance(tail, 9, 4, &mut messages) else {
            panic!("not blocked")
        };

        let mut slices = Vec::new();
        backlog.slices(8, false, &mut slices);
        assert_eq!(concat(&slices), b"efghi");
        assert_eq!((messages, backlog.bytes()), (1, 5));
    }

    #[test]
    fn what_may_wait_leaves_with_the_first_that_may_not() {
        let (mut outbox, now) = batching();
        let tail = outbox.push(conn(1), NONE, item(b"a"), Haste::Batched, now);
        let tail = outbox.push(conn(1), tail, item(b"b"), Haste::Batched, now);
        assert!(outbox.dirty.is_empty());

        let tail = outbox.push(conn(1), tail, item(b"c"), Haste::Now, now);
        let tail = outbox.push(conn(1), tail, item(b"d"), Haste::Batched, now);

        assert_eq!(outbox.dirty, [conn(1)]);
        assert_eq!(written(&outbox, tail, 8), b"abcd");
    }

    #[test]
    fn enough_bytes_wait_no_longer() {
        let (mut outbox, now) = batching();
        let tail = outbox.push(conn(1), NONE, item(b"1234567"), Haste::Batched, now);
        assert!(outbox.dirty.is_empty());

        outbox.push(conn(1), tail, item(b"8"), Haste::Batched, now);

        assert_eq!(outbox.dirty, [conn(1)]);
    }

    #[test]
    fn a_window_begins_with_the_first_that_waits_and_ends_for_all_once() {
        let (mut outbox, now) = batching();
        let later = now + Duration::from_millis(3);
        let one = outbox.push(conn(1), NONE, item(b"a"), Haste::Batched, now);
        let two = outbox.push(conn(2), NONE, item(b"b"), Haste::Batched, later);
        // It became due by itself, and waits no more.
        let two = outbox.push(conn(2), two, item(b"c"), Haste::Now, later);
        assert_eq!(outbox.window_end(), Some(now + DELAY));

        outbox.end_window(|conn| if conn.index == 1 { one } else { two });

        assert_eq!(outbox.window_end(), None);
        assert_eq!(outbox.dirty, [conn(2), conn(1)]);
    }

    #[test]
    fn what_waits_outlasts_the_turn() {
        let (mut outbox, now) = batching();
        let tail = outbox.push(conn(1), NONE, item(b"a"), Haste::Batched, now);

        outbox.clear(Tick(0));
        assert_eq!(written(&outbox, tail, 8), b"a");

        outbox.end_window(|_| tail);
        outbox.clear(Tick(0));
        assert_eq!(outbox.len(), 0);
    }

    const DELAY: Duration = Duration::from_millis(10);

    fn batching() -> (Outbox, Instant) {
        let batching = Batching {
            max_delay: DELAY,
            max_bytes: 8,
        };
        (Outbox::new(Some(batching)), Instant::now())
    }

    fn push(outbox: &mut Outbox, tail: u32, item: Item) -> u32 {
        outbox.push(conn(0), tail, item, Haste::Now, Instant::now())
    }

    fn conn(index: u32) -> ConnId {
        ConnId {
            generation: 0,
            index,
        }
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
