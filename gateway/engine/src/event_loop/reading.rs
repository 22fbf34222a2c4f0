//! From readiness to the app: reads, handshakes, messages.

use bytes::Bytes;

use super::{PLAIN, Running};
use crate::app::{App, Message};
use crate::connection::{ConnId, Flags, Handshake, Phase};
use crate::decoder::{self, Event, Rules};
use crate::dial::Upgrade;
use crate::ending::Failure;
use crate::frame::FrameError;
use crate::handshake::{answer, may_be_complete, request};
use crate::net::Net;
use crate::queue::Kind;

impl<A: App> Running<A> {
    /// Everything the sockets have for us, once each.
    pub(super) fn take_bytes(&mut self) {
        for (conn, leftover) in std::mem::take(&mut self.net.leftovers) {
            // What came behind it is told with the first look at the socket.
            self.input(conn, &mut leftover.to_vec());
        }
        std::mem::swap(&mut self.ready, &mut self.net.ready);
        let mut ready = std::mem::take(&mut self.ready);
        for readiness in ready.drain(..) {
            if readiness.writable {
                self.write_backlog(readiness.conn);
            }
            if readiness.readable && self.net.wants_bytes(readiness.conn) {
                self.wants.push((readiness.conn, readiness.ended));
            }
        }
        self.ready = ready;
        self.read_all();
    }

    fn write_backlog(&mut self, conn: ConnId) {
        if self.net.write_backlog(conn) && self.net.is_open(conn) {
            self.app.on_drained(&mut self.net, conn);
        }
    }

    fn read_all(&mut self) {
        let mut wants = std::mem::take(&mut self.wants);
        let mut results = Vec::with_capacity(self.lanes.count());
        for batch in wants.chunks(self.lanes.count()) {
            results.clear();
            // A connection may have ended since, by what another one brought about.
            let batch: Vec<_> = batch
                .iter()
                .filter(|(conn, _)| self.net.connections.get(*conn).is_some())
                .collect();
            let sockets: Vec<_> = batch
                .iter()
                .filter_map(|(conn, _)| self.net.connections.get(*conn))
                .map(|connection| &connection.socket)
                .collect();
            self.net
                .driver
                .read(&sockets, &mut self.lanes, &mut results);
            for (lane, (&&(conn, ended), &result)) in batch.iter().zip(&results).enumerate() {
                match result {
                    Ok(0) => self.net.end_of_stream(conn),
                    Ok(length) => self.read(conn, lane, length, ended),
                    Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                    Err(error) => self.net.read_failed(conn, error),
                }
            }
        }
        wants.clear();
        self.wants = wants;
    }

    fn read(&mut self, conn: ConnId, lane: usize, length: usize, ended: bool) {
        self.net.counters.bytes_in += length as u64;
        if length == self.lanes.size() || ended {
            // The kernel tells every change once, and this socket is not known to be empty.
            self.net.look_again(conn);
        }
        // The lanes leave for the time of the call: the app works on the net while it reads from them.
        let mut lanes = std::mem::take(&mut self.lanes);
        self.input(conn, &mut lanes.lane(lane)[..length]);
        self.lanes = lanes;
    }

    fn input(&mut self, conn: ConnId, data: &mut [u8]) {
        if self.net.is_sealed(conn) {
            self.sealed_input(conn, data);
        } else {
            self.plain_input(conn, data);
        }
    }

    /// Bytes of TLS.
    fn sealed_input(&mut self, conn: ConnId, data: &mut [u8]) {
        if !self.net.is_listening(conn) {
            return;
        }
        let mut plain = std::mem::take(&mut self.plain);
        plain.clear();
        if let Some(mut received) = self.net.unseal(conn, data, &mut plain) {
            // The handshake may be what the request waited for.
            self.write_backlog(conn);
            if !plain.is_empty() {
                self.plain_input(conn, &mut plain);
            }
            if let Some(error) = received.error.take() {
                self.net.tls_failed(conn, received, &error);
            } else if received.ended {
                self.net.end_of_stream(conn);
            }
        }
        plain.shrink_to(PLAIN);
        self.plain = plain;
    }

