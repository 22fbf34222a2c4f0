//! What is remembered per device.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use gateway_client::{Attempt, ServerId, Session};
use gateway_engine::ConnId;

use super::names::Names;

/// A device of the fleet.
#[derive(Debug)]
pub(super) struct Device {
    /// Where it comes from, as the model says.
    pub(super) source: SocketAddr,
    /// The connection of its session's present attempt.
    pub(super) conn: Option<ConnId>,
    /// It reads nothing from its connection.
    pub(super) stalled: bool,
    /// What was due before this time (in a stamp's unit) waited for the device and not for a gateway.
    pub(super) read_on_us: u64,
    /// Sources that turned out to be in use when it last tried to connect.
    pub(super) collisions: u8,
    /// The loop's clock holds an alarm for it at that time.
    pub(super) alarm: Option<Instant>,
    /// Publishes so far.
    pub(super) publishes: u64,
    /// What it knows of its server's name, if it asks for one.
    pub(super) names: Option<Box<Names>>,
    /// What it does by itself; made when it first has something to do.
    pub(super) session: Option<Box<Session>>,
    /// The subjects it subscribed to, and whether that was ever confirmed; hardly ever more than one.
    pub(super) subjects: Box<[(Arc<str>, bool)]>,
}

/// What a loop's connection is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tag {
    pub(super) device: u32,
    pub(super) server: ServerId,
    pub(super) attempt: Attempt,
}

impl Default for Tag {
    fn default() -> Self {
        Self {
            device: u32::MAX,
            server: ServerId(0),
            attempt: Attempt::default(),
        }
    }
}

impl Device {
    pub(super) fn new(source: SocketAddr) -> Self {
        Self {
            source,
            conn: None,
            stalled: false,
            read_on_us: 0,
            collisions: 0,
            alarm: None,
            publishes: 0,
            names: None,
            session: None,
            subjects: Box::default(),
        }
    }

    /// The subject's text as it is held already.
    pub(super) fn subject(&self, subject: &str) -> Option<&Arc<str>> {
        self.subjects
            .iter()
            .map(|(subject, _)| subject)
            .find(|held| held.as_ref() == subject)
    }

    pub(super) fn remember(&mut self, subject: Arc<str>) {
        if self.subject(&subject).is_none() {
            let mut subjects = std::mem::take(&mut self.subjects).into_vec();
            subjects.push((subject, false));
            self.subjects = subjects.into();
        }
    }

    /// Notes that a subscription is confirmed; answers whether it is so for the first time.
    pub(super) fn confirm(&mut self, subject: &str) -> bool {
        let held = self.subjects.iter_mut();
        held.filter(|(held, _)| held.as_ref() == subject)
            .any(|(_, confirmed)| !std::mem::replace(confirmed, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_is_confirmed_for_the_first_time_once() {
        let mut device = Device::new("127.0.0.9:40000".parse().unwrap());
        device.remember("/t/a".into());
        device.remember("/t/a".into());

        let confirmed = ["/t/b", "/t/a", "/t/a"].map(|subject| device.confirm(subject));

        assert_eq!(confirmed, [false, true, false]);
    }

    #[test]
    fn an_idle_device_takes_little_memory() {
        assert!(size_of::<Device>() <= 128, "{}", size_of::<Device>());
        assert!(size_of::<Session>() <= 640, "{}", size_of::<Session>());
    }
}
