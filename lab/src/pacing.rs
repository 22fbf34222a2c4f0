//! How far apart the updates of a subject reach a device. Pure: the caller brings the observations.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::provider::{DeliveryKind, Observation};

/// What every device saw of every subject.
#[derive(Debug, Default)]
pub(crate) struct Pacing {
    trains: HashMap<Line, Train>,
}

/// Whose updates, and of what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Line {
    device: u32,
    subject: Arc<str>,
    /// The key under a wildcard.
    key: Option<Arc<str>>,
}

/// Updates of one subject on one device.
#[derive(Debug)]
struct Train {
    first: Instant,
    last: Instant,
    updates: u32,
}

/// The device that got the updates of a subject closest together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Closest {
    /// The device.
    pub(crate) device: u32,
    /// The subscription, or the key under a wildcard.
    pub(crate) subject: String,
    /// Updates that came.
    pub(crate) updates: u32,
    /// From the first of them to the last.
    pub(crate) over: Duration,
}

impl Closest {
    /// The mean distance, with one update forgiven: the first and the last may have taken unlike long to arrive.
    pub(crate) fn apart(&self) -> Option<Duration> {
        let gaps = self.updates.checked_sub(2).filter(|&gaps| gaps > 0)?;
        Some(self.over / gaps)
    }
}

impl Pacing {
    /// Takes in what devices saw, in the order they saw it.
    pub(crate) fn take(&mut self, observations: &[Observation]) {
        for observation in observations {
            let Observation::Delivered(delivery) = observation else {
                continue;
            };
            if delivery.kind != DeliveryKind::Update {
                continue;
            }
            let line = Line {
                device: delivery.device,
                subject: Arc::clone(&delivery.subject),
                key: delivery.key.clone(),
            };
            let train = self.trains.entry(line).or_insert(Train {
                first: delivery.at,
                last: delivery.at,
                updates: 0,
            });
            train.last = delivery.at;
            train.updates += 1;
        }
    }

    /// Whoever got them closest together; none before three updates came anywhere.
    pub(crate) fn closest(&self) -> Option<Closest> {
        let trains = self.trains.iter().map(|(line, train)| Closest {
            device: line.device,
            subject: line.key.as_ref().unwrap_or(&line.subject).to_string(),
            updates: train.updates,
            over: train.last.saturating_duration_since(train.first),
        });
        trains
            .filter(|train| train.apart().is_some())
            .min_by_key(|train| (train.apart(), train.device))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Delivery;

    #[test]
    fn the_closest_updates_are_those_of_one_device_and_subject() {
        let start = Instant::now();
        let mut pacing = Pacing::default();
        for ms in [0, 100, 200, 300] {
            pacing.take(&[
                update(start, 7, "/t/a", ms),
                update(start, 7, "/t/b", ms * 3),
                update(start, 8, "/t/a", ms * 2),
            ]);
        }

        let closest = pacing.closest().unwrap();

        assert_eq!((closest.device, closest.subject.as_str()), (7, "/t/a"));
        assert_eq!(
            (closest.updates, closest.over),
            (4, Duration::from_millis(300))
        );
        // Three gaps in 300 ms, of which one is forgiven.
        assert_eq!(closest.apart(), Some(Duration::from_millis(150)));
    }

    #[test]
    fn two_updates_say_nothing() {
        let mut pacing = Pacing::default();
        let start = Instant::now();

        pacing.take(&[update(start, 7, "/t/a", 0), update(start, 7, "/t/a", 1)]);

        assert_eq!(pacing.closest(), None);
    }

    fn update(start: Instant, device: u32, subject: &str, ms: u64) -> Observation {
        Observation::Delivered(Delivery {
            device,
            subject: subject.into(),
            key: None,
            epoch: "e".into(),
            seq: 0,
            prev: None,
            kind: DeliveryKind::Update,
            data: None,
            at: start + Duration::from_millis(ms),
        })
    }
}
