//! The two things about a record that librdkafka knows and `rdkafka` does not hand out safely.

#![expect(unsafe_code, reason = "two read-only calls that rdkafka does not wrap")]

use std::ffi::CStr;
use std::ptr;

use rdkafka::message::BorrowedMessage;
use rdkafka_sys as sys;

/// The leader epoch under which the record was written, if the broker told.
pub(crate) fn leader_epoch(message: &BorrowedMessage<'_>) -> Option<i32> {
    // SAFETY: the pointer belongs to `message`, which is alive, and the call only reads.
    let epoch = unsafe { sys::rd_kafka_message_leader_epoch(message.ptr()) };
    (epoch >= 0).then_some(epoch)
}

/// The value of the last header called `name`; empty if the header has none.
///
/// `rdkafka`'s own iterator panics when any header of the record has a name that is not UTF-8; other people's topics may hold such records.
pub(crate) fn header(message: &BorrowedMessage<'_>, name: &CStr) -> Option<Vec<u8>> {
    let mut headers = ptr::null_mut();
    // SAFETY: the pointer belongs to `message`, which is alive; the headers stay the message's own.
    let found = unsafe { sys::rd_kafka_message_headers(message.ptr(), &raw mut headers) };
    if found != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        return None;
    }
    let mut value = ptr::null();
    let mut len = 0;
    // SAFETY: `headers` was just filled in; `value` is filled with a pointer into it, valid as long as `message`.
    let found = unsafe {
        sys::rd_kafka_header_get_last(headers, name.as_ptr(), &raw mut value, &raw mut len)
    };
    if found != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        return None;
    }
    if value.is_null() {
        return Some(Vec::new());
    }
    // SAFETY: librdkafka says that `len` bytes start at `value`; they are copied before `message` can go.
    Some(unsafe { std::slice::from_raw_parts(value.cast::<u8>(), len) }.to_vec())
}
