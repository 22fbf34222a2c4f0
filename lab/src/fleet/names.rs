//! How a device uses the addresses behind its server's name: by the device library's own book, with one bad habit or none. Pure.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use gateway_client::{AddressBook, Attempt, Cause, Lost, Settings};
use rand::Rng;

use crate::stage::Balancing;

/// What a device does otherwise than the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Habit {
    /// Nothing.
    None,
    /// It takes the first address of an answer and overlooks the others.
    FirstAddressOnly,
    /// It asks once and never again.
    CacheForEver,
    /// It asks again only when every address has failed, however old its answer is.
    IgnoreTtl,
}

impl Habit {
    /// The habit of a way to balance; none where devices ask for no names.
    pub(crate) fn of(way: Option<Balancing>) -> Option<Self> {
        match way? {
            Balancing::Dns => Some(Self::None),
            Balancing::DnsFirstAddressOnly => Some(Self::FirstAddressOnly),
            Balancing::DnsCacheForEver => Some(Self::CacheForEver),
            Balancing::DnsIgnoreTtl => Some(Self::IgnoreTtl),
            Balancing::Api | Balancing::Adc => None,
        }
    }
}

/// What one device knows of its server's name.
#[derive(Debug)]
pub(super) struct Names {
    habit: Habit,
    book: AddressBook,
    /// The attempt that is under way and where it goes; no address while the name server is asked.
    under_way: Option<(Attempt, Option<IpAddr>)>,
    /// Where the device is connected, and by which attempt.
    connected: Option<(Attempt, IpAddr)>,
}

impl Names {
    pub(super) fn new(habit: Habit) -> Self {
        Self {
            habit,
            book: AddressBook::new(),
            under_way: None,
            connected: None,
        }
    }

    /// An attempt begins; answers whether the name server has to be asked first. A connection that is there still is one that the session
    /// has left, and will end later: its gateway is left alone from now on.
    pub(super) fn begin(&mut self, attempt: Attempt, now: Instant, set_aside: Duration) -> bool {
        self.under_way = Some((attempt, None));
        if let Some((_, ip)) = self.connected.take() {
            self.book.set_aside(ip, now, set_aside);
        }
        match self.habit {
            Habit::None | Habit::FirstAddressOnly => self.book.is_stale(now),
            Habit::CacheForEver => self.book.is_empty(),
            Habit::IgnoreTtl => !self.book.has_untried(now),
        }
    }

    /// Whether this attempt waits for an answer of the name server.
    pub(super) fn is_waiting(&self, attempt: Attempt) -> bool {
        self.under_way == Some((attempt, None))
    }

    /// Whether there is no address to go to.
    pub(super) fn knows_nothing(&self) -> bool {
        self.book.is_empty()
    }

    pub(super) fn learn(&mut self, addresses: &[IpAddr], ttl: Duration, now: Instant) {
        let taken = match self.habit {
            Habit::FirstAddressOnly => &addresses[..addresses.len().min(1)],
            Habit::None | Habit::CacheForEver | Habit::IgnoreTtl => addresses,
        };
        self.book.learn(taken.iter().copied(), ttl, now);
    }

    /// Where the attempt goes; it is left alone from now on, until it works. None if no address is known.
    pub(super) fn choose(
        &mut self,
        now: Instant,
        set_aside: Duration,
        rng: &mut impl Rng,
    ) -> Option<IpAddr> {
        let ip = *self.book.order(now, rng).first()?;
        self.book.set_aside(ip, now, set_aside);
        if let Some((_, target)) = &mut self.under_way {
            *target = Some(ip);
        }
        Some(ip)
    }

    /// Where the attempt that is under way goes.
    pub(super) fn target(&self) -> Option<IpAddr> {
        self.under_way.and_then(|(_, target)| target)
    }

    /// The attempt led to a gateway.
    pub(super) fn opened(&mut self, attempt: Attempt) {
        let ours = self.under_way.take_if(|(current, _)| *current == attempt);
        if let Some((_, Some(ip))) = ours {
            self.connected = Some((attempt, ip));
            self.book.worked(ip);
        }
    }

    /// The attempt failed or its connection is lost: adds whether there is another address to go to, as the library's own transport does. The end of
    /// a connection that the session has left already may come while the next attempt is under way, and says nothing of that.
    pub(super) fn lost(
        &mut self,
        attempt: Attempt,
        lost: &mut Lost,
        now: Instant,
        settings: &Settings,
    ) {
        let under_way = self.under_way.map(|(current, _)| current);
        let current = under_way.or(self.connected.map(|(current, _)| current));
        if current.is_some_and(|current| current != attempt) {
            return;
        }
        let tried = self.target();
        self.under_way = None;
        if let Some((_, ip)) = self.connected.take() {
            self.book.set_aside(ip, now, settings.set_aside);
            lost.another_address = self.book.has_another_machine(now);
            return;
        }
        if let (Some(ip), Some(asked)) = (tried, lost.retry_after) {
            self.book
                .leave_alone(ip, now, asked.min(settings.longest_hint));
        }
        lost.another_address = match lost.cause {
            Cause::Refused { .. } => self.book.has_another_machine(now),
            _ => self.book.has_untried(now),
        };
        lost.retry_after = self.book.asked_for(now);
    }

