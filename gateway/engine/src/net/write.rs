//! How bytes leave: at the end of the turn or of the endpoint's window, in one write per connection; and what happens
//! to those that a socket does not take.

use std::io::IoSlice;

use bytes::Bytes;
use rustix::io::Errno;

use super::{Net, SendError};
use crate::connection::{ConnId, Connection, Ending, Flags, Phase};
use crate::driver::Write;
use crate::ending::Failure;
use crate::outbox::{Haste, Left, NONE};
use crate::queue::{Backlog, Item, Kind};

/// Writes given to the kernel as one batch, slices of them all, and of one of them.
const WRITES: usize = 128;
const SLICES: usize = 1024;
const SLICES_EACH: usize = 64;

/// Items gathered before they leave although neither turn nor window has ended.
const OUTBOX_FULL: usize = 64 * 1024;

impl<S> Net<S> {
    /// Puts an item of the app's where it waits: with what the turn sends, or behind what the
    /// connection has not taken yet.
    pub(super) fn enqueue(
        &mut self,
        conn: ConnId,
        item: Item,
        haste: Haste,
    ) -> Result<(), SendError> {
        let Some(connection) = self.connections.get(conn) else {
            return Err(SendError::NotOpen);
        };
        let bytes = item.frames.len();
        if bytes == 0 {
            return Ok(());
        }
        if let Some(waiting) = connection.backlog().map(Backlog::bytes) {
            if !self.has_room(waiting, bytes) {
                return Err(SendError::Full);
            }
            if let Some(backlog) = self
                .connections
                .get_mut(conn)
                .and_then(Connection::backlog_mut)
            {
                backlog.push(item);
                self.queued += bytes;
            }
            return Ok(());
        }
        let send_queue = self.config.limits.send_queue;
        let outbox = &self.outboxes[usize::from(connection.endpoint)];
        let pending = outbox.bytes(connection.outbox);
        if pending > 0 && pending + bytes > send_queue {
            // Only the kernel can tell whether the peer is slow: let it take what there is.
            self.flush_one(conn);
            self.sendable(conn)?;
            return self.enqueue(conn, item, haste);
        }
        self.gather(conn, item, haste);
        Ok(())
    }

    /// Puts an item of the engine's own at the end of whatever waits, limits or not.
    pub(crate) fn enqueue_own(&mut self, conn: ConnId, frames: Bytes, kind: Kind) {
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        let item = Item::own(frames, kind);
        if let Some(backlog) = connection
            .rare
            .as_mut()
            .and_then(|rare| rare.backlog.as_mut())
        {
            let before = backlog.bytes();
            if kind == Kind::Pong {
                backlog.drop_pongs();
            }
            backlog.push(item);
            self.queued = self.queued + backlog.bytes() - before;
            return;
        }
        self.gather(conn, item, Haste::Now);
    }

    fn gather(&mut self, conn: ConnId, item: Item, haste: Haste) {
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        let place = usize::from(connection.endpoint);
        let outbox = &mut self.outboxes[place];
        connection.outbox = outbox.push(conn, connection.outbox, item, haste, self.now);
        if outbox.len() >= OUTBOX_FULL {
            self.end_window(place);
            self.flush_outbox(place);
        }
    }

    /// Ends the windows whose time has come.
    pub(crate) fn end_windows(&mut self) {
        for place in 0..self.outboxes.len() {
            if self.outboxes[place]
                .window_end()
                .is_some_and(|end| end <= self.now)
            {
                self.end_window(place);
            }
        }
    }

    fn end_window(&mut self, place: usize) {
        let connections = &self.connections;
        self.outboxes[place].end_window(|conn| {
            connections
                .get(conn)
                .map_or(NONE, |connection| connection.outbox)
        });
    }

    /// Writes what is due. What a socket does not take becomes its backlog.
    pub(crate) fn flush(&mut self) {
        for place in 0..self.outboxes.len() {
            self.flush_outbox(place);
        }
    }

    fn flush_outbox(&mut self, place: usize) {
        let mut dirty = std::mem::take(&mut self.outboxes[place].dirty);
        let mut again = Vec::new();
        while !dirty.is_empty() {
            let mut rest = &dirty[..];
            while !rest.is_empty() {
                let taken = self.write_some(rest, &mut again);
                rest = &rest[taken..];
            }
            dirty.clear();
            std::mem::swap(&mut dirty, &mut again);
        }
        let outbox = &mut self.outboxes[place];
        outbox.dirty = if dirty.capacity() > again.capacity() {
            dirty
        } else {
            again
        };
        outbox.clear(self.tick);
    }

    pub(super) fn flush_one(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get(conn) else {
            return;
        };
        let outbox = &mut self.outboxes[usize::from(connection.endpoint)];
        outbox.dirty.retain(|&dirty| dirty != conn);
        let mut again = vec![conn];
        while !again.is_empty() {
            again.clear();
            self.write_some(&[conn], &mut again);
        }
    }

