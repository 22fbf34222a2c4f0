//! How devices find their gateway, seen and changed while a cell is played.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::Context;
use lab_dns::{Intermediary, Mood, NameServer, Order, Zone};
use lab_record::balancing::{Away, Balancing as Figures, Log, Look, Note, What};

use super::theatre::Theatre;
use crate::evidence::FailedMember;
use crate::gateway::Gateway;
use crate::provider::{Observation, ProviderError};
use crate::scenario::step::balancing::{Names, NamesAnswer, Weights};
use crate::stage::{AddressOrder, Balancing, Stage};

/// The gateways' name, as devices ask for it.
pub(super) const HOST: &str = "gateways.lab.test";

/// How often gateways are asked how many connections they have.
const PACE: Duration = Duration::from_millis(100);

/// What is known of one stage's balancing.
pub(super) struct Balance {
    way: Balancing,
    /// What each gateway is to have, as it is told now.
    weights: Vec<u32>,
    log: Log,
    names: Option<NameServer>,
    zero: Instant,
    looked: Option<Instant>,
    failed_members: Vec<FailedMember>,
}

impl Balance {
    /// Gets ready, with a name server if devices ask for names; nothing when the stage says nothing of balancing.
    pub(super) fn open(
        stage: &Stage,
        gateways: &[Gateway],
        seed: u64,
    ) -> Result<Option<Self>, ProviderError> {
        let Some(way) = stage.balancing else {
            return Ok(None);
        };
        let weights = stage.weights();
        let names = if way.asks_names() {
            let addresses = offered(gateways, &weights);
            Some(name_server(stage, addresses, seed)?)
        } else {
            None
        };
        Ok(Some(Self {
            way,
            weights,
            log: Log {
                way: way.word().to_owned(),
                ..Log::default()
            },
            names,
            zero: Instant::now(),
            looked: None,
            failed_members: vec![],
        }))
    }

    /// Where devices ask for the gateways' addresses.
    pub(super) fn name_server(&self) -> Option<SocketAddr> {
        self.names.as_ref().map(NameServer::address)
    }

    /// The first step is about to be played: times count from now.
    pub(super) fn begin(&mut self, zero: Instant) {
        self.zero = zero;
    }

    /// What devices tried and what came of it.
    pub(super) fn take(&mut self, observations: &[Observation]) {
        let notes = observations.iter().filter_map(|seen| {
            let (device, what, at) = match *seen {
                Observation::Tried { device, target, at } => {
                    // A load balancer's address says nothing of the gateway behind it.
                    let target = (self.way != Balancing::Adc).then_some(target);
                    (device, What::Tried(target), at)
                }
                Observation::Failed {
                    device,
                    turned_away: true,
                    at,
                } => (device, What::TurnedAway, at),
                Observation::Failed { device, at, .. } => (device, What::Failed, at),
                Observation::Connected { device, at } => (device, What::Connected, at),
                Observation::Lost { device, at, .. } => (device, What::Lost, at),
                _ => return None,
            };
            Some(Note {
                at_ms: millis(at, self.zero),
                device,
                what,
            })
        });
        self.log.notes.extend(notes);
    }

    /// A gateway is not there from now on.
    fn gone(&mut self, gateway: u32) {
        let from_ms = self.now_ms();
        self.log.away.push(Away {
            gateway,
            from_ms,
            until_ms: None,
        });
    }

    /// A gateway is there again.
    fn back(&mut self, gateway: u32) {
        self.changed();
        let now = self.now_ms();
        let open = |away: &&mut Away| away.gateway == gateway && away.until_ms.is_none();
        if let Some(away) = self.log.away.iter_mut().find(open) {
            away.until_ms = Some(now);
        }
    }

    /// Something is changed on purpose.
    pub(super) fn changed(&mut self) {
        let now = self.now_ms();
        self.log.changes_ms.push(now);
    }

    fn now_ms(&self) -> f64 {
        millis(Instant::now(), self.zero)
    }

    /// Whether it is time to look at the gateways again.
    fn is_due(&self) -> bool {
        self.looked.is_none_or(|looked| looked.elapsed() >= PACE)
    }

    /// How the gateways stand.
    fn look(&mut self, connections: Vec<u64>) {
        self.looked = Some(Instant::now());
        let at_ms = self.now_ms();
        self.log.looks.push(Look {
            at_ms,
            connections,
            weights: self.weights.clone(),
        });
    }

    /// A member is held for down, and had so many connections since the start.
    fn note_member(&mut self, gateway: u32, total: u64) {
        let known = self
            .failed_members
            .iter_mut()
            .find(|member| member.gateway == gateway);
        match known {
            Some(member) => member.new = total.saturating_sub(member.before),
            None => self.failed_members.push(FailedMember {
                gateway,
                before: total,
                new: 0,
            }),
        }
    }
}

