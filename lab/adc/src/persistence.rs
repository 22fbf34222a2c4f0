//! Which member a client had. Pure: the caller brings the clock.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use crate::balance::MemberId;

/// Most addresses that are remembered; beyond it the stalest is forgotten. Clients choose their addresses, not we.
const MOST_RECORDS: usize = 100_000;

/// Remembers the member of each source address.
#[derive(Debug)]
pub struct SourceAddressRecords {
    timeout: Duration,
    records: HashMap<IpAddr, Record>,
}

#[derive(Debug, Clone, Copy)]
struct Record {
    member: MemberId,
    used_at: Instant,
}

impl SourceAddressRecords {
    /// Records that are forgotten `timeout` after their last use.
    pub fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            records: HashMap::new(),
        }
    }

    /// The member this client had, unless that is too long ago.
    pub fn member_of(&self, client: IpAddr, now: Instant) -> Option<MemberId> {
        self.records
            .get(&client)
            .filter(|record| self.is_fresh(record, now))
            .map(|record| record.member)
    }

    /// The client has been given this member now.
    pub fn remember(&mut self, client: IpAddr, member: MemberId, now: Instant) {
        if self.records.len() >= MOST_RECORDS && !self.records.contains_key(&client) {
            self.make_room(now);
        }
        self.records.insert(
            client,
            Record {
                member,
                used_at: now,
            },
        );
    }

    /// Forgets everyone, as a twin that takes over without mirrored records.
    pub fn clear(&mut self) {
        self.records.clear();
    }

    fn is_fresh(&self, record: &Record, now: Instant) -> bool {
        now.saturating_duration_since(record.used_at) < self.timeout
    }

    fn make_room(&mut self, now: Instant) {
        let timeout = self.timeout;
        self.records
            .retain(|_, record| now.saturating_duration_since(record.used_at) < timeout);
        if self.records.len() >= MOST_RECORDS
            && let Some(stalest) = self
                .records
                .iter()
                .min_by_key(|(_, record)| record.used_at)
                .map(|(client, _)| *client)
        {
            self.records.remove(&stalest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(180);

    #[test]
    fn a_client_keeps_its_member_until_the_timeout() {
        let start = Instant::now();
        let mut records = SourceAddressRecords::new(TIMEOUT);
        records.remember(client(1), MemberId(7), start);

        assert_eq!(
            records.member_of(client(1), start + TIMEOUT / 2),
            Some(MemberId(7))
        );
        assert_eq!(records.member_of(client(1), start + TIMEOUT), None);
        assert_eq!(records.member_of(client(2), start), None);
    }

    #[test]
    fn the_stalest_makes_room_when_too_many_clients_come() {
        let start = Instant::now();
        let mut records = SourceAddressRecords::new(TIMEOUT);
        for number in 0..=MOST_RECORDS {
            records.remember(
                client(number),
                MemberId(0),
                start + Duration::from_micros(number as u64),
            );
        }

        assert_eq!(records.records.len(), MOST_RECORDS);
        assert_eq!(records.member_of(client(0), start), None);
        assert_eq!(
            records.member_of(client(MOST_RECORDS), start),
            Some(MemberId(0))
        );
    }

    fn client(number: usize) -> IpAddr {
        IpAddr::from(u32::try_from(number).unwrap().to_be_bytes())
    }
}
