//! Whatever happens between a log and a device: nothing is lost without a word, doubled or swapped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gateway_client::message::Recovery;
use gateway_client::subject::Subject;
use gateway_client::{
    Action, Attempt, Cause, Event, Lost, ServerList, Session, Settings, SubscribeOptions,
};
use proptest::prelude::*;

use crate::world::{PARTITIONS, World, selects};

const SUBJECTS: [&str; 3] = ["/t/k0", "/t/k1", "/t/*"];

#[derive(Debug, Clone)]
enum Step {
    Append {
        key: u8,
        hole: bool,
    },
    Deliver {
        frames: usize,
    },
    Cut,
    ChangeLeader {
        partition: usize,
    },
    /// A frame arrives twice.
    Double,
    /// A message never arrives, although the connection stays.
    Swallow,
}

/// Frames do not vanish and leaders do not change in one run: under an exact subject, whose messages name no partition, a
/// new epoch after a message that vanished may look like another partition going on.
fn steps(swallow: bool) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0u8..4, any::<bool>()).prop_map(|(key, hole)| Step::Append { key, hole }),
        6 => (1usize..12).prop_map(|frames| Step::Deliver { frames }),
        2 => Just(Step::Cut),
        u32::from(!swallow) => (0..PARTITIONS).prop_map(|partition| Step::ChangeLeader { partition }),
        1 => Just(Step::Double),
        u32::from(swallow) => Just(Step::Swallow),
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    #[test]
    fn nothing_is_lost_doubled_or_swapped(steps in steps(false)) {
        let mut device = Device::new();
        steps.iter().for_each(|step| device.apply(step));

        let ledgers = device.settle();

        for (subject, ledger) in ledgers {
            prop_assert_eq!(ledger.gaps, 0, "{} has a gap that is none", subject);
            prop_assert!(ledger.unexplained.is_empty(), "{}: {:?} are missing", subject, ledger.unexplained);
        }
    }

    #[test]
    fn nothing_is_lost_without_a_word_even_if_frames_vanish(steps in steps(true)) {
        let mut device = Device::new();
        steps.iter().for_each(|step| device.apply(step));

        for (subject, ledger) in device.settle() {
            prop_assert!(ledger.unexplained.is_empty(), "{}: {:?} are missing", subject, ledger.unexplained);
        }
    }
}

/// What is known of a subject: each record of the log has to be delivered, or something has to be said.
#[derive(Default)]
struct Ledger {
    delivered: BTreeSet<(usize, i64)>,
    excused: BTreeSet<(usize, i64)>,
    last: BTreeMap<usize, i64>,
    gaps: u32,
    unexplained: Vec<(usize, i64)>,
}

struct Device {
    world: World,
    session: Session,
    now: Instant,
    attempt: Option<Attempt>,
    ledgers: BTreeMap<String, Ledger>,
}