    /// The attempt under way, and whether there is another address should it run out of time.
    pub(super) fn prospects(&self, now: Instant) -> Option<(Attempt, bool)> {
        let (attempt, _) = self.under_way?;
        Some((attempt, self.book.has_untried(now)))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use gateway_client::{Action, ServerList, Session};

    use super::*;

    const TTL: Duration = Duration::from_secs(2);
    const ASIDE: Duration = Duration::from_secs(60);

    fn taught(habit: Habit, now: Instant) -> Names {
        let mut names = Names::new(habit);
        assert!(names.begin(Attempt::default(), now, ASIDE), "{habit:?}");
        names.learn(
            &["127.0.0.1", "127.0.0.2"].map(|ip| ip.parse().unwrap()),
            TTL,
            now,
        );
        names
    }

    /// The addresses that a device goes to, one after the other, each of them failing.
    fn tries(names: &mut Names, now: Instant) -> Vec<String> {
        let mut rng = SmallRng::seed_from_u64(5);
        let mut tries = vec![];
        loop {
            tries.extend(names.choose(now, ASIDE, &mut rng).map(|ip| ip.to_string()));
            if !lose(names, Cause::Unreachable, now).another_address {
                tries.sort();
                return tries;
            }
        }
    }

    fn lose(names: &mut Names, cause: Cause, now: Instant) -> Lost {
        let mut lost = Lost::new(cause);
        names.lost(Attempt::default(), &mut lost, now, &Settings::default());
        lost
    }

    #[test]
    fn who_is_turned_away_everywhere_waits_for_the_shortest_time_that_was_asked_for() {
        let now = Instant::now();
        let mut names = taught(Habit::None, now);
        let mut rng = SmallRng::seed_from_u64(5);
        let mut turned_away = |seconds| {
            names.begin(Attempt::default(), now, ASIDE);
            names.choose(now, ASIDE, &mut rng);
            let asked = Some(Duration::from_secs(seconds));
            let mut lost = Lost::new(Cause::Refused { status: 503 }).with_retry_after(asked);
            names.lost(Attempt::default(), &mut lost, now, &Settings::default());
            (lost.another_address, lost.retry_after)
        };

        assert!(turned_away(3).0);
        assert_eq!(turned_away(9), (false, Some(Duration::from_secs(3))));
    }

    #[test]
    fn all_addresses_are_tried_but_by_those_who_see_only_the_first() {
        let now = Instant::now();

        for habit in [Habit::None, Habit::CacheForEver, Habit::IgnoreTtl] {
            assert_eq!(
                tries(&mut taught(habit, now), now),
                ["127.0.0.1", "127.0.0.2"]
            );
        }
        assert_eq!(
            tries(&mut taught(Habit::FirstAddressOnly, now), now),
            ["127.0.0.1"]
        );
    }

    #[test]
    fn an_answer_that_is_over_is_asked_for_again_but_by_those_who_ignore_that() {
        let now = Instant::now();
        let asks = |habit, at| taught(habit, now).begin(Attempt::default(), at, ASIDE);

        for habit in [Habit::None, Habit::FirstAddressOnly] {
            assert!(
                !asks(habit, now + TTL / 2) && asks(habit, now + TTL),
                "{habit:?}"
            );
        }
        for habit in [Habit::CacheForEver, Habit::IgnoreTtl] {
            assert!(!asks(habit, now + 1_000 * TTL), "{habit:?}");
        }
    }

    #[test]
    fn when_all_have_failed_only_one_who_caches_for_ever_does_not_ask() {
        let now = Instant::now();
        let asks = |habit| {
            let mut names = taught(habit, now);
            tries(&mut names, now);
            names.begin(Attempt::default(), now, ASIDE)
        };

        assert!(asks(Habit::None) && asks(Habit::FirstAddressOnly) && asks(Habit::IgnoreTtl));
        assert!(!asks(Habit::CacheForEver));
    }

    #[test]
    fn the_address_of_a_lost_connection_is_left_alone() {
        let now = Instant::now();
        let mut names = taught(Habit::None, now);
        let mut rng = SmallRng::seed_from_u64(5);
        let first = names.choose(now, ASIDE, &mut rng);
        names.opened(Attempt::default());

        assert!(lose(&mut names, Cause::Broken, now).another_address);
        names.begin(Attempt::default(), now, ASIDE);

        assert_ne!(names.choose(now, ASIDE, &mut rng), first);
    }

    #[test]
    fn the_end_of_a_connection_that_was_left_says_nothing_of_the_next_attempt() {
        let now = Instant::now();
        let (left, next) = (Attempt::default(), another_attempt(now));
        let mut names = taught(Habit::None, now);
        let mut rng = SmallRng::seed_from_u64(5);
        let first = names.choose(now, ASIDE, &mut rng).unwrap();
        names.opened(left);

        assert!(names.begin(next, now + TTL, ASIDE));
        lose(&mut names, Cause::Broken, now + TTL);
        assert!(names.is_waiting(next));

        names.opened(left);
        assert!(names.is_waiting(next));
        // Who was left is not gone back to, whatever chance says.
        assert!(!names.book.order(now + TTL, &mut rng).contains(&first));
    }

    /// An attempt that is not the default one.
    fn another_attempt(now: Instant) -> Attempt {
        let servers = ServerList::parse(["100 ws://gateways.example"]).unwrap();
        let mut session = Session::new(servers.into(), Settings::default().into(), 1);
        session.open(now);
        let Some(Action::Connect { attempt, .. }) = session.poll_action() else {
            panic!("it wants to connect");
        };
        assert_ne!(attempt, Attempt::default());
        attempt
    }
}
