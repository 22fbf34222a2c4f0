//! The way of each touched device from its fault until it has caught up.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

/// The ways of all devices.
#[derive(Debug, Default)]
pub(super) struct Journeys {
    /// Faults so far.
    faults: usize,
    /// By fault, then by device.
    touched: BTreeMap<usize, HashMap<u32, Journey>>,
    /// The fault whose journey a device is on, or was on last.
    latest: HashMap<u32, usize>,
}

/// One device after one fault.
#[derive(Debug, Clone, Copy)]
pub(super) struct Journey {
    /// Its connection ended.
    pub(super) noticed: Instant,
    /// With a reset.
    pub(super) reset: bool,
    /// Its latest connection was up.
    pub(super) connected: Option<Instant>,
    /// The first message on that connection.
    pub(super) first_message: Option<Instant>,
    /// The latest confirmation of a subscription, or message that it had missed, on that connection.
    pub(super) caught_up: Option<Instant>,
}

impl Journeys {
    /// From now on what is lost is the next fault's doing.
    pub(super) fn begin(&mut self) {
        self.faults += 1;
    }

    pub(super) fn lost(&mut self, device: u32, reset: bool, at: Instant) {
        let Some(newest) = self.faults.checked_sub(1) else {
            return;
        };
        // Who is cut again before it has caught up stays with the fault that cut it first.
        let fault = match self.open(device) {
            Some(journey) if journey.caught_up.is_none() => {
                self.latest.get(&device).copied().unwrap_or(newest)
            }
            _ => newest,
        };
        self.latest.insert(device, fault);
        let fresh = Journey {
            noticed: at,
            reset,
            connected: None,
            first_message: None,
            caught_up: None,
        };
        let journey = self
            .touched
            .entry(fault)
            .or_default()
            .entry(device)
            .or_insert(fresh);
        *journey = Journey {
            noticed: journey.noticed,
            reset: journey.reset || reset,
            ..fresh
        };
    }

    pub(super) fn connected(&mut self, device: u32, at: Instant) {
        if let Some(journey) = self.open(device) {
            journey.connected = Some(at);
        }
    }

    pub(super) fn confirmed(&mut self, device: u32, at: Instant) {
        if let Some(journey) = self
            .open(device)
            .filter(|journey| journey.connected.is_some())
        {
            journey.caught_up = Some(at);
        }
    }

    /// A message arrived; one that was missed, or a live one.
    pub(super) fn arrived(&mut self, device: u32, missed: bool, at: Instant) {
        // The busiest of all: most devices were never touched.
        if self.latest.is_empty() {
            return;
        }
        if let Some(journey) = self
            .open(device)
            .filter(|journey| journey.connected.is_some())
        {
            journey.first_message.get_or_insert(at);
            if missed {
                journey.caught_up = Some(at);
            }
        }
    }

    /// The devices that this fault touched.
    pub(super) fn of(&self, fault: usize) -> Option<&HashMap<u32, Journey>> {
        self.touched.get(&fault)
    }

    /// The journey that a device is on, or was on last.
    fn open(&mut self, device: u32) -> Option<&mut Journey> {
        let fault = self.latest.get(&device)?;
        self.touched.get_mut(fault)?.get_mut(&device)
    }
}

impl Journey {
    /// The moment from which it misses nothing; a device without subscriptions misses nothing once it is connected.
    pub(super) fn done(&self, subscribed: bool) -> Option<Instant> {
        if subscribed {
            self.caught_up
        } else {
            self.connected
        }
    }
}
