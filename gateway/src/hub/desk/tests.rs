use gateway_engine::frame::FrameHeader;
use serde_json::{Value, json};

use super::*;
use crate::kafka::scout::{Start, TopicFacts};
use crate::log::cache::Budget;

#[test]
fn records_go_to_the_workgroups_that_want_them_once_per_poll() {
    let mut office = Office::open(3);
    let a = office.subscribe(0, "/t/a", Vec::new());
    office.subscribe(2, "/t/a", Vec::new());
    office.forget_news();

    office.read(&[(0, "a"), (1, "b"), (2, "a")]);

    let [first, second, third] = office.news().try_into().unwrap();
    assert_eq!(messages(&first), [(a, vec![0, 2])]);
    assert_eq!(messages(&second), []);
    assert_eq!(messages(&third), [(a, vec![0, 2])]);
}

#[test]
fn nothing_is_encoded_that_nobody_wants() {
    let mut office = Office::open(1);

    office.read(&[(0, "a"), (1, "b")]);

    assert!(office.news()[0].is_empty());
    assert_eq!(office.desk.metrics.encoded_bytes.get(), 0);
}

#[test]
fn what_was_read_before_a_subscription_is_not_news_to_it() {
    let mut office = Office::open(1);
    office.subscribe(0, "/t/a", Vec::new());
    office.forget_news();

    // One poll: the record goes to who subscribed before, the new one gets it as snapshot.
    office.read_unflushed(&[(0, "a")]);
    office.subscribe(0, "/t/*", Vec::new());
    office.desk.flush();

    let news = office.news().remove(0);
    assert!(matches!(news[0], News::Records(_)));
    assert!(matches!(news[1], News::Granted { .. }));
    assert_eq!(news.len(), 2);
}

#[test]
fn a_workgroup_that_releases_its_last_subscription_gets_nothing_more() {
    let mut office = Office::open(1);
    let a = office.subscribe(0, "/t/a", Vec::new());
    office.desk.request(Request::Release {
        group: 0,
        subject: a,
    });
    office.forget_news();

    office.read(&[(0, "a")]);

    assert!(office.news()[0].is_empty());
}

#[test]
fn a_contradiction_is_told_before_the_record_that_brings_it() {
    let mut office = Office::open(1);
    office.subscribe(0, "/t/a", Vec::new());
    office.read(&[(0, "a"), (1, "a"), (2, "a")]);
    office.forget_news();
    let place = PartitionId {
        topic: 0,
        partition: 0,
    };
    let memory = office.desk.cache.partition(place).unwrap().clone();
    office.desk.reading.lost_place(place, &memory);
    office.start(Start {
        low: 0,
        high: 3,
        from: 0,
    });

    office.read_under(0, &[(0, "a")]);
    office.read_under(5, &[(1, "a"), (2, "a")]);

    let texts = texts(&office.news().remove(0));
    let told: Vec<(&str, &Value)> = texts
        .iter()
        .map(|text| (text["op"].as_str().unwrap(), &text["seq"]))
        .collect();
    assert_eq!(
        told,
        [
            ("subscribed", &json!(null)),
            ("message", &json!(0)),
            ("message", &json!(1)),
            ("message", &json!(2))
        ]
    );
    assert_eq!(
        texts[0],
        json!({ "op": "subscribed", "subject": "/t/a", "recovery": "resynced", "reason": "diverged" })
    );
    assert_eq!(
        (&texts[1]["kind"], &texts[2]["kind"]),
        (&json!("snapshot"), &json!("update"))
    );
    assert_eq!(texts[2]["epoch"], "id.0.5");
}

#[test]
fn a_false_alarm_delivers_nothing_twice() {
    let mut office = Office::open(1);
    office.subscribe(0, "/t/a", Vec::new());
    office.read(&[(0, "a"), (1, "a")]);
    office.forget_news();
    let place = PartitionId {
        topic: 0,
        partition: 0,
    };
    let memory = office.desk.cache.partition(place).unwrap().clone();
    office.desk.reading.lost_place(place, &memory);
    office.start(Start {
        low: 0,
        high: 3,
        from: 0,
    });

    office.read(&[(0, "a"), (1, "a"), (2, "a")]);

    let texts = texts(&office.news().remove(0));
    assert_eq!(
        texts.iter().map(|text| &text["seq"]).collect::<Vec<_>>(),
        [&json!(2)]
    );
    assert_eq!(texts[0]["prev"], 1);
}

#[test]
fn a_record_read_twice_is_delivered_once() {
    let mut office = Office::open(1);
    office.subscribe(0, "/t/a", Vec::new());
    office.forget_news();

    office.read(&[(0, "a"), (1, "a")]);
    office.read(&[(1, "a"), (2, "a")]);

    let texts = texts(&office.news().remove(0));
    assert_eq!(
        texts.iter().map(|text| &text["seq"]).collect::<Vec<_>>(),
        [&json!(0), &json!(1), &json!(2)]
    );
}

#[test]
fn subscriptions_wait_until_the_past_is_loaded() {
    let mut office = Office::closed(1);
    office.ask(0, "/t/a", Vec::new());
    assert!(office.news()[0].is_empty());

    office.start(Start {
        low: 0,
        high: 0,
        from: 0,
    });

    assert!(matches!(
        office.news()[0].as_slice(),
        [News::Granted { .. }]
    ));
}

