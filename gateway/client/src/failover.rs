//! Which server next: by weight, but none that failed while another is untried.

use std::time::{Duration, Instant};

use rand::Rng;

use crate::server_list::{ServerId, ServerList};

/// The servers that are left alone for now. Empty, and without memory of its own, while all is well.
#[derive(Debug, Default)]
pub(crate) struct Failover {
    aside: Vec<SetAside>,
}

#[derive(Debug)]
struct SetAside {
    server: ServerId,
    until: Instant,
    why: Why,
}

/// Why a server is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// It failed. Once every server has, it may be tried before its time.
    Failed,
    /// It is there and asked for it, so it is left alone in any case.
    Asked,
}

/// What can be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pick {
    /// This server.
    Server(ServerId),
    /// None before this time, because each one asked to be left alone.
    NotBefore(Instant),
}

impl Failover {
    /// Leaves a server that failed alone for a while.
    pub(crate) fn set_aside(&mut self, server: ServerId, now: Instant, period: Duration) {
        self.leave(server, now, period, Why::Failed);
    }

    /// Leaves a server alone for as long as it asked.
    pub(crate) fn leave_alone(&mut self, server: ServerId, now: Instant, asked: Duration) {
        self.leave(server, now, asked, Why::Asked);
    }

    fn leave(&mut self, server: ServerId, now: Instant, period: Duration, why: Why) {
        self.aside
            .retain(|aside| aside.server != server && aside.until > now);
        let until = now + period;
        self.aside.push(SetAside { server, until, why });
    }

    /// When the first server can be tried again, if one of them only asked to be left alone: it is there, so that waiting for
    /// it is better than knocking at those that failed.
    pub(crate) fn first_to_wait_for(&self, servers: &ServerList, now: Instant) -> Option<Instant> {
        let current = self.aside.iter().filter(|aside| aside.until > now);
        let usable = current.filter(|aside| {
            servers
                .get(aside.server)
                .is_some_and(|server| server.weight > 0)
        });
        let asked = usable.clone().any(|aside| aside.why == Why::Asked);
        usable.map(|aside| aside.until).min().filter(|_| asked)
    }

    /// Servers have new places, or none any more.
    pub(crate) fn move_to(&mut self, place: impl Fn(ServerId) -> Option<ServerId>) {
        self.aside = std::mem::take(&mut self.aside)
            .into_iter()
            .filter_map(|aside| {
                let server = place(aside.server)?;
                Some(SetAside { server, ..aside })
            })
            .collect();
    }

    /// Whether a server could be tried now that has not failed lately.
    pub(crate) fn has_untried(&self, servers: &ServerList, now: Instant) -> bool {
        servers
            .iter()
            .any(|(id, server)| server.weight > 0 && !self.is_aside(id, now))
    }

    /// Forgets the failures, since every server has failed, but not what servers asked for.
    pub(crate) fn begin_round(&mut self) {
        self.aside.retain(|aside| aside.why == Why::Asked);
    }

    /// Chooses by weight among the servers that are not set aside.
    pub(crate) fn pick(&self, servers: &ServerList, now: Instant, rng: &mut impl Rng) -> Pick {
        let candidates = || servers.iter().filter(|(id, _)| !self.is_aside(*id, now));
        let total: u64 = candidates()
            .map(|(_, server)| u64::from(server.weight))
            .sum();
        if total == 0 {
            let first = self.aside.iter().map(|aside| aside.until).min();
            return Pick::NotBefore(first.unwrap_or(now));
        }
        let mut ticket = rng.random_range(0..total);
        for (id, server) in candidates() {
            match ticket.checked_sub(u64::from(server.weight)) {
                None => return Pick::Server(id),
                Some(rest) => ticket = rest,
            }
        }
        Pick::NotBefore(now)
    }

