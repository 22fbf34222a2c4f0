//! One connection as the rest of the engine sees it.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    task::{Context, Waker},
    time::Instant,
};

use crate::{
    balance::MemberId,
    engine::{core::Core, stats::Cause},
    faults::Ending,
    roster::Entry,
};

/// A connection that reached a member.
pub(crate) struct Flow {
    pub(crate) id: u64,
    pub(crate) server: usize,
    pub(crate) pool: usize,
    pub(crate) client: SocketAddr,
    pub(crate) source: SocketAddr,
    pub(crate) member: SocketAddr,
    pub(crate) opened: Instant,
    /// Bytes from the client to the member.
    pub(crate) up: Cell<u64>,
    /// Bytes from the member to the client.
    pub(crate) down: Cell<u64>,
    /// Whether bytes passed since the last sweep; so that no clock is read per message.
    pub(crate) moved: Cell<bool>,
    pub(crate) quiet_since: Cell<Instant>,
    order: Cell<Order>,
    waker: RefCell<Option<Waker>>,
}

/// What a connection is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Carry bytes.
    Run,
    /// Stand still.
    Freeze,
    /// End.
    End(Ending, Cause),
}

impl Flow {
    pub(crate) fn new(id: u64, client: SocketAddr, source: SocketAddr, claim: &Claim) -> Self {
        let now = Instant::now();
        Self {
            id,
            server: claim.server,
            pool: claim.pool,
            client,
            source,
            member: claim.member,
            opened: now,
            up: Cell::new(0),
            down: Cell::new(0),
            moved: Cell::new(false),
            quiet_since: Cell::new(now),
            order: Cell::new(Order::Run),
            waker: RefCell::new(None),
        }
    }

    pub(crate) fn order(&self) -> Order {
        self.order.get()
    }

    /// Gives an order. An end is final.
    pub(crate) fn give(&self, order: Order) {
        if !matches!(self.order.get(), Order::End(..)) {
            self.order.set(order);
        }
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// The task that carries the connection is to be woken by orders.
    pub(crate) fn listen(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker
            .as_ref()
            .is_some_and(|known| known.will_wake(cx.waker()))
        {
            *waker = Some(cx.waker().clone());
        }
    }
}

/// A client's place at a virtual server; given up when dropped.
pub(crate) struct Seat {
    pub(crate) core: Rc<Core>,
    pub(crate) server: usize,
}

impl Seat {
    /// `None` when the connection limit is reached.
    pub(crate) fn take(core: &Rc<Core>, server: usize) -> Option<Self> {
        let current = &core.virtuals[server].current;
        let full = core.virtuals[server]
            .model
            .connection_limit
            .is_some_and(|limit| current.get() >= limit);
        if full {
            return None;
        }
        current.set(current.get() + 1);
        Some(Self {
            core: Rc::clone(core),
            server,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let current = &self.core.virtuals[self.server].current;
        current.set(current.get().saturating_sub(1));
    }
}

/// A connection counted at a member, from its choice on, so that a burst does not choose the same member again and again.
/// Given up, source port included, when dropped: drop it after the socket.
pub(crate) struct Claim {
    core: Rc<Core>,
    server: usize,
    pool: usize,
    /// None for a member that a rule named and that is in no pool.
    id: Option<MemberId>,
    pub(crate) member: SocketAddr,
    pub(crate) source: Option<SocketAddr>,
}

impl Claim {
    pub(crate) fn stake(
        core: &Rc<Core>,
        server: usize,
        pool: usize,
        id: Option<MemberId>,
        member: SocketAddr,
    ) -> Self {
        let claim = Self {
            core: Rc::clone(core),
            server,
            pool,
            id,
            member,
            source: None,
        };
        claim.count(|entry| {
            entry.connections += 1;
            entry.total += 1;
        });
        claim
    }

    pub(crate) fn id(&self) -> Option<MemberId> {
        self.id
    }

    /// The member did not answer.
    pub(crate) fn blame(&self) {
        self.count(|entry| entry.connect_failures += 1);
    }

    fn count(&self, change: impl FnOnce(&mut Entry)) {
        if let Some(id) = self.id
            && let Some(entry) = self.core.pools[self.pool].borrow_mut().entry_mut(id)
        {
            change(entry);
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.count(|entry| entry.connections = entry.connections.saturating_sub(1));
        if let Some(source) = self.source {
            self.core.virtuals[self.server]
                .ports
                .borrow_mut()
                .give_back(self.member, source);
        }
    }
}
