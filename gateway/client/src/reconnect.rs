//! When to connect, and to which server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;

use crate::backoff::{Backoff, random_part};
use crate::event::{Cause, Lost};
use crate::failover::{Failover, Pick};
use crate::server_list::{ServerId, ServerList};
use crate::settings::Settings;

/// The way to a server: where it stands, and what was learnt on it.
#[derive(Debug)]
pub(crate) struct Reconnect {
    servers: Arc<ServerList>,
    state: State,
    failover: Failover,
    backoff: Backoff,
    /// A gateway that left asked to wait until then.
    hinted: Option<Instant>,
    losses: LossRate,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed,
    Waiting {
        until: Instant,
    },
    Connecting {
        server: ServerId,
        deadline: Instant,
        /// The server's name has an address that was not tried yet.
        another_address: bool,
    },
    Up {
        server: ServerId,
        proof: Proof,
        leave_at: Option<Instant>,
    },
}

/// Whether a connection has shown that a session works on it, and not just TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// Nothing was asked; a connection that stays is taken to work.
    Due {
        settled_at: Instant,
    },
    /// A request was sent: only an answer proves anything now.
    Owed,
    Given,
}

/// What time has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Connect to this server.
    Connect(ServerId),
    /// Give up the attempt or the connection.
    GiveUp(Cause),
}

/// What a loss means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Aftermath {
    pub(crate) server: ServerId,
    pub(crate) was_connected: bool,
    pub(crate) retry_in: Duration,
    /// How many connections were lost lately, if that is worth telling.
    pub(crate) often: Option<u32>,
}

impl Reconnect {
    pub(crate) fn new(servers: Arc<ServerList>) -> Self {
        Self {
            servers,
            state: State::Closed,
            failover: Failover::default(),
            backoff: Backoff::default(),
            hinted: None,
            losses: LossRate::default(),
        }
    }

    pub(crate) fn servers(&self) -> &Arc<ServerList> {
        &self.servers
    }

    /// Takes another list. A server that is connected stays so, and what was learnt of servers that are still in the list
    /// stays known.
    pub(crate) fn replace_servers(&mut self, servers: Arc<ServerList>) {
        let former = std::mem::replace(&mut self.servers, Arc::clone(&servers));
        let place = |id| servers.find(&former.get(id)?.url);
        self.failover.move_to(place);
        if let State::Connecting { server, .. } | State::Up { server, .. } = &mut self.state {
            *server = place(*server).unwrap_or(ServerId::GONE);
        }
    }

    /// Notes whether the server that is being connected to has another address that was not tried yet.
    pub(crate) fn note_another_address(&mut self, another: bool) {
        if let State::Connecting {
            another_address, ..
        } = &mut self.state
        {
            *another_address = another;
        }
    }

    /// Whether the attempt that is under way has another address to go to.
    pub(crate) fn has_another_address(&self) -> bool {
        matches!(
            self.state,
            State::Connecting {
                another_address: true,
                ..
            }
        )
    }

    pub(crate) fn open(&mut self, now: Instant) {
        if matches!(self.state, State::Closed) {
            self.state = State::Waiting { until: now };
        }
    }

    /// Answers whether there is something to disconnect.
    pub(crate) fn close(&mut self) -> bool {
        let busy = matches!(self.state, State::Connecting { .. } | State::Up { .. });
        self.state = State::Closed;
        busy
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(self.state, State::Up { .. })
    }

    /// The server that is connected, or being connected to.
    pub(crate) fn server(&self) -> Option<ServerId> {
        match self.state {
            State::Connecting { server, .. } | State::Up { server, .. } => Some(server),
            State::Closed | State::Waiting { .. } => None,
        }
    }

    /// The attempt succeeded, as far as the transport can tell.
    pub(crate) fn connected(&mut self, now: Instant, settings: &Settings) -> Option<ServerId> {
        let State::Connecting { server, .. } = self.state else {
            return None;
        };
        let proof = Proof::Due {
            settled_at: now + settings.settle,
        };
        self.state = State::Up {
            server,
            proof,
            leave_at: None,
        };
        Some(server)
    }

    /// The gateway answered a request: now the session works, and failures count from nothing again.
    pub(crate) fn works(&mut self) {
        if let State::Up { proof, .. } = &mut self.state
            && *proof != Proof::Given
        {
            *proof = Proof::Given;
            self.backoff.reset();
        }
    }

    /// A request was sent. Time alone proves nothing any more.
    pub(crate) fn asked(&mut self) {
        if let State::Up { proof, .. } = &mut self.state
            && matches!(proof, Proof::Due { .. })
        {
            *proof = Proof::Owed;
        }
    }

