//! The other control: batches of `SEND` on an io_uring with direct descriptors, and nothing else.

use std::io;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use io_uring::{IoUring, opcode, types};

use super::{Devices, Server, frame, thread_cpu};

/// Sends handed to the kernel at a time.
const BATCH: usize = 128;

pub(crate) struct BareRing {
    broadcasts: Sender<usize>,
    done: Receiver<Duration>,
    cpu: Duration,
}

impl BareRing {
    /// # Errors
    /// The kernel allows no ring.
    pub(crate) fn new(sockets: Vec<TcpStream>, devices: &Devices) -> io::Result<Self> {
        devices.read();
        let (broadcasts, orders) = channel::<usize>();
        let (answers, done) = channel();
        let (started, start) = channel();
        thread::spawn(move || {
            // A ring belongs to the thread that made it.
            let mut ring = match ring(&sockets) {
                Ok(ring) => ring,
                Err(error) => return started.send(Err(error)).expect("somebody who waits"),
            };
            started.send(Ok(())).expect("somebody who waits");
            let frame = frame();
            for messages in orders {
                for _ in 0..messages {
                    for first in (0..sockets.len()).step_by(BATCH) {
                        send(&mut ring, first..(first + BATCH).min(sockets.len()), &frame);
                    }
                }
                answers.send(thread_cpu()).expect("somebody who measures");
            }
        });
        start.recv().expect("a thread that starts")?;
        Ok(Self {
            broadcasts,
            done,
            cpu: Duration::ZERO,
        })
    }
}

fn ring(sockets: &[TcpStream]) -> io::Result<IoUring> {
    let ring = IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_submit_all()
        .build(256)?;
    let descriptors: Vec<_> = sockets.iter().map(AsRawFd::as_raw_fd).collect();
    ring.submitter().register_files(&descriptors)?;
    Ok(ring)
}

#[expect(unsafe_code, reason = "the kernel reads the frame")]
fn send(ring: &mut IoUring, slots: std::ops::Range<usize>, frame: &[u8]) {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    for slot in slots.clone() {
        let socket = types::Fixed(slot as u32);
        let entry = opcode::Send::new(socket, frame.as_ptr(), frame.len() as u32)
            .flags(flags)
            .build();
        // SAFETY: the frame outlives the wait for all completions below.
        unsafe { ring.submission().push(&entry) }.expect("room for a batch");
    }
    ring.submit_and_wait(slots.len())
        .expect("a batch that is carried out");
    for entry in ring.completion() {
        assert_eq!(entry.result(), frame.len() as i32);
    }
}

impl Server for BareRing {
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
