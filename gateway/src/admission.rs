//! Who may come in: limits on connections, in all, per client and per second.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::config::Limits;

/// Counts those who are in. Asked by the acceptor, told by the workgroups; nobody asks it on the way of a message.
#[derive(Debug)]
pub(crate) struct Admission {
    most: usize,
    most_per_client: Option<usize>,
    inside: AtomicUsize,
    per_client: Mutex<HashMap<IpAddr, usize>>,
}

/// Why somebody may not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// The gateway has as many connections as it may.
    Full,
    /// The client's address has.
    ClientFull,
    /// Too many came within this second.
    TooFast,
}

impl Rejected {
    /// The value of the metric label `reason`.
    pub(crate) fn metric(self) -> &'static str {
        match self {
            Self::Full => "connections",
            Self::ClientFull => "connections-per-client",
            Self::TooFast => "handshakes-per-second",
        }
    }
}

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            most: limits.connections,
            most_per_client: limits.connections_per_client,
            inside: AtomicUsize::new(0),
            per_client: Mutex::new(HashMap::new()),
        }
    }

    /// Lets a client in, who has to [`leave`](Self::leave) once.
    pub(crate) fn enter(&self, client: SocketAddr) -> Result<(), Rejected> {
        if self.inside.fetch_add(1, Ordering::Relaxed) >= self.most {
            self.inside.fetch_sub(1, Ordering::Relaxed);
            return Err(Rejected::Full);
        }
        let Some(most) = self.most_per_client else {
            return Ok(());
        };
        let mut per_client = self.lock();
        let count = per_client.entry(client.ip()).or_insert(0);
        if *count >= most {
            drop(per_client);
            self.inside.fetch_sub(1, Ordering::Relaxed);
            return Err(Rejected::ClientFull);
        }
        *count += 1;
        Ok(())
    }

    /// A client is gone.
    pub(crate) fn leave(&self, client: SocketAddr) {
        self.inside.fetch_sub(1, Ordering::Relaxed);
        if self.most_per_client.is_none() {
            return;
        }
        let mut per_client = self.lock();
        if let Some(count) = per_client.get_mut(&client.ip()) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                per_client.remove(&client.ip());
            }
        }
    }

    /// Those who are in, whatever state their connection is in.
    #[cfg(test)]
    fn inside(&self) -> usize {
        self.inside.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // The map is whole between any two statements, so a panicking holder leaves nothing broken.
        self.per_client
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A token bucket that holds one second's worth. Pure.
#[derive(Debug)]
pub(crate) struct Rate {
    per_second: f64,
    tokens: f64,
    at: Instant,
}

impl Rate {
    pub(crate) fn new(per_second: u32, now: Instant) -> Self {
        let per_second = f64::from(per_second);
        Self {
            per_second,
            tokens: per_second,
            at: now,
        }
    }

    /// Whether one more may pass now.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.tokens = (self.tokens + passed * self.per_second).min(self.per_second.max(1.0));
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Limits;

    #[test]
    fn the_limit_counts_those_who_are_in() {
        let admission = admission(2, None);

        assert_eq!(admission.enter(client(1)), Ok(()));
        assert_eq!(admission.enter(client(2)), Ok(()));
        assert_eq!(admission.enter(client(3)), Err(Rejected::Full));

        admission.leave(client(1));
        assert_eq!(admission.enter(client(3)), Ok(()));
    }

    #[test]
    fn the_limit_per_client_is_by_address_and_not_by_port() {
        let admission = admission(10, Some(1));
        let other: SocketAddr = "192.0.2.2:1".parse().unwrap();

        assert_eq!(admission.enter(client(1)), Ok(()));
        assert_eq!(admission.enter(client(2)), Err(Rejected::ClientFull));
        assert_eq!(admission.enter(other), Ok(()));
        assert_eq!(admission.inside(), 2);

        admission.leave(client(1));
        assert_eq!(admission.enter(client(2)), Ok(()));
    }

    #[test]
    fn a_rate_lets_a_second_s_worth_pass_at_once_and_then_its_pace() {
        let start = Instant::now();
        let mut rate = Rate::new(2, start);

        assert_eq!(
            [rate.take(start), rate.take(start), rate.take(start)],
            [true, true, false]
        );

        let later = start + Duration::from_millis(500);
        assert_eq!([rate.take(later), rate.take(later)], [true, false]);
    }

    fn admission(connections: usize, connections_per_client: Option<usize>) -> Admission {
        Admission::new(&Limits {
            connections,
            connections_per_client,
            ..Limits::default()
        })
    }

    fn client(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }
}
