//! A server that sends every message back, text as text and binary as binary. Conformance suites
//! for RFC 6455 are run against it; it is the engine and nothing else.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::thread;

use bytes::Bytes;

use crate::app::{App, Message};
use crate::config::{Endpoint, LoopConfig};
use crate::connection::ConnId;
use crate::dial::Accepted;
use crate::event_loop::{EventLoop, LoopError};
use crate::mailbox::Mailbox;
use crate::net::{Net, SendError};

/// Bytes that may wait for a peer before its next messages are left in its socket.
const HIGH_WATER: usize = 1024 * 1024;

/// The largest message: what conformance suites send is up to 16 MiB.
const MESSAGE: usize = 64 * 1024 * 1024;

/// The app. Its commands are connections to serve.
#[derive(Debug, Default)]
pub struct Echo;

impl App for Echo {
    type Command = Accepted;
    type Session = ();

    fn on_command(&mut self, net: &mut Net<()>, accepted: Accepted) {
        // A connection that is not adopted is closed, and counted by the loop.
        let _ = net.adopt(accepted, ());
    }

    fn on_message(&mut self, net: &mut Net<()>, conn: ConnId, message: Message<'_>) {
        let sent = match message {
            Message::Text(text) => net.send_text(conn, text),
            Message::Binary(data) => net.send_binary(conn, data),
        };
        if sent == Err(SendError::Full) {
            net.close(conn, 1013, "the send queue is full");
        }
        if net.queued_bytes(conn) > HIGH_WATER {
            net.pause(conn);
        }
    }

    fn on_drained(&mut self, net: &mut Net<()>, conn: ConnId) {
        net.resume(conn);
    }
}

/// A configuration that lets a peer send and receive what conformance suites try, and compress it
/// if `deflate` is set.
#[must_use]
pub fn config(deflate: bool) -> LoopConfig {
    let endpoint = Endpoint {
        deflate,
        ..Endpoint::default()
    };
    let mut config = LoopConfig {
        endpoints: vec![endpoint],
        ..LoopConfig::default()
    };
    config.limits.frame = MESSAGE;
    config.limits.message = MESSAGE;
    // Reading stops above the high-water mark, with at most one read's messages on the way.
    config.limits.send_queue = 2 * MESSAGE;
    config.limits.total_queue = 16 * MESSAGE;
    config
}

/// Serves echoes to everybody who connects, on a loop of its own, for as long as the process lives.
///
/// # Errors
/// The loop does not start.
pub fn serve(listener: &TcpListener, config: LoopConfig) -> Result<Infallible, LoopError> {
    let (event_loop, mailbox) = EventLoop::new(config, Echo)?;
    thread::spawn(move || event_loop.run());
    loop {
        match accept(listener, &mailbox) {
            Ok(()) => {}
            // The peer gave up, or we are out of descriptors: others may fare better soon.
            Err(_) => thread::yield_now(),
        }
    }
}

fn accept(listener: &TcpListener, mailbox: &Mailbox<Accepted>) -> io::Result<()> {
    let (socket, peer) = listener.accept()?;
    socket.set_nodelay(true)?;
    let accepted = Accepted {
        socket: socket.into(),
        peer,
        client: peer,
        leftover: Bytes::new(),
        endpoint: 0,
    };
    mailbox
        .send(accepted)
        .map_err(|_| io::ErrorKind::BrokenPipe.into())
}
