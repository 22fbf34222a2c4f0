//! Whatever is said.

use gateway_protocol::message::{ClientMessage, Data, ServerMessage};
use proptest::prelude::*;

use crate::arbitrary::{deliveries, requests, text};

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
