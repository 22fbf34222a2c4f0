//! The connections of a bare control: accepted and upgraded one after the other, then only written to.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};

use anyhow::Context as _;
use gateway_engine::frame;
use tungstenite::handshake::derive_accept_key;

use super::words::{Answer, Order, message, orders, say};

/// Longest request that is read; the fleet's has about 200 bytes.
const REQUEST: usize = 4096;

/// Listens, and answers upgrades on a thread of its own.
pub(super) fn listen() -> anyhow::Result<Receiver<TcpStream>> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no port to listen on")?;
    let address = listener.local_addr()?;
    let (tell, connections) = mpsc::channel();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            // Who gave up again is not part of the crowd.
            if let Some(socket) = socket.ok().and_then(|socket| upgraded(socket).ok())
                && tell.send(socket).is_err()
            {
                return;
            }
        }
    });
    say(&Answer::Listening { address });
    Ok(connections)
}

fn upgraded(mut socket: TcpStream) -> anyhow::Result<TcpStream> {
    socket.set_nodelay(true)?;
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.ends_with(b"\r\n\r\n") {
        let length = socket.read(&mut buffer)?;
        anyhow::ensure!(length > 0 && head.len() < REQUEST, "no request");
        head.extend_from_slice(&buffer[..length]);
    }
    let head = String::from_utf8(head)?;
    let key = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key")
            .then(|| value.trim())
    });
    let accept = derive_accept_key(key.context("no key")?.as_bytes());
    write!(
        socket,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )?;
    Ok(socket)
}

/// What a bare control does with its connections.
pub(super) trait Sender {
    /// One more connection.
    fn join(&mut self, socket: TcpStream) -> anyhow::Result<()>;

    /// One frame to all of them.
    fn send(&mut self, frame: &[u8]) -> anyhow::Result<()>;
}

/// Obeys orders until there are no more.
pub(super) fn obey(
    connections: &Receiver<TcpStream>,
    sender: &mut impl Sender,
) -> anyhow::Result<()> {
    for order in orders() {
        for socket in connections.try_iter() {
            sender.join(socket)?;
        }
        let Order::Broadcast {
            messages,
            bytes,
            stamp,
        } = order?
        else {
            continue;
        };
        let frame = frame::text(&message(bytes, stamp));
        for _ in 0..messages {
            sender.send(&frame)?;
        }
    }
    Ok(())
}
