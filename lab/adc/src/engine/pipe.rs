//! One direction of a connection.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Most bytes a script may hold back; beyond it the connection is reset.
const MOST_HELD: usize = 1024 * 1024;

/// Carries bytes one way: reads only when everything read before has been written, so that a slow receiver slows its sender.
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    /// Bytes on their way that the receiver would not take yet.
    pending: Vec<u8>,
    written: usize,
    state: State,
    collecting: Option<Box<Collecting>>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The sender may send.
    #[default]
    Open,
    /// The sender has ended; its last bytes and its end are to be passed on.
    Ended,
    /// The receiver knows of the end.
    Closed,
}

#[derive(Debug, Default)]
struct Collecting {
    wanted: usize,
    held: Vec<u8>,
    announced: bool,
}

/// Why a pipe returns.
#[derive(Debug)]
pub(crate) enum Progress {
    /// The sender has ended and the receiver knows.
    Closed,
    /// As much as a script asked for is held.
    Collected,
}

/// Which end of a pipe broke.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// The sender was reset.
    #[error("reading: {0}")]
    Sender(io::Error),
    /// The receiver was reset.
    #[error("writing: {0}")]
    Receiver(io::Error),
    /// A script holds back more than may be held.
    #[error("a rule collects more than {MOST_HELD} bytes")]
    TooMuchHeld,
}

impl Pipe {
    /// Puts bytes before whatever is read from now on.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// Holds back what is read until there are `wanted` bytes.
    pub(crate) fn collect(&mut self, wanted: usize) {
        let collecting = self.collecting.get_or_insert_default();
        collecting.wanted = wanted.max(1);
        collecting.announced = false;
    }

    /// Passes on again what is read.
    pub(crate) fn stop_collecting(&mut self) {
        self.collecting = None;
    }

    /// What is held back.
    pub(crate) fn held(&self) -> &[u8] {
        self.collecting
            .as_ref()
            .map_or(&[], |collecting| &collecting.held)
    }

    /// Whether the sender has ended and the receiver knows.
    pub(crate) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Moves what can be moved; `moved` is told how many bytes arrived. Once it has answered `Closed` it always does.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        buffer: &mut [u8],
        mut moved: impl FnMut(usize),
    ) -> Poll<Result<Progress, Broken>> {
        loop {
            ready!(self.poll_flush(cx, to)).map_err(Broken::Receiver)?;
            match self.state {
                State::Closed => return Poll::Ready(Ok(Progress::Closed)),
                State::Ended => {
                    // The receiver may be gone already; then nobody needs to be told.
                    let _gone = ready!(Pin::new(&mut *to).poll_shutdown(cx));
                    self.state = State::Closed;
                    continue;
                }
                State::Open => {}
            }
            if self.is_complete() {
                return Poll::Ready(Ok(Progress::Collected));
            }
            let mut read = ReadBuf::new(buffer);
            ready!(Pin::new(&mut *from).poll_read(cx, &mut read)).map_err(Broken::Sender)?;
            moved(read.filled().len());
            match (read.filled(), &mut self.collecting) {
                ([], _) => self.state = State::Ended,
                (bytes, Some(collecting)) => {
                    if collecting.held.len() + bytes.len() > MOST_HELD {
                        return Poll::Ready(Err(Broken::TooMuchHeld));
                    }
                    collecting.held.extend_from_slice(bytes);
                }
                (bytes, None) => {
                    let written = match Pin::new(&mut *to).poll_write(cx, bytes) {
                        Poll::Ready(written) => written.map_err(Broken::Receiver)?,
                        Poll::Pending => 0,
                    };
                    self.pending.extend_from_slice(&bytes[written..]);
                }
            }
        }
    }

    fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        while self.written < self.pending.len() {
            self.written +=
                ready!(Pin::new(&mut *to).poll_write(cx, &self.pending[self.written..]))?;
        }
        if !self.pending.is_empty() {
            // An idle connection keeps no buffer.
            self.pending = Vec::new();
            self.written = 0;
        }
        // TLS may hold records that the socket would not take.
        Pin::new(to).poll_flush(cx)
    }

    /// Whether a script is to be told of what is held; says so once per `collect`.
    fn is_complete(&mut self) -> bool {
        let Some(collecting) = &mut self.collecting else {
            return false;
        };
        let complete = !collecting.announced && collecting.held.len() >= collecting.wanted;
        collecting.announced |= complete;
        complete
    }
}
