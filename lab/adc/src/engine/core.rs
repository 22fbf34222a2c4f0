//! What everything on the engine's thread shares. One thread, so cells and no locks; no borrow lives across an `await`.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    net::SocketAddr,
    rc::Rc,
    time::Instant,
};

use tokio::{net::TcpStream, sync::Notify, task::AbortHandle};

use crate::{
    balance::MemberId,
    engine::{
        Listening,
        client::Offload,
        flow::{Flow, Order},
        log::Log,
        stats::{Cause, Counts, Refusal},
    },
    events::{Pools, Rules, Standing},
    faults::Ending,
    health::Finding,
    model::{MemberState, Persistence, Pool, ServiceDownAction, VirtualServer},
    persistence::SourceAddressRecords,
    roster::{Entry, Roster},
    source_ports::SourcePorts,
};

/// What one read takes at most; shared by all connections.
const BUFFER: usize = 64 * 1024;

pub(crate) struct Core {
    pub(crate) virtuals: Vec<Virtual>,
    pub(crate) pools: Vec<RefCell<Roster>>,
    pub(crate) flows: RefCell<HashMap<u64, Rc<Flow>>>,
    pub(crate) buffer: RefCell<Box<[u8]>>,
    pub(crate) log: RefCell<Log>,
    pub(crate) weather: Cell<Weather>,
    /// Rung when the weather changes, for connections that hang before they have a flow.
    pub(crate) weather_changed: Notify,
    /// Connections of which nobody was told that they ended. They stay open, unread, where the kernel cannot be made to forget them.
    pub(crate) forgotten: RefCell<Vec<(TcpStream, TcpStream)>>,
    pub(crate) probes: RefCell<HashMap<(usize, MemberId), Vec<AbortHandle>>>,
    next_id: Cell<u64>,
}

/// Faults that last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    Fair,
    /// Nothing passes.
    BlackHole,
    /// Nothing passes to or from this member.
    MemberBlackHole(SocketAddr),
    /// Everything is reset.
    Reset,
}

impl Weather {
    /// Whether a connection to this member stands still.
    pub(crate) fn freezes(self, member: SocketAddr) -> bool {
        match self {
            Self::BlackHole => true,
            Self::MemberBlackHole(one) => one == member,
            Self::Fair | Self::Reset => false,
        }
    }
}

/// A virtual server at work.
pub(crate) struct Virtual {
    pub(crate) model: VirtualServer,
    pub(crate) address: SocketAddr,
    /// Where its pool is in [`Core::pools`].
    pub(crate) pool: usize,
    pub(crate) rules: Option<Box<dyn Rules>>,
    pub(crate) offload: Option<Offload>,
    pub(crate) ports: RefCell<SourcePorts>,
    pub(crate) persistence: RefCell<Option<SourceAddressRecords>>,
    pub(crate) accepted: Cell<u64>,
    pub(crate) current: Cell<u32>,
    pub(crate) refused: RefCell<Counts<Refusal>>,
    pub(crate) ended: RefCell<Counts<Cause>>,
}

impl Virtual {
    pub(crate) fn new(
        model: VirtualServer,
        address: SocketAddr,
        pool: usize,
        seed: u64,
        rules: Option<Box<dyn Rules>>,
        offload: Option<Offload>,
    ) -> Self {
        let persistence = match model.persistence {
            Persistence::None => None,
            Persistence::SourceAddress { timeout } => Some(SourceAddressRecords::new(timeout)),
        };
        Self {
            ports: RefCell::new(SourcePorts::new(model.snat.clone(), seed)),
            persistence: RefCell::new(persistence),
            model,
            address,
            pool,
            rules,
            offload,
            accepted: Cell::new(0),
            current: Cell::new(0),
            refused: RefCell::default(),
            ended: RefCell::default(),
        }
    }
}

impl Pools for Core {
    fn members(&self, pool: &str) -> Option<Vec<Standing>> {
        let roster = self.pools[self.pool_named(pool)?].borrow();
        let standing = |entry: &Entry| Standing {
            address: entry.member.address,
            up: entry.condition().serves(),
            enabled: entry.member.state == MemberState::Enabled,
        };
        Some(roster.entries().iter().map(standing).collect())
    }
}