    /// Writes to as many of the connections as one batch has room for, and answers how many those
    /// were. Connections that had more than one write takes go to `again`.
    fn write_some(&mut self, dirty: &[ConnId], again: &mut Vec<ConnId>) -> usize {
        if self.speaks_tls {
            for &conn in dirty.iter().take(WRITES) {
                self.seal_outbox(conn);
            }
        }
        let mut slices = Vec::with_capacity(dirty.len().min(SLICES));
        let mut writes = Vec::with_capacity(dirty.len().min(WRITES));
        let mut wanted = Vec::with_capacity(dirty.len().min(WRITES));
        let mut taken = 0;
        for &conn in dirty {
            if writes.len() == WRITES || slices.len() + SLICES_EACH > SLICES {
                break;
            }
            taken += 1;
            let Some(connection) = self.connections.get(conn) else {
                continue;
            };
            if connection.outbox == NONE {
                continue;
            }
            let first = slices.len();
            let outbox = &self.outboxes[usize::from(connection.endpoint)];
            let bytes = outbox.slices(connection.outbox, SLICES_EACH, &mut slices);
            let count = slices.len() - first;
            writes.push(Write {
                socket: &connection.socket,
                first,
                count,
                result: Ok(0),
            });
            wanted.push((conn, bytes));
        }
        self.driver.write(&mut writes, &slices);
        let results: Vec<_> = writes.into_iter().map(|write| write.result).collect();
        for ((conn, bytes), result) in wanted.into_iter().zip(results) {
            self.written(conn, bytes, result, again);
        }
        taken
    }

    fn written(
        &mut self,
        conn: ConnId,
        wanted: usize,
        result: Result<usize, Errno>,
        again: &mut Vec<ConnId>,
    ) {
        self.counters.writes += 1;
        let written = match result {
            Ok(written) => written,
            Err(error) if blocks(error) => 0,
            Err(error) => return self.write_failed(conn, error),
        };
        self.counters.bytes_out += written as u64;
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        let outbox = &mut self.outboxes[usize::from(connection.endpoint)];
        match outbox.advance(
            connection.outbox,
            wanted,
            written,
            &mut self.counters.messages_out,
        ) {
            Left::More => again.push(conn),
            Left::Nothing => {
                connection.outbox = NONE;
                if connection.flags.has(Flags::LAST_WORDS) {
                    self.driver.end_stream(&connection.socket);
                }
            }
            Left::Blocked(backlog) => {
                connection.outbox = NONE;
                self.block(conn, backlog);
            }
        }
    }

    /// The socket takes bytes again. Answers whether the backlog is gone now.
    pub(crate) fn write_backlog(&mut self, conn: ConnId) -> bool {
        loop {
            if !self.seal_next(conn) {
                return false;
            }
            let Some(connection) = self.connections.get_mut(conn) else {
                return false;
            };
            let tls = connection.tls().is_some();
            let Some(backlog) = connection
                .rare
                .as_mut()
                .and_then(|rare| rare.backlog.as_mut())
            else {
                return false;
            };
            let (wanted, result) = write_once(&mut self.driver, &connection.socket, backlog, tls);
            self.counters.writes += 1;
            let written = match result {
                Ok(written) => written,
                Err(error) if blocks(error) => 0,
                Err(error) => {
                    self.write_failed(conn, error);
                    return false;
                }
            };
            connection.flags.clear(Flags::CONNECTING);
            if written > 0 && connection.phase == Phase::Open {
                // Room in the socket means that the peer acknowledged bytes: it lives.
                connection.flags.clear(Flags::PINGED);
                connection.mark = self.tick;
            }
            self.counters.bytes_out += written as u64;
            self.counters.messages_out += backlog.advance(written);
            self.queued -= written;
            if backlog.is_empty() {
                connection.rare().backlog = None;
                connection.tidy();
                if connection.flags.has(Flags::LAST_WORDS) {
                    self.driver.end_stream(&connection.socket);
                }
                return true;
            }
            if written < wanted {
                self.driver.watch_writable(&connection.socket);
                return false;
            }
        }
    }

    /// The peer will take nothing any more. What it said before that is read first, so that the
    /// reason of the end is the right one.
    fn write_failed(&mut self, conn: ConnId, error: Errno) {
        self.forget_output(conn);
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        if connection.flags.has(Flags::CONNECTING) {
            let kind = std::io::Error::from(error).kind();
            self.doom(conn, Ending::Failed(Failure::Connect(kind)));
            return;
        }
        connection.flags.set(Flags::BROKEN);
        connection.flags.clear(Flags::PAUSED);
        self.look_again(conn);
    }

    /// Lets everything go that waits for a connection.
    pub(super) fn forget_output(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        // The items themselves go when the outbox is cleared.
        connection.outbox = NONE;
        if let Some(backlog) = connection
            .rare
            .as_mut()
            .and_then(|rare| rare.backlog.take())
        {
            self.queued -= backlog.bytes();
            connection.tidy();
        }
    }

    /// Whether anything waits for a connection.
    pub(super) fn has_output(&self, conn: ConnId) -> bool {
        self.connections
            .get(conn)
            .is_some_and(|connection| connection.outbox != NONE || connection.backlog().is_some())
    }
}

fn write_once(
    driver: &mut crate::driver::Driver,
    socket: &crate::driver::Socket,
    backlog: &Backlog,
    tls: bool,
) -> (usize, Result<usize, Errno>) {
    let mut slices: Vec<IoSlice<'_>> = Vec::new();
    backlog.slices(SLICES_EACH, tls, &mut slices);
    let wanted = slices.iter().map(|slice| slice.len()).sum();
    let mut writes = [Write {
        socket,
        first: 0,
        count: slices.len(),
        result: Ok(0),
    }];
    driver.write(&mut writes, &slices);
    let [write] = writes;
    (wanted, write.result)
}

/// Not now: the socket is full, or the kernel short of memory for it.
fn blocks(error: Errno) -> bool {
    matches!(error, Errno::AGAIN | Errno::INTR | Errno::NOBUFS)
}
