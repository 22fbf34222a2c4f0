//! Connections that speak TLS: what arrives is decrypted before anything else looks at it, and what leaves is encrypted
//! when it is about to.
//!
//! The order of encryption is the order on the wire. So items wait as plain as on any other connection, may be dropped
//! as there, and become one sealed item just before they are written. What TLS itself has to say is sealed already when
//! it comes, and goes before whatever is still plain.

use bytes::Bytes;
use rustls::Error;

use super::Net;
use crate::connection::{ConnId, Ending, Flags, Phase};
use crate::ending::{Closed, Failure};
use crate::queue::{Backlog, Item, Kind};
use crate::tls::{Received, Tls};

/// What is taken from a slow connection's queue at a time to be encrypted, in bytes. It can no longer be dropped then.
const SEALED_AT_ONCE: usize = 64 * 1024;

impl<S> Net<S> {
    /// Whether a connection speaks TLS.
    pub(crate) fn is_sealed(&self, conn: ConnId) -> bool {
        let connection = self.connections.get(conn);
        connection.is_some_and(|connection| connection.tls().is_some())
    }

    /// Has a connection speak TLS from its first byte.
    pub(super) fn begin_tls(&mut self, conn: ConnId, tls: Tls) {
        self.speaks_tls = true;
        if let Some(connection) = self.connections.get_mut(conn) {
            connection.rare().tls = Some(Box::new(tls));
        }
    }

    /// Decrypts what arrived, and sends what TLS answers to it. `None` if the connection is gone or speaks no TLS.
    pub(crate) fn unseal(
        &mut self,
        conn: ConnId,
        data: &mut [u8],
        plain: &mut Vec<u8>,
    ) -> Option<Received> {
        let tls = self.connections.get_mut(conn)?.tls_mut()?;
        let was_established = tls.is_established();
        let mut received = tls.receive(data, plain);
        if !was_established && tls.is_established() {
            self.counters.tls_established += 1;
        }
        if received.error.is_none() {
            self.reply(conn, std::mem::take(&mut received.reply));
        }
        Some(received)
    }

    /// The peer broke TLS: tells it so, and listens no more.
    pub(crate) fn tls_failed(&mut self, conn: ConnId, received: Received, error: &Error) {
        let Some(connection) = self.connections.get(conn) else {
            return;
        };
        let ending = match connection.phase {
            Phase::Handshake => Ending::Failed(Failure::Tls(error.to_string())),
            Phase::Open | Phase::Closing => Ending::Closed(Closed::Tls(error.to_string())),
            Phase::Lingering | Phase::Doomed => return,
        };
        let dialled = connection.flags.has(Flags::DIALLED);
        self.counters.violations += 1;
        // It cannot be encrypted any more.
        self.forget_output(conn);
        self.reply(conn, received.reply);
        if dialled {
            self.flush_one(conn);
            self.doom(conn, ending);
        } else {
            self.linger(conn, ending);
        }
    }

    /// Sends what TLS itself has to say, before anything that is not encrypted yet.
    fn reply(&mut self, conn: ConnId, sealed: Vec<u8>) {
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        if sealed.is_empty() {
            return;
        }
        let item = Item::own(Bytes::from(sealed), Kind::Sealed);
        if let Some(backlog) = connection.backlog_mut() {
            self.queued += item.frames.len();
            backlog.push_sealed(item);
            return;
        }
        let outbox = &mut self.outboxes[usize::from(connection.endpoint)];
        let was_due = outbox.is_due(connection.outbox);
        let mut items = outbox.take(connection.outbox);
        let place = sealed_before(&items);
        items.insert(place, item);
        connection.outbox = outbox.put(conn, was_due, items);
    }

    /// Encrypts what a turn or window gathered for a connection, right before it is written.
    pub(super) fn seal_outbox(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        let (tail, endpoint) = (connection.outbox, usize::from(connection.endpoint));
        let Some(tls) = connection.tls_mut() else {
            return;
        };
        let outbox = &mut self.outboxes[endpoint];
        let was_due = outbox.is_due(tail);
        let items = outbox.take(tail);
        match seal(tls, items) {
            Ok(items) => connection.outbox = outbox.put(conn, was_due, items),
            Err(error) => self.cannot_seal(conn, &error),
        }
    }

    /// Encrypts what comes next of a slow connection's queue, unless it is or need not be. False if there is nothing
    /// that can be written at present.
    pub(super) fn seal_next(&mut self, conn: ConnId) -> bool {
        let Some(connection) = self.connections.get(conn) else {
            return false;
        };
        let Some(tls) = connection.tls() else {
            return true;
        };
        if connection.backlog().is_some_and(Backlog::begins_sealed) {
            return true;
        }
        // What waits during the handshake is the request, which is told to nobody before.
        tls.is_established() && self.seal_backlog(conn, SEALED_AT_ONCE)
    }

    /// Encrypts the next `at_once` bytes of a slow connection's queue, and the rest of the item they end in.
    fn seal_backlog(&mut self, conn: ConnId, at_once: usize) -> bool {
        let rare = self.connections.get_mut(conn);
        let Some(rare) = rare.and_then(|connection| connection.rare.as_deref_mut()) else {
            return false;
        };
        let (Some(tls), Some(backlog)) = (&mut rare.tls, &mut rare.backlog) else {
            return false;
        };
        let before = backlog.bytes();
        let sealed = seal(tls, backlog.take_plain(at_once));
        let after = sealed.map(|items| {
            items.into_iter().for_each(|item| backlog.push_sealed(item));
        });
        self.queued = self.queued + backlog.bytes() - before;
        if let Err(error) = &after {
            self.cannot_seal(conn, error);
        }
        after.is_ok()
    }

    /// Says that nothing more follows, behind all that waits.
    pub(super) fn say_goodbye(&mut self, conn: ConnId) {
        let established = |tls: &Tls| tls.is_established();
        let connection = self.connections.get(conn);
        if !connection.is_some_and(|connection| connection.tls().is_some_and(established)) {
            return;
        }
        self.seal_outbox(conn);
        self.seal_backlog(conn, usize::MAX);
        let mut goodbye = Vec::new();
        let tls = self
            .connections
            .get_mut(conn)
            .and_then(|connection| connection.tls_mut());
        // After an error there is nothing to say: the alert said it.
        if tls.is_some_and(|tls| tls.say_goodbye(&mut goodbye).is_ok()) {
            self.reply(conn, goodbye);
        }
    }

    fn cannot_seal(&mut self, conn: ConnId, error: &Error) {
        self.doom(conn, Ending::Closed(Closed::Tls(error.to_string())));
    }
}

/// Encrypts items into one; those that are sealed already stay as they are.
fn seal(tls: &mut Tls, mut items: Vec<Item>) -> Result<Vec<Item>, Error> {
    let plain = items.split_off(sealed_before(&items));
    let mut sealed = Vec::new();
    match plain.as_slice() {
        [] => return Ok(items),
        [item] => tls.seal(&item.frames, &mut sealed)?,
        several => {
            let frames: Vec<&[u8]> = several.iter().map(|item| &item.frames[..]).collect();
            tls.seal(&frames.concat(), &mut sealed)?;
        }
    }
    items.push(Item {
        messages: plain.iter().map(|item| item.messages).sum(),
        ..Item::own(Bytes::from(sealed), Kind::Sealed)
    });
    Ok(items)
}

/// How many items are sealed before the first that is not.
fn sealed_before(items: &[Item]) -> usize {
    items
        .iter()
        .take_while(|item| item.kind == Kind::Sealed)
        .count()
}