    fn is_aside(&self, server: ServerId, now: Instant) -> bool {
        self.aside
            .iter()
            .any(|aside| aside.server == server && aside.until > now)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;

    const PERIOD: Duration = Duration::from_secs(60);

    fn servers(weights: &[u8]) -> ServerList {
        ServerList::parse(weights.iter().map(|weight| format!("{weight} ws://a"))).unwrap()
    }

    fn picked(failover: &Failover, servers: &ServerList, now: Instant, rounds: u32) -> Vec<u32> {
        let mut rng = SmallRng::seed_from_u64(1);
        let mut counts = vec![0; servers.iter().count()];
        for _ in 0..rounds {
            match failover.pick(servers, now, &mut rng) {
                Pick::Server(id) => counts[usize::from(id.0)] += 1,
                Pick::NotBefore(_) => {}
            }
        }
        counts
    }

    /// The share of a weight, give or take six standard deviations of a binomial distribution.
    fn assert_share(count: u32, rounds: u32, share: f64) {
        let (n, mean) = (f64::from(rounds), f64::from(rounds) * share);
        let slack = 6.0 * (n * share * (1.0 - share)).sqrt();
        assert!(
            (f64::from(count) - mean).abs() <= slack,
            "{count} of {rounds} for a share of {share}"
        );
    }

    #[test]
    fn weights_are_shares_and_zero_is_never_chosen() {
        let now = Instant::now();
        let counts = picked(
            &Failover::default(),
            &servers(&[50, 0, 25, 25]),
            now,
            40_000,
        );

        for (count, share) in counts.into_iter().zip([0.5, 0.0, 0.25, 0.25]) {
            assert_share(count, 40_000, share);
        }
    }

    /// Devices are seeded by their number; a fleet's first choices must be as fair as one device's many.
    #[test]
    fn first_choices_of_many_seeds_are_shares_too() {
        const DEVICES: u32 = 40_000;

        let now = Instant::now();
        let servers = servers(&[1, 1, 2]);
        let mut counts = [0; 3];
        for seed in 0..u64::from(DEVICES) {
            let mut rng = SmallRng::seed_from_u64(seed);
            if let Pick::Server(id) = Failover::default().pick(&servers, now, &mut rng) {
                counts[usize::from(id.0)] += 1;
            }
        }

        assert_eq!(counts.iter().sum::<u32>(), DEVICES);
        for (count, share) in counts.into_iter().zip([0.25, 0.25, 0.5]) {
            assert_share(count, DEVICES, share);
        }
    }

    #[test]
    fn failed_server_is_left_alone_for_its_time() {
        let now = Instant::now();
        let servers = servers(&[100, 1]);
        let mut failover = Failover::default();

        failover.set_aside(ServerId(0), now, PERIOD);

        assert_eq!(picked(&failover, &servers, now, 100), [0, 100]);
        assert!(picked(&failover, &servers, now + PERIOD, 100)[0] > 0);
    }

    #[test]
    fn new_round_forgets_failures_but_not_wishes() {
        let now = Instant::now();
        let servers = servers(&[1, 1]);
        let mut failover = Failover::default();
        failover.leave_alone(ServerId(0), now, 2 * PERIOD);
        failover.set_aside(ServerId(1), now, PERIOD);

        assert!(!failover.has_untried(&servers, now));
        failover.begin_round();

        assert_eq!(picked(&failover, &servers, now, 10), [0, 10]);
    }

    #[test]
    fn a_server_that_asked_for_time_is_worth_waiting_for() {
        let now = Instant::now();
        let servers = servers(&[1, 1, 0]);
        let mut failover = Failover::default();
        failover.set_aside(ServerId(0), now, PERIOD);
        assert_eq!(failover.first_to_wait_for(&servers, now), None);

        failover.leave_alone(ServerId(1), now, PERIOD / 2);
        let at = now + PERIOD / 2;
        assert_eq!(failover.first_to_wait_for(&servers, now), Some(at));

        // Nobody may go to a server without weight, so nobody waits for it.
        failover.leave_alone(ServerId(2), now, PERIOD / 4);
        assert_eq!(failover.first_to_wait_for(&servers, now), Some(at));
        // A long wish does not keep anybody from a server whose time is over.
        failover.leave_alone(ServerId(1), now, 9 * PERIOD);
        let at = now + PERIOD;
        assert_eq!(failover.first_to_wait_for(&servers, now), Some(at));
    }

    #[test]
    fn when_every_server_asked_for_time_the_shortest_wish_is_waited_for() {
        let now = Instant::now();
        let servers = servers(&[1, 1]);
        let mut failover = Failover::default();
        failover.leave_alone(ServerId(0), now, 3 * PERIOD);
        failover.leave_alone(ServerId(1), now, 2 * PERIOD);
        failover.begin_round();

        let pick = failover.pick(&servers, now, &mut SmallRng::seed_from_u64(1));

        assert_eq!(pick, Pick::NotBefore(now + 2 * PERIOD));
    }
}
