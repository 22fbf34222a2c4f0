//! From a client's handshake to a tunnel.

use std::{
    io,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

use crate::{
    balance::MemberId,
    engine::{
        client::Client,
        core::{Core, Virtual, Weather},
        dial::{DialError, dial},
        flow::{Claim, Flow, Order, Seat},
        stats::{Cause, Refusal},
        tunnel::Tunnel,
    },
    events::{Command, Event, Facts, Script, Side},
    faults::Ending,
    proxy_header,
};

/// How long a device of the lab may take for its PROXY header.
const HEADER_TIMEOUT: Duration = Duration::from_secs(3);
/// How long to wait for descriptors when there are none.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(50);
/// Most bytes a script may hold back before there is a member.
const MOST_HELD: usize = 1024 * 1024;

/// Takes clients in for as long as the engine runs.
pub(crate) async fn accept(core: Rc<Core>, server: usize, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let accepted = &core.virtuals[server].accepted;
                accepted.set(accepted.get() + 1);
                tokio::task::spawn_local(serve(Rc::clone(&core), server, stream, peer));
            }
            Err(error) => {
                core.note(format!(
                    "virtual server {} cannot accept: {error}",
                    core.virtuals[server].model.name
                ));
                sleep(OUT_OF_DESCRIPTORS).await;
            }
        }
    }
}

async fn serve(core: Rc<Core>, server: usize, stream: TcpStream, peer: SocketAddr) {
    let opening = Opening::new(&core, server, peer);
    let mut client = match opening.admit(stream).await {
        Ok(client) => client,
        Err((refused, stream)) => return refused.conclude(&core, server, stream.as_ref()),
    };
    match opening.join(&mut client).await {
        // The tunnel gets a task of its own, as this one is larger than a tunnel needs for its long life.
        Ok(joined) => drop(tokio::task::spawn_local(joined.into_tunnel(client))),
        Err(refused) => refused.conclude(&core, server, Some(client.socket())),
    }
}

/// A client that has no member yet.
struct Opening<'a> {
    core: &'a Rc<Core>,
    server: usize,
    virtual_server: &'a Virtual,
    id: u64,
    client: SocketAddr,
    pool: usize,
    named_member: Option<SocketAddr>,
    script: Option<Box<dyn Script>>,
    collecting: Option<usize>,
    held: Vec<u8>,
    to_client: Vec<u8>,
    to_server: Vec<u8>,
}

/// A client gets no connection.
struct Refused {
    why: Refusal,
    how: Ending,
    /// What the kernel said.
    detail: Option<String>,
}

impl Refused {
    /// Counts it, and decides how the client's socket ends.
    fn conclude(self, core: &Core, server: usize, client: Option<&TcpStream>) {
        core.refuse(server, self.why, self.detail.as_deref());
        if let (Some(client), Ending::Reset) = (client, self.how) {
            // Failing to set it, the client gets an orderly end, and no harm is done.
            drop(client.set_zero_linger());
        }
    }
}

impl From<Refusal> for Refused {
    fn from(why: Refusal) -> Self {
        Self {
            why,
            how: Ending::Reset,
            detail: None,
        }
    }
}

/// A client and its member, and what either is to hear first.
struct Joined {
    server: TcpStream,
    flow: Flow,
    claim: Claim,
    seat: Seat,
    script: Option<Box<dyn Script>>,
    header: Vec<u8>,
    commands: Vec<Command>,
    to_client: Vec<u8>,
    to_server: Vec<u8>,
}

impl Joined {
    fn into_tunnel(self, client: Client) -> Tunnel {
        let id = self.flow.id;
        let core = Rc::clone(&self.seat.core);
        let mut tunnel = Tunnel::new(client, self.server, self.flow, self.claim, self.seat);
        tunnel.follow(self.script);
        tunnel.say(Side::Server, &self.header);
        tunnel.say(Side::Client, &self.to_client);
        // What a script says at SERVER_CONNECTED comes before all that the client has said.
        let ended = tunnel.obey(self.commands);
        tunnel.say(Side::Server, &self.to_server);
        if let Some(how) = ended
            && let Some(flow) = core.flows.borrow().get(&id)
        {
            flow.give(Order::End(how, Cause::Rule));
        }
        tunnel
    }
}

impl<'a> Opening<'a> {
    fn new(core: &'a Rc<Core>, server: usize, peer: SocketAddr) -> Self {
        let virtual_server = &core.virtuals[server];
        Self {
            core,
            server,
            virtual_server,
            id: core.new_id(),
            client: peer,
            pool: virtual_server.pool,
            named_member: None,
            script: virtual_server.rules.as_ref().map(|rules| rules.begin()),
            collecting: None,
            held: Vec::new(),
            to_client: Vec::new(),
            to_server: Vec::new(),
        }
    }

