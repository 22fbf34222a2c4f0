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
    /// The latest answer names it; otherwise it is only remembered for having failed.
    listed: bool,
    aside_until: Option<Instant>,
    /// The machine behind it asked to be left alone until then.
    asked_until: Option<Instant>,
}

impl AddressBook {
    /// No answer is kept for longer, whatever its time to live.
    pub const LONGEST_TTL: Duration = Duration::from_secs(24 * 60 * 60);

    /// No answer is asked for more often, whatever its time to live.
    pub const SHORTEST_TTL: Duration = Duration::from_secs(1);

    /// So many addresses that failed are remembered although the latest answer does not name them.
    pub const MOST_REMEMBERED: usize = 64;

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
        self.listed().next().is_none()
    }

    /// Takes an answer of the name service. What failed lately stays known to have failed, even while an answer does not
    /// name it: name servers that hand out some of many addresses name others each time.
    pub fn learn(
        &mut self,
        addresses: impl IntoIterator<Item = IpAddr>,
        ttl: Duration,
        now: Instant,
    ) {
        let mut known: Vec<Known> = Vec::new();
        for ip in addresses {
            if !known.iter().any(|earlier| earlier.ip == ip) {
                let before = self.find(ip).copied();
                known.push(Known {
                    listed: true,
                    ..before.unwrap_or(Known::new(ip))
                });
            }
        }
        let remembered = self.known.iter().filter(|old| old.is_aside(now));
        let unlisted = remembered
            .filter(|old| !known.iter().any(|new| new.ip == old.ip))
            .map(|old| Known {
                listed: false,
                ..*old
            })
            .take(Self::MOST_REMEMBERED)
            .collect::<Vec<_>>();
        known.extend(unlisted);
        self.known = known;
        self.expires = Some(now + ttl.clamp(Self::SHORTEST_TTL, Self::LONGEST_TTL));
    }

    /// The addresses in the order of attempts: random within a family, families in turn, IPv6 first (RFC 8305). Those
    /// that failed lately are left out while there are others, and those that asked to be left alone even longer.
    #[must_use]
    pub fn order(&self, now: Instant, rng: &mut impl Rng) -> Vec<IpAddr> {
        let reluctance = |known: &Known| match (known.is_asked(now), known.is_aside(now)) {
            (false, false) => 0,
            (false, true) => 1,
            (true, _) => 2,
        };
        let least = self.listed().map(reluctance).min();
        let usable = self
            .listed()
            .filter(|known| Some(reluctance(known)) == least)
            .map(|known| known.ip);
        let (mut v6, mut v4): (Vec<IpAddr>, Vec<IpAddr>) = usable.partition(IpAddr::is_ipv6);
        v6.shuffle(rng);
        v4.shuffle(rng);
        in_turn(v6, v4)
    }

    /// An attempt on this address begins, failed, or was lost: leave it alone, until [`AddressBook::worked`] says better.
    /// Answers until when it was to be left alone before, for [`AddressBook::put_back`].
    pub fn set_aside(&mut self, ip: IpAddr, now: Instant, period: Duration) -> Option<Instant> {
        let known = self.find_mut(ip)?;
        known.aside_until.replace(now + period)
    }

    /// An attempt on this address was given up before it had its time, because another one won: that says nothing of it.
    pub fn put_back(&mut self, ip: IpAddr, aside_until: Option<Instant>) {
        if let Some(known) = self.find_mut(ip) {
            known.aside_until = aside_until;
        }
    }

    /// The machine behind this address is there, and asked to be left alone for a while.
    pub fn leave_alone(&mut self, ip: IpAddr, now: Instant, asked: Duration) {
        if let Some(known) = self.find_mut(ip) {
            let until = now + asked.min(Self::LONGEST_TTL);
            known.aside_until = Some(until);
            known.asked_until = Some(until);
        }
    }

    /// This address led to a gateway.
    pub fn worked(&mut self, ip: IpAddr) {
        if let Some(known) = self.find_mut(ip) {
            known.aside_until = None;
            known.asked_until = None;
        }
    }

    /// Whether there is an address that did not fail lately.
    #[must_use]
    pub fn has_untried(&self, now: Instant) -> bool {
        self.listed().any(|known| !known.is_aside(now))
    }

    /// Whether there is an untried address that leads to another machine than those that were tried. A name with one address
    /// in each family is one machine with two addresses: whoever was turned away or cut off there gains nothing by the
    /// other one, and a crowd that goes there at once is the storm that spreading is for.
    #[must_use]
    pub fn has_another_machine(&self, now: Instant) -> bool {
        let v6 = self.listed().filter(|known| known.ip.is_ipv6()).count();
        let v4 = self.listed().count() - v6;
        (v4 > 1 || v6 > 1) && self.has_untried(now)
    }

    /// How long every machine that is there asked to be left alone; nothing if none did.
    #[must_use]
    pub fn asked_for(&self, now: Instant) -> Option<Duration> {
        let asked = self.listed().filter_map(|known| known.asked_until);
        let until = asked.filter(|until| *until > now).min()?;
        Some(until - now)
    }

    fn listed(&self) -> impl Iterator<Item = &Known> {
        self.known.iter().filter(|known| known.listed)
    }

    fn find(&self, ip: IpAddr) -> Option<&Known> {
        self.known.iter().find(|known| known.ip == ip)
    }

    fn find_mut(&mut self, ip: IpAddr) -> Option<&mut Known> {
        self.known.iter_mut().find(|known| known.ip == ip)
    }
}

