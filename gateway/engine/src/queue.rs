//! What waits for a connection that does not take bytes at the moment.

use bytes::Bytes;

/// What [`Net::send`](crate::Net::send) takes: frames, complete and in order.
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
    _queue: std::marker::PhantomData<&'a mut ()>,
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
        0
    }

    /// Takes out the oldest item that may be taken.
    pub fn drop_oldest(&mut self) -> Option<Queued> {
        None
    }

    /// Takes out, oldest first, every item that may be taken and for which `gives_way` says so.
    pub fn drop_where(&mut self, gives_way: impl FnMut(&Queued) -> bool) {
        let _ = gives_way;
    }
}