impl Theatre<'_> {
    /// Looks at the gateways, if it is time to.
    pub(super) fn look_at_shares(&mut self) -> Result<(), ProviderError> {
        if self.balance.as_ref().is_some_and(Balance::is_due) {
            self.look_at_shares_now()?;
        }
        Ok(())
    }

    /// Looks at the gateways, and at the pool where a monitor watches it.
    pub(super) fn look_at_shares_now(&mut self) -> Result<(), ProviderError> {
        let Some(balance) = &mut self.balance else {
            return Ok(());
        };
        balance.look(self.gateways.iter().map(held_by).collect());
        if balance.way == Balancing::Adc && self.stage.adc.monitor.is_some() {
            for (gateway, member) in (0..).zip(self.cast.adc.members()?) {
                if !member.up {
                    balance.note_member(gateway, member.total);
                }
            }
        }
        Ok(())
    }

    /// Whether gateways that serve have as many connections as the fleet: a device that has not noticed yet that its gateway is gone still counts itself
    /// as connected.
    pub(super) fn gateways_agree(&self) -> bool {
        let held: u64 = self.gateways.iter().map(held_by).sum();
        held >= self.evidence.counts.connected
    }

    /// A gateway goes, by the fault that has just begun.
    pub(super) fn gateway_goes(&mut self, gateway: u32) {
        if let Some(balance) = &mut self.balance {
            balance.gone(gateway);
        }
    }

    /// Something is about to be changed; how things stand before it is noted.
    pub(super) fn change_begins(&mut self) -> Result<(), ProviderError> {
        self.look_at_shares_now()?;
        if let Some(balance) = &mut self.balance {
            balance.changed();
        }
        Ok(())
    }

    /// A gateway serves again.
    pub(super) fn gateway_is_back(&mut self, gateway: u32) {
        if let Some(balance) = &mut self.balance {
            balance.back(gateway);
        }
    }

    /// `do.weights`: whoever balances is told what each gateway shall have from now on.
    pub(super) fn set_weights(&mut self, order: &Weights) -> Result<(), ProviderError> {
        self.progress.phase("changing weights");
        self.change_begins()?;
        self.event("weights", [("gateways", order.gateways.clone().into())]);
        let Some(balance) = &mut self.balance else {
            // The rules let no scenario change the weights of a stage that does not balance.
            return Ok(());
        };
        balance.weights.clone_from(&order.gateways);
        match &balance.names {
            Some(names) => {
                let addresses = offered(&self.gateways, &order.gateways);
                let ttl = self.stage.dns.ttl.get();
                names
                    .change(|service| service.zone.set(HOST, addresses, ttl))
                    .context("the lab's name server does not take its own name")?;
            }
            None if balance.way == Balancing::Api => {
                self.cast.fleet.set_weights(&order.gateways)?
            }
            None => self.set_member_weights(&order.gateways)?,
        }
        self.look_at_shares_now()
    }

    /// Tells the load balancer the weights of its members.
    pub(super) fn set_member_weights(&mut self, weights: &[u32]) -> Result<(), ProviderError> {
        for (gateway, weight) in (0..).zip(weights) {
            if let Some(member) = self.door(gateway) {
                self.cast.adc.set_weight(member, *weight)?;
            }
        }
        Ok(())
    }

    /// `do.names`: how the name server answers from now on.
    pub(super) fn set_names(&mut self, order: &Names) -> Result<(), ProviderError> {
        self.progress.phase("changing what the name server does");
        self.change_begins()?;
        if let Some(names) = self
            .balance
            .as_ref()
            .and_then(|balance| balance.names.as_ref())
        {
            names.change(|service| service.mood = mood(order.answer));
        }
        Ok(())
    }

    /// What balancing cost, now that the last step is over.
    pub(super) fn conclude_balancing(&mut self) -> Result<(), ProviderError> {
        self.look_at_shares_now()?;
        let Some(balance) = &mut self.balance else {
            return Ok(());
        };
        // Event loops tell what they saw one after the other.
        balance
            .log
            .notes
            .sort_by(|left, right| left.at_ms.total_cmp(&right.at_ms));
        self.evidence.balancing_way = Some(balance.way);
        self.evidence.failed_members = std::mem::take(&mut balance.failed_members);
        self.evidence.balancing = Some(Figures::of(&balance.log));
        Ok(())
    }
}

/// Connections that a gateway says it has. One that is about to leave may not answer any more: then it has none.
fn held_by(gateway: &Gateway) -> u64 {
    let groups = gateway.serves().then(|| gateway.admin.workgroups());
    let groups = groups.and_then(Result::ok).unwrap_or_default();
    groups.iter().map(|group| group.connections).sum()
}

/// The addresses that names lead to.
fn offered(gateways: &[Gateway], weights: &[u32]) -> Vec<IpAddr> {
    let chosen = gateways
        .iter()
        .zip(weights)
        .filter(|(_, weight)| **weight > 0);
    chosen.map(|(gateway, _)| gateway.listener.ip()).collect()
}

fn name_server(
    stage: &Stage,
    addresses: Vec<IpAddr>,
    seed: u64,
) -> Result<NameServer, ProviderError> {
    let mut zone = Zone::new(match stage.dns.order {
        AddressOrder::RoundRobin => Order::RoundRobin,
        AddressOrder::Random => Order::Random,
        AddressOrder::Fixed => Order::Fixed,
    });
    zone.set(HOST, addresses, stage.dns.ttl.get())
        .context("the lab's name server does not take its own name")?;
    let server = NameServer::start(zone, seed).context("cannot start the name server")?;
    if let Some(keeps) = stage.dns.cache_keeps {
        server.change(|service| service.intermediary = Some(Intermediary::new(keeps.get())));
    }
    Ok(server)
}

fn mood(answer: NamesAnswer) -> Mood {
    match answer {
        NamesAnswer::Well => Mood::Good,
        NamesAnswer::Nxdomain => Mood::NxDomain,
        NamesAnswer::Servfail => Mood::ServFail,
        NamesAnswer::Silence => Mood::Silent,
        NamesAnswer::Truncated => Mood::Truncating,
    }
}

/// Milliseconds from zero; before it counts as zero.
fn millis(at: Instant, zero: Instant) -> f64 {
    at.saturating_duration_since(zero).as_secs_f64() * 1e3
}