    fn plain_input(&mut self, conn: ConnId, data: &mut [u8]) {
        let Some(connection) = self.net.connections.get(conn) else {
            return;
        };
        match connection.phase {
            Phase::Open | Phase::Closing => self.frames(conn, data),
            Phase::Handshake if connection.flags.has(Flags::DIALLED) => self.answer(conn, data),
            Phase::Handshake => self.request(conn, data),
            // All is said, or the app is about to be told so.
            Phase::Lingering | Phase::Doomed => {}
        }
    }

    /// Bytes of an upgrade request.
    fn request(&mut self, conn: ConnId, data: &mut [u8]) {
        match self.net.take_head(conn) {
            None => {
                if let Some(length) = self.try_request(conn, data, 0) {
                    self.frames(conn, &mut data[length..]);
                }
            }
            Some(mut head) => {
                let before = head.len();
                head.extend_from_slice(data);
                if let Some(length) = self.try_request(conn, &head, before) {
                    self.frames(conn, &mut head[length..]);
                }
            }
        }
    }

    /// Reads a request and answers it, if it is complete. The answer is the length of a head that
    /// opened the connection.
    fn try_request(&mut self, conn: ConnId, head: &[u8], before: usize) -> Option<usize> {
        let limit = self.net.config.limits.head;
        let endpoints = std::sync::Arc::clone(&self.endpoints);
        let endpoint = endpoints.get(usize::from(self.net.endpoint(conn)?))?;
        if head.len() < limit && !may_be_complete(head, before) {
            self.net.keep_head(conn, head);
            return None;
        }
        let mut headers = request::header_room();
        let (request, headers) = match request::parse(head, &mut headers, endpoint, limit) {
            Ok(Some(parsed)) => parsed,
            Ok(None) => {
                self.net.keep_head(conn, head);
                return None;
            }
            Err(bad) => {
                let failure = Failure::BadRequest {
                    status: bad.status,
                    reason: bad.reason,
                };
                self.net.refuse(conn, bad.answer(), failure);
                return None;
            }
        };
        let upgrade = Upgrade {
            target: request.target,
            subprotocol: request.subprotocol,
            headers,
        };
        if let Err(refusal) = self.app.on_upgrade(&mut self.net, conn, &upgrade) {
            let answer = request::refuse(refusal.status, &refusal.reason, refusal.retry_after);
            self.net.refuse(
                conn,
                answer,
                Failure::RefusedByApp {
                    status: refusal.status,
                },
            );
            return None;
        }
        if self.net.connections.get(conn)?.phase != Phase::Handshake {
            // The app ended it instead.
            return None;
        }
        self.net
            .enqueue_own(conn, Bytes::from(request.answer()), Kind::Own);
        let window_bits = request.deflate.map_or(0, |deflate| deflate.window_bits);
        self.net.open(conn, window_bits);
        self.app.on_open(&mut self.net, conn);
        Some(request.length)
    }

    /// Bytes of the answer to our own request.
    fn answer(&mut self, conn: ConnId, data: &mut [u8]) {
        let Some((request, accept, mut head)) = self.net.take_answer(conn) else {
            return;
        };
        let before = head.len();
        head.extend_from_slice(data);
        let limit = self.net.config.limits.head;
        let parsed = if head.len() < limit && !may_be_complete(&head, before) {
            Ok(None)
        } else {
            answer::parse(&head, &request, &accept, limit)
        };
        match parsed {
            Ok(Some(answer)) => {
                // We did not limit our own window, and the server may not either unless it is told.
                self.net.open(conn, if answer.deflate { 15 } else { 0 });
                self.app.on_open(&mut self.net, conn);
                self.frames(conn, &mut head[answer.length..]);
            }
            Ok(None) => self.net.keep_answer(
                conn,
                Handshake::Client {
                    request,
                    accept,
                    head,
                },
            ),
            Err(failure) => self.net.fail(conn, failure),
        }
    }

    /// Bytes of frames.
    fn frames(&mut self, conn: ConnId, data: &mut [u8]) {
        if data.is_empty() {
            return;
        }
        self.net.heard(conn);
        let Some((mut partial, rules)) = self.net.begin_decoding(conn) else {
            return;
        };
        let mut input = data;
        while self.net.is_decoding(conn) {
            let event = decoder::next(&mut input, &mut partial, rules, &mut self.inflater);
            match event.and_then(|event| event.map(|event| self.event(conn, event)).transpose()) {
                Ok(Some(())) => {}
                Ok(None) => break,
                Err(error) => self.net.violated(conn, error),
            }
        }
        self.net.end_decoding(conn, partial);
    }

