//! How connections come to be: adopted from an acceptor, or dialled.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use bytes::Bytes;
use rand::RngCore;
use rustix::net::SendFlags;
use tungstenite::handshake::derive_accept_key;

use super::{Addresses, AdoptError, Net, dial_socket};
use crate::connection::{ConnId, Connection, Flags, Handshake, Phase};
use crate::dial::{Accepted, Dial};
use crate::handshake::{answer, request};
use crate::queue::{Backlog, Item, Kind};
use crate::tls::Tls;

impl<S> Net<S> {
    /// Takes a connection over from an acceptor. Its request is read, and `App::on_upgrade` and
    /// `App::on_open` are called, later in this turn at the earliest.
    ///
    /// # Errors
    /// The loop is full, or the kernel refuses; the socket is closed in any case.
    pub fn adopt(&mut self, accepted: Accepted, session: S) -> Result<ConnId, AdoptError> {
        let Accepted {
            socket,
            peer,
            client,
            leftover,
            endpoint,
        } = accepted;
        if usize::from(endpoint) >= self.config.endpoints.len() {
            return Err(AdoptError::UnknownEndpoint(endpoint));
        }
        let tls = self.config.endpoints[usize::from(endpoint)].tls.clone();
        if self.is_full() {
            self.counters.refused_full += 1;
            turn_away(&socket, tls.is_some());
            return Err(AdoptError::Full);
        }
        let tls = tls.map(|config| Tls::server(&config)).transpose()?;
        let conn = self.take_over(socket, Addresses { peer, client }, session)?;
        if let Some(connection) = self.connections.get_mut(conn) {
            connection.endpoint = endpoint;
        }
        if let Some(tls) = tls {
            self.begin_tls(conn, tls);
        }
        self.counters.adopted += 1;
        if leftover.is_empty() {
            // With TCP_DEFER_ACCEPT the request is there: do not wait a turn to be told so.
            self.look_again(conn);
        } else {
            self.leftovers.push((conn, leftover));
        }
        Ok(conn)
    }

    /// Opens a connection as a client. Whether it came to be is told later by `App::on_open` or `App::on_failed`.
    ///
    /// # Errors
    /// The loop is full, or the kernel refuses at once: no descriptor, no free port, the local
    /// address is taken.
    pub fn connect(&mut self, dial: Dial, session: S) -> io::Result<ConnId> {
        if self.is_full() {
            return Err(io::Error::new(
                io::ErrorKind::QuotaExceeded,
                "the loop has all the connections it may have",
            ));
        }
        let tls = dial.request.tls.as_ref();
        let tls = tls.map(|tls| Tls::client(&tls.config, &tls.name));
        let tls = tls.transpose().map_err(io::Error::other)?;
        let (socket, local) = dial_socket::connect(&dial)?;
        let conn = self.take_over(
            socket,
            Addresses {
                peer: dial.remote,
                client: local,
            },
            session,
        )?;
        let mut nonce = [0; 16];
        self.dice.fill_bytes(&mut nonce);
        let key = base64(nonce);
        let request = answer::ask(&dial.request, &key);
        let words = first_words(&dial.preface, request, tls.as_ref().map(|(_, hello)| hello));
        self.queued += words.bytes();
        if let Some(connection) = self.connections.get_mut(conn) {
            connection.flags.set(Flags::DIALLED);
            connection.flags.set(Flags::CONNECTING);
            let rare = connection.rare();
            rare.handshake = Some(Handshake::Client {
                request: dial.request,
                accept: derive_accept_key(key.as_bytes()),
                head: Vec::new(),
            });
            // It leaves when the socket turns writable, which is when it is connected.
            rare.backlog = Some(words);
            self.driver.watch_writable(&connection.socket);
        }
        if let Some((tls, _)) = tls {
            self.begin_tls(conn, tls);
        }
        self.counters.dialled += 1;
        Ok(conn)
    }

    fn is_full(&self) -> bool {
        self.connections.len() >= self.config.limits.connections
    }

    fn take_over(
        &mut self,
        socket: OwnedFd,
        addresses: Addresses,
        session: S,
    ) -> io::Result<ConnId> {
        let conn = self.connections.next_id();
        let socket = self.driver.attach(socket, conn)?;
        self.connections
            .insert(Connection::new(socket, addresses, self.tick, session));
        self.arm(conn);
        Ok(conn)
    }

    /// The handshake is done: messages may flow.
    pub(crate) fn open(&mut self, conn: ConnId, window_bits: u8) {
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        connection.phase = Phase::Open;
        connection.window_bits = window_bits;
        connection.mark = self.tick;
        connection.flags.set(Flags::UNPINGED);
        if let Some(rare) = &mut connection.rare {
            rare.handshake = None;
        }
        connection.tidy();
        self.counters.opened += 1;
        self.arm(conn);
    }
}

/// What a client says as soon as it is connected: its request, or what begins TLS and then, encrypted, its request.
fn first_words(preface: &Bytes, request: String, hello: Option<&Vec<u8>>) -> Backlog {
    let Some(hello) = hello else {
        let words = Bytes::from([preface, request.as_bytes()].concat());
        return Backlog::begin(Item::own(words, Kind::Own), 0);
    };
    let words = Bytes::from([preface, &hello[..]].concat());
    let mut backlog = Backlog::begin(Item::own(words, Kind::Sealed), 0);
    backlog.push(Item::own(request.into(), Kind::Own));
    backlog
}

/// Tells a device, as far as one write can, that there is no room, and when to come back. Before TLS there is but one
/// word for it.
fn turn_away(socket: &OwnedFd, tls: bool) {
    let answer = if tls {
        crate::tls::REFUSAL.to_vec()
    } else {
        request::refuse(503, "this gateway is full", Some(Duration::from_secs(5)))
    };
    // Whoever cannot take a hundred bytes on a fresh connection sees it close.
    let _ = rustix::net::send(
        socket.as_fd(),
        &answer,
        SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
    );
}

fn base64(nonce: [u8; 16]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let number = u128::from_be_bytes(nonce);
    // 128 bits are 21 digits of six bits and two bits more, which lead the last digit.
    let digits = (0..22).map(|place| {
        let six = if place < 21 {
            number >> (122 - 6 * place)
        } else {
            number << 4
        };
        char::from(DIGITS[(six & 63) as usize])
    });
    digits.chain("==".chars()).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_key_is_its_nonce_in_base64() {
        // RFC 6455 section 1.3: the key of the example is "the sample nonce".
        assert_eq!(
            super::base64(*b"the sample nonce"),
            "dGhlIHNhbXBsZSBub25jZQ=="
        );
    }
}
