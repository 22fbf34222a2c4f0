//! The process under measurement: one loop, and a thread that accepts for it.

use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gateway_engine::{
    Accepted, App, Backend, Counters, EventLoop, Limits, LoopConfig, LoopError, Mailbox, Message,
    Net, frame,
};

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    mailbox: Mailbox<Command>,
}

enum Command {
    Adopt(Accepted),
    TellCounters(Sender<Counters>),
    Burst,
}

struct Holder;

impl App for Holder {
    type Command = Command;
    type Session = u64;

    fn on_command(&mut self, net: &mut Net<u64>, command: Command) {
        match command {
            Command::Adopt(accepted) => drop(net.adopt(accepted, 0)),
            // Whoever asked may have given up.
            Command::TellCounters(counters) => drop(counters.send(*net.counters())),
            Command::Burst => {
                let message = frame::binary(&[7; 1024]);
                let conns: Vec<_> = net.connections().collect();
                for _ in 0..8 {
                    for &conn in &conns {
                        // A queue that is full is part of a burst.
                        let _ = net.send(conn, message.clone());
                    }
                }
            }
        }
    }

    fn on_message(&mut self, _: &mut Net<u64>, _: gateway_engine::ConnId, _: Message<'_>) {}
}

impl Server {
    /// # Errors
    /// The back end cannot be used here.
    pub(crate) fn start(backend: Backend) -> Result<Self, LoopError> {
        let limits = Limits {
            handshake_timeout: Duration::from_secs(60),
            ..Limits::default()
        };
        let config = LoopConfig {
            backend,
            limits,
            ..LoopConfig::default()
        };
        let (event_loop, mailbox) = EventLoop::new(config, Holder)?;
        thread::spawn(move || event_loop.run().map(drop));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let acceptor = mailbox.clone();
        thread::spawn(move || {
            while let Ok((socket, peer)) = listener.accept() {
                let socket = socket.into();
                let accepted = Accepted {
                    socket,
                    peer,
                    client: peer,
                    leftover: Bytes::new(),
                    endpoint: 0,
                };
                if acceptor.send(Command::Adopt(accepted)).is_err() {
                    return;
                }
            }
        });
        Ok(Self { address, mailbox })
    }

    /// Sends to everyone, and waits for the queues to empty and memory to be given back.
    pub(crate) fn burst(&self) {
        let before = self.counters();
        assert!(
            self.mailbox.send(Command::Burst).is_ok(),
            "the loop has ended"
        );
        let messages = 8 * (before.opened - before.closed);
        while self.counters().messages_out < before.messages_out + messages {
            thread::sleep(Duration::from_millis(20));
        }
        thread::sleep(Duration::from_secs(3));
    }

    /// Waits until so many connections are open.
    pub(crate) fn wait_for(&self, connections: usize) {
        let deadline = Instant::now() + Duration::from_secs(120);
        while self.counters().opened < connections as u64 {
            assert!(
                Instant::now() < deadline,
                "only {} connections opened",
                self.counters().opened
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn counters(&self) -> Counters {
        let (sender, counters) = channel();
        assert!(
            self.mailbox.send(Command::TellCounters(sender)).is_ok(),
            "the loop has ended"
        );
        counters.recv().expect("a running loop")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.mailbox.stop();
    }
}