    fn event(&mut self, conn: ConnId, event: Event<'_>) -> Result<(), FrameError> {
        let open = self.net.is_open(conn);
        match event {
            Event::Text(text) if open => {
                self.net.counters.messages_in += 1;
                self.app
                    .on_message(&mut self.net, conn, Message::Text(&text));
            }
            Event::Binary(data) if open => {
                self.net.counters.messages_in += 1;
                self.app
                    .on_message(&mut self.net, conn, Message::Binary(&data));
            }
            Event::Ping(payload) => {
                self.net.count_control(conn)?;
                if open {
                    self.net.pong(conn, &payload);
                }
            }
            Event::Pong => self.net.count_control(conn)?,
            Event::Close(body) => self.net.peer_closes(conn, body),
            // Our Close frame is out: nobody waits for messages any more.
            Event::Text(_) | Event::Binary(_) => {}
        }
        Ok(())
    }
}

/// What reading needs of a connection.
impl<S> Net<S> {
    /// Whether a connection is to be read now; a paused one is remembered instead.
    fn wants_bytes(&mut self, conn: ConnId) -> bool {
        let Some(connection) = self.connections.get_mut(conn) else {
            return false;
        };
        if connection.flags.has(Flags::PAUSED) {
            connection.flags.set(Flags::UNREAD);
            return false;
        }
        connection.phase != Phase::Doomed
    }

    /// Whether anybody cares what a connection says.
    fn is_listening(&self, conn: ConnId) -> bool {
        let connection = self.connections.get(conn);
        connection
            .is_some_and(|connection| !matches!(connection.phase, Phase::Lingering | Phase::Doomed))
    }

    /// What has come of a request head, if anything.
    fn take_head(&mut self, conn: ConnId) -> Option<Vec<u8>> {
        match self
            .connections
            .get_mut(conn)?
            .rare
            .as_mut()?
            .handshake
            .take()?
        {
            Handshake::Server { head } => Some(head),
            Handshake::Client { .. } => None,
        }
    }

    fn keep_head(&mut self, conn: ConnId, head: &[u8]) {
        if let Some(connection) = self.connections.get_mut(conn) {
            connection.rare().handshake = Some(Handshake::Server {
                head: head.to_vec(),
            });
        }
    }

    fn take_answer(
        &mut self,
        conn: ConnId,
    ) -> Option<(std::sync::Arc<crate::dial::DialRequest>, String, Vec<u8>)> {
        match self
            .connections
            .get_mut(conn)?
            .rare
            .as_mut()?
            .handshake
            .take()?
        {
            Handshake::Client {
                request,
                accept,
                head,
            } => Some((request, accept, head)),
            Handshake::Server { .. } => None,
        }
    }

    fn keep_answer(&mut self, conn: ConnId, handshake: Handshake) {
        if let Some(connection) = self.connections.get_mut(conn) {
            connection.rare().handshake = Some(handshake);
        }
    }

    /// The message in progress, which leaves the connection for as long as bytes are decoded.
    fn begin_decoding(&mut self, conn: ConnId) -> Option<(Option<Box<decoder::Partial>>, Rules)> {
        let limits = &self.config.limits;
        let connection = self.connections.get_mut(conn)?;
        let rules = Rules {
            masked: !connection.flags.has(Flags::DIALLED),
            frame_limit: limits.frame as u64,
            message_limit: limits.message as u64,
            deflate: connection.window_bits != 0,
        };
        let partial = connection
            .rare
            .as_mut()
            .and_then(|rare| rare.partial.take());
        Some((partial, rules))
    }

    fn is_decoding(&self, conn: ConnId) -> bool {
        let connection = self.connections.get(conn);
        connection
            .is_some_and(|connection| matches!(connection.phase, Phase::Open | Phase::Closing))
    }

    fn end_decoding(&mut self, conn: ConnId, partial: Option<Box<decoder::Partial>>) {
        let decoding = self.is_decoding(conn);
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        if decoding && partial.is_some() {
            connection.rare().partial = partial;
        }
        connection.tidy();
    }
}
