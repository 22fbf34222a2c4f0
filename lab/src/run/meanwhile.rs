//! What goes on while further steps are played, and the step that waits for its end.

use std::time::{Duration, Instant};

use lab_kafka::load::{Load, Sent};

use super::theatre::Theatre;
use crate::provider::ProviderError;
use crate::scenario::step::faults::Settle;

/// Loads that write records in the background. Dropping it stops them.
#[derive(Default)]
pub(super) struct Meanwhile {
    loads: Vec<Going>,
    /// When the devices' last publish is due.
    publishes_until: Option<Instant>,
}

/// A load and when its last record is due.
struct Going {
    load: Load,
    until: Instant,
}

impl Meanwhile {
    pub(super) fn goes_on(&mut self, load: Load, for_time: Duration) {
        let until = Instant::now() + for_time;
        self.loads.push(Going { load, until });
    }

    pub(super) fn publishes_go_on(&mut self, for_time: Duration) {
        let until = Instant::now() + for_time;
        self.publishes_until = self.publishes_until.max(Some(until));
    }

    /// How long it is until the last message is due.
    fn left(&self) -> Duration {
        let ends = self.loads.iter().map(|going| going.until);
        ends.chain(self.publishes_until)
            .max()
            .map(|last| last.saturating_duration_since(Instant::now()))
            .unwrap_or_default()
    }

    fn sent(&self) -> u64 {
        self.loads.iter().map(|going| going.load.sent()).sum()
    }

    fn is_finished(&self) -> bool {
        self.loads.iter().all(|going| going.load.is_finished())
    }

    /// Ends what still goes on, and answers what each load did.
    fn finish(&mut self) -> Vec<anyhow::Result<Sent>> {
        self.publishes_until = None;
        let ended = self.loads.drain(..).map(|going| {
            going.load.stop();
            going.load.finish()
        });
        ended.collect()
    }
}

impl Drop for Meanwhile {
    fn drop(&mut self) {
        for going in &self.loads {
            going.load.stop();
        }
    }
}

impl Theatre<'_> {
    /// Waits until the last message is sent, every device is back, and nobody is owed anything; or until patience ends, and the expectations say what
    /// is missing.
    pub(super) fn settle_all(&mut self, order: &Settle) -> Result<(), ProviderError> {
        self.progress.phase("playing on until the last message");
        self.watch(self.meanwhile.left() + order.within.get(), |theatre| {
            let sent = theatre.meanwhile.sent();
            theatre.progress.count(sent, sent, "records written");
            Ok(theatre.meanwhile.is_finished() && theatre.meanwhile.left().is_zero())
        })?;
        let patience = Instant::now() + order.within.get();
        for sent in self.meanwhile.finish() {
            self.settle_load(sent?)?;
        }
        self.progress.phase("waiting for every device");
        self.until(left(patience), "publishes acknowledged", |counts| {
            (
                counts.published + counts.publish_errors,
                counts.publishes_ordered,
            )
        })?;
        if self.stage.fleet.reconnect {
            let gone = self.evidence.left;
            self.watch(left(patience), move |theatre| {
                let counts = &theatre.evidence.counts;
                let (back, of) = (
                    counts.connected,
                    counts.connects_ordered.saturating_sub(gone),
                );
                theatre.progress.count(back, of, "devices connected");
                Ok(back >= of && theatre.gateways_agree())
            })?;
        }
        if self.books.is_some() {
            self.settle(left(patience))?;
        }
        Ok(())
    }
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}
