//! A small world for the ledger: a log, devices that follow it, and faults to put in.

use lab_record::ledger::{Account, Answer, Arrival, Content, Flaw, Kind, Ledger, Position, Record};
use proptest::sample::Index;

/// A topic with some records, and devices subscribed from its beginning.
pub(crate) struct World {
    seed: u64,
    records: Vec<Written>,
    partitions: i32,
    devices: Vec<String>,
}

#[derive(Debug, Clone)]
struct Written {
    partition: i32,
    offset: i64,
    key: Vec<u8>,
    payload: Option<Vec<u8>>,
}

/// What happens, in order.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// The truth reads a record.
    Read(usize),
    /// A device gets a message.
    Delivered(Delivered),
    /// A device lost its connection and goes on where it was.
    Resumed(u32),
}

#[derive(Debug, Clone)]
pub(crate) struct Delivered {
    pub(crate) device: u32,
    pub(crate) partition: i32,
    pub(crate) seq: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) key: Vec<u8>,
    pub(crate) payload: Option<Vec<u8>>,
}

impl Step {
    pub(crate) fn delivery(&self) -> &Delivered {
        match self {
            Self::Delivered(delivered) => delivered,
            Self::Read(_) | Self::Resumed(_) => panic!("not a delivery: {self:?}"),
        }
    }

    pub(crate) fn delivery_mut(&mut self) -> &mut Delivered {
        match self {
            Self::Delivered(delivered) => delivered,
            Self::Read(_) | Self::Resumed(_) => panic!("not a delivery"),
        }
    }
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let partitions = 1 + dice.below(3) as i32;
        let keys = 1 + dice.below(4);
        let mut ends = vec![0; partitions as usize];
        let records = (0..4 + dice.below(40))
            .map(|number| {
                let key = dice.below(keys);
                // A key stays in its partition.
                let partition = (key % partitions as u64) as i32;
                // Transaction markers leave holes that are no loss.
                let offset = ends[partition as usize] + i64::from(dice.below(8) == 0);
                ends[partition as usize] = offset + 1;
                let payload = (dice.below(10) > 0).then(|| format!("value {number}").into_bytes());
                Written {
                    partition,
                    offset,
                    key: format!("key-{key}").into_bytes(),
                    payload,
                }
            })
            .collect();
        let devices = (0..1 + dice.below(5))
            .map(|_| match dice.below(keys + 1) {
                0 => "/t/*".to_owned(),
                key => format!("/t/key-{}", key - 1),
            })
            .collect::<Vec<_>>();
        // Somebody has to get something, or there is nothing to break.
        let devices = [devices, vec!["/t/*".to_owned()]].concat();
        Self {
            seed,
            records,
            partitions,
            devices,
        }
    }

    /// A clean run: the truth and each device at a pace of their own, with a reconnect here and there.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let mut dice = Dice(!self.seed);
        let mut queues: Vec<Vec<Step>> = vec![(0..self.records.len()).map(Step::Read).collect()];
        for (device, subject) in self.devices.iter().enumerate() {
            let wanted = self
                .records
                .iter()
                .filter(|written| wants(subject, &written.key));
            queues.push(
                wanted
                    .map(|written| Step::Delivered(written.to(device as u32)))
                    .collect(),
            );
        }
        queues.iter_mut().for_each(|queue| queue.reverse());
        let mut steps = Vec::new();
        while queues.iter().any(|queue| !queue.is_empty()) {
            let turn = dice.below(queues.len() as u64) as usize;
            steps.extend(queues[turn].pop());
            if turn > 0 && dice.below(20) == 0 {
                steps.push(Step::Resumed(turn as u32 - 1));
            }
        }
        steps
    }

    pub(crate) fn account(&self, steps: &[Step]) -> Account {
        let mut ledger = Ledger::new();
        for (device, subject) in self.devices.iter().enumerate() {
            ledger.subscribed(device as u32, subject, Answer::Fresh);
        }
        for partition in 0..self.partitions {
            ledger.record(&Record {
                partition,
                barrier: true,
                ..record("t", 0, -1, b"")
            });
        }
        let ends = (0..self.partitions).map(|partition| Position {
            topic: "t".to_owned(),
            partition,
            offset: -1,
        });
        ledger.fence(&ends.collect::<Vec<_>>());
        for step in steps {
            match step {
                Step::Read(index) => self.records[*index].tell(&mut ledger),
                Step::Delivered(delivered) => {
                    delivered.tell(&mut ledger, &self.devices[delivered.device as usize])
                }
                Step::Resumed(device) => {
                    ledger.subscribed(*device, &self.devices[*device as usize], Answer::Synced)
                }
            }
        }
        ledger.close()
    }

    pub(crate) fn delivery_count(&self) -> u64 {
        let of = |subject: &String| {
            self.records
                .iter()
                .filter(|written| wants(subject, &written.key))
                .count() as u64
        };
        self.devices.iter().map(of).sum()
    }

    pub(crate) fn end_of(&self, partition: i32) -> i64 {
        self.records
            .iter()
            .filter(|written| written.partition == partition)
            .map(|written| written.offset)
            .max()
            .unwrap_or(0)
    }

    pub(crate) fn flaw(&self, flaw: Flaw, step: &Step) -> (Flaw, u32, String, i32, i64) {
        let delivered = step.delivery();
        (
            flaw,
            delivered.device,
            self.devices[delivered.device as usize].clone(),
            delivered.partition,
            delivered.seq,
        )
    }

    pub(crate) fn any_delivery(&self, steps: &[Step], at: Index) -> usize {
        *at.get(&deliveries(steps))
    }

    /// Two messages of one device from one partition, with none between them.
    pub(crate) fn any_neighbours(&self, steps: &[Step], at: Index) -> Option<(usize, usize)> {
        let all = deliveries(steps);
        let lane = |index: usize| {
            (
                steps[index].delivery().device,
                steps[index].delivery().partition,
            )
        };
        let next = |first: usize| {
            all.iter()
                .copied()
                .find(|second| *second > first && lane(*second) == lane(first))
        };
        let pairs: Vec<(usize, usize)> = all
            .iter()
            .filter_map(|first| Some((*first, next(*first)?)))
            .collect();
        (!pairs.is_empty()).then(|| *at.get(&pairs))
    }

    /// A message that is sent to a device which did not subscribe to it.
    pub(crate) fn any_message_for_another(
        &self,
        steps: &[Step],
        at: Index,
    ) -> Option<(usize, Step)> {
        let mut choices = Vec::new();
        for index in deliveries(steps) {
            for (device, subject) in self.devices.iter().enumerate() {
                if !wants(subject, &steps[index].delivery().key) {
                    let delivered = Delivered {
                        device: device as u32,
                        ..steps[index].delivery().clone()
                    };
                    choices.push((index, Step::Delivered(delivered)));
                }
            }
        }
        (!choices.is_empty()).then(|| at.get(&choices).clone())
    }
}

