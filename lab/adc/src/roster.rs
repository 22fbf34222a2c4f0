//! Who is in a pool, how they are and who is next. Pure: the caller brings probes, connections and the clock.

use std::{
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use crate::{
    balance::{Balancer, Candidate, MemberId, ramped_share},
    health::{Condition, Finding, Health},
    model::{Member, MemberState, Pool},
};

/// One pool at work.
#[derive(Debug)]
pub struct Roster {
    pool: Pool,
    entries: Vec<Entry>,
    balancer: Balancer,
    next_id: u32,
}

/// A member at work.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its identity for as long as the engine runs.
    pub id: MemberId,
    /// What it was configured as; `state` is the operator's latest wish.
    pub member: Member,
    /// What each of the pool's monitors believes.
    healths: Vec<Health>,
    /// When it came up, if it was ever down or was added later; its ramp begins there.
    up_since: Option<Instant>,
    /// Connections now.
    pub connections: u32,
    /// Connections since the start.
    pub total: u64,
    /// Handshakes that it did not answer.
    pub connect_failures: u64,
}

impl Entry {
    /// What all monitors together say.
    pub fn condition(&self) -> Condition {
        Condition::of_all(self.healths.iter().map(Health::condition))
    }

    /// Whether it gets connections that nothing binds to it.
    pub fn takes_new(&self) -> bool {
        self.member.state == MemberState::Enabled
            && self.condition().wants_more()
            && self.has_room()
    }

    /// Whether it gets connections that persistence binds to it.
    fn takes_persistent(&self) -> bool {
        self.member.state != MemberState::ForcedOffline
            && self.condition().serves()
            && self.has_room()
    }

    fn has_room(&self) -> bool {
        self.member
            .connection_limit
            .is_none_or(|limit| self.connections < limit)
    }
}

/// A member's monitors have changed their mind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// What was believed.
    pub before: Condition,
    /// What is believed now.
    pub now: Condition,
}

impl Roster {
    /// Everyone the pool names, nobody checked yet.
    pub fn new(pool: Pool) -> Self {
        let mut roster = Self {
            balancer: Balancer::new(pool.balance),
            entries: Vec::new(),
            next_id: 0,
            pool,
        };
        for member in std::mem::take(&mut roster.pool.members) {
            roster.enter(member, None);
        }
        roster
    }

    /// The pool's settings; its members are in [`Self::entries`].
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Everyone, in the order of the configuration.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The member at this address.
    pub fn id_of(&self, address: SocketAddr) -> Option<MemberId> {
        self.entries
            .iter()
            .find(|entry| entry.member.address == address)
            .map(|entry| entry.id)
    }

    /// A member that joins while the engine runs; its ramp begins now. `None` if the address is in the pool already.
    pub fn add(&mut self, member: Member, now: Instant) -> Option<MemberId> {
        let taken = self.id_of(member.address).is_some();
        (!taken).then(|| self.enter(member, Some(now)))
    }

