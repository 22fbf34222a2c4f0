//! The words between device and gateway, read and written.

use std::borrow::Cow;
use std::time::Duration;

use gateway_protocol::message::{
    ClientMessage, Data, Delivery, DropReason, ErrorCode, Kind, Recovery, RequestError,
    ResyncReason, ServerMessage, WildcardRecord,
};
use gateway_protocol::position::{Epoch, PartitionPosition, Position};
use gateway_protocol::subject::Subject;
use proptest::prelude::*;

#[test]
fn requests_are_read_as_documented() {
    let key = || Subject::exact("telemetry", "dev-1");
    let at = |seq| Position::new(Epoch::from_wire("T.0.3"), seq);
    let subscribe = |from, history| ClientMessage::Subscribe {
        id: 1,
        subject: key(),
        from,
        history,
    };
    let publish = |data, publish_id| ClientMessage::Publish {
        id: 2,
        subject: key(),
        data,
        publish_id,
    };
    let expected = [
        (
            r#"{"op":"subscribe","id":1,"subject":"/telemetry/dev-1"}"#,
            subscribe(vec![], None),
        ),
        (
            r#"{"op":"subscribe","id":1,"subject":"/telemetry/dev-1","from":[{"epoch":"T.0.3","seq":41}]}"#,
            subscribe(vec![at(41)], None),
        ),
        (
            r#"{"op":"subscribe","id":1,"subject":"/telemetry/dev-1","from":{"seq":41,"epoch":"T.0.3"}}"#,
            subscribe(vec![at(41)], None),
        ),
        (
            r#"{"op":"subscribe","id":1,"subject":"/telemetry/dev-1","from":[],"history":10}"#,
            subscribe(vec![], Some(10)),
        ),
        (
            r#" { "subject" : "/telemetry/*" , "id" : 3 , "op" : "unsubscribe" } "#,
            ClientMessage::Unsubscribe {
                id: 3,
                subject: Subject::every("telemetry"),
            },
        ),
        (
            r#"{"op":"publish","id":2,"subject":"/telemetry/dev-1","data":"text","publish_id":"p-1"}"#,
            publish(Data::text("text"), Some("p-1".into())),
        ),
        (
            r#"{"op":"publish","id":2,"subject":"/telemetry/dev-1","data":"\"\u00e9\n\""}"#,
            publish(Data::text("\"é\n\""), None),
        ),
        (
            r#"{"op":"publish","id":2,"subject":"/telemetry/dev-1","data":null}"#,
            publish(Data::Tombstone, None),
        ),
        (
            r#"{"op":"publish","id":2,"subject":"/telemetry/dev-1","data_base64":"AP8="}"#,
            publish(Data::Bytes(Cow::Borrowed(&[0, 255])), None),
        ),
    ];

    for (text, message) in expected {
        assert_eq!(ClientMessage::parse(text), Ok(message), "{text}");
    }
}

