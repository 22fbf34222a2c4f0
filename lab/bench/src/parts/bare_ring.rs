//! The other control: batches of `SEND` on an io_uring with direct descriptors, and nothing else.

use std::net::TcpStream;
use std::os::fd::AsRawFd;

use anyhow::Context as _;
use io_uring::{IoUring, opcode, types};

use super::crowd::{self, Sender};

/// Sends handed to the kernel at a time.
const BATCH: u32 = 128;

/// Connections that find a place.
const PLACES: u32 = 16_384;

/// Runs until standard input ends.
pub(super) fn play() -> anyhow::Result<()> {
    let ring = IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_submit_all()
        .build(2 * BATCH)
        .context("the kernel allows no io_uring")?;
    ring.submitter().register_files_sparse(PLACES)?;
    let mut bare = BareRing { ring, joined: 0 };
    let connections = crowd::listen()?;
    crowd::obey(&connections, &mut bare)
}

struct BareRing {
    ring: IoUring,
    joined: u32,
}

impl Sender for BareRing {
    fn join(&mut self, socket: TcpStream) -> anyhow::Result<()> {
        // The table holds a reference of its own; ours can go.
        let submitter = self.ring.submitter();
        submitter.register_files_update(self.joined, &[socket.as_raw_fd()])?;
        self.joined += 1;
        Ok(())
    }

    fn send(&mut self, frame: &[u8]) -> anyhow::Result<()> {
        let mut first = 0;
        while first < self.joined {
            let end = self.joined.min(first + BATCH);
            self.send_batch(first..end, frame)?;
            first = end;
        }
        Ok(())
    }
}

impl BareRing {
    #[expect(unsafe_code, reason = "the kernel reads the frame")]
    fn send_batch(&mut self, places: std::ops::Range<u32>, frame: &[u8]) -> anyhow::Result<()> {
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        let length = u32::try_from(frame.len())?;
        for place in places.clone() {
            let entry = opcode::Send::new(types::Fixed(place), frame.as_ptr(), length)
                .flags(flags)
                .build();
            // SAFETY: the frame outlives the wait for all completions below.
            unsafe { self.ring.submission().push(&entry) }.context("no room for a batch")?;
        }
        self.ring.submit_and_wait(places.len())?;
        for entry in self.ring.completion() {
            let sent = u32::try_from(entry.result());
            anyhow::ensure!(sent == Ok(length), "a device took half a frame or is gone");
        }
        Ok(())
    }
}
