//! What librdkafka offers and its wrapper does not. All `unsafe` of this crate is here.
//!
//! - [`fetch`]: many records in one call, with their leader epochs, and headers whose names are no UTF-8 (the wrapper
//!   panics on those).
//! - [`describe`]: a topic's id.
//! - [`log`]: what is told in the log only.
#![expect(
    unsafe_code,
    reason = "librdkafka is a C library, and these of its functions have no safe wrapper"
)]

mod describe;
mod fetch;
mod log;

use std::ffi::{CStr, c_char};

use rdkafka::message::BorrowedMessage;
use rdkafka_sys as rd;

pub(crate) use describe::topic_ids;
pub(crate) use fetch::{FetchQueue, Fetched, FetchedRecord, Taken};
pub(crate) use log::CONTEXTS as LOG_CONTEXTS;

/// The header that carries a device's `publish_id`.
pub(crate) const PUBLISH_ID_HEADER: &str = "tidegate-publish-id";
const PUBLISH_ID_HEADER_C: &CStr = c"tidegate-publish-id";

/// Whether a record that was not acknowledged may be in the log nevertheless.
pub(crate) fn may_be_stored(message: &BorrowedMessage<'_>) -> bool {
    // SAFETY: the message is valid while it is borrowed.
    let status = unsafe { rd::rd_kafka_message_status(message.ptr()) };
    status != rd::rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_NOT_PERSISTED
}

/// Lets a client break for good, as an idempotent producer may.
#[cfg(test)]
pub(crate) fn break_for_good<C: rdkafka::ClientContext>(client: &rdkafka::client::Client<C>) {
    let err = rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    // SAFETY: the client is alive while it is borrowed, and the reason is a C string.
    unsafe { rd::rd_kafka_test_fatal_error(client.native_ptr(), err, c"a test".as_ptr()) };
}

fn topic_name<'a>(topic: *const rd::rd_kafka_topic_t) -> &'a str {
    if topic.is_null() {
        return "";
    }
    // SAFETY: the topic belongs to a message that outlives the answer (callers tie it to theirs), and its name never moves.
    let name = unsafe { CStr::from_ptr(rd::rd_kafka_topic_name(topic)) };
    name.to_str().unwrap_or("")
}

fn bytes<'a>(pointer: *const u8, length: usize) -> Option<&'a [u8]> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: librdkafka owns `length` bytes there for as long as the message lives; callers tie the answer to it.
    Some(unsafe { std::slice::from_raw_parts(pointer, length) })
}

fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: librdkafka's texts are valid C strings.
    unsafe { CStr::from_ptr(pointer) }
        .to_string_lossy()
        .into_owned()
}
