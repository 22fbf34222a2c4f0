//! The addresses behind one name: all of them are used, and none twice while it is known to be dead.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use rand::Rng;
use rand::seq::SliceRandom;

/// What is known of the addresses of a server's name.
#[derive(Debug, Clone, Default)]
pub struct AddressBook {
    known: Vec<Known>,
    expires: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    ip: IpAddr,
    aside_until: Option<Instant>,
}

impl AddressBook {
    /// No answer is kept for longer, whatever its time to live.
    pub const LONGEST_TTL: Duration = Duration::from_secs(24 * 60 * 60);

    /// No answer is asked for more often, whatever its time to live.
    pub const SHORTEST_TTL: Duration = Duration::from_secs(1);

    /// A book that knows nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the name should be resolved before the next attempt: its answer has expired, or all its addresses failed.
    #[must_use]
    pub fn is_stale(&self, now: Instant) -> bool {
        self.expires.is_none_or(|expires| expires <= now) || !self.has_untried(now)
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Takes an answer of the name service. What failed lately stays known to have failed; what is not in the answer is
    /// forgotten.
    pub fn learn(
        &mut self,
        addresses: impl IntoIterator<Item = IpAddr>,
        ttl: Duration,
        now: Instant,
    ) {
        let mut known: Vec<Known> = Vec::new();
        for ip in addresses {
            if !known.iter().any(|earlier| earlier.ip == ip) {
                let aside_until = self.find(ip).and_then(|known| known.aside_until);
                known.push(Known { ip, aside_until });
            }
        }
        self.known = known;
        self.expires = Some(now + ttl.clamp(Self::SHORTEST_TTL, Self::LONGEST_TTL));
    }

    /// The addresses in the order of attempts: random within a family, families in turn, IPv6 first (RFC 8305). Those
    /// that failed lately are left out while there are others.
    #[must_use]
    pub fn order(&self, now: Instant, rng: &mut impl Rng) -> Vec<IpAddr> {
        let only_untried = self.has_untried(now);
        let usable = self
            .known
            .iter()
            .filter(|known| !only_untried || !known.is_aside(now))
            .map(|known| known.ip);
        let (mut v6, mut v4): (Vec<IpAddr>, Vec<IpAddr>) = usable.partition(IpAddr::is_ipv6);
        v6.shuffle(rng);
        v4.shuffle(rng);
        in_turn(v6, v4)
    }

    /// An attempt on this address begins, failed, or was lost: leave it alone, until [`AddressBook::worked`] says better.
    pub fn set_aside(&mut self, ip: IpAddr, now: Instant, period: Duration) {
        if let Some(known) = self.known.iter_mut().find(|known| known.ip == ip) {
            known.aside_until = Some(now + period);
        }
    }

    /// This address led to a gateway.
    pub fn worked(&mut self, ip: IpAddr) {
        if let Some(known) = self.known.iter_mut().find(|known| known.ip == ip) {
            known.aside_until = None;
        }
    }

    /// Whether there is an address that did not fail lately.
    #[must_use]
    pub fn has_untried(&self, now: Instant) -> bool {
        self.known.iter().any(|known| !known.is_aside(now))
    }

    fn find(&self, ip: IpAddr) -> Option<&Known> {
        self.known.iter().find(|known| known.ip == ip)
    }
}

impl Known {
    fn is_aside(&self, now: Instant) -> bool {
        self.aside_until.is_some_and(|until| until > now)
    }
}

fn in_turn(first: Vec<IpAddr>, second: Vec<IpAddr>) -> Vec<IpAddr> {
    let longest = first.len().max(second.len());
    (0..longest)
        .flat_map(|index| [first.get(index), second.get(index)])
        .flatten()
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;

    const TTL: Duration = Duration::from_secs(30);
    const PERIOD: Duration = Duration::from_secs(60);

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn book(addresses: &[&str], now: Instant) -> AddressBook {
        let mut book = AddressBook::new();
        book.learn(addresses.iter().map(|text| ip(text)), TTL, now);
        book
    }

    fn orders(book: &AddressBook, now: Instant) -> Vec<Vec<IpAddr>> {
        (0..200)
            .map(|seed| book.order(now, &mut SmallRng::seed_from_u64(seed)))
            .collect()
    }

    #[test]
    fn every_address_comes_first_for_some_device() {
        let now = Instant::now();
        let book = book(&["10.0.0.1", "10.0.0.2", "10.0.0.3"], now);

        let firsts: BTreeSet<IpAddr> = orders(&book, now)
            .iter()
            .filter_map(|order| order.first().copied())
            .collect();

        assert_eq!(
            firsts,
            BTreeSet::from([ip("10.0.0.1"), ip("10.0.0.2"), ip("10.0.0.3")])
        );
    }

    #[test]
    fn families_take_turns() {
        let now = Instant::now();
        let book = book(&["10.0.0.1", "10.0.0.2", "10.0.0.3", "::1", "::2"], now);

        for order in orders(&book, now) {
            let families: Vec<bool> = order.iter().map(IpAddr::is_ipv6).collect();
            assert_eq!(families, [true, false, true, false, false]);
        }
    }

    #[test]
    fn dead_address_is_left_out_while_there_are_others() {
        let now = Instant::now();
        let mut book = book(&["10.0.0.1", "10.0.0.2"], now);

        book.set_aside(ip("10.0.0.1"), now, PERIOD);

        assert!(
            orders(&book, now)
                .iter()
                .all(|order| *order == [ip("10.0.0.2")])
        );
        assert_eq!(
            book.order(now + PERIOD, &mut SmallRng::seed_from_u64(1))
                .len(),
            2
        );
    }

    #[test]
    fn new_answer_does_not_revive_a_dead_address() {
        let now = Instant::now();
        let mut book = book(&["10.0.0.1", "10.0.0.2"], now);
        book.set_aside(ip("10.0.0.1"), now, PERIOD);

        book.learn([ip("10.0.0.1"), ip("10.0.0.3"), ip("10.0.0.3")], TTL, now);

        assert_eq!(
            book.order(now, &mut SmallRng::seed_from_u64(1)),
            [ip("10.0.0.3")]
        );
    }

    #[test]
    fn name_is_resolved_again_when_its_time_is_over_or_all_have_failed() {
        let now = Instant::now();
        assert!(AddressBook::new().is_stale(now));
        let mut book = book(&["10.0.0.1", "10.0.0.2"], now);
        assert!(!book.is_stale(now + TTL / 2));
        assert!(book.is_stale(now + TTL));

        book.set_aside(ip("10.0.0.1"), now, PERIOD);
        assert!(!book.is_stale(now));
        book.set_aside(ip("10.0.0.2"), now, PERIOD);
        assert!(book.is_stale(now));

        assert_eq!(book.order(now, &mut SmallRng::seed_from_u64(1)).len(), 2);
    }

    #[test]
    fn address_that_works_is_used_again() {
        let now = Instant::now();
        let mut book = book(&["10.0.0.1"], now);
        book.set_aside(ip("10.0.0.1"), now, PERIOD);

        book.worked(ip("10.0.0.1"));

        assert!(book.has_untried(now));
    }

    #[test]
    fn time_to_live_is_kept_within_reason() {
        let now = Instant::now();
        let mut book = AddressBook::new();
        book.learn([ip("10.0.0.1")], Duration::ZERO, now);
        assert!(!book.is_stale(now));
        book.learn([ip("10.0.0.1")], Duration::MAX, now);
        assert!(book.is_stale(now + AddressBook::LONGEST_TTL));
    }
}
