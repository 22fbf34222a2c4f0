//! Reads what a device says, and tells it exactly what was wrong.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::json::{Text, decode_base64};
use super::{ClientMessage, Data, ErrorCode, ServerMessage};
use crate::position::{Epoch, Position};
use crate::subject::Subject;

/// The most positions that `from` may hold: one per partition of the largest topics.
pub const MAX_POSITIONS: usize = 4096;

/// The longest `publish_id`, in bytes.
pub const MAX_PUBLISH_ID: usize = 128;

const ID: &str = "id";
const SUBJECT: &str = "subject";
const FROM: &str = "from";
const HISTORY: &str = "history";
const DATA: &str = "data";
const DATA_BASE64: &str = "data_base64";
const PUBLISH_ID: &str = "publish_id";

/// Why a request is refused: everything that an `error` message says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {reason}")]
pub struct RequestError {
    /// The request's id, if it could be read.
    pub id: Option<u64>,
    /// The code.
    pub code: ErrorCode,
    /// What is wrong and how to write it.
    pub reason: String,
}

impl RequestError {
    /// The message that tells the device.
    #[must_use]
    pub fn to_message(&self) -> ServerMessage<'_> {
        ServerMessage::Error {
            id: self.id,
            code: self.code,
            reason: Cow::Borrowed(&self.reason),
        }
    }
}

impl<'a> ClientMessage<'a> {
    /// Reads a text frame. Holds no more memory than the frame did; the caller limits the frame.
    ///
    /// # Errors
    /// The first thing that is wrong, with the request's id if that much can be read.
    pub fn parse(text: &'a str) -> Result<Self, RequestError> {
        let request: Request<'a> = serde_json::from_str(text).map_err(|error| RequestError {
            id: None,
            code: ErrorCode::BadJson,
            reason: format!("the frame is no JSON object: {error}"),
        })?;
        let id = request.id();
        let message = id.clone().and_then(|id| request.read(id));
        message.map_err(|problem| RequestError {
            id: id.ok(),
            code: problem.code,
            reason: problem.reason,
        })
    }
}

/// What is wrong, before it is known whose request it was.
#[derive(Clone)]
struct Problem {
    code: ErrorCode,
    reason: String,
}

impl Problem {
    fn new(code: ErrorCode, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }

    fn bad_field(name: &str, wanted: &str, found: &RawValue) -> Self {
        Self::new(
            ErrorCode::BadField,
            format!("`{name}` has to be {wanted}, not {}", shorten(found.get())),
        )
    }
}

/// The fields of a request, not yet looked into.
struct Request<'a> {
    fields: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Request<'a> {
    fn read(&self, id: u64) -> Result<ClientMessage<'a>, Problem> {
        let op: Text<'a> = self.required("a request", "op", "a string")?;
        match op.0.as_ref() {
            "subscribe" => self.subscribe(id),
            "unsubscribe" => self.unsubscribe(id),
            "publish" => self.publish(id),
            other => Err(Problem::new(
                ErrorCode::UnknownOp,
                format!(
                    "`{}` is no op: use subscribe, unsubscribe or publish",
                    shorten(other)
                ),
            )),
        }
    }

    fn subscribe(&self, id: u64) -> Result<ClientMessage<'a>, Problem> {
        self.check_fields("subscribe", &[ID, SUBJECT, FROM, HISTORY])?;
        Ok(ClientMessage::Subscribe {
            id,
            subject: self.subject("subscribe")?,
            from: self
                .field(FROM)
                .map(read_positions)
                .transpose()?
                .unwrap_or_default(),
            history: self.optional(HISTORY, "a whole number from 0 to 4294967295")?,
        })
    }

    fn unsubscribe(&self, id: u64) -> Result<ClientMessage<'a>, Problem> {
        self.check_fields("unsubscribe", &[ID, SUBJECT])?;
        Ok(ClientMessage::Unsubscribe {
            id,
            subject: self.subject("unsubscribe")?,
        })
    }

    fn publish(&self, id: u64) -> Result<ClientMessage<'a>, Problem> {
        self.check_fields("publish", &[ID, SUBJECT, DATA, DATA_BASE64, PUBLISH_ID])?;
        let subject = self.subject("publish")?;
        if subject.is_wildcard() {
            return Err(Problem::new(
                ErrorCode::BadSubject,
                format!(
                    "`{subject}` names a whole topic: publish to one key, and spell the key `*` as %2A"
                ),
            ));
        }
        Ok(ClientMessage::Publish {
            id,
            subject,
            data: self.data()?,
            publish_id: self.publish_id()?,
        })
    }

    fn id(&self) -> Result<u64, Problem> {
        self.required(
            "a request",
            ID,
            "a whole number from 0 to 18446744073709551615",
        )
    }

    fn subject(&self, op: &str) -> Result<Subject, Problem> {
        let text: Text<'a> = self.required(op, SUBJECT, "a string")?;
        Subject::parse(&text.0)
            .map_err(|error| Problem::new(ErrorCode::BadSubject, error.to_string()))
    }

    fn data(&self) -> Result<Data<'a>, Problem> {
        match (self.field(DATA), self.field(DATA_BASE64)) {
            (Some(raw), None) => match serde_json::from_str::<Option<Text<'a>>>(raw.get()) {
                Ok(Some(text)) => Ok(Data::Text(text.0)),
                Ok(None) => Ok(Data::Tombstone),
                Err(_) => Err(Problem::bad_field(DATA, "a string or null", raw)),
            },
            (None, Some(raw)) => serde_json::from_str::<Text<'a>>(raw.get())
                .ok()
                .and_then(|text| decode_base64(&text.0))
                .map(|bytes| Data::Bytes(Cow::Owned(bytes)))
                .ok_or_else(|| {
                    Problem::bad_field(
                        DATA_BASE64,
                        "a string of padded base64 (RFC 4648, section 4)",
                        raw,
                    )
                }),
            (None, None) => Err(missing("publish", "data` or `data_base64")),
            (Some(_), Some(_)) => Err(Problem::new(
                ErrorCode::BadField,
                "`data` and `data_base64` exclude each other: send one",
            )),
        }
    }

    fn publish_id(&self) -> Result<Option<Cow<'a, str>>, Problem> {
        let Some(raw) = self.field(PUBLISH_ID) else {
            return Ok(None);
        };
        match serde_json::from_str::<Text<'a>>(raw.get()) {
            Ok(Text(text)) if (1..=MAX_PUBLISH_ID).contains(&text.len()) => Ok(Some(text)),
            Ok(_) | Err(_) => Err(Problem::bad_field(
                PUBLISH_ID,
                "a string of 1 to 128 bytes",
                raw,
            )),
        }
    }

    fn field(&self, name: &str) -> Option<&'a RawValue> {
        self.fields
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| *value)
    }

    fn required<T: Deserialize<'a>>(
        &self,
        whose: &str,
        name: &str,
        wanted: &str,
    ) -> Result<T, Problem> {
        self.optional(name, wanted)?
            .ok_or_else(|| missing(whose, name))
    }

    fn optional<T: Deserialize<'a>>(&self, name: &str, wanted: &str) -> Result<Option<T>, Problem> {
        let Some(raw) = self.field(name) else {
            return Ok(None);
        };
        serde_json::from_str(raw.get())
            .map(Some)
            .map_err(|_| Problem::bad_field(name, wanted, raw))
    }

    /// A field that is not obeyed, or one given twice, must not look as if it were.
    fn check_fields(&self, op: &str, known: &[&str]) -> Result<(), Problem> {
        for (index, (name, _)) in self.fields.iter().enumerate() {
            if name != "op" && !known.contains(&name.as_ref()) {
                let reason = format!(
                    "`{}` is no field of {op}: use {}",
                    shorten(name),
                    known.join(", ")
                );
                return Err(Problem::new(ErrorCode::UnknownField, reason));
            }
            if self.fields[..index]
                .iter()
                .any(|(earlier, _)| earlier == name)
            {
                return Err(Problem::new(
                    ErrorCode::BadField,
                    format!("`{name}` is given twice"),
                ));
            }
        }
        Ok(())
    }
}

