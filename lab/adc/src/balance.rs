//! Which member gets the next connection. Pure: the caller says who may be chosen and how busy they are.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    net::IpAddr,
    time::{Duration, Instant},
};

use crate::model::Balance;

/// A member among others, for as long as the engine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId(pub u32);

/// A member that may be chosen now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Which one.
    pub member: MemberId,
    /// Its share relative to the other candidates, above 0.
    pub share: f64,
    /// Connections it holds now.
    pub connections: u32,
}

/// Chooses members, one connection after the other.
#[derive(Debug)]
pub struct Balancer {
    method: Balance,
    credit: HashMap<MemberId, f64>,
}

impl Balancer {
    /// A balancer that has chosen nobody yet.
    pub fn new(method: Balance) -> Self {
        Self {
            method,
            credit: HashMap::new(),
        }
    }

    /// The member for the next connection of this client; `None` when there is no candidate.
    pub fn choose(&mut self, client: IpAddr, candidates: &[Candidate]) -> Option<MemberId> {
        match self.method {
            Balance::RoundRobin => self.next_in_turn(candidates),
            Balance::LeastConnections => {
                let fewest = candidates
                    .iter()
                    .map(load_with_one_more)
                    .min_by(f64::total_cmp)?;
                let equals: Vec<_> = candidates
                    .iter()
                    .filter(|one| load_with_one_more(one) <= fewest)
                    .copied()
                    .collect();
                self.next_in_turn(&equals)
            }
            Balance::SourceAddress => by_address(client, candidates),
        }
    }

    /// Smooth weighted round-robin: everyone earns their share, the richest is chosen and pays for all. Shares of 2 and 1
    /// give A B A and never A A B.
    fn next_in_turn(&mut self, candidates: &[Candidate]) -> Option<MemberId> {
        let mut richest: Option<(MemberId, f64)> = None;
        for one in candidates {
            let credit = self.credit.entry(one.member).or_default();
            *credit += one.share;
            if richest.is_none_or(|(_, most)| *credit > most) {
                richest = Some((one.member, *credit));
            }
        }
        let (chosen, _) = richest?;
        let paid: f64 = candidates.iter().map(|one| one.share).sum();
        *self.credit.entry(chosen).or_default() -= paid;
        Some(chosen)
    }

    /// Forgets a member that has left the pool.
    pub fn forget(&mut self, member: MemberId) {
        self.credit.remove(&member);
    }
}

