//! Any message there can be.

use std::borrow::Cow;

use gateway_protocol::message::{
    ClientMessage, Data, Delivery, Kind, ServerMessage, WildcardRecord,
};
use gateway_protocol::position::{Epoch, Position};
use gateway_protocol::subject::Subject;
use proptest::prelude::*;

/// The text of a message's frame.
pub(crate) fn text(message: &ServerMessage<'_>) -> String {
    String::from_utf8_lossy(&message.to_vec()).into_owned()
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

pub(crate) fn requests() -> impl Strategy<Value = ClientMessage<'static>> {
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

pub(crate) fn deliveries() -> impl Strategy<Value = Delivery<'static>> {
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