fn missing(whose: &str, name: &str) -> Problem {
    Problem::new(ErrorCode::MissingField, format!("{whose} needs `{name}`"))
}

/// A list of positions, or one.
fn read_positions(raw: &RawValue) -> Result<Vec<Position>, Problem> {
    const WANTED: &str =
        "a list of positions like {\"epoch\":\"…\",\"seq\":41}, with whole numbers from -1";

    let text = raw.get();
    let positions = if text.starts_with('[') {
        serde_json::from_str::<Vec<WirePosition<'_>>>(text)
    } else {
        serde_json::from_str::<WirePosition<'_>>(text).map(|position| vec![position])
    };
    let positions = positions.map_err(|_| Problem::bad_field(FROM, WANTED, raw))?;
    if positions.len() > MAX_POSITIONS {
        let reason = format!(
            "`from` has {} positions, {MAX_POSITIONS} are allowed: send one per partition",
            positions.len()
        );
        return Err(Problem::new(ErrorCode::BadField, reason));
    }
    positions
        .into_iter()
        .map(|position| position.check(raw))
        .collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WirePosition<'a> {
    #[serde(borrow)]
    epoch: Text<'a>,
    seq: i64,
}

impl WirePosition<'_> {
    fn check(self, raw: &RawValue) -> Result<Position, Problem> {
        if self.epoch.0.len() > Epoch::MAX_LEN {
            return Err(Problem::bad_field(
                FROM,
                "made of epochs that a gateway sent",
                raw,
            ));
        }
        if self.seq < Position::BEFORE_FIRST {
            return Err(Problem::bad_field(
                FROM,
                "made of sequence numbers from -1",
                raw,
            ));
        }
        Ok(Position::new(Epoch::from_wire(&self.epoch.0), self.seq))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Request<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RequestVisitor)
    }
}

struct RequestVisitor;

impl<'de> Visitor<'de> for RequestVisitor {
    type Value = Request<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Request<'de>, A::Error> {
        /// No op has more fields, so what comes after is refused anyway.
        const MAX_FIELDS: usize = 16;

        let mut fields = Vec::with_capacity(6);
        while let Some((Text(name), value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
            if fields.len() < MAX_FIELDS {
                fields.push((name, value));
            }
        }
        Ok(Request { fields })
    }
}

/// Errors repeat what a stranger wrote, but not without end.
fn shorten(text: &str) -> Cow<'_, str> {
    const MAX_BYTES: usize = 80;

    if text.len() <= MAX_BYTES {
        return Cow::Borrowed(text);
    }
    let end = (0..=MAX_BYTES)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or_default();
    Cow::Owned(format!("{}…", &text[..end]))
}
