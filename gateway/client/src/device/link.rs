//! The way to the gateway: none, an attempt, or an open WebSocket. Everything here can be polled and dropped at any time.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_util::{Sink as _, SinkExt as _, StreamExt as _};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Bytes, Utf8Bytes};

use super::dial::{Dial, Dialed, SharedBook, WebSocket};
use crate::event::{Attempt, Cause, Lost};

/// See the module.
pub(super) enum Link {
    Idle,
    Dialing(Dialing),
    Open(Box<Open>),
}

pub(super) struct Dialing {
    attempt: Attempt,
    book: SharedBook,
    set_aside: Duration,
    result: Pin<Box<dyn Future<Output = Result<Dialed, Lost>> + Send>>,
}

pub(super) struct Open {
    attempt: Attempt,
    book: SharedBook,
    set_aside: Duration,
    ip: IpAddr,
    socket: WebSocket,
    outgoing: VecDeque<Frame>,
    unflushed: bool,
}

/// What came of a poll.
pub(super) enum Turn {
    Connected(Attempt),
    Text(Attempt, Utf8Bytes),
    Alive(Attempt),
    Lost(Attempt, Lost),
}

impl Link {
    pub(super) fn dial(attempt: Attempt, dial: Dial) -> Self {
        let (book, set_aside) = (dial.book.clone(), dial.set_aside);
        Self::Dialing(Dialing {
            attempt,
            book,
            set_aside,
            result: Box::pin(dial.run()),
        })
    }

    pub(super) fn send(&mut self, frame: Frame) {
        if let Self::Open(open) = self {
            open.outgoing.push_back(frame);
        }
    }

    pub(super) fn ping(&mut self) {
        self.send(Frame::Ping(Bytes::new()));
    }

    /// The open connection, if there is one.
    pub(super) fn attempt(&self) -> Option<Attempt> {
        match self {
            Self::Open(open) => Some(open.attempt),
            Self::Idle | Self::Dialing(_) => None,
        }
    }

    /// The attempt under way, and whether its server has another address that was not tried yet.
    pub(super) fn dialing(&self, now: Instant) -> Option<(Attempt, bool)> {
        match self {
            Self::Dialing(dialing) => Some((dialing.attempt, dialing.book.lock().has_untried(now))),
            Self::Idle | Self::Open(_) => None,
        }
    }

    /// Waits until something happens. Reads nothing unless it may; what is to be sent is sent in any case.
    pub(super) async fn turn(&mut self, may_read: bool) -> Turn {
        poll_fn(|context| self.poll_turn(context, may_read)).await
    }

    /// Ends the connection properly, as far as the gateway takes part. The link is idle at once, and the address that is left is left alone for a
    /// while, as one that was lost is: the session goes because the gateway is leaving, or silent.
    pub(super) fn disconnect(
        &mut self,
        code: u16,
    ) -> Option<impl Future<Output = ()> + Send + 'static> {
        let Self::Open(open) = std::mem::replace(self, Self::Idle) else {
            return None;
        };
        open.set_aside();
        Some(take_leave(open.socket, code))
    }

    fn poll_turn(&mut self, context: &mut Context<'_>, may_read: bool) -> Poll<Turn> {
        let turn = match self {
            Self::Idle => return Poll::Pending,
            Self::Dialing(dialing) => match ready!(dialing.result.as_mut().poll(context)) {
                Ok(dialed) => {
                    let open = Open::new(dialing, dialed);
                    let attempt = open.attempt;
                    *self = Self::Open(Box::new(open));
                    return Poll::Ready(Turn::Connected(attempt));
                }
                Err(lost) => Turn::Lost(dialing.attempt, lost),
            },
            Self::Open(open) => ready!(open.poll_turn(context, may_read)),
        };
        if matches!(turn, Turn::Lost(..)) {
            *self = Self::Idle;
        }
        Poll::Ready(turn)
    }
}

impl Open {
    fn new(dialing: &Dialing, dialed: Dialed) -> Self {
        Self {
            attempt: dialing.attempt,
            book: dialing.book.clone(),
            set_aside: dialing.set_aside,
            ip: dialed.ip,
            socket: dialed.socket,
            outgoing: VecDeque::new(),
            unflushed: false,
        }
    }

    fn poll_turn(&mut self, context: &mut Context<'_>, may_read: bool) -> Poll<Turn> {
        if let Err(error) = self.poll_write(context) {
            return Poll::Ready(self.lost(Lost::new(Cause::Broken).with_detail(error.to_string())));
        }
        if !may_read {
            return Poll::Pending;
        }
        let turn = match ready!(self.socket.poll_next_unpin(context)) {
            Some(Ok(Frame::Text(text))) => Turn::Text(self.attempt, text),
            Some(Ok(Frame::Close(frame))) => {
                let code = frame.map_or(NO_STATUS, |frame| frame.code.into());
                self.unflushed = true;
                // The answer leaves now or never.
                let _ = self.poll_write(context);
                self.lost(Lost::new(Cause::Closed { code }))
            }
            Some(Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Binary(_) | Frame::Frame(_))) => {
                // The codec has queued the answer to a ping.
                self.unflushed = true;
                Turn::Alive(self.attempt)
            }
            Some(Err(error)) => self.lost(Lost::new(cause(&error)).with_detail(error.to_string())),
            None => self.lost(Lost::new(Cause::Broken)),
        };
        Poll::Ready(turn)
    }

    /// Writes as much as the connection takes now.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        while !self.outgoing.is_empty() {
            match self.socket.poll_ready_unpin(context) {
                Poll::Ready(ready) => ready?,
                Poll::Pending => return Ok(()),
            }
            if let Some(frame) = self.outgoing.pop_front() {
                Pin::new(&mut self.socket).start_send(frame)?;
                self.unflushed = true;
            }
        }
        if self.unflushed
            && let Poll::Ready(flushed) = self.socket.poll_flush_unpin(context)
        {
            flushed?;
            self.unflushed = false;
        }
        Ok(())
    }

    fn lost(&mut self, mut lost: Lost) -> Turn {
        let now = self.set_aside();
        lost.another_address = self.book.lock().has_another_machine(now);
        Turn::Lost(self.attempt, lost)
    }

    /// Its address is left alone from now on.
    fn set_aside(&self) -> Instant {
        let now = Instant::now();
        self.book.lock().set_aside(self.ip, now, self.set_aside);
        now
    }
}

/// The closing handshake (RFC 6455, section 7.1.2), for as long as a gateway may take for it.
async fn take_leave(mut socket: WebSocket, code: u16) {
    /// A gateway that is gone does not answer.
    const PATIENCE: Duration = Duration::from_secs(1);

    let closing = async {
        let frame = CloseFrame {
            code: code.into(),
            reason: Utf8Bytes::default(),
        };
        socket.close(Some(frame)).await?;
        // Unread bytes would turn the end of the connection into a reset.
        while socket.next().await.transpose()?.is_some() {}
        Ok::<(), Error>(())
    };
    // There is nobody left to tell.
    let _ = tokio::time::timeout(PATIENCE, closing).await;
}

/// RFC 6455, 7.1.5: what is reported where the close frame has no code.
const NO_STATUS: u16 = 1005;

fn cause(error: &Error) -> Cause {
    match error {
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Cause::Broken,
        Error::Capacity(_) | Error::Protocol(_) | Error::Utf8(_) => Cause::BadMessage,
        _ => Cause::Broken,
    }
}
