//! What waits for a connection that does not take bytes at the moment.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::Bytes;

use crate::frame;

/// What [`Net::send`](crate::Net::send) takes: frames, complete and in order.
///
/// The bytes are shared by reference count. Loops that send the same bytes at the same time slow
/// each other down at that counter; `Bytes::from_owner(shared.clone())` gives each loop its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Server frames as [`crate::frame`] builds them: one or many, one after the other. Queued by
    /// reference, never copied.
    pub frames: Bytes,
    /// How many messages the frames hold; counted when they have left.
    pub messages: u32,
    /// Whatever the app wants to recognise the item by while it waits, for example the number of a subject.
    pub tag: u32,
}

impl From<Bytes> for Outgoing {
    /// One message, tag 0.
    fn from(frames: Bytes) -> Self {
        Self {
            frames,
            messages: 1,
            tag: 0,
        }
    }
}

/// The send queue of one connection, for an app that decides what gives way.
///
/// The oldest item is not touched once a part of it has left, and neither are frames of the
/// engine's own (pong, close).
#[derive(Debug)]
pub struct SendQueue<'a> {
    pub(crate) backlog: &'a mut Backlog,
    /// The loop's total, kept in step.
    pub(crate) total: &'a mut usize,
}

/// An item that was taken out of a queue, or might be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queued {
    /// As the app gave it.
    pub tag: u32,
    /// As the app gave it.
    pub messages: u32,
    /// The size of the frames.
    pub bytes: usize,
}

impl SendQueue<'_> {
    /// Bytes that wait.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.backlog.bytes
    }

    /// The items that may be taken out, oldest first.
    pub fn items(&self) -> impl Iterator<Item = Queued> + '_ {
        let untouchable = usize::from(self.backlog.sent > 0);
        self.backlog
            .items
            .iter()
            .skip(untouchable)
            .filter(|item| item.kind == Kind::Data)
            .map(Item::queued)
    }

    /// Takes out the oldest item that may be taken.
    pub fn drop_oldest(&mut self) -> Option<Queued> {
        let untouchable = usize::from(self.backlog.sent > 0);
        let mut places = self.backlog.items.iter().enumerate().skip(untouchable);
        let (place, _) = places.find(|(_, item)| item.kind == Kind::Data)?;
        let dropped = self.backlog.items.remove(place)?.queued();
        self.forget(dropped.bytes);
        Some(dropped)
    }

    /// Takes out, oldest first, every item that may be taken and for which `gives_way` says so.
    pub fn drop_where(&mut self, mut gives_way: impl FnMut(&Queued) -> bool) {
        let mut untouchable = self.backlog.sent > 0;
        let mut dropped = 0;
        self.backlog.items.retain(|item| {
            let touchable = !std::mem::replace(&mut untouchable, false);
            let drop = touchable && item.kind == Kind::Data && gives_way(&item.queued());
            if drop {
                dropped += item.frames.len();
            }
            !drop
        });
        self.forget(dropped);
    }

    fn forget(&mut self, bytes: usize) {
        self.backlog.bytes -= bytes;
        *self.total -= bytes;
    }
}

/// One piece of output, whole frames.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) frames: Bytes,
    pub(crate) messages: u32,
    pub(crate) tag: u32,
    pub(crate) kind: Kind,
}

impl Item {
    /// Something of the engine's own.
    pub(crate) fn own(frames: Bytes, kind: Kind) -> Self {
        Self {
            frames,
            messages: 0,
            tag: 0,
            kind,
        }
    }

