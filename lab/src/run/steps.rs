//! The plot: what each step orders, and when it is done.

use std::time::Duration;

use super::theatre::Theatre;
use crate::knock::knock;
use crate::provider::{FleetCounts, Observation, ProviderError};
use crate::scenario::step::{Action, AwaitProbes, Crowd, Knock, MemberWish, Slow};

/// How long the last connection may take after it was due.
pub(super) const TO_CONNECT: Duration = Duration::from_secs(30);

impl Theatre<'_> {
    /// Does what the step says, and waits until it is done.
    pub(super) fn perform(&mut self, action: &Action) -> Result<(), ProviderError> {
        match action {
            Action::Connect(crowd) => self.connect(crowd),
            Action::Disconnect(crowd) => self.disconnect(crowd),
            Action::Subscribe(order) => self.subscribe(order),
            Action::Produce(order) => self.produce(order),
            Action::Publish(order) => self.publish(order),
            Action::Settle(order) => self.settle_all(order),
            Action::Kill(on) => self.kill(on.gateway),
            Action::Drain(order) => self.leave(order),
            Action::Freeze(on) => self.freeze(on.gateway),
            Action::Thaw(on) => self.thaw(on.gateway),
            Action::Start(order) => self.start_again(order),
            Action::Adc(on) => self.break_adc(on),
            Action::Line(on) => self.set_line(on),
            Action::Tamper(order) => self.tamper(order),
            Action::StartWaiting(order) => self.start_waiting(order),
            Action::Kafka(fault) => self.break_kafka(fault),
            Action::StopReading(slow) => self.set_reading(slow, false),
            Action::ReadOn(slow) => self.set_reading(slow, true),
            Action::Member(wish) => self.set_member(wish),
            Action::Weights(order) => self.set_weights(order),
            Action::Names(order) => self.set_names(order),
            Action::Knock(order) => self.knock(order),
            Action::AwaitProbes(order) => self.await_probes(order),
            Action::AwaitRepeats(order) => self.await_repeats(order),
            Action::Wait(order) => self.pass(order.time.get()),
        }
    }

    /// The next devices connect.
    fn connect(&mut self, crowd: &Crowd) -> Result<(), ProviderError> {
        let first = u32::try_from(self.cast.fleet.counts().connects_ordered)
            .unwrap_or(u32::MAX)
            .min(self.stage.fleet.devices);
        let left = self.stage.fleet.devices - first;
        let devices = first..first + crowd.devices.unwrap_or(left).min(left);
        let (comes_back, gone) = (self.stage.fleet.reconnect, self.evidence.left);
        self.progress.phase("connecting");
        self.cast.fleet.connect(devices, crowd.over.get())?;
        self.until(
            crowd.over.get() + TO_CONNECT,
            "devices connected",
            // One that comes back by itself is not done with its first failure.
            move |counts| {
                let given_up = if comes_back {
                    gone
                } else {
                    counts.failed + counts.lost
                };
                (counts.connected + given_up, counts.connects_ordered)
            },
        )?;
        self.sight()
    }

    /// The first connected devices leave.
    fn disconnect(&mut self, crowd: &Crowd) -> Result<(), ProviderError> {
        let before = self.cast.fleet.counts().connected;
        let leaving = crowd.devices.map_or(before, u64::from).min(before);
        let devices = 0..u32::try_from(leaving).unwrap_or(u32::MAX);
        self.progress.phase("disconnecting");
        if let Some(books) = &self.books {
            books.left(devices.clone());
        }
        self.evidence.left += leaving;
        self.cast.fleet.disconnect(devices, crowd.over.get())?;
        self.until(
            crowd.over.get() + TO_CONNECT,
            "devices gone",
            move |counts| (before.saturating_sub(counts.connected), leaving),
        )?;
        Ok(())
    }

    /// The first devices stop to read, or read again.
    fn set_reading(&mut self, slow: &Slow, reading: bool) -> Result<(), ProviderError> {
        let before = self.cast.fleet.counts().stalled;
        let wanted = match reading {
            true => before.saturating_sub(slow.devices.into()),
            false => before + u64::from(slow.devices),
        };
        self.progress.phase(if reading {
            "reading again"
        } else {
            "reading no more"
        });
        self.cast.fleet.set_reading(0..slow.devices, reading)?;
        self.watch(TO_CONNECT, |theatre| {
            Ok(theatre.evidence.counts.stalled == wanted)
        })?;
        Ok(())
    }

    fn set_member(&mut self, wish: &MemberWish) -> Result<(), ProviderError> {
        self.change_begins()?;
        let member = self.door(wish.gateway);
        // The rules let no scenario name a gateway that no cell has.
        member.map_or(Ok(()), |member| {
            self.cast.adc.set_member(member, wish.state)
        })
    }

    fn knock(&mut self, order: &Knock) -> Result<(), ProviderError> {
        self.progress.phase("knocking");
        for gateway in self.gateways.iter().filter(|gateway| gateway.serves()) {
            let answers = knock(
                gateway.listener,
                order.says,
                order.from,
                order.times,
                self.interrupt,
            )?;
            self.evidence.knocks.extend(answers);
        }
        self.evidence.moments.knocked = Some(self.now_ms());
        Ok(())
    }

    /// Every gateway has counted so many probes, or time is up; the expectation on probes says which.
    fn await_probes(&mut self, order: &AwaitProbes) -> Result<(), ProviderError> {
        self.progress.phase("waiting for health checks");
        let gateways = &self.gateways;
        self.interrupt.wait_until(order.within.get(), || {
            for gateway in gateways.iter().filter(|gateway| gateway.serves()) {
                if gateway.admin.metrics()?.sum("tidegate_probes_total") < u64::from(order.count) {
                    return Ok(false);
                }
            }
            Ok(true)
        })?;
        Ok(())
    }

    fn pass(&mut self, time: Duration) -> Result<(), ProviderError> {
        self.progress.phase("waiting");
        self.watch(time, |_| Ok(false))?;
        Ok(())
    }

    /// Waits until as many are done as were ordered, showing how many are; whether that was in time.
    pub(super) fn until(
        &mut self,
        within: Duration,
        what: &str,
        done_of: impl Fn(&FleetCounts) -> (u64, u64),
    ) -> Result<bool, ProviderError> {
        self.watch(within, |theatre| {
            let (done, of) = done_of(&theatre.evidence.counts);
            theatre.progress.count(done, of, what);
            Ok(done >= of)
        })
    }

    /// Waits for a condition with everything else kept going: samples, books, a look at who is alive. A dead gateway ends the wait.
    pub(super) fn watch(
        &mut self,
        within: Duration,
        mut condition: impl FnMut(&mut Self) -> Result<bool, ProviderError>,
    ) -> Result<bool, ProviderError> {
        let interrupt = self.interrupt;
        interrupt.wait_until(within, || {
            self.sample();
            self.beat()?;
            self.drain();
            self.note_exits();
            self.look_at_shares()?;
            Ok(condition(self)? || !self.evidence.exits.is_empty())
        })
    }

    /// What devices saw since the last time goes into the books.
    pub(super) fn drain(&mut self) {
        let observations = self.cast.fleet.take_observations();
        if let Some(balance) = &mut self.balance {
            balance.take(&observations);
        }
        self.recoveries.take(&observations);
        if let Some(pacing) = &mut self.pacing {
            pacing.take(&observations);
        }
        let now = self.now_ms();
        self.evidence.moments.take(&observations, now);
        for observation in &observations {
            if let Observation::Refused { code, .. } = observation {
                *self.evidence.publishes_refused.entry(code).or_default() += 1;
            }
        }
        if let Some(books) = &self.books {
            books.enter(&observations);
        }
    }
}