    /// The gateway is leaving, and asks to come back after some time.
    pub(crate) fn hint(&mut self, after: Duration, now: Instant, settings: &Settings) {
        let at = now + after.min(settings.longest_hint);
        self.hinted = Some(at);
        if let State::Up { leave_at, .. } = &mut self.state {
            *leave_at = Some(at);
        }
    }

    /// The attempt failed, or the connection is lost.
    pub(crate) fn lost(
        &mut self,
        lost: &Lost,
        now: Instant,
        settings: &Settings,
        rng: &mut SmallRng,
    ) -> Option<Aftermath> {
        let server = self.server()?;
        let was_connected = self.is_up();
        let worked = matches!(
            self.state,
            State::Up {
                proof: Proof::Given,
                ..
            }
        );
        let wait = self.wait_after(server, worked, lost, now, settings, rng);
        let until = match self.hinted.take() {
            // The hint is jittered by the gateway, so it takes the place of a jitter of ours.
            Some(hinted) if worked => hinted.max(now),
            hinted => hinted.unwrap_or(now).max(now + wait),
        };
        self.state = State::Waiting { until };
        let often = was_connected
            .then(|| self.losses.note(now, settings))
            .flatten();
        Some(Aftermath {
            server,
            was_connected,
            retry_in: until - now,
            often,
        })
    }

    fn wait_after(
        &mut self,
        server: ServerId,
        worked: bool,
        lost: &Lost,
        now: Instant,
        settings: &Settings,
        rng: &mut SmallRng,
    ) -> Duration {
        if lost.another_address {
            return Duration::ZERO;
        }
        // "Come back in no time" says as much as nothing: the back-off decides.
        match lost.retry_after.filter(|asked| !asked.is_zero()) {
            // Everybody who was turned away in the same second was told the same.
            Some(asked) => self.failover.leave_alone(
                server,
                now,
                asked.min(settings.longest_hint) + random_part(settings.spread, rng),
            ),
            None => self.failover.set_aside(server, now, settings.set_aside),
        }
        if self.failover.has_untried(&self.servers, now) {
            return Duration::ZERO;
        }
        if let Some(until) = self.failover.first_to_wait_for(&self.servers, now) {
            return until - now;
        }
        self.failover.begin_round();
        if worked {
            random_part(settings.spread, rng)
        } else {
            self.backoff
                .next(settings.backoff_base, settings.backoff_cap, rng)
        }
    }

    /// What is due now. Ask again until nothing is.
    pub(crate) fn due(
        &mut self,
        now: Instant,
        settings: &Settings,
        rng: &mut SmallRng,
    ) -> Option<Due> {
        match &mut self.state {
            State::Waiting { until } if *until <= now => {
                match self.failover.pick(&self.servers, now, rng) {
                    Pick::Server(server) => {
                        self.state = State::Connecting {
                            server,
                            deadline: now + settings.connect_timeout,
                            another_address: false,
                        };
                        Some(Due::Connect(server))
                    }
                    Pick::NotBefore(time) => {
                        /// Time passes in some steps even if a clock is coarse.
                        const STEP: Duration = Duration::from_millis(1);
                        *until = time.max(now + STEP);
                        None
                    }
                }
            }
            State::Connecting { deadline, .. } if *deadline <= now => {
                Some(Due::GiveUp(Cause::ConnectTimeout))
            }
            State::Up {
                leave_at: Some(leave_at),
                ..
            } if *leave_at <= now => Some(Due::GiveUp(Cause::Moved)),
            State::Up {
                proof: Proof::Due { settled_at },
                ..
            } if *settled_at <= now => {
                self.works();
                None
            }
            State::Closed | State::Waiting { .. } | State::Connecting { .. } | State::Up { .. } => {
                None
            }
        }
    }

    /// When to ask what is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Closed => None,
            State::Waiting { until } => Some(until),
            State::Connecting { deadline, .. } => Some(deadline),
            State::Up {
                proof: Proof::Due { settled_at },
                leave_at,
                ..
            } => Some(leave_at.map_or(settled_at, |leave_at| leave_at.min(settled_at))),
            State::Up {
                proof: Proof::Given | Proof::Owed,
                leave_at,
                ..
            } => leave_at,
        }
    }
}

/// Counts lost connections in windows of time.
#[derive(Debug, Default)]
struct LossRate {
    since: Option<Instant>,
    count: u32,
}

impl LossRate {
    /// Answers the count when it reaches the threshold, once per window.
    fn note(&mut self, now: Instant, settings: &Settings) -> Option<u32> {
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) >= settings.often_within {
            *self = Self {
                since: Some(now),
                count: 0,
            };
        }
        self.count = self.count.saturating_add(1);
        (self.count == settings.often).then_some(self.count)
    }
}