#[test]
fn wrong_requests_are_told_exactly_what_is_wrong() {
    let complaints = [
        (
            "",
            None,
            "bad-json: the frame is no JSON object: EOF while parsing a value at line 1 column 0",
        ),
        (
            "[1]",
            None,
            "bad-json: the frame is no JSON object: invalid type: sequence, expected an object at line 1 column 0",
        ),
        (
            r#"{"op":"publish"} x"#,
            None,
            "bad-json: the frame is no JSON object: trailing characters at line 1 column 18",
        ),
        (
            r#"{"op":"subscribe","subject":"/t/k"}"#,
            None,
            "missing-field: a request needs `id`",
        ),
        (
            r#"{"op":"subscribe","id":"1","subject":"/t/k"}"#,
            None,
            "bad-field: `id` has to be a whole number from 0 to 18446744073709551615, not \"1\"",
        ),
        (
            r#"{"id":1}"#,
            Some(1),
            "missing-field: a request needs `op`",
        ),
        (
            r#"{"id":1,"op":7}"#,
            Some(1),
            "bad-field: `op` has to be a string, not 7",
        ),
        (
            r#"{"id":1,"op":"subscribes"}"#,
            Some(1),
            "unknown-op: `subscribes` is no op: use subscribe, unsubscribe or publish",
        ),
        (
            r#"{"id":1,"op":"subscribe","subject":"/t/k","form":[]}"#,
            Some(1),
            "unknown-field: `form` is no field of subscribe: use id, subject, from, history",
        ),
        (
            r#"{"id":1,"op":"unsubscribe","subject":"/t/k","subject":"/t/l"}"#,
            Some(1),
            "bad-field: `subject` is given twice",
        ),
        (
            r#"{"id":1,"op":"subscribe"}"#,
            Some(1),
            "missing-field: subscribe needs `subject`",
        ),
        (
            r#"{"id":1,"op":"subscribe","subject":"t/k"}"#,
            Some(1),
            "bad-subject: `t/k` is no subject: write /topic/key, or /topic/* for the whole topic",
        ),
        (
            r#"{"id":1,"op":"subscribe","subject":"/t/k","from":[{"epoch":"e","seq":-2}]}"#,
            Some(1),
            r#"bad-field: `from` has to be made of sequence numbers from -1, not [{"epoch":"e","seq":-2}]"#,
        ),
        (
            r#"{"id":1,"op":"subscribe","subject":"/t/k","from":[{"epoch":"e"}]}"#,
            Some(1),
            r#"bad-field: `from` has to be a list of positions like {"epoch":"…","seq":41}, with whole numbers from -1, not [{"epoch":"e"}]"#,
        ),
        (
            r#"{"id":1,"op":"subscribe","subject":"/t/k","history":-1}"#,
            Some(1),
            "bad-field: `history` has to be a whole number from 0 to 4294967295, not -1",
        ),
        (
            r#"{"id":2,"op":"publish","subject":"/t/k"}"#,
            Some(2),
            "missing-field: publish needs `data` or `data_base64`",
        ),
        (
            r#"{"id":2,"op":"publish","subject":"/t/k","data":1}"#,
            Some(2),
            "bad-field: `data` has to be a string or null, not 1",
        ),
        (
            r#"{"id":2,"op":"publish","subject":"/t/k","data":"","data_base64":""}"#,
            Some(2),
            "bad-field: `data` and `data_base64` exclude each other: send one",
        ),
        (
            r#"{"id":2,"op":"publish","subject":"/t/k","data_base64":"AP8"}"#,
            Some(2),
            "bad-field: `data_base64` has to be a string of padded base64 (RFC 4648, section 4), not \"AP8\"",
        ),
        (
            r#"{"id":2,"op":"publish","subject":"/t/*","data":""}"#,
            Some(2),
            "bad-subject: `/t/*` names a whole topic: publish to one key, and spell the key `*` as %2A",
        ),
        (
            r#"{"id":2,"op":"publish","subject":"/t/k","data":"","publish_id":""}"#,
            Some(2),
            "bad-field: `publish_id` has to be a string of 1 to 128 bytes, not \"\"",
        ),
    ];

    for (text, id, complaint) in complaints {
        let error = ClientMessage::parse(text).unwrap_err();
        assert_eq!(
            (error.id, error.to_string().as_str()),
            (id, complaint),
            "{text}"
        );
    }
}

