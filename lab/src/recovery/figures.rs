//! What was collected, as the record keeps it.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use lab_record::recovery::{Fault, Recovery, Station, Survivors};

use super::journeys::Journey;
use super::{Began, Recoveries};

impl Recoveries {
    /// Everything, at the end of the cell; none where nothing was broken and nobody came back.
    pub(crate) fn figures(&self, devices: u32, subscribed: bool, end: Instant) -> Option<Recovery> {
        if self.faults.is_empty() && self.resumes.is_empty() && self.gaps == 0 {
            return None;
        }
        let mut calm_since = self.zero;
        let mut faults = vec![];
        for (number, began) in self.faults.iter().enumerate() {
            let next = self.faults.get(number + 1).map_or(end, |next| next.at);
            let touched = self.journeys.of(number).cloned().unwrap_or_default();
            let calm_again = calm_again(began, &touched, subscribed)
                .unwrap_or(end)
                .min(next);
            let mut fault = self.fault(began, &touched, subscribed);
            fault.survivors = self.survivors(devices, &touched, [calm_since, began.at, calm_again]);
            faults.push(fault);
            calm_since = calm_again;
        }
        Some(Recovery {
            faults,
            resumes: self
                .resumes
                .iter()
                .map(|(word, count)| ((*word).to_owned(), *count))
                .collect(),
            unsignalled_gaps: self.gaps,
            listen_overflows: None,
            listeners: vec![],
            fetches: None,
        })
    }

    fn fault(&self, began: &Began, touched: &HashMap<u32, Journey>, subscribed: bool) -> Fault {
        let station = |name, reached: &dyn Fn(&Journey) -> Option<Instant>| {
            let took = touched.values().filter_map(|journey| {
                let took = reached(journey)?.saturating_duration_since(began.at);
                Some(took.as_secs_f64() * 1000.0)
            });
            Station::of(name, took.collect())
        };
        Fault {
            kind: began.kind.to_owned(),
            target: began.target.clone(),
            from_ms: self.millis(began.at),
            until_ms: began.over.map(|over| self.millis(over)),
            took_ms: began.took_ms,
            touched: touched.len() as u64,
            resets: touched.values().filter(|journey| journey.reset).count() as u64,
            stations: vec![
                station("noticed", &|journey| Some(journey.noticed)),
                station("connected", &|journey| journey.connected),
                station("first-message", &|journey| journey.first_message),
                station("caught-up", &|journey| journey.done(subscribed)),
            ],
            survivors: None,
            memory: began.memory.clone(),
        }
    }

    /// Messages before and during a fault, to those whose connection outlived it.
    fn survivors(
        &self,
        devices: u32,
        touched: &HashMap<u32, Journey>,
        [calm_since, begin, calm_again]: [Instant; 3],
    ) -> Option<Survivors> {
        let samples = self.samples.as_ref()?;
        let touched: HashSet<u32> = touched.keys().copied().collect();
        let survives = |device: u32| !touched.contains(&device);
        Some(Survivors {
            devices: u64::from(devices).saturating_sub(touched.len() as u64),
            before: samples.delay(calm_since, begin, survives)?,
            during: samples.delay(begin, calm_again, survives)?,
        })
    }

    fn millis(&self, at: Instant) -> i64 {
        i64::try_from(at.saturating_duration_since(self.zero).as_millis()).unwrap_or(i64::MAX)
    }
}

/// When a fault was over and everybody it touched had caught up; none if that never was.
fn calm_again(began: &Began, touched: &HashMap<u32, Journey>, subscribed: bool) -> Option<Instant> {
    let mut last = match (touched.is_empty(), began.over) {
        (true, over) => over?,
        // A gateway that stays away does no more harm once its devices are elsewhere.
        (false, over) => over.unwrap_or(began.at),
    };
    for journey in touched.values() {
        last = last.max(journey.done(subscribed)?);
    }
    Some(last)
}
