//! The control: `send()` in a loop, and nothing else.

use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use rustix::net::{SendFlags, send};

use super::{Server, frame, thread_cpu};

pub(crate) struct Bare {
    broadcasts: Sender<usize>,
    done: Receiver<Duration>,
    cpu: Duration,
}

impl Bare {
    pub(crate) fn new(sockets: Vec<TcpStream>, devices: &super::Devices) -> Self {
        devices.read();
        let (broadcasts, orders) = channel::<usize>();
        let (answers, done) = channel();
        thread::spawn(move || {
            let frame = frame();
            for messages in orders {
                for _ in 0..messages {
                    for socket in &sockets {
                        let sent =
                            send(socket, &frame, SendFlags::NOSIGNAL).expect("a device that reads");
                        assert_eq!(sent, frame.len());
                    }
                }
                answers.send(thread_cpu()).expect("somebody who measures");
            }
        });
        Self {
            broadcasts,
            done,
            cpu: Duration::ZERO,
        }
    }
}

impl Server for Bare {
    fn broadcast(&mut self, messages: usize) {
        self.broadcasts.send(messages).expect("a sending thread");
        self.cpu = self.done.recv().expect("a sending thread");
    }

    fn cpu(&mut self) -> Duration {
        // A broadcast of nothing answers the time.
        self.broadcast(0);
        self.cpu
    }
}