impl Device {
    fn new() -> Self {
        let servers = Arc::new(
            ServerList::parse(["ws://a", "ws://b"]).unwrap_or_else(|error| panic!("{error}")),
        );
        let settings = Settings {
            keepalive: None,
            ..Settings::default()
        };
        let now = Instant::now();
        let mut session = Session::new(servers, Arc::new(settings), 1);
        session.open(now);
        for subject in SUBJECTS {
            assert_eq!(
                session.subscribe(subject, SubscribeOptions::default(), now),
                Ok(())
            );
        }
        let ledgers = SUBJECTS
            .iter()
            .map(|subject| ((*subject).to_owned(), Ledger::default()))
            .collect();
        let mut device = Self {
            world: World::default(),
            session,
            now,
            attempt: None,
            ledgers,
        };
        device.act();
        device
    }

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Append { key, hole } => self.world.append(key, hole),
            Step::Deliver { frames } => (0..frames).for_each(|_| self.deliver()),
            Step::Cut => self.cut(),
            Step::ChangeLeader { partition } => self.world.partitions[partition].leader_epoch += 1,
            Step::Double => {
                if let Some(text) = self
                    .world
                    .wire
                    .front()
                    .filter(|frame| frame.missable)
                    .map(|frame| frame.text.clone())
                {
                    self.hear(&text);
                }
            }
            Step::Swallow => {
                if self.world.wire.front().is_some_and(|frame| frame.missable) {
                    self.world.wire.pop_front();
                }
            }
        }
    }

    fn cut(&mut self) {
        self.world.cut();
        if let Some(attempt) = self.attempt.take() {
            self.session
                .handle_lost(attempt, Lost::new(Cause::Broken), self.now);
        }
        self.now += Duration::from_secs(60);
        self.session.handle_timeout(self.now);
        self.act();
    }

    /// The network is perfect: attempts succeed, requests arrive.
    fn act(&mut self) {
        while let Some(action) = self.session.poll_action() {
            match action {
                Action::Connect { attempt, .. } => {
                    self.attempt = Some(attempt);
                    self.session.handle_connected(attempt, self.now);
                }
                Action::Send(text) => self.world.take(&text),
                Action::Ping | Action::Disconnect { .. } => {}
            }
        }
    }

    fn deliver(&mut self) {
        if let Some(frame) = self.world.wire.pop_front() {
            self.hear(&frame.text);
        }
    }

    fn hear(&mut self, text: &str) {
        let Some(attempt) = self.attempt else { return };
        if let Some(received) = self.session.handle_text(attempt, text, self.now) {
            let message = &received.message;
            let place: usize = message
                .data
                .as_record()
                .and_then(|data| std::str::from_utf8(data).ok()?.parse().ok())
                .unwrap_or(usize::MAX);
            let ledger = self
                .ledgers
                .entry(message.subject.clone().into_owned())
                .or_default();
            ledger.deliver(place, message.seq);
            if let Some(gap) = received.gap {
                ledger.gaps += 1;
                let after = gap.after.unwrap_or(-1);
                ledger
                    .excused
                    .extend((after + 1..message.seq).map(|seq| (place, seq)));
            }
        }
        while let Some(event) = self.session.poll_event() {
            if let Event::Subscribed {
                subject,
                recovery: Recovery::None | Recovery::Resynced(_),
            } = event
            {
                self.excuse_all(&subject);
            }
        }
    }

    /// The device was told that it does not get what is in the log so far.
    fn excuse_all(&mut self, subject: &str) {
        let pending: Vec<(usize, i64)> = self.log(subject).collect();
        self.ledgers
            .entry(subject.to_owned())
            .or_default()
            .excused
            .extend(pending);
    }

    fn log(&self, subject: &str) -> impl Iterator<Item = (usize, i64)> {
        let subject = Subject::parse(subject);
        self.world
            .partitions
            .iter()
            .enumerate()
            .flat_map(move |(number, partition)| {
                let subject = subject.clone();
                let selected =
                    move |key| subject.as_ref().is_ok_and(|subject| selects(subject, key));
                partition
                    .records
                    .iter()
                    .filter(move |record| selected(record.key))
                    .map(move |record| (number, record.offset))
            })
    }

    /// One more record for each key shows what is missing before it.
    fn settle(mut self) -> BTreeMap<String, Ledger> {
        for key in 0..4 {
            self.world.append(key, false);
        }
        while !self.world.wire.is_empty() {
            self.deliver();
        }
        let mut ledgers = std::mem::take(&mut self.ledgers);
        for (subject, ledger) in &mut ledgers {
            let accounted = |place: &(usize, i64)| {
                ledger.delivered.contains(place) || ledger.excused.contains(place)
            };
            ledger.unexplained = self
                .log(subject)
                .filter(|place| !accounted(place))
                .collect();
        }
        ledgers
    }
}

impl Ledger {
    fn deliver(&mut self, partition: usize, seq: i64) {
        assert!(
            self.delivered.insert((partition, seq)),
            "{seq} of partition {partition} is doubled"
        );
        let last = self.last.insert(partition, seq);
        assert!(
            last.is_none_or(|last| last < seq),
            "{seq} of partition {partition} came after {last:?}"
        );
    }
}