#[test]
fn a_subscription_taken_back_while_it_waits_never_begins() {
    let mut office = Office::closed(1);
    office.ask(0, "/t/a", Vec::new());
    office.desk.request(Request::Unsubscribe {
        group: 0,
        conn: conn(),
        id: 2,
        subject: "/t/a".into(),
    });

    office.start(Start {
        low: 0,
        high: 0,
        from: 0,
    });

    let news = office.news().remove(0);
    assert!(
        matches!(
            news.as_slice(),
            [
                News::Refused {
                    code: ErrorCode::NotSubscribed,
                    ..
                },
                News::Unsubscribe { .. }
            ]
        ),
        "{news:?}"
    );
}

/// A desk with one topic `t` of one partition.
struct Office {
    desk: Desk,
}

impl Office {
    /// The past is not loaded.
    fn closed(groups: usize) -> Self {
        let topics = Topics::new(&["t".to_owned()]);
        let budget = Budget {
            messages: 100,
            topic_messages: 100,
            max_age: 1_000,
            max_bytes: 1 << 20,
            last_value_bytes: 1 << 20,
        };
        let cache = Cache::new(1, budget);
        let mut desk = Desk::new(
            topics,
            groups,
            cache,
            Duplicates::new(1_000, 100),
            Metrics::new(groups),
        );
        desk.reading.topic_found(
            0,
            0,
            Ok(TopicFacts {
                id: "id".to_owned(),
                partitions: 1,
            }),
        );
        Self { desk }
    }

    fn open(groups: usize) -> Self {
        let mut office = Self::closed(groups);
        office.start(Start {
            low: 0,
            high: 0,
            from: 0,
        });
        office
    }

    /// The scout says where to begin.
    fn start(&mut self, start: Start) {
        let place = PartitionId {
            topic: 0,
            partition: 0,
        };
        for step in self.desk.reading.start_found(place, Ok(start)) {
            match step {
                Step::ReadFrom { place, offset } => self.desk.cache.start_partition(place, offset),
                Step::Loaded { topic } => self.desk.answer_waiting(topic),
                other => panic!("{other:?}"),
            }
        }
    }

    fn ask(
        &mut self,
        group: GroupId,
        subject: &str,
        from: Vec<gateway_protocol::position::Position>,
    ) {
        let key = subject.strip_prefix("/t/").unwrap();
        let key = (key != "*").then(|| key.as_bytes().into());
        let subscribe = Subscribe {
            group,
            conn: conn(),
            id: 1,
            topic: 0,
            key,
            subject: subject.into(),
            from,
            history: None,
        };
        self.desk.request(Request::Subscribe(Box::new(subscribe)));
    }

    fn subscribe(
        &mut self,
        group: GroupId,
        subject: &str,
        from: Vec<gateway_protocol::position::Position>,
    ) -> SubjectId {
        self.ask(group, subject, from);
        match self.desk.outboxes[usize::from(group)].back() {
            Some(News::Granted { subject, .. }) => *subject,
            other => panic!("{other:?}"),
        }
    }

    fn read(&mut self, records: &[(i64, &str)]) {
        self.read_unflushed(records);
        self.desk.flush();
    }

    fn read_under(&mut self, leader_epoch: i32, records: &[(i64, &str)]) {
        for (offset, key) in records {
            let record = FetchedRecord {
                topic: "t",
                partition: 0,
                offset: *offset,
                leader_epoch,
                timestamp: 0,
                key: Some(key.as_bytes()),
                value: Some(b"v"),
                publish_id: None,
            };
            self.desk.record(&record, Moment(0), Moment(0));
        }
        self.desk.flush();
    }

    fn read_unflushed(&mut self, records: &[(i64, &str)]) {
        for (offset, key) in records {
            let record = FetchedRecord {
                topic: "t",
                partition: 0,
                offset: *offset,
                leader_epoch: 0,
                timestamp: 0,
                key: Some(key.as_bytes()),
                value: Some(b"v"),
                publish_id: None,
            };
            self.desk.record(&record, Moment(0), Moment(0));
        }
    }

    fn news(&mut self) -> Vec<Vec<News>> {
        self.desk
            .outboxes
            .iter_mut()
            .map(|outbox| outbox.drain(..).collect())
            .collect()
    }

    fn forget_news(&mut self) {
        self.news();
    }
}

fn conn() -> ConnId {
    ConnId::from_bits(7)
}

/// Per subject, the sequence numbers.
fn messages(news: &[News]) -> Vec<(SubjectId, Vec<i64>)> {
    news.iter()
        .flat_map(|news| match news {
            News::Records(records) => records.to_vec(),
            other => panic!("{other:?}"),
        })
        .map(|records| {
            let seqs = unframed(&records.frames)
                .iter()
                .map(|text| text["seq"].as_i64().unwrap())
                .collect();
            (records.subject, seqs)
        })
        .collect()
}

/// Everything that devices are told, in order.
fn texts(news: &[News]) -> Vec<Value> {
    news.iter()
        .flat_map(|news| match news {
            News::Records(records) => records
                .iter()
                .flat_map(|records| unframed(&records.frames))
                .collect(),
            News::Granted { frames, .. } => unframed(frames),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn unframed(mut frames: &[u8]) -> Vec<Value> {
    let mut texts = Vec::new();
    while !frames.is_empty() {
        let (header, size) = FrameHeader::parse(frames).unwrap().unwrap();
        let end = size + usize::try_from(header.length).unwrap();
        texts.push(serde_json::from_slice(&frames[size..end]).unwrap());
        frames = &frames[end..];
    }
    texts
}
