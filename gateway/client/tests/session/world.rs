//! A log and the gateways before it, as simple as can be: they know the whole log, but remember only its end.

use std::collections::VecDeque;

use gateway_client::message::{
    ClientMessage, Data, Delivery, Kind, Recovery, ResyncReason, ServerMessage, WildcardRecord,
};
use gateway_client::position::{Epoch, PartitionPosition, Position};
use gateway_client::subject::{Key, Subject};

pub(crate) const PARTITIONS: usize = 2;

/// How many missed messages a gateway can still send.
const CACHE: usize = 6;

#[derive(Default)]
pub(crate) struct World {
    pub(crate) partitions: [Partition; PARTITIONS],
    subscriptions: Vec<Subject>,
    /// Frames on their way to the device.
    pub(crate) wire: VecDeque<Frame>,
}

#[derive(Default)]
pub(crate) struct Partition {
    pub(crate) records: Vec<Record>,
    pub(crate) leader_epoch: i32,
    /// Offsets have holes: transaction markers.
    next_offset: i64,
}

#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) offset: i64,
    pub(crate) key: u8,
    leader_epoch: i32,
}

pub(crate) struct Frame {
    pub(crate) text: String,
    /// Set on a message that is not a snapshot: its loss can be seen.
    pub(crate) missable: bool,
}

impl World {
    pub(crate) fn append(&mut self, key: u8, hole: bool) {
        let number = usize::from(key) % PARTITIONS;
        let partition = &mut self.partitions[number];
        partition.next_offset += i64::from(hole);
        let record = Record {
            offset: partition.next_offset,
            key,
            leader_epoch: partition.leader_epoch,
        };
        partition.next_offset += 1;
        partition.records.push(record.clone());
        for subject in self.subscriptions.clone() {
            if selects(&subject, key) {
                self.send_record(&subject, number, &record, Kind::Update);
            }
        }
    }

    /// The connection breaks; what was on its way is lost.
    pub(crate) fn cut(&mut self) {
        self.subscriptions.clear();
        self.wire.clear();
    }

    pub(crate) fn take(&mut self, request: &str) {
        match ClientMessage::parse(request) {
            Ok(ClientMessage::Subscribe {
                id, subject, from, ..
            }) => self.subscribe(id, subject, &from),
            other => panic!("{other:?}"),
        }
    }

    fn subscribe(&mut self, id: u64, subject: Subject, from: &[Position]) {
        let missed = self.missed(&subject, from);
        let recovery = match missed.len() {
            _ if from.is_empty() => Recovery::None,
            0..=CACHE => Recovery::Synced,
            _ => Recovery::Resynced(ResyncReason::HistoryEvicted),
        };
        let name = subject.to_string();
        self.send(
            &ServerMessage::Subscribed {
                id: Some(id),
                subject: name.as_str().into(),
                recovery,
            },
            false,
        );
        if recovery == Recovery::Synced {
            for (number, record) in missed {
                self.send_record(&subject, number, &record, Kind::Recovered);
            }
        } else {
            self.send_beginning(&subject);
        }
        self.subscriptions.push(subject);
    }

    fn missed(&self, subject: &Subject, from: &[Position]) -> Vec<(usize, Record)> {
        let seen = |number: usize| {
            let in_partition = |position: &&Position| {
                position
                    .epoch
                    .history()
                    .is_some_and(|history| history.partition == as_number(number))
            };
            from.iter()
                .filter(in_partition)
                .map(|position| position.seq)
                .max()
                .unwrap_or(-1)
        };
        let records = self
            .partitions
            .iter()
            .enumerate()
            .flat_map(|(number, partition)| {
                let after = seen(number);
                partition
                    .records
                    .iter()
                    .filter(move |record| record.offset > after)
                    .map(move |record| (number, record))
            });
        records
            .filter(|(_, record)| selects(subject, record.key))
            .map(|(number, record)| (number, record.clone()))
            .collect()
    }

    /// The last value of a key; where there is none, the place where the subscription begins.
    fn send_beginning(&mut self, subject: &Subject) {
        let last = self
            .missed(subject, &[])
            .pop()
            .filter(|_| !subject.is_wildcard());
        if let Some((number, record)) = last {
            self.send_record(subject, number, &record, Kind::Snapshot);
            return;
        }
        let at = self
            .partitions
            .iter()
            .enumerate()
            .map(|(number, partition)| PartitionPosition {
                partition: as_number(number),
                position: Position::new(
                    epoch(number, partition.leader_epoch),
                    partition.next_offset - 1,
                ),
            })
            .collect();
        self.send(
            &ServerMessage::Position {
                subject: subject.to_string().into(),
                at,
            },
            false,
        );
    }

    fn send_record(&mut self, subject: &Subject, number: usize, record: &Record, kind: Kind) {
        let before = self.partitions[number].records.iter().rev();
        let prev = before
            .filter(|earlier| earlier.offset < record.offset && selects(subject, earlier.key))
            .map(|earlier| earlier.offset)
            .next();
        let wildcard = WildcardRecord {
            key: Some(format!("k{}", record.key).into()),
            partition: as_number(number),
        };
        let message = ServerMessage::Message(Delivery {
            subject: subject.to_string().into(),
            record: subject.is_wildcard().then_some(wildcard),
            epoch: epoch(number, record.leader_epoch)
                .as_str()
                .to_owned()
                .into(),
            seq: record.offset,
            prev,
            kind,
            data: Data::text(number.to_string()),
        });
        self.send(&message, kind != Kind::Snapshot);
    }

    fn send(&mut self, message: &ServerMessage<'_>, missable: bool) {
        let text = String::from_utf8_lossy(&message.to_vec()).into_owned();
        self.wire.push_back(Frame { text, missable });
    }
}

pub(crate) fn selects(subject: &Subject, key: u8) -> bool {
    match &subject.key {
        Key::Every => true,
        Key::Exact(bytes) => *bytes == format!("k{key}").into_bytes(),
    }
}

fn epoch(partition: usize, leader_epoch: i32) -> Epoch {
    Epoch::new("T", as_number(partition), leader_epoch)
}

fn as_number(partition: usize) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}