/// The highest of weighted dice thrown by address and member (rendezvous hashing), so that a member that leaves moves only its
/// own clients.
fn by_address(client: IpAddr, candidates: &[Candidate]) -> Option<MemberId> {
    let score = |one: &Candidate| {
        let mut hasher = DefaultHasher::new();
        (client, one.member).hash(&mut hasher);
        // 53 bits are what an f64 holds exactly; half a step keeps the logarithm finite.
        let uniform = ((hasher.finish() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        -one.share / uniform.ln()
    };
    candidates
        .iter()
        .max_by(|a, b| score(a).total_cmp(&score(b)))
        .map(|one| one.member)
}

fn load_with_one_more(one: &Candidate) -> f64 {
    f64::from(one.connections + 1) / one.share
}

/// The share of a member that came up at `since`: it grows to `weight` in the time of the ramp, never from nothing, so that
/// the member is not starved when it is alone.
pub fn ramped_share(weight: u32, since: Option<Instant>, ramp: Duration, now: Instant) -> f64 {
    const LEAST: f64 = 0.01;
    let full = f64::from(weight);
    match since {
        Some(since) if !ramp.is_zero() => {
            let passed = now.saturating_duration_since(since).as_secs_f64() / ramp.as_secs_f64();
            full * passed.clamp(LEAST, 1.0)
        }
        Some(_) | None => full,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const A: MemberId = MemberId(0);
    const B: MemberId = MemberId(1);
    const C: MemberId = MemberId(2);

    #[test]
    fn round_robin_takes_turns() {
        let mut balancer = Balancer::new(Balance::RoundRobin);

        assert_eq!(
            chosen(
                &mut balancer,
                &[idle(A, 1.0), idle(B, 1.0), idle(C, 1.0)],
                6
            ),
            [A, B, C, A, B, C]
        );
    }

    #[test]
    fn weights_interleave_instead_of_bursting() {
        let mut balancer = Balancer::new(Balance::RoundRobin);

        assert_eq!(
            chosen(&mut balancer, &[idle(A, 2.0), idle(B, 1.0)], 6),
            [A, B, A, A, B, A]
        );
    }

    #[test]
    fn least_connections_fills_the_emptiest_and_shares_ties() {
        let mut balancer = Balancer::new(Balance::LeastConnections);

        assert_eq!(
            balancer.choose(CLIENT, &[busy(A, 1.0, 5), busy(B, 1.0, 4)]),
            Some(B)
        );
        assert_eq!(
            chosen(&mut balancer, &[busy(A, 1.0, 5), busy(B, 1.0, 5)], 4),
            [A, B, A, B]
        );
    }

    #[test]
    fn least_connections_counts_per_weight() {
        let mut balancer = Balancer::new(Balance::LeastConnections);

        assert_eq!(
            balancer.choose(CLIENT, &[busy(A, 3.0, 4), busy(B, 1.0, 1)]),
            Some(A)
        );
        assert_eq!(
            balancer.choose(CLIENT, &[busy(A, 3.0, 7), busy(B, 1.0, 1)]),
            Some(B)
        );
    }

    #[test]
    fn a_source_address_keeps_its_member_and_only_a_leaving_members_clients_move() {
        let mut balancer = Balancer::new(Balance::SourceAddress);
        let mut all = |candidates: &[Candidate]| -> Vec<_> {
            (0..1_000u32)
                .map(|host| {
                    balancer
                        .choose(IpAddr::from(host.to_be_bytes()), candidates)
                        .unwrap()
                })
                .collect()
        };

        let before = all(&[idle(A, 1.0), idle(B, 1.0), idle(C, 2.0)]);
        let after = all(&[idle(A, 1.0), idle(C, 2.0)]);

        assert!(
            before
                .iter()
                .zip(&after)
                .all(|(before, after)| before == after || *before == B)
        );
        let of_c = before.iter().filter(|member| **member == C).count();
        assert!(
            (430..570).contains(&of_c),
            "a weight of 2 in 4 gets about half, this got {of_c} of 1000"
        );
    }

    #[test]
    fn nobody_is_chosen_from_nobody() {
        for method in [
            Balance::RoundRobin,
            Balance::LeastConnections,
            Balance::SourceAddress,
        ] {
            assert_eq!(Balancer::new(method).choose(CLIENT, &[]), None);
        }
    }

    #[test]
    fn a_ramp_grows_from_a_hundredth_to_the_whole_share() {
        let up = Instant::now();
        let ramp = Duration::from_secs(10);
        let share_after =
            |seconds| ramped_share(4, Some(up), ramp, up + Duration::from_secs(seconds));

        assert_eq!(
            [
                share_after(0),
                share_after(5),
                share_after(10),
                share_after(99)
            ],
            [0.04, 2.0, 4.0, 4.0]
        );
        assert_eq!(
            ramped_share(4, None, ramp, up),
            4.0,
            "who has always been up does not ramp"
        );
        assert_eq!(
            ramped_share(4, Some(up), Duration::ZERO, up),
            4.0,
            "no ramp, full share"
        );
    }

    fn idle(member: MemberId, share: f64) -> Candidate {
        busy(member, share, 0)
    }

    fn busy(member: MemberId, share: f64, connections: u32) -> Candidate {
        Candidate {
            member,
            share,
            connections,
        }
    }

    fn chosen(balancer: &mut Balancer, candidates: &[Candidate], times: usize) -> Vec<MemberId> {
        (0..times)
            .map(|_| balancer.choose(CLIENT, candidates).unwrap())
            .collect()
    }
}