#[test]
fn complaints_do_not_repeat_a_flood() {
    let flood = "x".repeat(1_000_000);
    let requests = [
        format!(r#"{{"id":1,"op":"{flood}"}}"#),
        format!(r#"{{"id":1,"op":"subscribe","subject":"{flood}"}}"#),
        format!(r#"{{"id":1,"op":"subscribe","{flood}":1}}"#),
        format!(r#"{{"id":1,"op":"subscribe","subject":"/t/k","from":"{flood}"}}"#),
        format!(r#"{{"id":1,"op":"publish","subject":"/t/k","data":"","publish_id":"{flood}"}}"#),
        "[".repeat(1_000_000),
        format!(r#"{{"id":1,"op":{}}}"#, "[".repeat(1_000_000)),
    ];

    for request in requests {
        let error = ClientMessage::parse(&request).unwrap_err();
        assert!(error.reason.len() < 500, "{}", error.reason);
    }
}

#[test]
fn more_positions_than_any_topic_has_partitions_are_refused() {
    let positions = vec![r#"{"epoch":"e","seq":1}"#; 4097].join(",");
    let request = format!(r#"{{"op":"subscribe","id":1,"subject":"/t/k","from":[{positions}]}}"#);

    let error = ClientMessage::parse(&request).unwrap_err();

    assert_eq!(
        error.reason,
        "`from` has 4097 positions, 4096 are allowed: send one per partition"
    );
}

#[test]
fn refusal_becomes_the_error_message() {
    let error = RequestError {
        id: Some(7),
        code: ErrorCode::UnknownOp,
        reason: "no".to_owned(),
    };

    assert_eq!(
        text(&error.to_message()),
        r#"{"op":"error","id":7,"code":"unknown-op","reason":"no"}"#
    );
}

#[test]
fn answers_are_written_as_documented() {
    let subject = || Cow::Borrowed("/telemetry/dev-1");
    let subscribed = |id, recovery| ServerMessage::Subscribed {
        id,
        subject: subject(),
        recovery,
    };
    let written = [
        (
            subscribed(Some(1), Recovery::None),
            r#"{"op":"subscribed","id":1,"subject":"/telemetry/dev-1","recovery":"none"}"#,
        ),
        (
            subscribed(Some(1), Recovery::Synced),
            r#"{"op":"subscribed","id":1,"subject":"/telemetry/dev-1","recovery":"synced"}"#,
        ),
        (
            subscribed(None, Recovery::Resynced(ResyncReason::Diverged)),
            r#"{"op":"subscribed","subject":"/telemetry/dev-1","recovery":"resynced","reason":"diverged"}"#,
        ),
        (
            ServerMessage::Unsubscribed {
                id: 3,
                subject: subject(),
            },
            r#"{"op":"unsubscribed","id":3,"subject":"/telemetry/dev-1"}"#,
        ),
        (
            ServerMessage::Published {
                id: 2,
                partition: 0,
                seq: 43,
            },
            r#"{"op":"published","id":2,"partition":0,"seq":43}"#,
        ),
        (
            ServerMessage::Position {
                subject: subject(),
                at: vec![place(0, "T.0.3", 41), place(1, "T.1.3", -1)],
            },
            r#"{"op":"position","subject":"/telemetry/dev-1","at":[{"partition":0,"epoch":"T.0.3","seq":41},{"partition":1,"epoch":"T.1.3","seq":-1}]}"#,
        ),
        (
            ServerMessage::Dropped {
                subject: subject(),
                count: 7,
                reason: DropReason::Conflated,
            },
            r#"{"op":"dropped","subject":"/telemetry/dev-1","count":7,"reason":"conflated"}"#,
        ),
        (
            ServerMessage::Reconnect {
                after: Duration::from_millis(1500),
            },
            r#"{"op":"reconnect","after_ms":1500}"#,
        ),
        (
            ServerMessage::Error {
                id: None,
                code: ErrorCode::BadJson,
                reason: "a \"b\"\u{1}".into(),
            },
            r#"{"op":"error","code":"bad-json","reason":"a \"b\"\u0001"}"#,
        ),
    ];

    for (message, expected) in written {
        assert_eq!(text(&message), expected);
        assert_eq!(ServerMessage::parse(expected), Ok(message));
    }
}

#[test]
fn messages_are_written_as_documented() {
    let update = |data| delivery("/t/k", None, Some(41), data);
    let wildcard = |key: Option<&'static str>| {
        let record = WildcardRecord {
            key: key.map(Cow::Borrowed),
            partition: 3,
        };
        delivery("/t/*", Some(record), None, Data::text("v"))
    };
    let written = [
        (
            update(Data::text("21 °C\n")),
            r#"{"op":"message","subject":"/t/k","epoch":"T.3.1","seq":42,"prev":41,"kind":"update","data":"21 °C\n"}"#,
        ),
        (
            update(Data::Bytes(Cow::Borrowed(&[0, 255]))),
            r#"{"op":"message","subject":"/t/k","epoch":"T.3.1","seq":42,"prev":41,"kind":"update","data_base64":"AP8="}"#,
        ),
        (
            update(Data::Tombstone),
            r#"{"op":"message","subject":"/t/k","epoch":"T.3.1","seq":42,"prev":41,"kind":"update","data":null}"#,
        ),
        (
            wildcard(Some("%2A")),
            r#"{"op":"message","subject":"/t/*","key":"%2A","partition":3,"epoch":"T.3.1","seq":42,"prev":null,"kind":"update","data":"v"}"#,
        ),
        (
            wildcard(None),
            r#"{"op":"message","subject":"/t/*","key":null,"partition":3,"epoch":"T.3.1","seq":42,"prev":null,"kind":"update","data":"v"}"#,
        ),
    ];

    for (delivery, expected) in written {
        let message = ServerMessage::Message(delivery);
        assert_eq!(text(&message), expected);
        assert_eq!(ServerMessage::parse(expected), Ok(message));
    }
}

#[test]
fn device_ignores_what_a_newer_gateway_may_say() {
    let newer = r#"{"op":"message","subject":"/t/k","epoch":"e","seq":1,"kind":"update","data":"","colour":[{}]}"#;

    assert_eq!(
        ServerMessage::parse(r#"{"op":"sing","song":{"a":[1]}}"#),
        Ok(ServerMessage::Unknown)
    );
    assert!(matches!(
        ServerMessage::parse(newer),
        Ok(ServerMessage::Message(Delivery { prev: None, .. }))
    ));
    assert_eq!(
        ServerMessage::parse(r#"{"op":"error","id":1,"code":"too-green","reason":"r"}"#),
        Ok(ServerMessage::Error {
            id: Some(1),
            code: ErrorCode::Other,
            reason: "r".into()
        })
    );
}

#[test]
fn what_no_gateway_says_is_an_error() {
    let wrong = [
        (
            r#"{"op":"published","id":1}"#,
            "the gateway sent what is no message: `partition` is missing or wrong",
        ),
        (
            r#"{"op":"message","subject":"/t/k","epoch":"e","seq":1,"kind":"huh","data":""}"#,
            "the gateway sent what is no message: `kind` is missing or wrong",
        ),
        (
            r#"{"op":"message","subject":"/t/k","epoch":"e","seq":1,"kind":"update"}"#,
            "the gateway sent what is no message: `data` is missing or wrong",
        ),
        (
            r#"{"op":"subscribed","id":1,"subject":"/t/k","recovery":"?"}"#,
            "the gateway sent what is no message: `recovery` is missing or wrong",
        ),
        (
            "hello",
            "the gateway sent what is no message: expected value at line 1 column 1",
        ),
    ];

    for (text, complaint) in wrong {
        assert_eq!(
            ServerMessage::parse(text).unwrap_err().to_string(),
            complaint
        );
    }
}

/// What was sent without an escape is not copied by the device.
#[test]
fn plain_text_is_borrowed_from_the_frame() {
    let frame = text(&ServerMessage::Message(delivery(
        "/t/k",
        None,
        None,
        Data::text("plain"),
    )));

    let Ok(ServerMessage::Message(message)) = ServerMessage::parse(&frame) else {
        panic!("{frame}")
    };

    assert!(matches!(message.subject, Cow::Borrowed(_)));
    assert!(matches!(message.epoch, Cow::Borrowed(_)));
    assert!(matches!(message.data, Data::Text(Cow::Borrowed(_))));
}

#[test]
fn record_values_are_text_where_they_can_be() {
    assert_eq!(Data::from_record(Some("é".as_bytes())), Data::text("é"));
    assert_eq!(
        Data::from_record(Some(&[0xc3])),
        Data::Bytes(Cow::Borrowed(&[0xc3]))
    );
    assert_eq!(Data::from_record(Some(b"")), Data::text(""));
    assert_eq!(Data::from_record(None), Data::Tombstone);
}

proptest! {
    #[test]
    fn every_request_reads_back_as_written(message in requests()) {
        let frame = message.encode();

        prop_assert_eq!(ClientMessage::parse(&frame), Ok(message));
    }

    #[test]
    fn every_message_reads_back_as_written(message in deliveries()) {
        let frame = text(&ServerMessage::Message(message.clone()));

        prop_assert_eq!(ServerMessage::parse(&frame), Ok(ServerMessage::Message(message)));
    }

    /// Our writer is judged by another reader.
    #[test]
    fn every_message_is_json(message in deliveries()) {
        let json: serde_json::Value = serde_json::from_str(&text(&ServerMessage::Message(message.clone()))).unwrap();

        prop_assert_eq!(&json["op"], "message");
        prop_assert_eq!(&json["subject"], message.subject.as_ref());
        prop_assert_eq!(&json["seq"], message.seq);
        prop_assert_eq!(json["prev"].as_i64(), message.prev);
        if let Data::Text(data) = &message.data {
            prop_assert_eq!(&json["data"], data.as_ref());
        }
    }

    #[test]
    fn noise_never_panics(noise in ".{0,80}|[{}\\[\\]\":,a-z0-9\\\\]{0,80}") {
        let _ = ClientMessage::parse(&noise);
        let _ = ServerMessage::parse(&noise);
    }

    #[test]
    fn damaged_request_never_panics(message in requests(), at in any::<prop::sample::Index>(), with in "[ -~]") {
        let mut frame = message.encode();
        let at = at.index(frame.len());
        if frame.is_char_boundary(at) && frame.is_char_boundary(at + 1) {
            frame.replace_range(at..=at, &with);
        }
        let _ = ClientMessage::parse(&frame);
        let _ = ServerMessage::parse(&frame);
    }
}

fn text(message: &ServerMessage<'_>) -> String {
    String::from_utf8_lossy(&message.to_vec()).into_owned()
}

fn delivery<'a>(
    subject: &'a str,
    record: Option<WildcardRecord<'a>>,
    prev: Option<i64>,
    data: Data<'a>,
) -> Delivery<'a> {
    let (subject, epoch) = (Cow::Borrowed(subject), Cow::Borrowed("T.3.1"));
    Delivery {
        subject,
        record,
        epoch,
        seq: 42,
        prev,
        kind: Kind::Update,
        data,
    }
}

fn place(partition: i32, epoch: &str, seq: i64) -> PartitionPosition {
    PartitionPosition {
        partition,
        position: Position::new(Epoch::from_wire(epoch), seq),
    }
}

fn strings() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,12}", ".{0,12}", "[\0-\x1f\"\\\\/]{0,8}"]
}

fn subjects() -> impl Strategy<Value = Subject> {
    let exact = (
        "[a-zA-Z0-9_-]{1,20}",
        prop::collection::vec(any::<u8>(), 0..16),
    )
        .prop_map(|(topic, key)| Subject::exact(topic, key));
    prop_oneof![exact, "[a-z]{1,9}".prop_map(Subject::every)]
}

fn data() -> impl Strategy<Value = Data<'static>> {
    prop_oneof![
        strings().prop_map(Data::text),
        prop::collection::vec(any::<u8>(), 0..2000)
            .prop_map(|bytes| Data::Bytes(Cow::Owned(bytes))),
        Just(Data::Tombstone),
    ]
}

fn requests() -> impl Strategy<Value = ClientMessage<'static>> {
    let position = (strings(), Position::BEFORE_FIRST..=i64::MAX)
        .prop_map(|(epoch, seq)| Position::new(Epoch::from_wire(&epoch), seq));
    let subscribe = (
        any::<u64>(),
        subjects(),
        prop::collection::vec(position, 0..4),
        any::<Option<u32>>(),
    )
        .prop_map(|(id, subject, from, history)| ClientMessage::Subscribe {
            id,
            subject,
            from,
            history,
        });
    let unsubscribe = (any::<u64>(), subjects())
        .prop_map(|(id, subject)| ClientMessage::Unsubscribe { id, subject });
    let publish_id = prop::option::of("[ -~]{1,64}".prop_map(Cow::Owned));
    let publish = (any::<u64>(), subjects(), data(), publish_id)
        .prop_filter("a record has one key", |(_, subject, _, _)| {
            !subject.is_wildcard()
        })
        .prop_map(|(id, subject, data, publish_id)| ClientMessage::Publish {
            id,
            subject,
            data,
            publish_id,
        });
    prop_oneof![subscribe, unsubscribe, publish]
}

fn deliveries() -> impl Strategy<Value = Delivery<'static>> {
    let record =
        (prop::option::of(strings()), any::<i32>()).prop_map(|(key, partition)| WildcardRecord {
            key: key.map(Cow::Owned),
            partition,
        });
    let kind = prop::sample::select(Kind::ALL);
    (
        strings(),
        prop::option::of(record),
        strings(),
        any::<i64>(),
        any::<Option<i64>>(),
        kind,
        data(),
    )
        .prop_map(|(subject, record, epoch, seq, prev, kind, data)| {
            let (subject, epoch) = (Cow::Owned(subject), Cow::Owned(epoch));
            Delivery {
                subject,
                record,
                epoch,
                seq,
                prev,
                kind,
                data,
            }
        })
}
