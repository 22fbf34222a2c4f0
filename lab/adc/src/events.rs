//! Where rules hang in. The engine announces what happens to a connection, in the order of a BIG-IP Standard virtual server;
//! a script answers with commands.
//!
//! Without rules: CLIENT_ACCEPTED, [CLIENTSSL_HANDSHAKE], [CLIENT_DATA …], LB_SELECTED or LB_FAILED, SA_PICKED, SERVER_INIT, SERVER_CONNECTED,
//! [CLIENT_DATA, SERVER_DATA …], then SERVER_CLOSED and CLIENT_CLOSED, the side that ended first first. RULE_INIT is
//! [`Rules::begin`]'s own time: once, before the first connection.

use std::net::SocketAddr;

/// The rules of one virtual server. They live on the engine's thread.
pub trait Rules {
    /// A script for a new connection, with variables of its own.
    fn begin(&self) -> Box<dyn Script>;
}

/// Makes the rules on the engine's thread, before it listens (RULE_INIT). An error refuses the start.
pub type RuleInit = Box<dyn FnOnce() -> Result<Box<dyn Rules>, String> + Send>;

/// The rules as they apply to one connection.
pub trait Script {
    /// Something has happened; what shall be done about it, in order?
    fn handle(&mut self, event: &Event<'_>, connection: &Facts<'_>) -> Vec<Command>;
}

/// Which half of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Between client and virtual server.
    Client,
    /// Between virtual server and member.
    Server,
}

impl Side {
    /// The opposite half.
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// The client's handshake is complete.
    ClientAccepted,
    /// The client's TLS handshake is complete.
    ClientSslHandshake,
    /// As many bytes of the client as were asked for have been collected; these are all that are held.
    ClientData(&'a [u8]),
    /// A member has been chosen.
    LbSelected,
    /// No member could be chosen, or the chosen ones did not answer.
    LbFailed,
    /// The source address towards the member has been chosen.
    SaPicked,
    /// The handshake with the member begins.
    ServerInit,
    /// The handshake with the member is complete; nothing has been sent yet.
    ServerConnected,
    /// As many bytes of the member as were asked for have been collected; these are all that are held.
    ServerData(&'a [u8]),
    /// The member's side has ended.
    ServerClosed,
    /// The client's side has ended.
    ClientClosed,
}

impl Event<'_> {
    /// The appliance's name for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ClientAccepted => "CLIENT_ACCEPTED",
            Self::ClientSslHandshake => "CLIENTSSL_HANDSHAKE",
            Self::ClientData(_) => "CLIENT_DATA",
            Self::LbSelected => "LB_SELECTED",
            Self::LbFailed => "LB_FAILED",
            Self::SaPicked => "SA_PICKED",
            Self::ServerInit => "SERVER_INIT",
            Self::ServerConnected => "SERVER_CONNECTED",
            Self::ServerData(_) => "SERVER_DATA",
            Self::ServerClosed => "SERVER_CLOSED",
            Self::ClientClosed => "CLIENT_CLOSED",
        }
    }
}

/// What a script can learn about pools.
pub trait Pools {
    /// The members of a pool and how they stand; `None` when there is no such pool.
    fn members(&self, pool: &str) -> Option<Vec<Standing>>;
}

/// How a member stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The member.
    pub address: SocketAddr,
    /// Its monitors say that it serves, or it has none.
    pub up: bool,
    /// Nobody has disabled it.
    pub enabled: bool,
}

/// What is known of a connection when something happens to it.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// Counts connections since the start.
    pub id: u64,
    /// The virtual server's name.
    pub virtual_server: &'a str,
    /// The client.
    pub client: SocketAddr,
    /// The address the client connected to.
    pub destination: SocketAddr,
    /// The pool in use.
    pub pool: &'a str,
    /// The member, from LB_SELECTED on.
    pub member: Option<SocketAddr>,
    /// The source address towards the member, from SERVER_CONNECTED on.
    pub source: Option<SocketAddr>,
    /// All pools.
    pub pools: &'a dyn Pools,
}

/// What a script wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Put bytes into the stream towards a side, before anything else that is sent there (`TCP::respond`).
    Respond(Side, Vec<u8>),
    /// Hold what a side sends and announce it once there are so many bytes (`TCP::collect`). 0: any number.
    Collect(Side, usize),
    /// Pass these bytes, which a side sent or the script changed, on to the other and stop collecting (`TCP::release`).
    Release(Side, Vec<u8>),
    /// Choose from another pool (`pool`); before LB_SELECTED.
    UsePool(String),
    /// Use this member, whatever the balance says (`node`); before LB_SELECTED.
    UseMember(SocketAddr),
    /// Reset the client (`reject`).
    Reject,
    /// Forget the connection without a word (`drop`).
    Drop,
    /// End both sides in good order (`TCP::close`).
    Close,
    /// Write a line to the log (`log`).
    Log(String),
}
