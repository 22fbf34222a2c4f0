//! What devices sent, what was acknowledged, what the log has.

use std::collections::HashMap;

use super::account::{Account, Finding, Flaw};
use super::content::{Content, digest};

/// The publishes of a run, by the digest of their publish id.
#[derive(Debug, Default)]
pub(super) struct Publishes {
    sent: HashMap<u64, Sent>,
    in_log: HashMap<u64, Vec<Placed>>,
    acknowledged: Vec<(u64, Placed, Option<i64>)>,
    refused: Vec<(u64, Option<i64>)>,
    /// Acknowledgements that no publish waited for: the device, where they say the record is, and when they came.
    unasked: Vec<(u32, Placed, Option<i64>)>,
    /// Per device the latest publish that the log has.
    latest: HashMap<u32, u64>,
}

#[derive(Debug)]
struct Sent {
    device: u32,
    number: u64,
    subject: String,
    content: Content,
}

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) partition: i32,
    pub(super) offset: i64,
}

impl Publishes {
    pub(super) fn sent(
        &mut self,
        device: u32,
        number: u64,
        id: &str,
        subject: &str,
        content: Content,
    ) {
        let sent = Sent {
            device,
            number,
            subject: subject.to_owned(),
            content,
        };
        self.sent.entry(digest(id.as_bytes())).or_insert(sent);
    }

    pub(super) fn acknowledged(&mut self, id: &str, placed: Placed, at: Option<i64>) {
        self.acknowledged.push((digest(id.as_bytes()), placed, at));
    }

    pub(super) fn refused(&mut self, id: &str, at: Option<i64>) {
        self.refused.push((digest(id.as_bytes()), at));
    }

    pub(super) fn acknowledged_unasked(&mut self, device: u32, placed: Placed, at: Option<i64>) {
        self.unasked.push((device, placed, at));
    }

    /// The log has a record with this publish id; answers whether it repeats an earlier one.
    pub(super) fn seen(
        &mut self,
        id: &[u8],
        placed: Placed,
        content: Content,
        account: &mut Account,
        at: Option<i64>,
    ) -> bool {
        let id = digest(id);
        let places = self.in_log.entry(id).or_default();
        places.push(placed);
        if places.len() > 1 {
            account.repeated += 1;
            return true;
        }
        let Some(sent) = self.sent.get(&id) else {
            return false;
        };
        if sent.content != content {
            account.note(
                || sent.finding(Flaw::Corrupted, placed),
                Flaw::Corrupted,
                at,
            );
        }
        let latest = self.latest.entry(sent.device).or_insert(sent.number);
        if sent.number < *latest {
            account.note(
                || sent.finding(Flaw::Disordered, placed),
                Flaw::Disordered,
                at,
            );
        }
        *latest = sent.number.max(*latest);
        false
    }

    /// Judges the answers, once the log is read to its end.
    pub(super) fn close(&self, account: &mut Account) {
        account.acknowledged = self.acknowledged.len() as u64;
        for (id, placed, at) in &self.acknowledged {
            let flaw = match self.in_log.get(id) {
                None => Flaw::Vanished,
                Some(places) if !places.contains(placed) => Flaw::Misplaced,
                Some(_) => continue,
            };
            account.note(|| self.finding(*id, flaw, *placed), flaw, *at);
        }
        for (id, at) in &self.refused {
            let flaw = Flaw::Contradicted;
            if let Some(placed) = self.in_log.get(id).and_then(|places| places.first()) {
                account.note(|| self.finding(*id, flaw, *placed), flaw, *at);
            }
        }
        for (device, placed, at) in &self.unasked {
            let flaw = Flaw::Reanswered;
            account.note(|| self.unasked(*device, *placed, flaw), flaw, *at);
        }
    }

    /// Of an acknowledgement that no publish waited for: the subject of the record it names, or else what the device publishes to.
    fn unasked(&self, device: u32, placed: Placed, flaw: Flaw) -> Finding {
        let of_device = || self.sent.iter().filter(|(_, sent)| sent.device == device);
        let is_there = |id: &u64| self.in_log.get(id).is_some_and(|at| at.contains(&placed));
        let named = of_device().find(|(id, _)| is_there(id));
        let subject = named
            .map(|(_, sent)| sent)
            .or_else(|| {
                of_device()
                    .map(|(_, sent)| sent)
                    .min_by_key(|sent| sent.number)
            })
            .map_or_else(String::new, |sent| sent.subject.clone());
        Finding {
            flaw,
            device,
            subject,
            partition: placed.partition,
            seq: placed.offset,
        }
    }

    fn finding(&self, id: u64, flaw: Flaw, placed: Placed) -> Finding {
        match self.sent.get(&id) {
            Some(sent) => sent.finding(flaw, placed),
            // Acknowledged without having been sent: nobody's, but not to be passed over.
            None => Finding {
                flaw,
                device: u32::MAX,
                subject: String::new(),
                partition: placed.partition,
                seq: placed.offset,
            },
        }
    }
}

impl Sent {
    fn finding(&self, flaw: Flaw, placed: Placed) -> Finding {
        let subject = self.subject.clone();
        Finding {
            flaw,
            device: self.device,
            subject,
            partition: placed.partition,
            seq: placed.offset,
        }
    }
}
