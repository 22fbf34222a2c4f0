//! The words between device and gateway: the WebSocket subprotocol `tidegate.v1.json`.
//!
//! Every message is one text frame that holds one JSON object with an `op`.
//!
//! | device to gateway ([`ClientMessage`]) | answer ([`ServerMessage`]) |
//! |---|---|
//! | `{"op":"subscribe","id":1,"subject":"/t/k","from":[{"epoch":"…","seq":41}],"history":10}` | `subscribed`, or `error` |
//! | `{"op":"unsubscribe","id":2,"subject":"/t/k"}` | `unsubscribed`, or `error` |
//! | `{"op":"publish","id":3,"subject":"/t/k","data":"text","publish_id":"…"}` | `published`, or `error` |
//!
//! | gateway to device, unasked | |
//! |---|---|
//! | `{"op":"message","subject":"/t/k","epoch":"…","seq":42,"prev":41,"kind":"update","data":"text"}` | a record |
//! | `{"op":"position","subject":"/t/*","at":[{"partition":0,"epoch":"…","seq":41}]}` | how far a subscription has got |
//! | `{"op":"dropped","subject":"/t/k","count":7,"reason":"conflated"}` | the device was too slow |
//! | `{"op":"reconnect","after_ms":1500}` | the gateway is leaving |
//! | `{"op":"subscribed","subject":"/t/k","recovery":"resynced","reason":"diverged"}`, without `id` | a running subscription starts anew |
//!
//! - `from` and `history` are optional; a lone position may stand for a list of one. Of several positions in one partition
//!   the latest counts.
//! - Bytes that are not UTF-8 travel as `"data_base64"` instead of `"data"` (RFC 4648, section 4, padded). A tombstone is `"data":null`.
//! - Under a wildcard subscription a message also has `"key"`, spelled as in a subject (`/topic/` + key is the record's
//!   own subject; `null` for a record without a key), and `"partition"`, because there `prev` counts per partition.
//! - `position` says that everything up to these places has been sent on this subscription; it names one place for each
//!   partition in which the subject may have messages, and takes the place of all positions the device has. `seq` is -1
//!   in a partition without records, there and in `from`. A gateway sends it where there is no
//!   message to learn a position from: a device that subscribed to a quiet subject, or to a topic with quiet partitions,
//!   could not resume without it.
//! - `prev` is `null` if no message on this subject and partition came before.
//!
//! # What is unknown
//! The gateway refuses an unknown op or field with an error: a device must not believe that something was obeyed that
//! was not understood. A device ignores unknown ops and fields, because the gateway may be newer than it is.
//!
//! Framing is absent, and so is all state: who is subscribed, and which ids are outstanding.

mod client;
mod client_reader;
mod data;
mod json;
mod server;
mod server_reader;
mod words;

pub use client::{ClientMessage, encode_publish, encode_subscribe, encode_unsubscribe};
pub use client_reader::{MAX_POSITIONS, MAX_PUBLISH_ID, RequestError};
pub use data::Data;
pub use server::{Delivery, Recovery, ServerMessage, WildcardRecord};
pub use server_reader::ServerMessageError;
pub use words::{DropReason, ErrorCode, Kind, ResyncReason};

/// The WebSocket subprotocol (`Sec-WebSocket-Protocol`) of these messages.
pub const SUBPROTOCOL: &str = "tidegate.v1.json";