    /// Takes a client in, and ends its TLS where the virtual server does that.
    async fn admit(&self, stream: TcpStream) -> Result<Client, (Refused, Option<TcpStream>)> {
        if let Err(refused) = self.weather_permitting().await {
            return Err((refused, Some(stream)));
        }
        let Some(offload) = &self.virtual_server.offload else {
            return Ok(Client::Plain(stream));
        };
        offload.meet(stream).await.map_err(|failed| {
            let refused = Refused {
                detail: Some(failed.why),
                ..Refusal::Tls.into()
            };
            (refused, failed.stream)
        })
    }

    async fn join(mut self, client: &mut Client) -> Result<Joined, Refused> {
        let seat = Seat::take(self.core, self.server).ok_or(Refusal::ConnectionLimit)?;
        let socket = client.socket();
        socket.set_nodelay(true).map_err(|_| Refusal::ClientGone)?;
        let destination = socket.local_addr().map_err(|_| Refusal::ClientGone)?;
        if self.virtual_server.model.accept_proxy {
            self.client = self.announced_client(client).await?;
        }
        self.tell(&Event::ClientAccepted, None)?;
        if self.virtual_server.offload.is_some() {
            self.tell(&Event::ClientSslHandshake, None)?;
        }
        self.collect(client).await?;

        let (server, claim) = self.reach_a_member().await?;

        let source = server
            .local_addr()
            .map_err(|_| Refusal::MemberUnreachable)?;
        let flow = Flow::new(self.id, self.client, source, &claim);
        let header = proxy_header::for_connection(
            self.virtual_server.model.proxy_protocol,
            self.client,
            destination,
        );
        let commands = self.ask(&Event::ServerConnected, Some(claim.member), Some(source));
        Ok(Joined {
            server,
            flow,
            claim,
            seat,
            script: self.script,
            header,
            commands,
            to_client: self.to_client,
            to_server: self.to_server,
        })
    }

    /// Waits for the end of a black hole; a reset in force resets.
    async fn weather_permitting(&self) -> Result<(), Refused> {
        loop {
            let changed = self.core.weather_changed.notified();
            match self.core.weather.get() {
                Weather::Reset => return Err(Refusal::Fault.into()),
                Weather::BlackHole => changed.await,
                Weather::Fair | Weather::MemberBlackHole(_) => return Ok(()),
            }
        }
    }

    /// Reads the PROXY header of a device of the lab; what follows it goes to the member.
    async fn announced_client(&mut self, client: &mut Client) -> Result<SocketAddr, Refused> {
        let read = async {
            let mut input = Vec::new();
            loop {
                if let Some(announced) =
                    proxy_header::read(&input).map_err(|_| Refusal::ProxyHeader)?
                {
                    self.to_server.extend_from_slice(&input[announced.length..]);
                    return Ok(announced.client);
                }
                if !more(client, &mut input)
                    .await
                    .map_err(|_| Refusal::ClientGone)?
                {
                    return Err(Refusal::ProxyHeader);
                }
            }
        };
        Ok(timeout(HEADER_TIMEOUT, read)
            .await
            .unwrap_or(Err(Refusal::ProxyHeader))?)
    }

    /// Collects what a script wants to see before a member is chosen.
    async fn collect(&mut self, client: &mut Client) -> Result<(), Refused> {
        // What has followed a PROXY header is the first of what is collected.
        if self.collecting.is_some() {
            self.held = std::mem::take(&mut self.to_server);
        }
        while let Some(wanted) = self.collecting {
            if self.held.len() >= wanted.max(1) {
                self.collecting = None;
                let held = std::mem::take(&mut self.held);
                let commands = self.ask(&Event::ClientData(&held), None, None);
                let released = commands
                    .iter()
                    .any(|command| matches!(command, Command::Release(Side::Client, _)));
                if !released {
                    self.held = held;
                    // The appliance waits for more until the script releases what it holds.
                    self.collecting = Some(self.held.len() + 1);
                }
                let obeyed = self.obey(commands);
                // A script may answer a client that never gets a member.
                self.answer(client).await?;
                obeyed?;
            } else if self.held.len() > MOST_HELD || !self.hears_more(client).await {
                return Err(Refusal::ClientGone.into());
            }
        }
        Ok(())
    }

    async fn answer(&mut self, client: &mut Client) -> Result<(), Refused> {
        let answer = std::mem::take(&mut self.to_client);
        let written = async {
            client.write_all(&answer).await?;
            client.flush().await
        };
        Ok(written.await.map_err(|_: io::Error| Refusal::ClientGone)?)
    }

    /// Whether the client says more, within the idle timeout.
    async fn hears_more(&mut self, client: &mut Client) -> bool {
        let heard = more(client, &mut self.held);
        match self.virtual_server.model.idle_timeout {
            None => heard.await.unwrap_or(false),
            Some(idle) => timeout(idle.after, heard)
                .await
                .is_ok_and(|heard| heard.unwrap_or(false)),
        }
    }

