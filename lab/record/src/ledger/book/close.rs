//! What is still owed, and the account in the end.

use std::borrow::Cow;

use super::{Holding, Ledger, StrandId};
use crate::ledger::account::{Account, Finding, Flaw};
use crate::ledger::lane::Lane;
use crate::ledger::truth::{Entry, TrackId};

impl Ledger {
    /// Messages that are owed and have not come yet, as far as the log was read. What was dropped and told so is not owed.
    #[must_use]
    pub fn outstanding(&self) -> u64 {
        self.holdings
            .iter()
            .map(|((device, subscription), holding)| {
                let absent: u64 = self
                    .lanes_of(*device, *subscription, holding)
                    .map(|(_, lane, course)| lane.absent_count(course))
                    .sum();
                absent.saturating_sub(holding.dropped)
            })
            .sum()
    }

    /// Closes the books. The truth must have been read to its end, which is behind everything that was published.
    #[must_use]
    pub fn close(mut self) -> Account {
        self.judge_phantoms();
        let mut account = std::mem::take(&mut self.account);
        for ((device, subscription), holding) in &self.holdings {
            self.close_holding(*device, *subscription, holding, &mut account);
        }
        self.publishes.close(&mut account);
        account.records = self.log.records();
        account
            .examples
            .sort_by_key(|finding| (finding.flaw, finding.device));
        account
    }

    fn close_holding(
        &self,
        device: u32,
        subscription: u32,
        holding: &Holding,
        account: &mut Account,
    ) {
        let mut pardoned = holding.dropped;
        for (track_id, lane, course) in self.lanes_of(device, subscription, holding) {
            for place in lane.absent(course) {
                if pardoned > 0 {
                    pardoned -= 1;
                    account.signalled += 1;
                    continue;
                }
                let entry = self.entry_on(subscription, track_id, place);
                let read_ms = entry.and_then(|entry| entry.read_ms);
                account.note(
                    || self.lost(device, subscription, track_id, entry),
                    Flaw::Lost,
                    read_ms,
                );
            }
        }
    }

    /// The record at a place of what a subscription is owed of a history.
    fn entry_on(&self, subscription: u32, track: TrackId, place: u32) -> Option<&Entry> {
        let filter = self.subscriptions.get(subscription as usize)?.filter?;
        let track = self.log.track(track)?;
        track.entry(*track.course(filter.key).get(place as usize)?)
    }

    fn lost(
        &self,
        device: u32,
        subscription: u32,
        track: TrackId,
        entry: Option<&Entry>,
    ) -> Finding {
        Finding {
            flaw: Flaw::Lost,
            device,
            subject: self
                .subscriptions
                .get(subscription as usize)
                .map_or_else(String::new, |subscription| subscription.subject.clone()),
            partition: self.log.track(track).map_or(-1, |track| track.partition),
            seq: entry.map_or(-1, |entry| entry.offset),
        }
    }

    /// The lanes of a holding, with the lengths of their courses, those included on which nothing arrived yet.
    fn lanes_of<'a>(
        &'a self,
        device: u32,
        subscription: u32,
        holding: &'a Holding,
    ) -> impl Iterator<Item = (TrackId, Cow<'a, Lane>, u32)> + 'a {
        let filter = self
            .subscriptions
            .get(subscription as usize)
            .and_then(|subscription| subscription.filter);
        filter.into_iter().flat_map(move |filter| {
            let mut tracks: Vec<TrackId> = self.log.histories_of_topic(filter.topic).collect();
            tracks.sort_unstable();
            tracks.into_iter().filter_map(move |track_id| {
                let track = self.log.track(track_id)?;
                let course = track.course(filter.key).len() as u32;
                let id = StrandId {
                    device,
                    subscription,
                    partition: track.partition,
                };
                let known = self
                    .strands
                    .get(&id)
                    .and_then(|strand| strand.lanes.get(&track_id));
                let lane = match known {
                    Some(lane) => Cow::Borrowed(lane),
                    None => Cow::Owned(self.fresh_lane(holding.fence, filter, track_id)),
                };
                Some((track_id, lane, course))
            })
        })
    }
}
