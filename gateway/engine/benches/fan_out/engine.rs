//! The engine: an app that sends each batch to all its connections.

use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use gateway_engine::{
    Accepted, App, Backend, ConnId, EventLoop, LoopConfig, LoopError, Mailbox, Message, Net,
};

use super::{Devices, Server, frame, thread_cpu};

pub(crate) struct Engine {
    mailbox: Mailbox<Command>,
    cpu: Receiver<Duration>,
}

enum Command {
    Adopt(TcpStream),
    Broadcast { frame: Bytes, messages: usize },
    TellCpu,
}

struct Broadcaster {
    subscribers: Vec<ConnId>,
    cpu: Sender<Duration>,
}

impl App for Broadcaster {
    type Command = Command;
    type Session = ();

    fn on_command(&mut self, net: &mut Net<()>, command: Command) {
        match command {
            Command::Adopt(socket) => {
                let peer = socket.peer_addr().expect("a connected socket");
                let socket = socket.into();
                let accepted = Accepted {
                    socket,
                    peer,
                    client: peer,
                    leftover: Bytes::new(),
                    endpoint: 0,
                };
                net.adopt(accepted, ()).expect("room");
            }
            Command::Broadcast { frame, messages } => {
                for _ in 0..messages {
                    for &conn in &self.subscribers {
                        net.send(conn, frame.clone()).expect("a device that reads");
                    }
                }
            }
            Command::TellCpu => self.cpu.send(thread_cpu()).expect("somebody who measures"),
        }
    }

    fn on_open(&mut self, _: &mut Net<()>, conn: ConnId) {
        self.subscribers.push(conn);
    }

    fn on_message(&mut self, _: &mut Net<()>, _: ConnId, _: Message<'_>) {}
}

impl Engine {
    /// # Errors
    /// The back end cannot be used here.
    pub(crate) fn new(
        backend: Backend,
        sockets: Vec<TcpStream>,
        devices: &Devices,
    ) -> Result<Self, LoopError> {
        let (sender, cpu) = channel();
        let app = Broadcaster {
            subscribers: Vec::new(),
            cpu: sender,
        };
        let config = LoopConfig {
            backend,
            ..LoopConfig::default()
        };
        let (event_loop, mailbox) = EventLoop::new(config, app)?;
        thread::spawn(move || event_loop.run().map(drop));
        for socket in sockets {
            assert!(
                mailbox.send(Command::Adopt(socket)).is_ok(),
                "the loop has ended"
            );
        }
        devices.upgrade();
        devices.read();
        Ok(Self { mailbox, cpu })
    }

    fn order(&self, command: Command) {
        assert!(self.mailbox.send(command).is_ok(), "the loop has ended");
    }
}

impl Server for Engine {
    fn broadcast(&mut self, messages: usize) {
        self.order(Command::Broadcast {
            frame: frame(),
            messages,
        });
    }

    fn cpu(&mut self) -> Duration {
        self.order(Command::TellCpu);
        self.cpu.recv().expect("a running loop")
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.mailbox.stop();
    }
}
