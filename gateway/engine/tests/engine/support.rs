//! A loop under test, the devices that talk to it, and what its app saw.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gateway_engine::echo::{self, Echo};
use gateway_engine::{
    Accepted, AdoptError, App, Backend, Closed, ConnId, Endpoint, EventLoop, Failure, LoopConfig,
    Mailbox, Message, Net, Refusal, Upgrade,
};

/// How long a test waits for what must happen. Far more than it takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What the app was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Open(ConnId),
    Text(String),
    Binary(Vec<u8>),
    Drained,
    Closed(Closed),
    Failed(Failure),
}

/// An app that tells the test what it was told, and does what the test says.
pub(crate) struct Recorder {
    seen: Sender<Seen>,
}

/// Something for the loop's thread to do.
pub(crate) type Do = Box<dyn FnOnce(&mut Net<u64>) + Send>;

impl Recorder {
    pub(crate) fn new() -> (Self, Receiver<Seen>) {
        let (seen, receiver) = channel();
        (Self { seen }, receiver)
    }

    fn tell(&self, seen: Seen) {
        // A test that has ended does not listen any more.
        let _ = self.seen.send(seen);
    }
}

impl App for Recorder {
    type Command = Do;
    type Session = u64;

    fn on_command(&mut self, net: &mut Net<u64>, command: Do) {
        command(net);
    }

    fn on_upgrade(
        &mut self,
        _: &mut Net<u64>,
        _: ConnId,
        request: &Upgrade<'_>,
    ) -> Result<(), Refusal> {
        match request.header("X-Forbidden") {
            Some(reason) => Err(Refusal {
                status: 403,
                reason: reason.to_owned(),
                retry_after: None,
            }),
            None => Ok(()),
        }
    }

    fn on_open(&mut self, _: &mut Net<u64>, conn: ConnId) {
        self.tell(Seen::Open(conn));
    }

    fn on_message(&mut self, _: &mut Net<u64>, _: ConnId, message: Message<'_>) {
        self.tell(match message {
            Message::Text(text) => Seen::Text(text.to_owned()),
            Message::Binary(data) => Seen::Binary(data.to_owned()),
        });
    }

    fn on_drained(&mut self, _: &mut Net<u64>, _: ConnId) {
        self.tell(Seen::Drained);
    }

    fn on_close(&mut self, _: &mut Net<u64>, _: ConnId, closed: &Closed) {
        self.tell(Seen::Closed(closed.clone()));
    }

    fn on_failed(&mut self, _: &mut Net<u64>, _: ConnId, failure: &Failure) {
        self.tell(Seen::Failed(failure.clone()));
    }
}

/// A loop whose app is a [`Recorder`].
pub(crate) struct Lab {
    mailbox: Mailbox<Do>,
    seen: Receiver<Seen>,
    listener: TcpListener,
    thread: Option<JoinHandle<()>>,
}

impl Lab {
    pub(crate) fn new(backend: Backend) -> Self {
        Self::with(backend, |_| ())
    }

