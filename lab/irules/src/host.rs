//! What a rule can see and do: the seam between the interpreter and whoever owns the connections.

use std::net::SocketAddr;
use std::time::Duration;

/// One of the two flows of a proxied connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Between the device and the virtual server.
    Client,
    /// Between the virtual server and the pool member.
    Server,
}

/// The addresses of one flow, seen from the virtual server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// The appliance's own end.
    pub local: SocketAddr,
    /// The other end: the device, or the pool member.
    pub remote: SocketAddr,
    /// The route domain. Addresses of every domain but 0 carry it as a suffix, `10.0.0.1%7`.
    pub route_domain: u16,
}

/// The pool member that load balancing chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Full path of the pool, `/Common/gateways`; empty when `node` chose.
    pub pool: String,
    /// The chosen member.
    pub member: SocketAddr,
}

/// A pool member as `active_members` and `LB::status` count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Address and port of the member.
    pub address: SocketAddr,
    /// Up by its monitors, or not monitored at all.
    pub up: bool,
    /// Its session is `user-enabled`: it gets new connections.
    pub enabled: bool,
}

/// Source address translation chosen by a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Snat {
    /// The client's own address.
    None,
    /// A self-IP of the appliance.
    Automap,
    /// This address.
    Address(String),
    /// A SNAT pool, by name.
    Pool(String),
}

/// What a rule asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `TCP::respond`: these bytes go into the egress queue of that side, before anything proxied later.
    Respond {
        /// Which peer gets them.
        side: Side,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// `TCP::collect`: hold what arrives until `bytes` are there (any amount when absent), then fire the data event.
    Collect {
        /// Where the bytes arrive.
        side: Side,
        /// How many are wanted.
        bytes: Option<usize>,
    },
    /// `TCP::release`: let collected bytes go on.
    Release {
        /// Whose bytes.
        side: Side,
        /// How many; all when absent.
        bytes: Option<usize>,
    },
    /// `TCP::close`: send FIN to that side once its queue is empty.
    Close(Side),
    /// `reject`: RST to both.
    Reject,
    /// `drop` and `discard`: forget the connection without a packet.
    Drop,
    /// `pool NAME ?member ADDRESS PORT?`.
    UsePool {
        /// As written in the rule.
        pool: String,
        /// A member named by the rule.
        member: Option<SocketAddr>,
    },
    /// `node ADDRESS PORT`.
    UseNode(SocketAddr),
    /// `snat` and `snatpool`.
    UseSnat(Snat),
    /// `virtual NAME`.
    UseVirtual(String),
    /// `LB::reselect`, in LB_FAILED.
    Reselect,
    /// `LB::detach`: give up the server side.
    Detach,
    /// `HTTP::respond` and `HTTP::redirect`: answer instead of the member.
    HttpRespond {
        /// Status code.
        status: u16,
        /// Header fields in order.
        headers: Vec<(Vec<u8>, Vec<u8>)>,
        /// The body.
        body: Vec<u8>,
    },
    /// `WS::disconnect`: a close frame to both ends once the current frame is done.
    WsDisconnect {
        /// Close code.
        code: u16,
        /// Close reason.
        reason: Vec<u8>,
    },
}

/// The HTTP message of the current event. Changes made by a rule are what travels on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpMessage {
    /// Empty in responses.
    pub method: Vec<u8>,
    /// Path and query as received; empty in responses.
    pub uri: Vec<u8>,
    /// `1.1`.
    pub version: Vec<u8>,
    /// 0 in requests.
    pub status: u16,
    /// Fields in the order of arrival.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The WebSocket frame of the current event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WsFrame {
    /// Opcode, RFC 6455 section 5.2.
    pub opcode: u8,
    /// Last frame of its message.
    pub fin: bool,
    /// Bytes of payload.
    pub length: u64,
    /// The masking key; 0 when the frame is unmasked.
    pub mask: u32,
}

/// The appliance around a rule, for one connection and one event.
pub trait Host {
    /// The flow of that side, when there is one yet.
    fn flow(&self, side: Side) -> Option<Flow>;

    /// Full path of the virtual server, `/Common/devices`.
    fn virtual_server(&self) -> String;

    /// A line for /var/log/ltm.
    fn log(&mut self, facility: &str, message: &str);

    /// Time since the Unix epoch.
    fn now(&self) -> Duration;

    /// 64 random bits; seeded, so that a run can be repeated.
    fn random(&mut self) -> u64;

    /// Does what the rule asks; the error is what the appliance would answer, as a Tcl error.
    fn act(&mut self, action: Action) -> Result<(), String>;

    /// What `TCP::collect` has gathered on that side.
    fn payload(&self, side: Side) -> Vec<u8>;

    /// Replaces what was gathered.
    fn set_payload(&mut self, side: Side, bytes: Vec<u8>);

    /// The chosen member, from LB_SELECTED on.
    fn selection(&self) -> Option<Selection>;

    /// The members of a pool; `None` when there is no such pool.
    fn members(&self, pool: &str) -> Option<Vec<Member>>;

    /// The pool that the virtual server uses by default.
    fn default_pool(&self) -> Option<String>;

    /// The message of an HTTP event.
    fn http(&mut self) -> Option<&mut HttpMessage>;

    /// The frame of a WebSocket event.
    fn ws_frame(&self) -> Option<WsFrame>;

    /// Which TMM this is, and of how many.
    fn tmm(&self) -> (usize, usize) {
        (0, 1)
    }
}
