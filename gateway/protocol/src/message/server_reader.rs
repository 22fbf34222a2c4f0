//! Reads what a gateway says. Strings borrow from the frame unless they were escaped.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::json::{Text, decode_base64};
use super::{
    Data, Delivery, DropReason, ErrorCode, Kind, Recovery, ResyncReason, ServerMessage,
    WildcardRecord,
};
use crate::position::{Epoch, PartitionPosition, Position};

/// Why a frame is no message of a gateway. The device should connect to another one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the gateway sent what is no message: {reason}")]
pub struct ServerMessageError {
    /// What is wrong.
    pub reason: String,
}

impl<'a> ServerMessage<'a> {
    /// Reads a text frame. Unknown fields are ignored, an unknown op is [`ServerMessage::Unknown`].
    ///
    /// # Errors
    /// The text is no JSON object, or a field of a known op is missing or wrong.
    pub fn parse(text: &'a str) -> Result<Self, ServerMessageError> {
        let wire: Wire<'a> = serde_json::from_str(text).map_err(|error| ServerMessageError {
            reason: error.to_string(),
        })?;
        wire.read().map_err(|field| ServerMessageError {
            reason: format!("`{field}` is missing or wrong"),
        })
    }
}

/// Every field of every op. Most are absent in any one message.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    op: Text<'a>,
    id: Option<u64>,
    #[serde(borrow)]
    subject: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "present")]
    key: Option<Option<Text<'a>>>,
    partition: Option<i32>,
    #[serde(borrow)]
    epoch: Option<Text<'a>>,
    seq: Option<i64>,
    prev: Option<i64>,
    #[serde(borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<Option<Text<'a>>>,
    #[serde(borrow)]
    data_base64: Option<Text<'a>>,
    #[serde(borrow)]
    recovery: Option<Text<'a>>,
    #[serde(borrow)]
    reason: Option<Text<'a>>,
    #[serde(borrow)]
    code: Option<Text<'a>>,
    count: Option<u64>,
    after_ms: Option<u64>,
    #[serde(borrow)]
    at: Option<Vec<Place<'a>>>,
}

/// A position; what a newer gateway may add to it is ignored.
#[derive(Deserialize)]
struct Place<'a> {
    partition: i32,
    #[serde(borrow)]
    epoch: Text<'a>,
    seq: i64,
}

impl Place<'_> {
    fn read(self) -> PartitionPosition {
        let position = Position::new(Epoch::from_wire(&self.epoch.0), self.seq);
        PartitionPosition {
            partition: self.partition,
            position,
        }
    }
}

/// The name of a field that is missing or wrong.
type Field = &'static str;

impl<'a> Wire<'a> {
    fn read(self) -> Result<ServerMessage<'a>, Field> {
        match self.op.0.as_ref() {
            "message" => self.delivery().map(ServerMessage::Message),
            "published" => Ok(ServerMessage::Published {
                id: self.id.ok_or("id")?,
                partition: self.partition.ok_or("partition")?,
                seq: self.seq.ok_or("seq")?,
            }),
            "subscribed" => {
                let recovery = self.recovery()?;
                Ok(ServerMessage::Subscribed {
                    id: self.id,
                    subject: required(self.subject, "subject")?,
                    recovery,
                })
            }
            "unsubscribed" => Ok(ServerMessage::Unsubscribed {
                id: self.id.ok_or("id")?,
                subject: required(self.subject, "subject")?,
            }),
            "position" => Ok(ServerMessage::Position {
                subject: required(self.subject, "subject")?,
                at: self.at.ok_or("at")?.into_iter().map(Place::read).collect(),
            }),
            "dropped" => Ok(ServerMessage::Dropped {
                reason: word(self.reason, "reason", DropReason::from_word)?
                    .unwrap_or(DropReason::Other),
                subject: required(self.subject, "subject")?,
                count: self.count.ok_or("count")?,
            }),
            "reconnect" => Ok(ServerMessage::Reconnect {
                after: Duration::from_millis(self.after_ms.ok_or("after_ms")?),
            }),
            "error" => Ok(ServerMessage::Error {
                id: self.id,
                code: word(self.code, "code", ErrorCode::from_word)?.unwrap_or(ErrorCode::Other),
                reason: self.reason.map(|text| text.0).unwrap_or_default(),
            }),
            _ => Ok(ServerMessage::Unknown),
        }
    }

    fn delivery(self) -> Result<Delivery<'a>, Field> {
        let record = match (self.key, self.partition) {
            (None, _) => None,
            (Some(key), Some(partition)) => Some(WildcardRecord {
                key: key.map(|text| text.0),
                partition,
            }),
            (Some(_), None) => return Err("partition"),
        };
        let data = match (self.data, self.data_base64) {
            (Some(Some(text)), None) => Data::Text(text.0),
            (Some(None), None) => Data::Tombstone,
            (None, Some(text)) => {
                Data::Bytes(Cow::Owned(decode_base64(&text.0).ok_or("data_base64")?))
            }
            (None, None) | (Some(_), Some(_)) => return Err("data"),
        };
        Ok(Delivery {
            subject: required(self.subject, "subject")?,
            record,
            epoch: required(self.epoch, "epoch")?,
            seq: self.seq.ok_or("seq")?,
            prev: self.prev,
            kind: word(self.kind, "kind", Kind::from_word)?.ok_or("kind")?,
            data,
        })
    }

    fn recovery(&self) -> Result<Recovery, Field> {
        match self.recovery.as_ref().map(|text| text.0.as_ref()) {
            Some("none") => Ok(Recovery::None),
            Some("synced") => Ok(Recovery::Synced),
            Some("resynced") => {
                let reason = self
                    .reason
                    .as_ref()
                    .and_then(|text| ResyncReason::from_word(&text.0));
                Ok(Recovery::Resynced(reason.unwrap_or(ResyncReason::Other)))
            }
            _ => Err("recovery"),
        }
    }
}

fn required<'a>(text: Option<Text<'a>>, field: Field) -> Result<Cow<'a, str>, Field> {
    text.map(|text| text.0).ok_or(field)
}

/// The word in a field that has to be there; `None` if this version does not know it.
fn word<T>(
    text: Option<Text<'_>>,
    field: Field,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Field> {
    required(text, field).map(|word| read(&word))
}

/// Tells `null` (`Some(None)`) from absent (`None`).
fn present<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}
