//! What a gateway says, and what a device makes of it.

use std::borrow::Cow;
use std::time::Duration;

use gateway_protocol::message::{
    Data, Delivery, DropReason, ErrorCode, Kind, Recovery, ResyncReason, ServerMessage,
    WildcardRecord,
};
use gateway_protocol::position::{Epoch, PartitionPosition, Position};

use crate::arbitrary::text;

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
