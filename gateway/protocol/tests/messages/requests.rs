//! What a device says, and what it is told if that is wrong.

use std::borrow::Cow;

use gateway_protocol::message::{ClientMessage, Data, ErrorCode, RequestError};
use gateway_protocol::position::{Epoch, Position};
use gateway_protocol::subject::Subject;

use crate::arbitrary::text;

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