impl Known {
    fn new(ip: IpAddr) -> Self {
        Self {
            ip,
            listed: true,
            aside_until: None,
            asked_until: None,
        }
    }

    fn is_aside(&self, now: Instant) -> bool {
        self.aside_until.is_some_and(|until| until > now)
    }

    fn is_asked(&self, now: Instant) -> bool {
        self.asked_until.is_some_and(|until| until > now)
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
    fn address_that_an_answer_leaves_out_stays_known_to_be_dead() {
        let now = Instant::now();
        let mut book = book(&["10.0.0.1", "10.0.0.2"], now);
        book.set_aside(ip("10.0.0.1"), now, PERIOD);

        book.learn([ip("10.0.0.2")], TTL, now);
        assert_eq!(orders(&book, now)[0], [ip("10.0.0.2")]);
        book.learn([ip("10.0.0.1"), ip("10.0.0.2")], TTL, now);

        assert!(
            orders(&book, now)
                .iter()
                .all(|order| *order == [ip("10.0.0.2")])
        );
        // Once its time is over there is nothing to remember.
        book.learn([ip("10.0.0.2")], TTL, now + PERIOD);
        assert_eq!(book.known.len(), 1);
    }

    #[test]
    fn no_more_dead_addresses_are_remembered_than_a_bound() {
        let now = Instant::now();
        let mut book = AddressBook::new();
        let many = (0..=255).map(|last| IpAddr::from([10, 0, 0, last]));
        book.learn(many.clone(), TTL, now);
        for ip in many {
            book.set_aside(ip, now, PERIOD);
        }

        book.learn([ip("10.0.1.1")], TTL, now);

        assert_eq!(book.known.len(), 1 + AddressBook::MOST_REMEMBERED);
        assert_eq!(orders(&book, now)[0], [ip("10.0.1.1")]);
    }

    #[test]
    fn who_was_overtaken_is_as_it_was_before() {
        let now = Instant::now();
        let mut book = book(&["10.0.0.1", "10.0.0.2"], now);
        book.set_aside(ip("10.0.0.2"), now, PERIOD);

        for (address, was_untried) in [("10.0.0.1", true), ("10.0.0.2", false)] {
            let before = book.set_aside(ip(address), now, 2 * PERIOD);
            book.put_back(ip(address), before);
            let known = book.find(ip(address)).unwrap();
            assert_eq!(!known.is_aside(now), was_untried, "{address}");
        }
        assert_eq!(
            book.order(now + PERIOD, &mut SmallRng::seed_from_u64(1))
                .len(),
            2
        );
    }

    #[test]
    fn who_asked_to_be_left_alone_is_tried_after_those_who_failed() {
        let now = Instant::now();
        let mut book = book(&["10.0.0.1", "10.0.0.2"], now);

        book.leave_alone(ip("10.0.0.1"), now, Duration::from_secs(5));
        assert_eq!(book.asked_for(now), Some(Duration::from_secs(5)));
        book.set_aside(ip("10.0.0.2"), now, PERIOD);

        assert_eq!(orders(&book, now)[0], [ip("10.0.0.2")]);
        let over = now + Duration::from_secs(5);
        assert_eq!(orders(&book, over)[0], [ip("10.0.0.1")]);
        assert_eq!(book.asked_for(over), None);
    }

    #[test]
    fn one_address_in_each_family_is_one_machine() {
        let now = Instant::now();
        let another = |addresses: &[&str]| {
            let mut book = book(addresses, now);
            book.set_aside(ip(addresses[0]), now, PERIOD);
            assert!(book.has_untried(now));
            book.has_another_machine(now)
        };

        assert!(!another(&["::1", "10.0.0.1"]));
        assert!(another(&["10.0.0.1", "10.0.0.2"]));
        assert!(another(&["::1", "::2", "10.0.0.1"]));
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
