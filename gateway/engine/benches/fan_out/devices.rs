//! The devices: sockets that one thread reads from, and that count what they got.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, Thread};

use rustix::event::epoll;

pub(crate) struct Devices {
    counts: Arc<Counts>,
    sockets: Vec<TcpStream>,
}

struct Counts {
    received: AtomicU64,
    expected: AtomicU64,
    waiter: Thread,
}

impl Devices {
    /// Connected devices, and the server's ends of their connections.
    pub(crate) fn connect(count: usize) -> (Self, Vec<TcpStream>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (mut sockets, mut accepted) = (Vec::new(), Vec::new());
        for _ in 0..count {
            sockets.push(TcpStream::connect(address).expect("a connection"));
            let (socket, _) = listener.accept().expect("a connection");
            socket.set_nodelay(true).expect("an option");
            accepted.push(socket);
        }
        let counts = Arc::new(Counts {
            received: AtomicU64::new(0),
            expected: AtomicU64::new(u64::MAX),
            waiter: thread::current(),
        });
        (Self { counts, sockets }, accepted)
    }

    /// Asks for the upgrade on every connection and reads the answers, once a loop serves them.
    pub(crate) fn upgrade(&self) {
        const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\n\
            Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
            Sec-WebSocket-Version: 13\r\n\r\n";
        for mut socket in &self.sockets {
            socket.write_all(REQUEST).expect("a request is sent");
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") {
                socket.read_exact(&mut byte).expect("an answer");
                head.push(byte[0]);
            }
        }
    }

    /// Begins to read, on a thread that ends with the connections.
    pub(crate) fn read(&self) {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("an epoll instance");
        let sockets: Vec<TcpStream> = self
            .sockets
            .iter()
            .map(|socket| socket.try_clone().expect("a clone"))
            .collect();
        for (number, socket) in sockets.iter().enumerate() {
            let data = epoll::EventData::new_u64(number as u64);
            epoll::add(&epoll, socket, data, epoll::EventFlags::IN).expect("a socket to watch");
        }
        let counts = Arc::clone(&self.counts);
        thread::spawn(move || {
            let mut events = Vec::with_capacity(1024);
            let mut buffer = vec![0; 256 * 1024];
            loop {
                events.clear();
                let room = rustix::buffer::spare_capacity(&mut events);
                if epoll::wait(&epoll, room, None).is_err() {
                    continue;
                }
                for event in &events {
                    let number = event.data.u64() as usize;
                    match (&sockets[number]).read(&mut buffer) {
                        Ok(0) | Err(_) => return,
                        Ok(length) => counts.add(length as u64),
                    }
                }
            }
        });
    }

    /// The count that is reached when `bytes` more have come.
    pub(crate) fn expect(&self, bytes: usize) -> u64 {
        let expected = self.counts.received.load(Ordering::SeqCst) + bytes as u64;
        self.counts.expected.store(expected, Ordering::SeqCst);
        expected
    }

    /// Sleeps until the count is reached.
    pub(crate) fn wait(&self, expected: u64) {
        while self.counts.received.load(Ordering::SeqCst) < expected {
            thread::park();
        }
    }
}

impl Counts {
    fn add(&self, bytes: u64) {
        let received = self.received.fetch_add(bytes, Ordering::SeqCst) + bytes;
        if received >= self.expected.load(Ordering::SeqCst) {
            self.waiter.unpark();
        }
    }
}

impl Drop for Devices {
    fn drop(&mut self) {
        for socket in &self.sockets {
            // The reading thread sees the end and leaves.
            let _ = socket.shutdown(std::net::Shutdown::Both);
        }
    }
}