impl Core {
    pub(crate) fn new(virtuals: Vec<Virtual>, pools: Vec<Pool>) -> Self {
        Self {
            virtuals,
            pools: pools
                .into_iter()
                .map(|pool| RefCell::new(Roster::new(pool)))
                .collect(),
            flows: RefCell::default(),
            buffer: RefCell::new(vec![0; BUFFER].into_boxed_slice()),
            log: RefCell::default(),
            weather: Cell::new(Weather::Fair),
            weather_changed: Notify::new(),
            forgotten: RefCell::default(),
            probes: RefCell::default(),
            next_id: Cell::new(0),
        }
    }

    pub(crate) fn listening(&self) -> Vec<Listening> {
        let one = |server: &Virtual| Listening {
            virtual_server: server.model.name.clone(),
            address: server.address,
        };
        self.virtuals.iter().map(one).collect()
    }

    pub(crate) fn new_id(&self) -> u64 {
        self.next_id.replace(self.next_id.get() + 1)
    }

    pub(crate) fn note(&self, line: String) {
        tracing::info!("{line}");
        self.log.borrow_mut().add(line);
    }

    /// A client gets no connection. Told aloud the first, second, fourth, eighth … time.
    pub(crate) fn refuse(&self, server: usize, why: Refusal, detail: Option<&str>) {
        let server = &self.virtuals[server];
        let times = server.refused.borrow_mut().count(why);
        if times.is_power_of_two() {
            let detail = detail
                .map(|detail| format!(" ({detail})"))
                .unwrap_or_default();
            self.warn(format!(
                "virtual server {} refused {times} clients: {why}{detail}",
                server.model.name
            ));
        }
    }

    /// A connection that had a member has ended.
    pub(crate) fn ended(&self, server: usize, why: Cause) {
        self.virtuals[server].ended.borrow_mut().count(why);
    }

    /// A line of the log that somebody should see.
    pub(crate) fn warn(&self, line: String) {
        tracing::warn!("{line}");
        self.log.borrow_mut().add(line);
    }

    pub(crate) fn pool_named(&self, name: &str) -> Option<usize> {
        self.pools
            .iter()
            .position(|pool| pool.borrow().pool().name == name)
    }

    /// The pools, by index, in which this address is a member.
    pub(crate) fn memberships(&self, address: SocketAddr) -> Vec<(usize, MemberId)> {
        let id = |(index, pool): (usize, &RefCell<Roster>)| {
            pool.borrow().id_of(address).map(|id| (index, id))
        };
        self.pools.iter().enumerate().filter_map(id).collect()
    }

    /// A probe has come back: the member may change its condition, and its connections may end.
    pub(crate) fn observe(&self, pool: usize, member: MemberId, monitor: usize, finding: Finding) {
        let (change, name, address, action) = {
            let mut roster = self.pools[pool].borrow_mut();
            let change = roster.observe(member, monitor, finding, Instant::now());
            let address = roster.entry_mut(member).map(|entry| entry.member.address);
            (
                change,
                roster.pool().name.clone(),
                address,
                roster.pool().service_down_action,
            )
        };
        let (Some(change), Some(address)) = (change, address) else {
            return;
        };

        // The appliance's two messages for a member's monitor status.
        let (number, status) = if change.now.serves() {
            ("01070727:5", "up")
        } else {
            ("01070638:5", "down")
        };
        if change.before.serves() != change.now.serves()
            || change.before == crate::health::Condition::Checking
        {
            self.note(format!(
                "{number}: Pool {name} member {address} monitor status {status}."
            ));
        }
        if change.now.serves() {
            return;
        }
        let ended = match action {
            ServiceDownAction::None => 0,
            ServiceDownAction::Reset => {
                self.end_flows_to(address, Ending::Reset, Cause::ServiceDown)
            }
            ServiceDownAction::Drop => {
                self.end_flows_to(address, Ending::Forget, Cause::ServiceDown)
            }
        };
        tracing::debug!(%address, ended, "service down");
    }

    /// Ends the connections to a member; how many there were.
    pub(crate) fn end_flows_to(&self, member: SocketAddr, how: Ending, why: Cause) -> usize {
        self.order_flows(|flow| flow.member == member, Order::End(how, why))
    }

    /// Gives an order to some connections; how many there were.
    pub(crate) fn order_flows(&self, which: impl Fn(&Flow) -> bool, order: Order) -> usize {
        // An order wakes tasks, it does not run them: nothing changes the map meanwhile.
        self.flows
            .borrow()
            .values()
            .filter(|flow| which(flow))
            .inspect(|flow| flow.give(order))
            .count()
    }
}
