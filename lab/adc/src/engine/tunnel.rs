//! A client and its member, joined.

use std::{
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use nix::sys::socket::{setsockopt, sockopt::TcpRepair};
use tokio::net::TcpStream;

use crate::{
    engine::{
        client::Client,
        core::Core,
        flow::{Claim, Flow, Order, Seat},
        pipe::{Broken, Pipe, Progress},
        stats::Cause,
    },
    events::{Command, Event, Facts, Script, Side},
    faults::Ending,
};

/// Carries bytes both ways until both sides have ended, one is reset, or it is told to end.
pub(crate) struct Tunnel {
    // Sockets first: the claim on the source port is dropped after the socket that used it.
    streams: Option<Streams>,
    up: Pipe,
    down: Pipe,
    script: Option<Box<dyn Script>>,
    first_closed: Option<Side>,
    flow: Rc<Flow>,
    claim: Claim,
    seat: Seat,
}

struct Streams {
    client: Client,
    server: TcpStream,
}

/// How both sides are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// Both have ended by themselves.
    InOrder,
    /// By order, or because a side was reset.
    By(Ending, Cause),
}

impl Tunnel {
    pub(crate) fn new(
        client: Client,
        server: TcpStream,
        flow: Flow,
        claim: Claim,
        seat: Seat,
    ) -> Self {
        let flow = Rc::new(flow);
        let core = &seat.core;
        if core.weather.get().freezes(flow.member) {
            flow.give(Order::Freeze);
        }
        core.flows.borrow_mut().insert(flow.id, Rc::clone(&flow));
        Self {
            streams: Some(Streams { client, server }),
            up: Pipe::default(),
            down: Pipe::default(),
            script: None,
            first_closed: None,
            flow,
            claim,
            seat,
        }
    }

    /// Lets a script follow the connection.
    pub(crate) fn follow(&mut self, script: Option<Box<dyn Script>>) {
        self.script = script;
    }

    /// Sends bytes to a side before anything the other side says.
    pub(crate) fn say(&mut self, to: Side, bytes: &[u8]) {
        self.towards(to).push(bytes);
    }

    /// Does what a script wants; `Some` when the connection is to end.
    pub(crate) fn obey(&mut self, commands: Vec<Command>) -> Option<Ending> {
        for command in commands {
            match command {
                Command::Respond(side, bytes) => self.towards(side).push(&bytes),
                Command::Collect(side, wanted) => self.from(side).collect(wanted),
                Command::Release(side, bytes) => {
                    self.from(side).stop_collecting();
                    self.from(side).push(&bytes);
                }
                Command::Reject => return Some(Ending::Reset),
                Command::Drop => return Some(Ending::Forget),
                Command::Close => return Some(Ending::Close),
                Command::Log(line) => self.seat.core.note(line),
                Command::UsePool(_) | Command::UseMember(_) => {
                    self.seat.core.note(
                        "a rule chose a pool or member after one was selected; ignored".to_owned(),
                    );
                }
            }
        }
        None
    }

    fn towards(&mut self, side: Side) -> &mut Pipe {
        match side {
            Side::Client => &mut self.down,
            Side::Server => &mut self.up,
        }
    }

    fn from(&mut self, side: Side) -> &mut Pipe {
        match side {
            Side::Client => &mut self.up,
            Side::Server => &mut self.down,
        }
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Left> {
        self.flow.listen(cx);
        match self.flow.order() {
            Order::Run => {}
            Order::Freeze => return Poll::Pending,
            Order::End(how, why) => return Poll::Ready(Left::By(how, why)),
        }
        let core = Rc::clone(&self.seat.core);
        let buffer = &mut *core.buffer.borrow_mut();
        let up = self.poll_side(cx, Side::Client, buffer);
        if let Poll::Ready(left @ Left::By(..)) = up {
            return Poll::Ready(left);
        }
        let down = self.poll_side(cx, Side::Server, buffer);
        if let Poll::Ready(left @ Left::By(..)) = down {
            return Poll::Ready(left);
        }
        // An answer of one side's script may have become something to send by the other.
        if self.up.is_closed() && self.down.is_closed() {
            Poll::Ready(Left::InOrder)
        } else {
            Poll::Pending
        }
    }

    /// Moves what `side` sends.
    fn poll_side(&mut self, cx: &mut Context<'_>, side: Side, buffer: &mut [u8]) -> Poll<Left> {
        loop {
            let Some(Streams { client, server }) = &mut self.streams else {
                return Poll::Ready(Left::InOrder);
            };
            let flow = &self.flow;
            let total = match side {
                Side::Client => &flow.up,
                Side::Server => &flow.down,
            };
            let moved = |bytes: usize| {
                total.set(total.get() + bytes as u64);
                flow.moved.set(true);
            };
            let polled = match side {
                Side::Client => self.up.poll(cx, client, server, buffer, moved),
                Side::Server => self.down.poll(cx, server, client, buffer, moved),
            };
            match polled {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(Progress::Closed)) => {
                    self.first_closed.get_or_insert(side);
                    return Poll::Ready(Left::InOrder);
                }
                Poll::Ready(Ok(Progress::Collected)) => {
                    if let Some(how) = self.announce_data(side, cx) {
                        return Poll::Ready(Left::By(how, Cause::Rule));
                    }
                }
                Poll::Ready(Err(broken)) => return Poll::Ready(self.broken(side, &broken)),
            }
        }
    }