impl Written {
    fn to(&self, device: u32) -> Delivered {
        Delivered {
            device,
            partition: self.partition,
            seq: self.offset,
            leader_epoch: 3,
            key: self.key.clone(),
            payload: self.payload.clone(),
        }
    }

    fn tell(&self, ledger: &mut Ledger) {
        let content = Content::of(self.payload.as_deref());
        ledger.record(&Record {
            partition: self.partition,
            content,
            leader_epoch: Some(3),
            ..record("t", 0, self.offset, &self.key)
        });
    }
}

impl Delivered {
    fn tell(&self, ledger: &mut Ledger, subject: &str) {
        let epoch = format!("t.{}.{}", self.partition, self.leader_epoch);
        let key = String::from_utf8_lossy(&self.key);
        let key = subject.ends_with("/*").then_some(&*key);
        let content = Content::of(self.payload.as_deref());
        ledger.arrived(&Arrival {
            key,
            content,
            ..arrival(self.device, subject, &epoch, self.seq)
        });
    }
}

pub(crate) fn record<'a>(topic: &'a str, partition: i32, offset: i64, key: &'a [u8]) -> Record<'a> {
    Record {
        topic,
        incarnation: 0,
        partition,
        offset,
        leader_epoch: Some(0),
        key: Some(key),
        content: Content::of(Some(b"21")),
        publish_id: None,
        barrier: false,
    }
}

pub(crate) fn arrival<'a>(device: u32, subject: &'a str, epoch: &'a str, seq: i64) -> Arrival<'a> {
    Arrival {
        device,
        subject,
        key: None,
        epoch,
        seq,
        kind: Kind::Message,
        content: Content::of(Some(b"21")),
    }
}

fn wants(subject: &str, key: &[u8]) -> bool {
    subject == "/t/*" || subject.as_bytes().strip_prefix(b"/t/") == Some(key)
}

fn deliveries(steps: &[Step]) -> Vec<usize> {
    (0..steps.len())
        .filter(|index| matches!(steps[*index], Step::Delivered(_)))
        .collect()
}

/// SplitMix64, so that a seed is enough to see a world again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)) % limit
    }
}
