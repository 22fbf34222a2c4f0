//! One producer follows another that broke for good, and no publish overtakes another of its device meanwhile.
//!
//! An idempotent producer that cannot know any more what the log has takes nothing more and gives back what it had not sent. Its successor begins once it
//! has answered for everything: with what came back, then with what came since, all in the order in which devices sent it. *Absent: a publish in a new
//! producer while an earlier one may still be in the old.*

mod context;
mod held;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::{Producer as _, PurgeConfig, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;

use super::{Publish, not_taken};
use crate::kafka::acks::{Acks, Ticket};
use context::{Context, InFlight};
use held::Held;

type Producer = ThreadedProducer<Context>;

/// Time between two looks at a producer that has to come to its end.
const LOOK: Duration = Duration::from_millis(20);

/// The producers, one at a time.
pub(super) struct Line {
    config: ClientConfig,
    acks: Acks,
    place: RwLock<Place>,
    /// Counts publishes. Those of one device come from one thread, so their numbers are in their order.
    next: AtomicU64,
}

enum Place {
    Taken(Arc<Producer>),
    /// The last producer broke and is not done yet: what its successor will begin with.
    Vacant(Vec<Held>),
}

impl Line {
    /// The first producer takes its place.
    pub(super) fn begin(config: ClientConfig, acks: Acks) -> KafkaResult<Arc<Self>> {
        let line = Arc::new(Self {
            config,
            acks,
            place: RwLock::new(Place::Vacant(Vec::new())),
            next: AtomicU64::new(0),
        });
        let first = line.producer()?;
        *line.write() = Place::Taken(first);
        Ok(line)
    }

    /// Hands a publish to the producer, or keeps it for the next one.
    pub(super) fn publish(
        self: &Arc<Self>,
        topic: &str,
        publish: &Publish<'_>,
        ticket: Ticket,
    ) -> KafkaResult<()> {
        let in_flight = InFlight {
            ticket,
            number: self.next.fetch_add(1, Ordering::Relaxed),
            came_back: false,
        };
        if let Place::Taken(producer) = &*self.place.read().unwrap_or_else(PoisonError::into_inner)
        {
            let sent = held::send(producer, topic, publish, in_flight);
            if !sent.as_ref().is_err_and(is_fatal) {
                return sent;
            }
        }
        self.keep(Held::new(topic, publish, in_flight))
    }

    /// Waits until everything handed over is answered, for at most `patience`.
    pub(super) fn flush(&self, patience: Duration) -> KafkaResult<()> {
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.current() {
                Some(producer) => return producer.flush(left),
                None if left.is_zero() => {
                    return Err(KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut));
                }
                None => std::thread::sleep(LOOK.min(left)),
            }
        }
    }

    /// Whether the producer that answers now is broken. librdkafka says so after its first record has come back, so nobody waits to be told.
    fn is_broken(&self) -> bool {
        match &*self.place.read().unwrap_or_else(PoisonError::into_inner) {
            Place::Taken(producer) => is_broken(producer),
            Place::Vacant(_) => true,
        }
    }

    /// A publish that the producer did not take because it is broken, or gave back. The first one begins the succession.
    fn keep(self: &Arc<Self>, held: Held) -> KafkaResult<()> {
        let mut place = self.write();
        match &mut *place {
            Place::Vacant(waiting) => {
                waiting.push(held);
                Ok(())
            }
            Place::Taken(producer) if !is_broken(producer) => held.send(producer),
            Place::Taken(producer) => {
                let (line, broken) = (Arc::clone(self), Arc::clone(producer));
                let thread = std::thread::Builder::new().name("succession".to_owned());
                // It waits for this lock before it fills the place.
                match thread.spawn(move || line.succeed(broken)) {
                    Ok(_) => {
                        *place = Place::Vacant(vec![held]);
                        Ok(())
                    }
                    Err(error) => Err(KafkaError::ClientCreation(error.to_string())),
                }
            }
        }
    }

    /// Waits until a broken producer has answered for everything, and puts a new one in its place.
    fn succeed(self: &Arc<Self>, broken: Arc<Producer>) {
        while broken.in_flight_count() > 0 {
            // What is on its way is answered in its own time; what would be sent again comes back.
            broken.purge(PurgeConfig::default().queue());
            // A timeout is what `in_flight_count` asks for again.
            let _ = broken.flush(LOOK);
        }
        let fresh = self.producer();
        let refused = match &fresh {
            Ok(fresh) => {
                tracing::warn!("the producer broke for good and is replaced");
                self.fill(Arc::clone(fresh), |held| held.send(fresh))
            }
            Err(error) => {
                tracing::error!(%error, "a broken producer cannot be replaced");
                // The next publish tries again.
                self.fill(broken, |_| Err(error.clone()))
            }
        };
        // The place is open again: nobody waits for this thread, which may have to wait for a workgroup.
        for (ticket, error) in refused {
            self.acks.refuse(ticket, not_taken(&error));
        }
    }

    /// The place is taken, by one that first gets everything that waits; answers what it did not take.
    fn fill(
        &self,
        producer: Arc<Producer>,
        send: impl Fn(Held) -> KafkaResult<()>,
    ) -> Vec<(Ticket, KafkaError)> {
        let mut place = self.write();
        let mut waiting = match std::mem::replace(&mut *place, Place::Taken(producer)) {
            Place::Vacant(waiting) => waiting,
            Place::Taken(_) => Vec::new(),
        };
        waiting.sort_by_key(|held| held.in_flight.number);
        waiting
            .into_iter()
            .filter_map(|held| {
                let ticket = held.in_flight.ticket;
                Some((ticket, send(held).err()?))
            })
            .collect()
    }

    fn producer(self: &Arc<Self>) -> KafkaResult<Arc<Producer>> {
        let context = Context::new(self.acks.clone(), Arc::downgrade(self));
        Ok(Arc::new(self.config.create_with_context(context)?))
    }

    fn current(&self) -> Option<Arc<Producer>> {
        match &*self.place.read().unwrap_or_else(PoisonError::into_inner) {
            Place::Taken(producer) => Some(Arc::clone(producer)),
            Place::Vacant(_) => None,
        }
    }

    fn write(&self) -> RwLockWriteGuard<'_, Place> {
        self.place.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_broken(producer: &Producer) -> bool {
    producer.client().fatal_error().is_some()
}

fn is_fatal(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal)
}

#[cfg(test)]
mod tests;