    pub(crate) fn with(backend: Backend, change: impl FnOnce(&mut LoopConfig)) -> Self {
        let mut config = LoopConfig {
            backend,
            ..LoopConfig::default()
        };
        config.endpoints = vec![Endpoint {
            path: Some("/".to_owned()),
            subprotocols: vec!["tidegate.v1.json".to_owned()],
            ..Endpoint::default()
        }];
        change(&mut config);
        let (recorder, seen) = Recorder::new();
        let (event_loop, mailbox) = EventLoop::new(config, recorder).unwrap();
        let thread = std::thread::spawn(move || drop(event_loop.run().unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self {
            mailbox,
            seen,
            listener,
            thread: Some(thread),
        }
    }

    /// A connection that the loop has adopted, with nothing said yet.
    pub(crate) fn device(&self) -> Device {
        self.device_with_leftover(b"")
    }

    /// A connection of which the acceptor has read the first bytes.
    pub(crate) fn device_with_leftover(&self, leftover: &'static [u8]) -> Device {
        let socket = TcpStream::connect(self.listener.local_addr().unwrap()).unwrap();
        // A loop that is full refuses, which the device sees.
        let _ = self.hand_over(&self.listener, leftover);
        Device::new(socket)
    }

    /// Has the loop serve the next connection of a listener.
    pub(crate) fn adopt(&self, listener: &TcpListener) -> ConnId {
        self.hand_over(listener, b"").unwrap()
    }

    fn hand_over(
        &self,
        listener: &TcpListener,
        leftover: &'static [u8],
    ) -> Result<ConnId, AdoptError> {
        let (accepted, peer) = listener.accept().unwrap();
        accepted.set_nodelay(true).unwrap();
        let leftover = Bytes::from_static(leftover);
        let accepted = Accepted {
            socket: accepted.into(),
            peer,
            client: peer,
            leftover,
            endpoint: 0,
        };
        self.call(move |net| net.adopt(accepted, 0))
    }

    /// A connection after its handshake.
    pub(crate) fn open_device(&self) -> (Device, ConnId) {
        let mut device = self.device();
        device.upgrade();
        let Seen::Open(conn) = self.next() else {
            panic!("the connection did not open")
        };
        (device, conn)
    }

    /// Runs something on the loop and waits for its answer.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Net<u64>) -> T + Send + 'static,
    ) -> T {
        let (answer, receiver) = channel();
        let command: Do = Box::new(move |net| answer.send(act(net)).unwrap());
        assert!(self.mailbox.send(command).is_ok(), "the loop has ended");
        receiver.recv_timeout(PATIENCE).unwrap()
    }

    /// The next thing the app was told.
    pub(crate) fn next(&self) -> Seen {
        self.seen
            .recv_timeout(PATIENCE)
            .expect("the app was told nothing more")
    }

    /// Everything the app was told and nobody looked at, once nothing more is on its way.
    pub(crate) fn rest(&self) -> Vec<Seen> {
        self.seen.try_iter().collect()
    }

    /// Ends the loop and waits for it.
    pub(crate) fn stop(&mut self) {
        self.mailbox.stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.mailbox.stop();
        if let Some(thread) = self.thread.take() {
            // A panic of the loop shows in the test that met it.
            let _ = thread.join();
        }
    }
}

/// A loop that echoes, with an acceptor in front.
pub(crate) struct EchoServer {
    pub(crate) address: SocketAddr,
    mailbox: Mailbox<Accepted>,
}

impl EchoServer {
    pub(crate) fn new(backend: Backend) -> Self {
        let config = LoopConfig {
            backend,
            ..echo::config(true)
        };
        let (event_loop, mailbox) = EventLoop::new(config, Echo).unwrap();
        std::thread::spawn(move || event_loop.run().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = mailbox.clone();
        std::thread::spawn(move || {
            while let Ok((socket, peer)) = listener.accept() {
                socket.set_nodelay(true).unwrap();
                let accepted = Accepted {
                    socket: socket.into(),
                    peer,
                    client: peer,
                    leftover: Bytes::new(),
                    endpoint: 0,
                };
                if acceptor.send(accepted).is_err() {
                    return;
                }
            }
        });
        Self { address, mailbox }
    }

    pub(crate) fn device(&self) -> Device {
        let mut device = Device::connect(self.address);
        device.upgrade();
        device
    }
}

impl Drop for EchoServer {
    fn drop(&mut self) {
        self.mailbox.stop();
    }
}

/// The device's end of a connection, byte by byte.
pub(crate) struct Device {
    pub(crate) socket: TcpStream,
    /// Read and not yet looked at.
    buffer: Vec<u8>,
}

/// The upgrade request that the tests send.
pub(crate) const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: tidegate.v1.json\r\n\r\n";

impl Device {
    pub(crate) fn new(socket: TcpStream) -> Self {
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        Self {
            socket,
            buffer: Vec::new(),
        }
    }

    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).unwrap())
    }

    pub(crate) fn upgrade(&mut self) {
        self.send(UPGRADE.as_bytes());
        let head = self.head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    /// Sends as long as the peer takes it.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) {
        // The peer may close before it has read all.
        let _ = self.socket.write_all(bytes);
    }

    /// Sends a final masked frame.
    pub(crate) fn send_frame(&mut self, opcode: u8, payload: &[u8]) {
        self.send(&masked_frame(0x80 | opcode, payload));
    }

    /// The head of an HTTP answer, up to and with its empty line.
    pub(crate) fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = self.buffer.drain(..end + 4).collect();
                return String::from_utf8(head).unwrap();
            }
            assert_ne!(
                self.read_more(),
                0,
                "the stream ended within a head: {:?}",
                self.buffer
            );
        }
    }

    /// The next frame: first byte and payload. `None` at the end of the stream.
    pub(crate) fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((frame, size)) = parse_server_frame(&self.buffer) {
                self.buffer.drain(..size);
                return Some(frame);
            }
            if self.read_more() == 0 {
                assert!(self.buffer.is_empty(), "the stream ended within a frame");
                return None;
            }
        }
    }

    /// Every byte until the end of the stream.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.read_more() > 0 {}
        std::mem::take(&mut self.buffer)
    }

    /// The code of the Close frame that must come next, and the end of the stream after it.
    pub(crate) fn close_code(&mut self) -> u16 {
        let Some((0x88, body)) = self.frame() else {
            panic!("no Close frame")
        };
        assert_eq!(self.frame(), None);
        u16::from_be_bytes([body[0], body[1]])
    }

    fn read_more(&mut self) -> usize {
        let mut chunk = [0; 64 * 1024];
        match self.socket.read(&mut chunk) {
            Ok(length) => {
                self.buffer.extend_from_slice(&chunk[..length]);
                length
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            Err(error) => panic!("nothing came: {error}"),
        }
    }
}

/// A frame as a client sends it, with a mask that is not trivial.
pub(crate) fn masked_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length @ 126..=0xFFFF => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&MASK);
    frame.extend(
        payload
            .iter()
            .enumerate()
            .map(|(at, byte)| byte ^ MASK[at % 4]),
    );
    frame
}

/// A whole frame as a server sends it, and its size.
fn parse_server_frame(bytes: &[u8]) -> Option<((u8, Vec<u8>), usize)> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    assert_eq!(second & 0x80, 0, "a server does not mask");
    let (length, header) = match second {
        126 => (
            usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)),
            4,
        ),
        127 => (
            u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?) as usize,
            10,
        ),
        length => (usize::from(length), 2),
    };
    let payload = bytes.get(header..header + length)?;
    Some(((first, payload.to_vec()), header + length))
}

/// Asks until the answer is yes.
pub(crate) fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !happened() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        std::thread::sleep(Duration::from_micros(200));
    }
}