    fn queued(&self) -> Queued {
        Queued {
            tag: self.tag,
            messages: self.messages,
            bytes: self.frames.len(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// From the app.
    Data,
    /// The answer to a ping; only the last matters.
    Pong,
    /// Handshakes, pings, close frames.
    Own,
    /// Encrypted: it leaves in the order in which it was.
    Sealed,
}

/// What waits, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    items: VecDeque<Item>,
    /// How much of the oldest item has left.
    sent: usize,
    /// What waits, all items together, less what has left.
    bytes: usize,
}

impl Backlog {
    /// What was not taken of a write; `sent` bytes of the first item have left.
    pub(crate) fn begin(first: Item, sent: usize) -> Self {
        let bytes = first.frames.len() - sent;
        Self {
            items: VecDeque::from([first]),
            sent,
            bytes,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(crate) fn push(&mut self, item: Item) {
        self.bytes += item.frames.len();
        self.items.push_back(item);
    }

    /// Lets go of everything but the rest of the frame that has left in part. False, and nothing is let go, if what has
    /// left is encrypted, so that frames cannot be told apart.
    pub(crate) fn cut_to_frame(&mut self) -> bool {
        if self.begins_sealed() {
            return false;
        }
        self.items.truncate(usize::from(self.sent > 0));
        if let Some(first) = self.items.front_mut()
            && first.kind == Kind::Data
        {
            let end = frame::end_of_frame(&first.frames, self.sent);
            first.frames.truncate(end);
            first.messages = 0;
        }
        let left = self.items.front().map_or(0, |first| first.frames.len());
        self.bytes = left - self.sent;
        true
    }

    /// RFC 6455 section 5.5.3: only the most recent ping need be answered, so that a peer which
    /// pings and never reads cannot make us hold its pongs.
    pub(crate) fn drop_pongs(&mut self) {
        let mut untouchable = self.sent > 0;
        let mut dropped = 0;
        self.items.retain(|item| {
            let keep = std::mem::replace(&mut untouchable, false) || item.kind != Kind::Pong;
            dropped += if keep { 0 } else { item.frames.len() };
            keep
        });
        self.bytes -= dropped;
    }

    /// Whether the next bytes to write are encrypted.
    pub(crate) fn begins_sealed(&self) -> bool {
        self.items
            .front()
            .is_some_and(|item| item.kind == Kind::Sealed)
    }

    /// Puts an encrypted item behind those that are, before all that are not.
    pub(crate) fn push_sealed(&mut self, item: Item) {
        self.bytes += item.frames.len();
        self.items.insert(self.sealed(), item);
    }

    /// Takes out the oldest items that are not encrypted: until `enough` bytes are together, or all.
    pub(crate) fn take_plain(&mut self, enough: usize) -> Vec<Item> {
        let first = self.sealed();
        let mut taken = 0;
        let count = self.items.range(first..).take_while(|item| {
            let wanted = taken < enough;
            taken += item.frames.len();
            wanted
        });
        let last = first + count.count();
        let plain: Vec<Item> = self.items.drain(first..last).collect();
        self.bytes -= plain.iter().map(|item| item.frames.len()).sum::<usize>();
        plain
    }

    fn sealed(&self) -> usize {
        self.items
            .iter()
            .take_while(|item| item.kind == Kind::Sealed)
            .count()
    }

    /// The next bytes to write, in at most `room` pieces.
    /// Where TLS is spoken, only what is encrypted.
    pub(crate) fn slices<'a>(&'a self, room: usize, tls: bool, out: &mut Vec<IoSlice<'a>>) {
        let mut skip = self.sent;
        let ready = self
            .items
            .iter()
            .take_while(|item| !tls || item.kind == Kind::Sealed);
        for item in ready.take(room) {
            out.push(IoSlice::new(&item.frames[skip..]));
            skip = 0;
        }
    }

    /// `written` bytes have left; answers how many messages they completed.
    pub(crate) fn advance(&mut self, written: usize) -> u64 {
        self.bytes -= written;
        self.sent += written;
        let mut messages = 0;
        while let Some(first) = self.items.front()
            && self.sent >= first.frames.len()
        {
            self.sent -= first.frames.len();
            messages += u64::from(first.messages);
            self.items.pop_front();
        }
        messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_is_cut_keeps_the_rest_of_the_frame_that_has_left_in_part() {
        let frames: Vec<u8> = [frame::text("first"), frame::text("second")].concat();
        for (sent, left) in [(0, 0), (1, 6), (7, 0), (8, 7), (14, 1)] {
            let mut backlog = Backlog::begin(Item::data(&frames), sent);
            backlog.push(Item::data(&frames));

            assert!(backlog.cut_to_frame());

            assert_eq!(backlog.bytes(), left, "{sent} bytes have left");
        }
    }

    #[test]
    fn what_is_encrypted_is_not_cut() {
        let sealed = Item::own(Bytes::from_static(b"sealed"), Kind::Sealed);
        let mut backlog = Backlog::begin(sealed, 2);

        assert!(!backlog.cut_to_frame());
        assert_eq!(backlog.bytes(), 4);
    }

    impl Item {
        fn data(frames: &[u8]) -> Self {
            Self {
                kind: Kind::Data,
                ..Self::own(Bytes::copy_from_slice(frames), Kind::Own)
            }
        }
    }

    #[test]
    fn an_item_that_began_to_leave_stays_until_it_is_gone() {
        let mut backlog = Backlog::begin(item(1, 10), 4);
        backlog.push(item(2, 20));
        backlog.push(item(1, 30));
        let mut total = backlog.bytes();

        let mut queue = SendQueue {
            backlog: &mut backlog,
            total: &mut total,
        };
        queue.drop_where(|queued| queued.tag == 1);

        assert_eq!(
            queue.items().collect::<Vec<_>>(),
            [Queued {
                tag: 2,
                messages: 1,
                bytes: 20
            }]
        );
        assert_eq!((backlog.bytes(), total), (26, 26));
    }

    #[test]
    fn the_oldest_item_that_may_go_goes_first() {
        let mut backlog = Backlog::begin(item(1, 10), 4);
        backlog.push(Item::own(Bytes::from_static(b"pong"), Kind::Pong));
        backlog.push(item(2, 20));
        let mut total = backlog.bytes() + 1000;

        let mut queue = SendQueue {
            backlog: &mut backlog,
            total: &mut total,
        };

        assert_eq!(
            queue.drop_oldest(),
            Some(Queued {
                tag: 2,
                messages: 1,
                bytes: 20
            })
        );
        assert_eq!(queue.drop_oldest(), None);
        assert_eq!((backlog.bytes(), total), (10, 1010));
    }

    #[test]
    fn a_partial_write_leaves_the_rest_in_order() {
        let mut backlog = Backlog::begin(item(1, 10), 0);
        backlog.push(item(2, 20));

        assert_eq!(backlog.advance(15), 1);

        let mut slices = Vec::new();
        backlog.slices(8, false, &mut slices);
        assert_eq!(
            slices.iter().map(|slice| slice.len()).collect::<Vec<_>>(),
            [15]
        );
        assert_eq!(
            (backlog.bytes(), backlog.advance(15), backlog.is_empty()),
            (15, 1, true)
        );
    }

    #[test]
    fn what_is_encrypted_stays_before_what_is_not() {
        let mut backlog = Backlog::begin(Item::own(Bytes::from_static(b"sealed"), Kind::Sealed), 2);
        backlog.push(item(1, 10));
        backlog.push(item(2, 20));
        backlog.push(item(3, 30));

        let plain = backlog.take_plain(11);
        let tags: Vec<u32> = plain.iter().map(|item| item.tag).collect();
        assert_eq!((tags, backlog.bytes()), (vec![1, 2], 34));

        backlog.push_sealed(Item::own(Bytes::from_static(b"behind"), Kind::Sealed));
        let mut slices = Vec::new();
        backlog.slices(8, true, &mut slices);
        assert_eq!(
            slices.iter().map(|slice| slice.len()).collect::<Vec<_>>(),
            [4, 6]
        );
    }

    fn item(tag: u32, bytes: usize) -> Item {
        Item {
            frames: vec![0; bytes].into(),
            messages: 1,
            tag,
            kind: Kind::Data,
        }
    }
}