    fn broken(&mut self, side: Side, broken: &Broken) -> Left {
        let culprit = match broken {
            Broken::Sender(_) | Broken::TooMuchHeld => side,
            Broken::Receiver(_) => side.other(),
        };
        tracing::debug!(id = self.flow.id, ?culprit, %broken, "connection broken");
        self.first_closed.get_or_insert(culprit);
        let why = match culprit {
            Side::Client => Cause::ClientReset,
            Side::Server => Cause::MemberReset,
        };
        Left::By(Ending::Reset, why)
    }

    fn announce_data(&mut self, side: Side, cx: &Context<'_>) -> Option<Ending> {
        let held = self.from(side).held().to_vec();
        let event = match side {
            Side::Client => Event::ClientData(&held),
            Side::Server => Event::ServerData(&held),
        };
        let commands = self.tell(&event);
        // What the script answers may be for the direction that is not being moved now.
        cx.waker().wake_by_ref();
        self.obey(commands)
    }

    fn tell(&mut self, event: &Event<'_>) -> Vec<Command> {
        let Some(script) = &mut self.script else {
            return Vec::new();
        };
        let core = &self.seat.core;
        let server = &core.virtuals[self.seat.server];
        let roster = core.pools[self.flow.pool].borrow();
        let facts = Facts {
            id: self.flow.id,
            virtual_server: &server.model.name,
            client: self.flow.client,
            destination: server.address,
            pool: &roster.pool().name,
            member: Some(self.flow.member),
            source: Some(self.flow.source),
            pools: &**core,
        };
        script.handle(event, &facts)
    }

    fn leave(&mut self, left: Left) {
        let Some(Streams { client, server }) = self.streams.take() else {
            return;
        };
        let why = match left {
            Left::InOrder => Cause::Closed,
            Left::By(_, why) => why,
        };
        self.seat.core.ended(self.seat.server, why);
        match left {
            Left::InOrder | Left::By(Ending::Close, _) => {}
            // Failing to set it, the side gets an orderly end, and no harm is done.
            Left::By(Ending::Reset, _) => {
                drop((client.socket().set_zero_linger(), server.set_zero_linger()));
            }
            Left::By(Ending::Forget, _) => forget(&self.seat.core, client, server),
        }
    }
}

impl Future for Tunnel {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Poll::Ready(left) = self.poll_end(cx) else {
            return Poll::Pending;
        };
        self.leave(left);
        Poll::Ready(())
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.seat.core.flows.borrow_mut().remove(&self.flow.id);
        let first = self.first_closed.unwrap_or(Side::Client);
        for side in [first, first.other()] {
            let event = match side {
                Side::Client => Event::ClientClosed,
                Side::Server => Event::ServerClosed,
            };
            // Nothing is left to be commanded but the log.
            for command in self.tell(&event) {
                if let Command::Log(line) = command {
                    self.seat.core.note(line);
                }
            }
        }
        tracing::trace!(id = self.flow.id, member = %self.claim.member, "connection ended");
    }
}

/// Closes both sockets without a packet (`TCP_REPAIR`, see `tcp(7)` and CRIU): who sends later gets a reset, who waits waits.
/// Without the right to do so (CAP_NET_ADMIN) they stay open and unread, and nobody ever gets an answer.
fn forget(core: &Core, client: Client, server: TcpStream) {
    const ON: u32 = 1;
    let client = client.into_socket();
    let repaired =
        setsockopt(&client, TcpRepair, &ON).and_then(|()| setsockopt(&server, TcpRepair, &ON));
    if repaired.is_err() {
        core.forgotten.borrow_mut().push((client, server));
    }
}