    /// A member that leaves; whether it was there.
    pub fn remove(&mut self, id: MemberId) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.id != id);
        self.balancer.forget(id);
        self.entries.len() < before
    }

    /// The operator's wish; whether the member is there.
    pub fn set_state(&mut self, id: MemberId, state: MemberState, now: Instant) -> bool {
        let Some(entry) = self.entry_mut(id) else {
            return false;
        };
        if entry.member.state != MemberState::Enabled && state == MemberState::Enabled {
            entry.up_since = Some(now);
        }
        entry.member.state = state;
        true
    }

    /// The operator's weight for a member; whether it is there. A weight of 0 counts as 1.
    pub fn set_weight(&mut self, id: MemberId, weight: u32) -> bool {
        self.entry_mut(id)
            .map(|entry| entry.member.weight = weight.max(1))
            .is_some()
    }

    /// A monitor's probe has come back.
    pub fn observe(
        &mut self,
        id: MemberId,
        monitor: usize,
        finding: Finding,
        now: Instant,
    ) -> Option<Change> {
        let entry = self.entry_mut(id)?;
        let before = entry.condition();
        entry.healths.get_mut(monitor)?.observe(finding);
        let after = entry.condition();
        if before == Condition::Down && after != Condition::Down {
            entry.up_since = Some(now);
        }
        (before != after).then_some(Change { before, now: after })
    }

    /// Everything that monitors found is forgotten, as by a twin that takes over.
    pub fn forget_health(&mut self) {
        let monitors = &self.pool.monitors;
        for entry in &mut self.entries {
            entry.healths = monitors.iter().map(Health::new).collect();
            entry.up_since = None;
        }
    }

    /// The member for a connection of `client`. `bound` is what persistence remembers; `tried` did not answer.
    pub fn choose(
        &mut self,
        client: IpAddr,
        bound: Option<MemberId>,
        tried: &[MemberId],
        now: Instant,
    ) -> Option<MemberId> {
        let keeps = |entry: &&Entry| {
            Some(entry.id) == bound && entry.takes_persistent() && !tried.contains(&entry.id)
        };
        if let Some(entry) = self.entries.iter().find(keeps) {
            return Some(entry.id);
        }
        let ramp = self.pool.slow_ramp;
        let candidates: Vec<Candidate> = self
            .entries
            .iter()
            .filter(|entry| entry.takes_new() && !tried.contains(&entry.id))
            .map(|entry| Candidate {
                member: entry.id,
                share: ramped_share(entry.member.weight, entry.up_since, ramp, now),
                connections: entry.connections,
            })
            .collect();
        self.balancer.choose(client, &candidates)
    }

    /// A member, to count what happens to it.
    pub fn entry_mut(&mut self, id: MemberId) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.id == id)
    }

    fn enter(&mut self, member: Member, up_since: Option<Instant>) -> MemberId {
        let id = MemberId(self.next_id);
        self.next_id += 1;
        let healths = self.pool.monitors.iter().map(Health::new).collect();
        self.entries.push(Entry {
            id,
            member,
            healths,
            up_since,
            connections: 0,
            total: 0,
            connect_failures: 0,
        });
        id
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{Monitor, MonitorKind};

    #[test]
    fn a_disabled_member_gets_only_whom_persistence_binds_to_it() {
        let (mut roster, now) = (roster_of_two(), Instant::now());
        let [a, b] = ids(&roster);
        roster.set_state(a, MemberState::Disabled, now);

        assert_eq!(roster.choose(client(), None, &[], now), Some(b));
        assert_eq!(roster.choose(client(), Some(a), &[], now), Some(a));
    }

    #[test]
    fn a_member_forced_offline_gets_nobody_at_all() {
        let (mut roster, now) = (roster_of_two(), Instant::now());
        let [a, b] = ids(&roster);
        roster.set_state(a, MemberState::ForcedOffline, now);

        assert_eq!(roster.choose(client(), Some(a), &[], now), Some(b));
        roster.set_state(b, MemberState::ForcedOffline, now);
        assert_eq!(roster.choose(client(), Some(a), &[], now), None);
    }

    #[test]
    fn a_member_that_is_down_or_full_or_was_tried_is_passed_over() {
        let (mut roster, now) = (roster_of_two(), Instant::now());
        let [a, b] = ids(&roster);

        assert_eq!(roster.choose(client(), None, &[a], now), Some(b));

        roster.entry_mut(a).unwrap().member.connection_limit = Some(1);
        roster.entry_mut(a).unwrap().connections = 1;
        assert_eq!(roster.choose(client(), None, &[], now), Some(b));

        let change = roster.observe(b, 0, Finding::Ill, now);
        assert_eq!(
            change,
            Some(Change {
                before: Condition::Checking,
                now: Condition::Down
            })
        );
        assert_eq!(roster.choose(client(), Some(b), &[], now), None);
    }

    #[test]
    fn a_member_that_comes_back_ramps_up() {
        let (mut roster, start) = (roster_of_two(), Instant::now());
        roster.pool.slow_ramp = Duration::from_secs(100);
        let [a, b] = ids(&roster);
        roster.observe(a, 0, Finding::Ill, start);
        roster.observe(a, 0, Finding::Well, start);

        let at = start + Duration::from_secs(10);
        let to_a = (0..1_100)
            .filter(|_| roster.choose(client(), None, &[], at) == Some(a))
            .count();

        assert_eq!(to_a, 100, "a tenth of a share against a whole one");
        assert_ne!(a, b);
    }

    #[test]
    fn members_join_and_leave_while_it_runs() {
        let (mut roster, now) = (roster_of_two(), Instant::now());
        let third = SocketAddr::from(([127, 0, 0, 1], 8_003));
        let [a, b] = ids(&roster);

        let c = roster.add(Member::new(third), now).unwrap();
        assert_eq!(roster.add(Member::new(third), now), None);
        assert!(roster.remove(a) && roster.remove(b) && !roster.remove(a));

        assert_eq!(roster.choose(client(), Some(a), &[], now), Some(c));
    }

    fn roster_of_two() -> Roster {
        let members =
            [8_001, 8_002].map(|port| Member::new(SocketAddr::from(([127, 0, 0, 1], port))));
        let mut pool = Pool::new("pool", members.to_vec());
        pool.monitors.push(Monitor {
            fall: 1,
            ..Monitor::new(MonitorKind::Tcp)
        });
        Roster::new(pool)
    }

    fn ids(roster: &Roster) -> [MemberId; 2] {
        [roster.entries[0].id, roster.entries[1].id]
    }

    fn client() -> IpAddr {
        IpAddr::from([127, 1, 2, 3])
    }
}
