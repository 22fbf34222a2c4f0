//! What happens on a loop's connections.

use std::time::Instant;

use crate::connection::ConnId;
use crate::dial::{Refusal, Upgrade};
use crate::ending::{Closed, Failure};
use crate::net::Net;

/// A message from the peer, whole and unmasked. It lives in the loop's read buffer: copy what must
/// outlast the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// A text message; the engine has checked that it is UTF-8.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
}

/// What runs on an [`EventLoop`](crate::EventLoop): one value per loop, called on the loop's thread only.
///
/// Every connection that [`Net::adopt`] or [`Net::connect`] answered with an id ends in exactly one
/// of two ways: [`on_failed`](App::on_failed) if it never opened, else [`on_open`](App::on_open)
/// followed some time later by [`on_close`](App::on_close). No call is made from within a call to
/// `Net`; what a call to `Net` brings about is told later in the same turn.
pub trait App: Sized {
    /// What other threads ask of the loop, through its [`Mailbox`](crate::Mailbox).
    type Command: Send + 'static;

    /// What the app keeps per connection. It is stored inline: keep it small, box what is rare.
    type Session: Default;

    /// The loop is about to start, on its own thread.
    fn on_start(&mut self, net: &mut Net<Self::Session>) {
        let _ = net;
    }

    /// A command came through the mailbox.
    fn on_command(&mut self, net: &mut Net<Self::Session>, command: Self::Command);

    /// A device asks for the upgrade and the engine found nothing wrong with it. The app may still
    /// refuse, for example for a missing permission or too high a rate.
    ///
    /// # Errors
    /// The refusal is answered as an HTTP status and the connection fails with
    /// [`Failure::RefusedByApp`].
    fn on_upgrade(
        &mut self,
        net: &mut Net<Self::Session>,
        conn: ConnId,
        request: &Upgrade<'_>,
    ) -> Result<(), Refusal> {
        let _ = (net, conn, request);
        Ok(())
    }

    /// The WebSocket connection is open, in either role.
    fn on_open(&mut self, net: &mut Net<Self::Session>, conn: ConnId) {
        let _ = (net, conn);
    }

    /// A message arrived. Messages of one connection come in their order.
    fn on_message(&mut self, net: &mut Net<Self::Session>, conn: ConnId, message: Message<'_>);

    /// The queue of a connection that was slow is empty again.
    fn on_drained(&mut self, net: &mut Net<Self::Session>, conn: ConnId) {
        let _ = (net, conn);
    }

    /// An open connection is gone. Session and addresses can still be read; nothing can be sent.
    fn on_close(&mut self, net: &mut Net<Self::Session>, conn: ConnId, closed: &Closed) {
        let _ = (net, conn, closed);
    }

    /// A connection ended before it was open. Session and addresses can still be read.
    fn on_failed(&mut self, net: &mut Net<Self::Session>, conn: ConnId, failure: &Failure) {
        let _ = (net, conn, failure);
    }

    /// Once per turn, after commands, bytes and timers. The answer is when the app wants its next
    /// turn at the latest, even if nothing happens.
    fn on_turn(&mut self, net: &mut Net<Self::Session>, now: Instant) -> Option<Instant> {
        let _ = (net, now);
        None
    }
}
