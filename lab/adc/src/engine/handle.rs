//! Asks and changes a running engine, from any thread.

use std::{net::SocketAddr, rc::Rc, time::Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::{
    balance::MemberId,
    engine::{
        core::{Core, Weather},
        flow::Order,
        log::LogLine,
        probe,
        stats::{self, Cause, ConnectionStats, Stats},
    },
    faults::{Ending, Fault},
    model::{Member, MemberState},
};

type Work = Box<dyn FnOnce(&Rc<Core>) + Send>;

pub(crate) enum Job {
    Do(Work),
    Stop,
}

/// Asks and changes a running engine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    jobs: mpsc::Sender<Job>,
}

/// The engine has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the load balancer has stopped")]
pub struct Stopped;

/// Nothing has this name or address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotThere(pub String);

/// What an operator changes about a member; what is absent stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct MemberChange {
    /// Whether it gets connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<MemberState>,
    /// Its share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// Ends its connections, as `tmsh delete sys connection` does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_connections: Option<Ending>,
}

/// What a fault did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FaultReport {
    /// Connections it hit.
    pub connections: usize,
}

impl Handle {
    pub(crate) fn new(jobs: mpsc::Sender<Job>) -> Self {
        Self { jobs }
    }

    /// What is counted.
    ///
    /// # Errors
    /// When the engine has stopped; so for all of these.
    pub async fn stats(&self) -> Result<Stats, Stopped> {
        self.ask(|core| stats::of(core)).await
    }

    /// Every connection that has a member, oldest first, with the source port it uses.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub async fn connections(&self) -> Result<Vec<ConnectionStats>, Stopped> {
        self.ask(|core| stats::connections(core)).await
    }

    /// The last 1,000 lines of the log.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub async fn log(&self) -> Result<Vec<LogLine>, Stopped> {
        self.ask(|core| core.log.borrow().lines()).await
    }

    /// Changes a member in every pool that has it; how many of its connections were ended.
    ///
    /// # Errors
    /// When the engine has stopped or no pool has the member.
    pub async fn change_member(
        &self,
        member: SocketAddr,
        change: MemberChange,
    ) -> Result<Result<usize, NotThere>, Stopped> {
        self.ask(move |core| change_member(core, member, change))
            .await
    }

    /// Lets a member join a pool.
    ///
    /// # Errors
    /// When the engine has stopped, there is no such pool, or the pool has the address already.
    pub async fn add_member(
        &self,
        pool: String,
        member: Member,
    ) -> Result<Result<(), NotThere>, Stopped> {
        self.ask(move |core| add_member(core, &pool, member)).await
    }

    /// Takes a member out of every pool; its connections live on.
    ///
    /// # Errors
    /// When the engine has stopped or no pool has the member.
    pub async fn remove_member(&self, member: SocketAddr) -> Result<Result<(), NotThere>, Stopped> {
        self.ask(move |core| remove_member(core, member)).await
    }

    /// Breaks something, or heals it.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub async fn inflict(&self, fault: Fault) -> Result<FaultReport, Stopped> {
        self.ask(move |core| FaultReport {
            connections: inflict(core, fault),
        })
        .await
    }

    /// Stops the engine; every connection ends.
    pub async fn stop(&self) {
        // An engine that has stopped needs no order.
        drop(self.jobs.send(Job::Stop).await);
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Rc<Core>) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        let (answer_in, answer) = oneshot::channel();
        let job = move |core: &Rc<Core>| {
            // Who asked may have lost interest.
            drop(answer_in.send(question(core)));
        };
        self.jobs
            .send(Job::Do(Box::new(job)))
            .await
            .map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }
}

fn change_member(core: &Core, member: SocketAddr, change: MemberChange) -> Result<usize, NotThere> {
    let places = places_of(core, member)?;
    for (pool, id) in places {
        let mut roster = core.pools[pool].borrow_mut();
        if let Some(state) = change.state {
            roster.set_state(id, state, Instant::now());
        }
        if let Some(weight) = change.weight {
            roster.set_weight(id, weight);
        }
    }
    if let Some(state) = change.state {
        core.note(format!("member {member} is {state:?} by order"));
    }
    Ok(change
        .end_connections
        .map_or(0, |how| core.end_flows_to(member, how, Cause::Order)))
}

fn add_member(core: &Rc<Core>, pool: &str, member: Member) -> Result<(), NotThere> {
    let address = member.address;
    let index = core
        .pool_named(pool)
        .ok_or_else(|| NotThere(format!("there is no pool `{pool}`")))?;
    let id = core.pools[index]
        .borrow_mut()
        .add(member.clone(), Instant::now());
    let id = id.ok_or_else(|| NotThere(format!("{address} is in the pool `{pool}` already")))?;
    probe::begin(core, index, id, &member);
    Ok(())
}

fn remove_member(core: &Core, member: SocketAddr) -> Result<(), NotThere> {
    for (pool, id) in places_of(core, member)? {
        core.pools[pool].borrow_mut().remove(id);
        probe::end(core, pool, id);
    }
    Ok(())
}

fn places_of(core: &Core, member: SocketAddr) -> Result<Vec<(usize, MemberId)>, NotThere> {
    let places = core.memberships(member);
    if places.is_empty() {
        Err(NotThere(format!("no pool has the member {member}")))
    } else {
        Ok(places)
    }
}

fn inflict(core: &Core, fault: Fault) -> usize {
    core.note(format!("fault: {fault:?}"));
    match fault {
        Fault::KillAll { member, how } => core.order_flows(
            |flow| member.is_none_or(|member| flow.member == member),
            Order::End(how, Cause::Order),
        ),
        Fault::BlackHole { member } => {
            change_weather(
                core,
                member.map_or(Weather::BlackHole, Weather::MemberBlackHole),
            );
            core.order_flows(
                |flow| core.weather.get().freezes(flow.member),
                Order::Freeze,
            )
        }
        Fault::Reset => {
            change_weather(core, Weather::Reset);
            core.order_flows(|_| true, Order::End(Ending::Reset, Cause::Order))
        }
        Fault::FailOver => fail_over(core),
        Fault::Heal => {
            change_weather(core, Weather::Fair);
            core.order_flows(|_| true, Order::Run)
        }
    }
}

fn change_weather(core: &Core, weather: Weather) {
    core.weather.set(weather);
    // One fault at a time: what an earlier one froze moves again unless this one freezes it too.
    core.order_flows(|flow| !weather.freezes(flow.member), Order::Run);
    core.weather_changed.notify_waiters();
}

fn fail_over(core: &Core) -> usize {
    for server in &core.virtuals {
        server.ports.borrow_mut().start_over();
        if let Some(records) = &mut *server.persistence.borrow_mut() {
            records.clear();
        }
    }
    for pool in &core.pools {
        pool.borrow_mut().forget_health();
    }
    core.order_flows(|_| true, Order::End(Ending::Forget, Cause::Order))
}