    async fn reach_a_member(&mut self) -> Result<(TcpStream, Claim), Refused> {
        let mut tried = Vec::new();
        loop {
            let Some(mut claim) = self.choose(&tried) else {
                self.tell(&Event::LbFailed, None)?;
                return Err(if tried.is_empty() {
                    Refusal::NoMember
                } else {
                    Refusal::MemberUnreachable
                }
                .into());
            };
            for event in [Event::LbSelected, Event::SaPicked, Event::ServerInit] {
                self.tell(&event, Some(claim.member))?;
            }
            match dial(self.virtual_server, &mut claim, self.client).await {
                Ok(stream) => return Ok((stream, claim)),
                Err(DialError::Unreachable(error)) => {
                    tracing::debug!(member = %claim.member, %error, "member unreachable");
                    claim.blame();
                    tried.extend(claim.id());
                    let again = claim.id().is_some()
                        && tried.len() <= self.virtual_server.model.reselect_tries as usize;
                    if !again {
                        self.tell(&Event::LbFailed, Some(claim.member))?;
                        let detail = Some(format!("{}: {error}", claim.member));
                        return Err(Refused {
                            detail,
                            ..Refusal::MemberUnreachable.into()
                        });
                    }
                }
                Err(DialError::Exhausted(exhausted)) => {
                    self.core.note(format!("01010201:2: {exhausted}"));
                    self.tell(&Event::LbFailed, Some(claim.member))?;
                    return Err(Refusal::PortExhaustion.into());
                }
                Err(DialError::NotOurs(address)) => {
                    self.core.note(format!("translation address {address} is not on this machine; add it to an interface"));
                    return Err(Refusal::NoSuchSourceAddress.into());
                }
            }
        }
    }

    fn choose(&mut self, tried: &[MemberId]) -> Option<Claim> {
        if let Some(member) = self.named_member {
            let id = self.core.pools[self.pool].borrow().id_of(member);
            return Some(Claim::stake(self.core, self.server, self.pool, id, member));
        }
        let now = Instant::now();
        let ip = self.client.ip();
        let mut persistence = self.virtual_server.persistence.borrow_mut();
        let bound = persistence
            .as_ref()
            .and_then(|records| records.member_of(ip, now));
        let mut roster = self.core.pools[self.pool].borrow_mut();
        let id = roster.choose(ip, bound, tried, now)?;
        if let Some(records) = &mut *persistence {
            records.remember(ip, id, now);
        }
        let member = roster.entry_mut(id)?.member.address;
        drop(roster);
        Some(Claim::stake(
            self.core,
            self.server,
            self.pool,
            Some(id),
            member,
        ))
    }

    /// Tells the script what happened and does what it wants.
    fn tell(&mut self, event: &Event<'_>, member: Option<SocketAddr>) -> Result<(), Refused> {
        let commands = self.ask(event, member, None);
        self.obey(commands)
    }

    fn ask(
        &mut self,
        event: &Event<'_>,
        member: Option<SocketAddr>,
        source: Option<SocketAddr>,
    ) -> Vec<Command> {
        let Some(script) = &mut self.script else {
            return Vec::new();
        };
        let roster = self.core.pools[self.pool].borrow();
        let facts = Facts {
            id: self.id,
            virtual_server: &self.virtual_server.model.name,
            client: self.client,
            destination: self.virtual_server.address,
            pool: &roster.pool().name,
            member,
            source,
            pools: &**self.core,
        };
        script.handle(event, &facts)
    }

    fn obey(&mut self, commands: Vec<Command>) -> Result<(), Refused> {
        for command in commands {
            match command {
                Command::Respond(Side::Client, bytes) => self.to_client.extend(bytes),
                Command::Respond(Side::Server, bytes) | Command::Release(Side::Client, bytes) => {
                    self.to_server.extend(bytes)
                }
                Command::Collect(Side::Client, wanted) => self.collecting = Some(wanted),
                Command::Collect(Side::Server, _) | Command::Release(Side::Server, _) => {
                    self.core.note(
                        "a rule spoke of the server's data before there was a server; ignored"
                            .to_owned(),
                    );
                }
                Command::UsePool(name) => match self.core.pool_named(&name) {
                    Some(pool) => (self.pool, self.named_member) = (pool, None),
                    None => {
                        self.core
                            .note(format!("01220001:3: TCL error: no such pool {name}"));
                        return Err(Refusal::Rule.into());
                    }
                },
                Command::UseMember(member) => self.named_member = Some(member),
                Command::Reject => return Err(Refusal::Rule.into()),
                Command::Drop | Command::Close => {
                    return Err(Refused {
                        why: Refusal::Rule,
                        how: Ending::Close,
                        detail: None,
                    });
                }
                Command::Log(line) => self.core.note(line),
            }
        }
        Ok(())
    }
}

/// Reads a little more; `false` at the end of the stream.
async fn more(client: &mut Client, input: &mut Vec<u8>) -> io::Result<bool> {
    input.reserve(1_024);
    Ok(client.read_buf(input).await? > 0)
}
